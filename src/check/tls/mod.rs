//! TLS around a dialogue: records in and out, the dialogue within once the handshake is over. What is trusted and shown is `settings`'.
//!
//! The library draws its random numbers itself. It is asked for no time: nothing that is done here depends on one.

pub mod settings;
#[cfg(test)]
mod tests;

use super::dialogue::{Dialogue, Failure, Step, Verdict};
use rustls::client::ClientConnection;
use rustls::pki_types::{DnsName, ServerName};
use settings::Settings;
use std::io::{BufRead, ErrorKind, Write};
use std::net::IpAddr;

/// A dialogue within TLS.
pub struct Secured<D> {
    inner: D,
    connection: ClientConnection,
    /// The handshake is over and the dialogue within has begun.
    begun: bool,
    /// Say goodbye at the end (close_notify).
    says_goodbye: bool,
}

impl<D: Dialogue> Secured<D> {
    /// Puts TLS around `inner`. `name` is told to the server (SNI) when it can be: it is none when it is no name of a host.
    ///
    /// # Errors
    /// The library cannot begin, which has nothing to do with the server.
    pub fn new(
        inner: D,
        settings: &Settings,
        (address, name): (IpAddr, Option<&str>),
        says_goodbye: bool,
    ) -> Result<Self, Failure> {
        let named = name.and_then(host_name).map(ServerName::DnsName);
        // For an address the library sends no name.
        let name = named.unwrap_or_else(|| ServerName::IpAddress(address.into()));
        Ok(Secured {
            inner,
            connection: ClientConnection::new(settings.client(), name).map_err(failure)?,
            begun: false,
            says_goodbye,
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
                return Step::Done(Err(failure(error)));
            }
            let step = self.exchange();
            if step != Step::GoOn {
                return step;
            }
        }
        Step::GoOn
    }

    /// What has come in goes to the dialogue within, and what that says goes back.
    fn exchange(&mut self) -> Step {
        let mut said = Vec::new();
        let mut step = Step::GoOn;
        if !self.begun && !self.connection.is_handshaking() {
            self.begun = true;
            step = self.inner.opened(&mut said);
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
