//! The words of `global_defs` about the firewall marks of virtual server groups: `nftables_ipvs` asks for them, the others say how, in
//! whatever order they stand.

use super::Context;
use super::firewall::table_name;
use crate::config::model::Marking;
use crate::config::read::Item;

/// What was read.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    is_asked_for: bool,
    settings: Marking,
}

impl Draft {
    /// Reads one statement; false when it is about something else.
    pub fn statement(&mut self, context: &mut Context<'_>, item: &Item<'_>) -> bool {
        let settings = &mut self.settings;
        match item.name() {
            "nftables_ipvs" => {
                self.is_asked_for = true;
                if let Some(name) = table_name(context, item) {
                    settings.table = name;
                }
            }
            "nftables_ipvs_priority" => {
                let priority = item.int(context).and_then(|n| i32::try_from(n).ok());
                settings.priority = priority.unwrap_or(settings.priority);
            }
            "nftables_ipvs_start_fwmark" => {
                settings.first = item.u32(context).unwrap_or(settings.first);
            }
            _ => return false,
        }
        true
    }

    /// What was asked for; None: each address is a service of its own.
    pub fn finish(&self, counters: bool) -> Option<Marking> {
        self.is_asked_for.then(|| Marking {
            counters,
            ..self.settings.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::firewall::TABLE_NAME_MAX;
    use super::*;
    use crate::config::source::Memory;
    use crate::config::world::Imagined;
    use crate::config::{Options, load};

    #[test]
    fn the_words_may_stand_in_any_order() {
        let usual = Marking::default;
        let named = |table: &str| Marking {
            table: table.into(),
            ..usual()
        };
        let all = Marking {
            table: "quay".into(),
            priority: -7,
            first: 77,
            counters: true,
        };
        let long = "x".repeat(TABLE_NAME_MAX + 1);
        let longest = "x".repeat(TABLE_NAME_MAX);
        // What is written, what is meant, and the exit status of -t.
        let rows = [
            (String::new(), None, 0),
            ("nftables_ipvs_priority 5".into(), None, 0),
            ("nftables".into(), None, 0),
            ("nftables_ipvs".into(), Some(usual()), 0),
            (
                "nftables_ipvs_start_fwmark 77\nnftables_counters\nnftables_ipvs quay\nnftables_ipvs_priority -7".into(),
                Some(all),
                0,
            ),
            (format!("nftables_ipvs {longest}"), Some(named(&longest)), 0),
            (format!("nftables_ipvs {long}"), Some(usual()), 5),
            ("nftables_ipvs quay\nnftables_ipvs pier".into(), Some(named("quay")), 5),
            ("nftables_ipvs\nnftables_ipvs_start_fwmark 0".into(), Some(usual()), 5),
            ("nftables_ipvs\nnftables_ipvs_priority x".into(), Some(usual()), 5),
        ];
        for (words, wanted, status) in rows {
            let service = "virtual_server 10.1.0.1 80 {\nprotocol TCP\nlb_algo rr\nlb_kind NAT\nreal_server 10.2.0.1 80 {\n}\n}\n";
            let options = Options {
                path: "k.conf".into(),
                ..Options::default()
            };
            let text = format!("global_defs {{\n{words}\n}}\n{service}");
            let files = Memory::default().with("k.conf", text);
            let loaded = load(&options, &files, &Imagined::generous());
            assert_eq!(loaded.model.lvs.marking, wanted, "{words}");
            assert_eq!(loaded.diagnostics.exit_status(), status, "{words}");
        }
    }
}
