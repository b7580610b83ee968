//! Marks of configurations as they are written.

use super::*;
use crate::check::table::Groups;
use crate::config::source::Memory;
use crate::config::world::Imagined;
use crate::config::{Options, load};
use crate::kernel::ipvs::ServiceKey;

/// A configuration with these words in `global_defs`, groups, and for each virtual server `GROUP PROTOCOL`.
fn read(words: &str, groups: &[(&str, &str)], services: &[&str]) -> Lvs {
    let mut text = format!("global_defs {{\n{words}\n}}\n");
    for (name, members) in groups {
        let members = members.replace(", ", "\n");
        text += &format!("virtual_server_group {name} {{\n{members}\n}}\n");
    }
    for service in services {
        let (what, protocol) = service.rsplit_once(' ').expect("a protocol");
        text += &format!(
            "virtual_server {what} {{\nlb_algo rr\nlb_kind TUN\nprotocol {protocol}\nreal_server 10.2.0.1 80 {{\n}}\n}}\n"
        );
    }
    let options = Options {
        path: "k.conf".into(),
        ..Options::default()
    };
    let files = Memory::default().with("k.conf", text);
    load(&options, &files, &Imagined::generous()).model.lvs
}

const ON: &str = "nftables_ipvs";
const ONE: (&str, &str) = ("ONE", "10.1.0.1 80, 10.1.0.5-9 81");
const TWO: (&str, &str) = ("TWO", "10.1.0.2, fd00::2 80");
const OWN: (&str, &str) = ("OWN", "10.1.0.3 80, fwmark 1001");

fn marks(lvs: &Lvs) -> Vec<Option<u32>> {
    lvs.virtual_servers.iter().map(|it| it.mark).collect()
}

#[test]
fn who_gets_which_mark() {
    let all = [ONE, TWO, OWN];
    let begins = "nftables_ipvs_start_fwmark 77\nnftables_ipvs quay";
    let highest = "nftables_ipvs\nnftables_ipvs_start_fwmark 4294967295";
    type Row<'a> = (&'a str, &'a [&'a str], &'a [Option<u32>]);
    let rows: &[Row<'_>] = &[
        ("", &["group ONE TCP"], &[None]),
        ("nftables_ipvs_priority 5", &["group ONE TCP"], &[None]),
        (
            ON,
            &["group ONE TCP", "10.9.0.1 80 TCP"],
            &[Some(1000), None],
        ),
        // 1001 is the user's, and his group stays what it is.
        (
            ON,
            &["group TWO TCP", "group OWN TCP", "group ONE TCP"],
            &[Some(1000), None, Some(1002)],
        ),
        (
            ON,
            &[
                "fwmark 1000 TCP",
                "group ONE TCP",
                "group ONE UDP",
                "group ONE TCP",
            ],
            &[None, Some(1002), Some(1003), Some(1002)],
        ),
        (begins, &["group ONE TCP"], &[Some(77)]),
        // 0 is no mark.
        (
            highest,
            &["group ONE TCP", "group TWO TCP"],
            &[Some(u32::MAX), Some(1)],
        ),
    ];
    for (words, services, wanted) in rows {
        let mut lvs = read(words, &all, services);
        assign(&mut lvs, &Lvs::default());
        assert_eq!(marks(&lvs), *wanted, "{words} {services:?}");
    }
}

#[test]
fn a_mark_stays_with_its_group() {
    let assigned = |words: &str, services: &[&str], before: &Lvs| {
        let mut lvs = read(words, &[ONE, TWO], services);
        assign(&mut lvs, before);
        lvs
    };
    let before = assigned(ON, &["group ONE TCP", "group TWO UDP"], &Lvs::default());
    assert_eq!(marks(&before), [Some(1000), Some(1001)]);
    let again = |words: &str, services: &[&str]| marks(&assigned(words, services, &before));
    let both = ["group ONE TCP", "group TWO UDP"];
    assert_eq!(again(ON, &both), [Some(1000), Some(1001)]);
    assert_eq!(
        again(ON, &["group TWO UDP", "group ONE TCP"]),
        [Some(1001), Some(1000)]
    );
    // What is new takes no mark that goes with this reload, but may have it with the next one.
    let services = ["group TWO TCP", "group TWO UDP"];
    let next = assigned(ON, &services, &before);
    assert_eq!(marks(&next), [Some(1002), Some(1001)]);
    let services = ["group ONE TCP", "group TWO TCP", "group TWO UDP"];
    let last = assigned(ON, &services, &next);
    assert_eq!(marks(&last), [Some(1000), Some(1002), Some(1001)]);
    // The user takes a mark for himself.
    assert_eq!(
        again(ON, &["fwmark 1000 TCP", "group ONE TCP"]),
        [None, Some(1002)]
    );
    assert_eq!(
        again("nftables_ipvs\nnftables_ipvs_start_fwmark 5", &both),
        [Some(5), Some(6)]
    );
    assert_eq!(again("", &both), [None, None]);
}

#[test]
fn a_marked_group_is_one_service_of_each_family() {
    let mut lvs = read(ON, &[ONE, TWO], &["group ONE TCP", "group TWO TCP"]);
    assign(&mut lvs, &Lvs::default());
    use crate::config::model::Family::{Inet, Inet6};
    let groups = Groups::of(&lvs);
    let keys = |place: usize| groups.keys(&lvs.virtual_servers[place]);
    let key = |family, mark| ServiceKey::Fwmark { family, mark };
    assert_eq!(keys(0), [key(Inet, 1000)]);
    assert_eq!(keys(1), [key(Inet, 1001), key(Inet6, 1001)]);
}

#[test]
fn what_is_marked_is_told_once_for_each_mark() {
    let words = "nftables_ipvs quay\nnftables_ipvs_priority 17\nnftables_counters";
    let services = [
        "group ONE TCP",
        "group ONE TCP",
        "group TWO UDP",
        "group OWN TCP",
    ];
    let mut lvs = read(words, &[ONE, TWO, OWN], &services);
    assert_eq!(table(&lvs), None, "nothing has a mark");
    assign(&mut lvs, &Lvs::default());
    let table = table(&lvs).expect("a table");
    assert_eq!(
        (&*table.name, table.priority, table.counters),
        ("quay", 17, true)
    );
    let (tcp, udp) = (Protocol::Tcp, Protocol::Udp);
    let rows = [
        (tcp, "10.1.0.1", "10.1.0.1", Some(80), 1000),
        (tcp, "10.1.0.5", "10.1.0.9", Some(81), 1000),
        (udp, "10.1.0.2", "10.1.0.2", None, 1002),
        (udp, "fd00::2", "fd00::2", Some(80), 1002),
    ];
    let wishes = rows.map(|(protocol, first, last, port, mark)| Wish {
        protocol,
        first: first.parse().expect("an address"),
        last: last.parse().expect("an address"),
        port,
        mark,
    });
    assert_eq!(table.wishes, wishes);
}

/// A block of any size is one element, unless the group is taken apart all the same.
#[test]
fn marked_lines_are_not_cut() {
    let cut = |words: &str, members: &str| {
        let text = format!(
            "global_defs {{\n{words}\n}}\nvirtual_server_group G {{\n{members}\n}}\nvirtual_server group G {{\nprotocol TCP\nlb_algo rr\nlb_kind NAT\nreal_server 10.2.0.1 80 {{\n}}\n}}\n"
        );
        let options = Options {
            path: "k.conf".into(),
            ..Options::default()
        };
        let files = Memory::default().with("k.conf", text);
        let loaded = load(&options, &files, &Imagined::generous());
        let said = loaded.diagnostics.iter();
        said.filter(|it| it.message.contains("only the first"))
            .count()
    };
    assert_eq!(cut("", "10.0.0.0/8 80"), 1);
    assert_eq!(cut(ON, "10.0.0.0/8 80"), 0);
    assert_eq!(cut(ON, "10.0.0.0/8 80\nfwmark 3"), 1);
}
