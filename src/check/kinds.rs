//! Which kind of check has which dialogue, and what the dialogues of a process share. Where they connect to is the shell's.

use super::dialogue::{Dialogue, Failure, Step, Verdict};
use super::dns::Dns;
use super::http::Http;
use super::ping::{Carrier, Ping};
use super::smtp::Smtp;
use super::tls::settings::Profiles;
use super::tls::{Secured, Session};
use super::udp::Udp;
use crate::config::model::{self, Connection, ServerName, Tls, WebProbe};
use crate::config::pattern::Patterns;
use crate::time::Wall;
use std::rc::Rc;

/// What dialogues share.
#[derive(Default)]
pub struct Kinds {
    patterns: Patterns,
    profiles: Profiles,
    /// What carries echoes.
    pub echoes: Carrier,
}

/// What differs from one check to the next.
#[derive(Clone, Copy, Debug)]
pub struct Chance {
    /// Another number each time.
    pub random: u64,
    /// What time it is.
    pub now: Wall,
}

impl Kinds {
    /// Takes up another configuration, and its settings of TLS; None: they are as they were. Making them anew may cost tenths of a
    /// second, where a key has a password.
    pub fn configure(&mut self, tls: Option<&Tls>) {
        // Those that no page has any more go.
        self.patterns = Patterns::default();
        if let Some(tls) = tls {
            self.profiles = Profiles::new(tls);
        }
    }

    /// What is said in one check. `page` counts from 0 among those of a web check.
    ///
    /// # Errors
    /// It cannot even begin.
    pub fn begin(
        &mut self,
        kind: &model::Dialogue,
        connection: &Connection,
        page: usize,
        chance: Chance,
    ) -> Result<Box<dyn Dialogue>, Failure> {
        let Chance { random, now } = chance;
        Ok(match kind {
            model::Dialogue::Tcp => Box::new(Accepted),
            model::Dialogue::Ping => {
                let ipv6 = connection.address.is_ipv6();
                Box::new(Ping::new(self.echoes, ipv6, random))
            }
            model::Dialogue::Smtp(helo) => Box::new(Smtp::new(Rc::clone(helo))),
            model::Dialogue::Udp(probe) => Box::new(Udp::new(Rc::clone(probe), random)),
            model::Dialogue::Dns(probe) => Box::new(Dns::new(Rc::clone(probe), random)),
            model::Dialogue::Web(probe) => return self.web(probe, connection, page, now),
        })
    }

    fn web(
        &mut self,
        probe: &Rc<WebProbe>,
        connection: &Connection,
        page: usize,
        now: Wall,
    ) -> Result<Box<dyn Dialogue>, Failure> {
        let (address, port) = (connection.address, connection.port.unwrap_or(0));
        let url = probe.urls.get(page).ok_or_else(no_page)?;
        let pattern = match &url.regex {
            Some(regex) => Some(self.patterns.get(regex).map_err(Failure::Unexpected)?),
            None => None,
        };
        let http = Http::new(Rc::clone(probe), page, (address, port), pattern);
        let http = http.ok_or_else(no_page)?;
        let Some(tls) = &probe.tls else {
            return Ok(Box::new(http));
        };
        let settings = self.profiles.get(tls.profile).ok_or_else(no_profile)?;
        let host = url.virtual_host.as_deref();
        let server_name = match &tls.server_name {
            ServerName::None => None,
            ServerName::VirtualHost => host,
            ServerName::Name(name) => Some(&**name),
        };
        let session = Session {
            address,
            server_name,
            verify_name: tls.verify_name.as_deref().or(server_name).or(host),
            protocol_required: tls.protocol_required,
            says_goodbye: url.tls_compliant,
            watches_end: tls.expiry_warning.is_some(),
            now,
        };
        Ok(Box::new(Secured::new(http, settings, session)?))
    }
}

fn no_page() -> Failure {
    Failure::Unexpected("there is no such page in the configuration".to_owned())
}

fn no_profile() -> Failure {
    Failure::Unexpected("there are no such settings of TLS in the configuration".to_owned())
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
    use crate::config::model::{DnsProbe, HttpVersion, Regex, Reply, UdpProbe, Url};
    use crate::config::model::{TlsProbe, TlsProfile};
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
            request: None,
            digest: None,
            status_codes: [(200, 299)].into(),
            regex,
            tls_compliant: false,
        };
        let tls = tls.then(|| {
            Box::new(TlsProbe {
                server_name,
                ..TlsProbe::default()
            })
        });
        model::Dialogue::Web(Rc::new(WebProbe {
            tls,
            version: HttpVersion::V1_0,
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
        kinds.configure(Some(&Tls {
            profiles: vec![TlsProfile::default()],
            ..Tls::default()
        }));
        // Another configuration with the same settings.
        kinds.configure(None);
        let chance = Chance {
            random: 7,
            now: Wall(0),
        };
        let mut out = Vec::new();
        kinds
            .begin(kind, &connection, page, chance)?
            .opened(&mut out);
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
