//! Which kind of check has which dialogue, and what the dialogues of a process share. Where they connect to is the shell's.

use super::dialogue::{Dialogue, Failure, Step, Verdict};
use super::dns::Dns;
use super::http::Http;
use super::ping::{Carrier, Ping};
use super::smtp::Smtp;
use super::tls::Secured;
use super::tls::settings::Settings;
use super::udp::Udp;
use crate::config::model::{self, Connection, ServerName, Tls, Url, WebProbe};
use crate::config::pattern::Patterns;

use std::rc::Rc;

/// What dialogues share.
#[derive(Default)]
pub struct Kinds {
    patterns: Patterns,
    tls: Settings,
    /// What carries echoes.
    pub echoes: Carrier,
}

impl Kinds {
    /// Takes up the settings of a configuration; why its certificate cannot be shown, if so: checks go on without.
    pub fn configure(&mut self, tls: &Tls) -> Option<String> {
        // Those that no page has any more go.
        self.patterns = Patterns::default();
        let (tls, why) = match Settings::new(tls) {
            Ok(tls) => (tls, None),
            Err(why) => (Settings::default(), Some(why)),
        };
        self.tls = tls;
        why
    }

    /// What is said in one check. `page` counts from 0 among those of a web check; `random` is another number each time.
    ///
    /// # Errors
    /// It cannot even begin.
    pub fn begin(
        &mut self,
        kind: &model::Dialogue,
        connection: &Connection,
        page: usize,
        random: u64,
    ) -> Result<Box<dyn Dialogue>, Failure> {
        Ok(match kind {
            model::Dialogue::Tcp => Box::new(Accepted),
            model::Dialogue::Ping => {
                let ipv6 = connection.address.is_ipv6();
                Box::new(Ping::new(self.echoes, ipv6, random))
            }
            model::Dialogue::Smtp(helo) => Box::new(Smtp::new(Rc::clone(helo))),
            model::Dialogue::Udp(probe) => Box::new(Udp::new(Rc::clone(probe), random)),
            model::Dialogue::Dns(probe) => Box::new(Dns::new(Rc::clone(probe), random)),
            model::Dialogue::Web(probe) => return self.web(probe, connection, page),
        })
    }

    fn web(
        &mut self,
        probe: &Rc<WebProbe>,
        connection: &Connection,
        page: usize,
    ) -> Result<Box<dyn Dialogue>, Failure> {
        let (address, port) = (connection.address, connection.port.unwrap_or(0));
        let url = probe.urls.get(page).ok_or_else(no_page)?;
        let pattern = match &url.regex {
            Some(regex) => Some(self.patterns.get(regex).map_err(Failure::Unexpected)?),
            None => None,
        };
        let http = Http::new(Rc::clone(probe), page, (address, port), pattern);
        let http = http.ok_or_else(no_page)?;
        if !probe.tls {
            return Ok(Box::new(http));
        }
        let whom = (address, server_name(probe, url));
        let secured = Secured::new(http, &self.tls, whom, url.tls_compliant)?;
        Ok(Box::new(secured))
    }
}

/// The name that the server is told.
fn server_name<'p>(probe: &'p WebProbe, url: &'p Url) -> Option<&'p str> {
    match &probe.server_name {
        ServerName::None => None,
        ServerName::VirtualHost => url.virtual_host.as_deref(),
        ServerName::Name(name) => Some(name),
    }
}

fn no_page() -> Failure {
    Failure::Unexpected("there is no such page in the configuration".to_owned())
}

/// `TCP_CHECK`: that the connection is accepted is enough.
struct Accepted;

impl Dialogue for Accepted {
    fn opened(&mut self, _: &mut Vec<u8>) -> Step {
        Step::Done(Ok(()))
    }

    fn received(&mut self, _: &[u8], _: &mut Vec<u8>) -> Step {
        Step::Done(Ok(()))
    }

    fn ended(&mut self) -> Verdict {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::{DnsProbe, HttpVersion, Regex, Reply, UdpProbe};
    use std::net::IpAddr;

    fn web(tls: bool, server_name: ServerName, regex: Option<&str>) -> model::Dialogue {
        let regex = regex.map(|pattern| {
            Box::new(Regex {
                pattern: pattern.into(),
                no_match: false,
                options: Vec::new(),
                least_offset: 0,
                most_offset: None,
            })
        });
        let url = Url {
            path: "/".into(),
            virtual_host: Some("host.example".into()),
            digest: None,
            status_codes: [(200, 299)].into(),
            regex,
            tls_compliant: false,
        };
        model::Dialogue::Web(Rc::new(WebProbe {
            tls,
            version: HttpVersion::V1_0,
            server_name,
            fast_recovery: false,
            urls: [url].into(),
        }))
    }

    fn begun(kind: &model::Dialogue, page: usize) -> Result<Vec<u8>, Failure> {
        let connection = Connection {
            address: IpAddr::from([10, 0, 0, 1]),
            port: Some(80),
            source: None,
        };
        let mut kinds = Kinds::default();
        assert_eq!(kinds.configure(&Tls::default()), None);
        let mut out = Vec::new();
        kinds.begin(kind, &connection, page, 7)?.opened(&mut out);
        Ok(out)
    }

    #[test]
    fn every_kind_says_what_is_its_own() {
        const SAYS_NOTHING: &[u8] = b"";
        let udp = UdpProbe {
            payload: Some(b"payload".as_slice().into()),
            reply: Reply::Any,
            least_reply: 0,
            most_reply: 255,
        };
        let dns = DnsProbe {
            record: "A".into(),
            name: "a".into(),
        };
        let rows: Vec<(model::Dialogue, &[u8])> = vec![
            (model::Dialogue::Tcp, SAYS_NOTHING),
            (model::Dialogue::Smtp("a".into()), SAYS_NOTHING),
            (model::Dialogue::Ping, &[8, 0]),
            (model::Dialogue::Udp(Rc::new(udp)), b"payload"),
            (model::Dialogue::Dns(Rc::new(dns)), &[0, 7, 1, 0]),
            (web(false, ServerName::None, None), b"GET / HTTP/1.0\r\n"),
            // A handshake record.
            (web(true, ServerName::None, None), &[22, 3]),
        ];
        for (kind, says) in rows {
            let said = begun(&kind, 0).expect("a dialogue");
            let nothing = said.is_empty() == says.is_empty();
            assert!(said.starts_with(says) && nothing, "{kind:?}: {said:?}");
        }
        assert!(begun(&web(false, ServerName::None, None), 1).is_err());
    }

    #[test]
    fn the_name_told_is_the_one_that_was_asked_for() {
        let tells = |name: ServerName, what: &[u8]| {
            let said = begun(&web(true, name, None), 0).expect("a dialogue");
            memchr::memmem::find(&said, what).is_some()
        };
        assert!(!tells(ServerName::None, b"host.example"));
        assert!(tells(ServerName::VirtualHost, b"host.example"));
        assert!(tells(
            ServerName::Name("other.example".into()),
            b"other.example"
        ));
    }

    #[test]
    fn a_pattern_that_cannot_be_used_is_no_match_for_anything() {
        assert!(begun(&web(false, ServerName::None, Some("a")), 0).is_ok());
        assert!(begun(&web(false, ServerName::None, Some("(")), 0).is_err());
    }
}
