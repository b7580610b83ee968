//! The page as it comes: the decoder of web checks without their demands, so that what is digested here is what is digested there.

use super::Request;
use crate::check::dialogue::{Dialogue, Failure, Step, Verdict};
use crate::check::http::request;
use crate::check::http::response::{Decoder, Part};
use crate::check::tls::settings::Settings;
use crate::check::tls::{Secured, Session};
use crate::time::Wall;
use md5::{Digest, Md5};
use std::cell::RefCell;
use std::rc::Rc;

/// A page and its digest.
#[derive(Debug, Default)]
pub struct Page {
    /// The head, with the empty line behind it.
    pub head: Vec<u8>,
    /// The body as it is on the wire; empty when nobody wants to see it.
    pub body: Vec<u8>,
    digest: Md5,
}

impl Page {
    /// Of the body that has come so far.
    pub fn digest(&self) -> [u8; 16] {
        self.digest.clone().finalize().into()
    }

    fn take(&mut self, part: Part<'_>, verbose: bool) {
        match part {
            Part::Head { text, .. } => self.head = text.to_vec(),
            Part::Raw(bytes) => {
                self.digest.update(bytes);
                if verbose {
                    self.body.extend_from_slice(bytes);
                }
            }
            Part::Content(_) => {}
        }
    }
}

/// What fetches a page, and where the page is put.
pub type Fetching = (Box<dyn Dialogue>, Rc<RefCell<Page>>);

/// Begins to fetch a page.
///
/// # Errors
/// TLS cannot even begin.
pub fn dialogue(request: &Request) -> Result<Fetching, Failure> {
    let (address, port) = (request.server.ip(), request.server.port());
    let page = Rc::new(RefCell::new(Page::default()));
    let host = match &request.virtual_host {
        Some(host) => host.clone(),
        None => request::host(address, port),
    };
    let fetch = Fetch {
        request: request::text(request.version, &request.path, &host, None),
        decoder: Decoder::default(),
        page: Rc::clone(&page),
        verbose: request.verbose,
    };
    if !request.tls {
        return Ok((Box::new(fetch), page));
    }
    let name = request
        .virtual_host
        .as_deref()
        .filter(|_| request.server_name);
    let session = Session {
        address,
        server_name: name,
        verify_name: None,
        protocol_required: false,
        says_goodbye: true,
        watches_end: false,
        now: Wall::default(),
    };
    let secured = Secured::new(fetch, &Settings::default(), session)?;
    Ok((Box::new(secured), page))
}

struct Fetch {
    request: Vec<u8>,
    decoder: Decoder,
    page: Rc<RefCell<Page>>,
    verbose: bool,
}

impl Dialogue for Fetch {
    fn opened(&mut self, out: &mut Vec<u8>) -> Step {
        out.extend_from_slice(&self.request);
        Step::GoOn
    }

    fn received(&mut self, bytes: &[u8], _out: &mut Vec<u8>) -> Step {
        let (mut page, verbose) = (self.page.borrow_mut(), self.verbose);
        match self
            .decoder
            .push(bytes, &mut |part| page.take(part, verbose))
        {
            Ok(false) => Step::GoOn,
            Ok(true) => Step::Done(Ok(())),
            Err(fault) => Step::Done(Err(Failure::Unexpected(fault.to_string()))),
        }
    }

    fn ended(&mut self) -> Verdict {
        if self.decoder.is_empty() {
            return Err(Failure::Ended);
        }
        let (mut page, verbose) = (self.page.borrow_mut(), self.verbose);
        let ended = self.decoder.end(&mut |part| page.take(part, verbose));
        ended.map_err(|fault| Failure::Unexpected(fault.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::genhash::parse;
    use std::ffi::OsString;

    fn fetched(options: &str, answer: &[u8]) -> (Verdict, Vec<u8>, [u8; 16], Vec<u8>) {
        let line = format!("-s 10.0.0.1 -p 80 -u /x {options}");
        let request = parse(line.split_whitespace().map(OsString::from)).expect("a request");
        let (mut dialogue, page) = dialogue(&request).expect("a dialogue");
        let mut out = Vec::new();
        assert_eq!(dialogue.opened(&mut out), Step::GoOn);
        let verdict = match dialogue.received(answer, &mut Vec::new()) {
            Step::Done(verdict) => verdict,
            Step::GoOn => dialogue.ended(),
        };
        let page = page.borrow();
        (
            verdict,
            out,
            page.digest(),
            [&page.head[..], &page.body].concat(),
        )
    }

    #[test]
    fn a_page_is_what_came_whatever_its_status() {
        let answer = b"HTTP/1.0 404 No\r\n\r\npage";
        let (verdict, said, digest, seen) = fetched("-v", answer);
        assert_eq!((verdict, &seen[..]), (Ok(()), &answer[..]));
        assert_eq!(digest, <[u8; 16]>::from(Md5::digest(b"page")));
        assert!(said.starts_with(b"GET /x HTTP/1.0\r\n"));
        assert!(memchr::memmem::find(&said, b"Host: 10.0.0.1:80\r\n").is_some());
        let (_, said, digest, seen) = fetched("-V h", answer);
        assert_eq!(digest, <[u8; 16]>::from(Md5::digest(b"page")));
        assert!(seen.ends_with(b"\r\n\r\n"), "the page is not kept");
        assert!(memchr::memmem::find(&said, b"Host: h\r\n").is_some());
    }

    #[test]
    fn what_is_no_page_is_a_failure() {
        assert_eq!(fetched("", b"").0, Err(Failure::Ended));
        assert!(fetched("", b"SSH-2.0\r\n").0.is_err());
        assert!(fetched("-S", b"HTTP/1.0 400 No\r\n\r\n").0.is_err());
    }
}
