//! Mail about what happens: where it is handed in, for whom, and about what. Saying and sending it is elsewhere.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The mail settings of `global_defs`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// `smtp_server`.
    pub server: Option<MailServer>,
    /// `smtp_helo_name`, or the name of this host.
    pub helo: String,
    /// `smtp_connect_timeout`: until a connection stands and the server has greeted.
    pub connect_timeout: Duration,
    /// `notification_email_from`, or who runs the daemon at this host.
    pub from: Mailbox,
    /// `notification_email`.
    pub recipients: Vec<Mailbox>,
    /// `smtp_alert`, `smtp_alert_vrrp`, `smtp_alert_checker`.
    pub alerts: Alerts,
    /// `no_email_faults`: nothing is sent about FAULT.
    pub no_faults: bool,
}

/// Where mail is handed in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MailServer {
    /// An address, or a name that is looked up whenever there is mail.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// A mail address, printable ASCII, with the name that may stand before it: `Name <address>`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mailbox {
    /// For people; may be empty.
    pub name: String,
    /// What the server is told.
    pub address: String,
}

/// What is mailed where an instance, a group or a server does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alerts {
    /// `smtp_alert`.
    pub all: Option<bool>,
    /// `smtp_alert_vrrp`.
    pub vrrp: Option<bool>,
    /// `smtp_alert_checker`.
    pub checker: Option<bool>,
}

impl Alerts {
    /// Of instances and sync groups.
    pub fn of_vrrp(self) -> bool {
        self.vrrp.or(self.all).unwrap_or(false)
    }

    /// Of virtual servers.
    pub fn of_virtual_servers(self) -> bool {
        self.checker.or(self.all).unwrap_or(false)
    }

    /// Of real servers.
    pub fn of_real_servers(self) -> bool {
        self.checker.or(self.all).unwrap_or(true)
    }
}

impl Default for Mail {
    fn default() -> Self {
        Mail {
            server: None,
            helo: String::new(),
            connect_timeout: Duration::from_secs(30),
            from: Mailbox::default(),
            recipients: Vec::new(),
            alerts: Alerts::default(),
            no_faults: false,
        }
    }
}

impl Mail {
    /// Where mail is handed in, when there is anybody it could be for.
    pub fn outlet(&self) -> Option<&MailServer> {
        self.server.as_ref().filter(|_| !self.recipients.is_empty())
    }
}

impl Mailbox {
    /// Reads `address`, `<address>` or `name <address>`. `None`: what stands there could not be told to a server
    /// (RFC 5321 section 4.1.2).
    pub fn parse(text: &str) -> Option<Mailbox> {
        let text = text.trim();
        let (name, address) = match text.strip_suffix('>') {
            Some(opened) => opened.split_once('<')?,
            None => ("", text),
        };
        let name = name.trim();
        let unquoted = name
            .strip_prefix('"')
            .and_then(|name| name.strip_suffix('"'));
        let name = unquoted.unwrap_or(name);
        let sound = !address.is_empty()
            && address
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !b"<>,;".contains(&byte))
            && !name.chars().any(char::is_control);
        sound.then(|| Mailbox {
            name: name.to_owned(),
            address: address.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_with_and_without_names() {
        for (text, name, address) in [
            ("root", "", "root"),
            ("admin@example.org", "", "admin@example.org"),
            ("<admin@example.org>", "", "admin@example.org"),
            (
                "Jörg Müller <j@example.org>",
                "Jörg Müller",
                "j@example.org",
            ),
            (
                "\"Ops, Team\" <ops@example.org>",
                "Ops, Team",
                "ops@example.org",
            ),
        ] {
            let expected = Mailbox {
                name: name.to_owned(),
                address: address.to_owned(),
            };
            assert_eq!(Mailbox::parse(text), Some(expected), "{text}");
        }
        for text in [
            "",
            "<>",
            "a b@example.org",
            "jörg@example.org",
            "a@b>\r\nRCPT TO:<c@d",
            "<a@b",
            "a@b>",
            "a@b,c@d",
            "x\u{7}y <a@b>",
        ] {
            assert_eq!(Mailbox::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn who_does_not_say_follows_the_nearest_default() {
        let alerts = |all, vrrp, checker| {
            let alerts = Alerts { all, vrrp, checker };
            (
                alerts.of_vrrp(),
                alerts.of_virtual_servers(),
                alerts.of_real_servers(),
            )
        };
        assert_eq!(alerts(None, None, None), (false, false, true));
        assert_eq!(alerts(Some(true), None, None), (true, true, true));
        assert_eq!(alerts(Some(true), Some(false), None), (false, true, true));
        assert_eq!(alerts(Some(true), None, Some(false)), (true, false, false));
        assert_eq!(alerts(Some(false), Some(true), None), (true, false, false));
    }
}
