//! TLS around a dialogue: records in and out, the dialogue within once the handshake is over. What is trusted and shown is `settings`',
//! what a server's certificate has to be `certificate`'s.
//!
//! The library draws its random numbers itself. It is asked for no time: whoever begins a session says what time it is.

pub mod certificate;
pub mod settings;
#[cfg(test)]
mod tests;

use super::dialogue::{Dialogue, Failure, Step, Verdict};
use crate::time::Wall;
use certificate::Authorities;
use rustls::client::ClientConnection;
use rustls::pki_types::{DnsName, ServerName};
use settings::Settings;
use std::io::{BufRead, ErrorKind, Write};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

/// With whom one talks, and what is wanted of it.
#[derive(Clone, Copy, Debug)]
pub struct Session<'s> {
    /// What is connected to.
    pub address: IpAddr,
    /// Told to the server (SNI), when it is the name of a host.
    pub server_name: Option<&'s str>,
    /// The name or address that the certificate has to be for, where certificates are verified; None = `address`.
    pub verify_name: Option<&'s str>,
    /// The server has to choose one of the protocols that are offered (ALPN, RFC 7301).
    pub protocol_required: bool,
    /// Say goodbye at the end (close_notify).
    pub says_goodbye: bool,
    /// Somebody wants to know when the certificate ends.
    pub watches_end: bool,
    /// What time it is.
    pub now: Wall,
}

/// A dialogue within TLS.
pub struct Secured<D> {
    inner: D,
    connection: ClientConnection,
    /// Who has to have signed the certificate, for whom: until that was seen to.
    unverified: Option<(Rc<Authorities>, ServerName<'static>)>,
    /// The certificate is not as it has to be.
    refused: bool,
    /// The handshake is over and the dialogue within has begun.
    begun: bool,
    protocol_required: bool,
    says_goodbye: bool,
    watches_end: bool,
    now: Wall,
}

impl<D: Dialogue> Secured<D> {
    /// Puts TLS around `inner`.
    ///
    /// # Errors
    /// A certificate is to be verified that can be for no such name; or the library cannot begin. Neither has to do with the server.
    pub fn new(inner: D, settings: &Settings, session: Session<'_>) -> Result<Self, Failure> {
        let address = ServerName::IpAddress(session.address.into());
        let unverified = match (settings.authorities(), session.verify_name) {
            (None, _) => None,
            (Some(trusted), None) => Some((Rc::clone(trusted), address.clone())),
            (Some(trusted), Some(text)) => {
                let name = host_or_address(text).ok_or_else(|| {
                    Failure::Unexpected(format!("no certificate can be for the name \"{text}\""))
                })?;
                Some((Rc::clone(trusted), name))
            }
        };
        let told = session.server_name.and_then(host_name);
        // For an address the library sends no name.
        let told = told.map_or(address, ServerName::DnsName);
        Ok(Secured {
            inner,
            connection: ClientConnection::new(settings.client(), told).map_err(failure)?,
            unverified,
            refused: false,
            begun: false,
            protocol_required: session.protocol_required,
            says_goodbye: session.says_goodbye,
            watches_end: session.watches_end,
            now: session.now,
        })
    }

    /// What the library has to send, goes out.
    fn flush(&mut self, out: &mut Vec<u8>) {
        while self.connection.wants_write() {
            // A vector takes everything.
            if self.connection.write_tls(out).is_err() {
                return;
            }
        }
    }

    fn take(&mut self, mut bytes: &[u8]) -> Step {
        while !bytes.is_empty() {
            match self.connection.read_tls(&mut bytes) {
                Ok(0) | Err(_) => return Step::Done(Err(garbage())),
                Ok(_) => {}
            }
            if let Err(error) = self.connection.process_new_packets() {
                // Our certificate may be among what the library would send by now.
                self.refused = self.look_at_certificate().is_err() || self.unverified.is_some();
                return Step::Done(Err(failure(error)));
            }
            if let Err(why) = self.look_at_certificate() {
                self.refused = true;
                return Step::Done(Err(Failure::Unexpected(why)));
            }
            let step = self.exchange();
            if step != Step::GoOn {
                return step;
            }
        }
        Step::GoOn
    }

    /// Judges the certificate as soon as there is one.
    fn look_at_certificate(&mut self) -> Result<(), String> {
        let Some(chain) = self.connection.peer_certificates() else {
            return Ok(());
        };
        match self.unverified.take() {
            Some((trusted, name)) => trusted.judge(chain, &name, self.now),
            None => Ok(()),
        }
    }

    /// The handshake is over.
    fn begin(&mut self, said: &mut Vec<u8>) -> Step {
        if self.unverified.is_some() {
            return Step::Done(unexpected("the server shows no certificate"));
        }
        if self.protocol_required && self.connection.alpn_protocol().is_none() {
            let what = "the server chooses none of the protocols that are offered (ALPN)";
            return Step::Done(unexpected(what));
        }
        self.begun = true;
        self.inner.opened(said)
    }

    /// What has come in goes to the dialogue within, and what that says goes back.
    fn exchange(&mut self) -> Step {
        let mut said = Vec::new();
        let mut step = Step::GoOn;
        if !self.begun && !self.connection.is_handshaking() {
            step = self.begin(&mut said);
        }
        while self.begun && step == Step::GoOn {
            let mut reader = self.connection.reader();
            match reader.fill_buf() {
                Ok([]) => step = Step::Done(self.inner.ended()),
                Ok(bytes) => {
                    let length = bytes.len();
                    step = self.inner.received(bytes, &mut said);
                    reader.consume(length);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => step = Step::Done(self.inner.ended()),
            }
        }
        // The library's buffer grows as it must.
        let _ = self.connection.writer().write_all(&said);
        step
    }
}

impl<D: Dialogue> Dialogue for Secured<D> {
    fn opened(&mut self, out: &mut Vec<u8>) -> Step {
        self.flush(out);
        Step::GoOn
    }

    fn received(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Step {
        let step = self.take(bytes);
        if self.refused {
            // What the library would send tells a stranger who we are.
            return step;
        }
        if step != Step::GoOn && self.says_goodbye {
            self.connection.send_close_notify();
        }
        // An alert that says why we hang up is among it.
        self.flush(out);
        step
    }

    fn ended(&mut self) -> Verdict {
        match self.begun {
            // Many servers end without a goodbye.
            true => self.inner.ended(),
            false => unexpected("the server closed the connection during the TLS handshake"),
        }
    }

    fn timed_out(&mut self) -> Verdict {
        match self.begun {
            true => self.inner.timed_out(),
            false => unexpected("no end of the TLS handshake in time"),
        }
    }

    fn certificate_end(&self) -> Option<Wall> {
        let chain = self.connection.peer_certificates();
        let own = chain.filter(|_| self.watches_end)?.first()?;
        certificate::end(own)
    }
}

/// Whom a Host header means, perhaps with a port: a host or an address.
fn host_or_address(text: &str) -> Option<ServerName<'static>> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let address = match text.parse::<SocketAddr>() {
        Ok(both) => Some(both.ip()),
        Err(_) => bare.parse::<IpAddr>().ok(),
    };
    match address {
        Some(address) => Some(ServerName::IpAddress(address.into())),
        None => host_name(text).map(ServerName::DnsName),
    }
}

/// The name of a host, as a Host header has it: perhaps with a port.
fn host_name(text: &str) -> Option<DnsName<'static>> {
    let name = text.split_once(':').map_or(text, |(name, _)| name);
    DnsName::try_from(name.to_owned()).ok()
}

fn unexpected(what: &str) -> Verdict {
    Err(Failure::Unexpected(what.to_owned()))
}

fn garbage() -> Failure {
    failure(rustls::Error::General(
        "more records than can be taken".to_owned(),
    ))
}

fn failure(error: rustls::Error) -> Failure {
    Failure::Unexpected(match error {
        rustls::Error::InvalidMessage(_) => "the server does not speak TLS".to_owned(),
        error => format!("TLS: {error}"),
    })
}
