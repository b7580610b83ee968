//! `HTTP_GET` and `SSL_GET`: one page of a server, fetched and judged by its status, its digest and a pattern. Which page is next is
//! the schedule's; TLS goes around this (`check::tls`).

pub mod request;
pub mod response;
#[cfg(test)]
mod tests;

use super::dialogue::{Dialogue, Failure, Step, Verdict};
use crate::config::model::{Method, Regex, Url, WebProbe};
use crate::config::pattern::Pattern;
use md5::{Digest, Md5};
use response::{Decoder, Fault, Part};
use std::fmt::Write;
use std::net::IpAddr;
use std::rc::Rc;

/// The longest page that a pattern is searched in: it has to be held in memory, for each server that is checked at the moment.
const SEARCHED_MAX: usize = 1024 * 1024;

/// One page.
pub struct Http {
    probe: Rc<WebProbe>,
    page: usize,
    request: Vec<u8>,
    decoder: Decoder,
    findings: Findings,
}

/// What was found out about a page so far.
struct Findings {
    status: Option<u16>,
    digest: Option<Md5>,
    pattern: Option<Rc<Pattern>>,
    /// What the pattern is searched in, and next.
    page: Vec<u8>,
    head: Vec<u8>,
}

impl Http {
    /// For the page of that number, None when there is none. `address` and `port` are what is connected to; `pattern` is that of the
    /// page when it has one.
    pub fn new(
        probe: Rc<WebProbe>,
        page: usize,
        (address, port): (IpAddr, u16),
        pattern: Option<Rc<Pattern>>,
    ) -> Option<Self> {
        let url = probe.urls.get(page)?;
        let host = match &url.virtual_host {
            Some(host) => host.to_string(),
            None => request::host(address, port),
        };
        let findings = Findings {
            status: None,
            digest: url.digest.map(|_| Md5::new()),
            pattern,
            page: Vec::new(),
            head: Vec::new(),
        };
        let wanted = url.request.as_deref();
        let decoder = match wanted.map(|wanted| wanted.method) {
            Some(Method::Head) => Decoder::without_body(),
            _ => Decoder::default(),
        };
        Some(Http {
            request: request::text(probe.version, &url.path, &host, wanted),
            probe,
            page,
            decoder,
            findings,
        })
    }

    fn judge(&mut self) -> Verdict {
        match self.probe.urls.get(self.page) {
            Some(url) => self.findings.judge(url),
            None => Ok(()),
        }
    }

    /// Takes what the decoder makes of something; whether the response is over.
    fn take<T>(
        &mut self,
        decode: impl FnOnce(&mut Decoder, &mut dyn FnMut(Part<'_>)) -> Result<T, Fault>,
    ) -> Result<T, Failure> {
        let findings = &mut self.findings;
        let decoded = decode(&mut self.decoder, &mut |part| findings.take(part));
        decoded.map_err(|fault| Failure::Unexpected(fault.to_string()))
    }
}

impl Dialogue for Http {
    fn opened(&mut self, out: &mut Vec<u8>) -> Step {
        out.append(&mut self.request);
        Step::GoOn
    }

    fn received(&mut self, bytes: &[u8], _out: &mut Vec<u8>) -> Step {
        let over = match self.take(|decoder, take| decoder.push(bytes, take)) {
            Ok(over) => over,
            Err(failure) => return Step::Done(Err(failure)),
        };
        // A status that is wrong stays wrong: why wait for the page of the error.
        let url = self.probe.urls.get(self.page);
        if let Some(Err(failure)) = url.map(|url| self.findings.judge_status(url)) {
            return Step::Done(Err(failure));
        }
        if self.findings.page.len() > SEARCHED_MAX {
            const KIB: usize = 1024;
            let what = format!(
                "the page is longer than {} KiB: too long for regex",
                SEARCHED_MAX / KIB
            );
            return Step::Done(Err(Failure::Unexpected(what)));
        }
        match over {
            true => Step::Done(self.judge()),
            false => Step::GoOn,
        }
    }

    fn ended(&mut self) -> Verdict {
        if self.decoder.is_empty() {
            return Err(Failure::Ended);
        }
        // A body that is shorter than its headers say is judged by what has come, as keepalived does: a digest tells them apart.
        self.take(|decoder, take| decoder.end(take))?;
        self.judge()
    }
}

impl Findings {
    fn take(&mut self, part: Part<'_>) {
        match part {
            Part::Head { status, text } => {
                self.status = Some(status);
                if self.pattern.is_some() {
                    self.head = text.to_vec();
                }
            }
            // Chunks are digested with their framing, as keepalived and every digest that was ever made by genhash have it.
            Part::Raw(bytes) => {
                if let Some(digest) = &mut self.digest {
                    digest.update(bytes);
                }
            }
            Part::Content(bytes) if self.pattern.is_some() => {
                let room = (SEARCHED_MAX + 1).saturating_sub(self.page.len());
                self.page.extend(bytes.iter().take(room));
            }
            Part::Content(_) => {}
        }
    }

    fn judge(&mut self, url: &Url) -> Verdict {
        self.judge_status(url)?;
        if self.status.is_none() {
            return Err(Failure::Ended);
        }
        if let (Some(wanted), Some(digest)) = (url.digest, self.digest.take()) {
            let is: [u8; 16] = digest.finalize().into();
            if is != wanted {
                let what = format!("the page's digest is {}, not {}", hex(&is), hex(&wanted));
                return Err(Failure::Unexpected(what));
            }
        }
        match (&url.regex, &self.pattern) {
            (Some(regex), Some(pattern)) => judge_text(regex, pattern, &self.page, &self.head),
            _ => Ok(()),
        }
    }

    /// Right as long as it is not known to be wrong.
    fn judge_status(&self, url: &Url) -> Verdict {
        let Some(status) = self.status else {
            return Ok(());
        };
        let fits = |&(first, last): &(u16, u16)| (first..=last).contains(&status);
        if url.status_codes.iter().any(fits) {
            return Ok(());
        }
        let what = format!(
            "the status of the page is {status}, not {}",
            Codes(&url.status_codes)
        );
        Err(Failure::Unexpected(what))
    }
}

fn judge_text(regex: &Regex, pattern: &Pattern, page: &[u8], head: &[u8]) -> Verdict {
    let shown = String::from_utf8_lossy(&regex.pattern);
    let mut found = pattern.is_found(page, regex.least_offset, regex.most_offset);
    // keepalived searches the headers as well when they come together with the page, and there are configurations that live on it.
    let anywhere = regex.least_offset == 0 && regex.most_offset.is_none();
    if found == Ok(false) && !regex.no_match && anywhere {
        found = pattern.is_found(head, 0, None);
    }
    let what = match found {
        Ok(found) if found != regex.no_match => return Ok(()),
        Ok(true) => format!("the page matches regex \"{shown}\", which it must not"),
        Ok(false) => format!("the page does not match regex \"{shown}\""),
        Err(_) => format!("searching the page for regex \"{shown}\" takes too many steps"),
    };
    Err(Failure::Unexpected(what))
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Status codes as the configuration has them.
struct Codes<'c>(&'c [(u16, u16)]);

impl std::fmt::Display for Codes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, (first, last)) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            match first == last {
                true => write!(f, "{first}")?,
                false => write!(f, "{first}-{last}")?,
            }
        }
        Ok(())
    }
}
