//! What a page is asked for with: `path`, `virtualhost`, `method`, `header` and `body`. How that goes over the wire is
//! `check::http::request`'s.

use super::Context;
use super::pick;
use crate::config::diagnostic::quote;
use crate::config::model::{Header, Method, Request, is_one_word};
use crate::config::read::Item;
use crate::config::secret::Secret;
use crate::config::shell::{self, ShellWord};
use std::fmt::Write;
use std::rc::Rc;

/// Headers that a request has already, and what says what is in them.
const RESERVED: [(&str, &str); 4] = [
    ("Host", "write virtualhost for it"),
    ("Connection", "http_protocol says what is in it"),
    ("Content-Length", "it is that of body"),
    ("Transfer-Encoding", "a body is sent as it is"),
];

/// A request as it was written.
#[derive(Default)]
pub(super) struct RequestDraft {
    method: Option<Method>,
    headers: Vec<Header>,
    body: Option<Secret>,
}

impl RequestDraft {
    /// Takes up a statement about the request; false when it is another one.
    pub(super) fn take(&mut self, context: &mut Context<'_>, item: &Item<'_>) -> bool {
        match item.name() {
            "method" => {
                let word = pick(context, item, |word| format!("Invalid method {word}"));
                let known = Method::ALL.into_iter();
                let method = word.and_then(|word| known.clone().find(|it| it.name() == word));
                self.method = method.or(self.method);
            }
            "header" => self.headers.extend(header(context, item)),
            "body" => self.body = text(context, item, "body").map(Secret::new),
            _ => return false,
        }
        true
    }

    pub(super) fn headers(&self) -> &[Header] {
        &self.headers
    }

    /// Whether the answer has no body.
    pub(super) fn is_head(&self) -> bool {
        self.method == Some(Method::Head)
    }

    /// A body that the method does not go with; it is dropped.
    pub(super) fn drop_lost_body(&mut self) -> Option<Method> {
        let method = self.method.filter(|method| !method.sends_body())?;
        self.body.take().map(|_| method)
    }

    /// The request, with the headers of the checker; None = nothing but a GET.
    pub(super) fn finish(self, of_checker: &[Header]) -> Option<Box<Request>> {
        let usual = match self.body {
            Some(_) => Method::Post,
            None => Method::Get,
        };
        let own = |header: &Header| {
            let same = |own: &Header| own.name.eq_ignore_ascii_case(&header.name);
            self.headers.iter().any(same)
        };
        let outer = of_checker.iter().filter(|header| !own(header)).cloned();
        let headers: Box<[Header]> = outer.chain(self.headers.iter().cloned()).collect();
        let request = Request {
            method: self.method.unwrap_or(usual),
            headers,
            body: self.body,
        };
        (request != Request::default()).then(|| Box::new(request))
    }
}

/// `path`. What would split the first line of the request is sent as RFC 3986 section 2.1 has it, which is said: a server that nobody
/// checks would be taken for one that is up.
pub(super) fn path(context: &mut Context<'_>, item: &Item<'_>) -> Option<Box<str>> {
    let text = item.text(context)?;
    if is_one_word(text) {
        return Some(text.into());
    }
    let mut sound = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter == ' ' || letter.is_ascii_control() {
            // A string takes everything.
            true => drop(write!(sound, "%{:02X}", u32::from(letter))),
            false => sound.push(letter),
        }
    }
    if sound.is_empty() {
        sound.push('/');
    }
    let (shown, sent) = (quote(text.as_bytes()), quote(sound.as_bytes()));
    let message = format!("path '{shown}' is empty, or has a blank or a control character in it");
    let help = format!("write path {sent}, which is what is sent (a blank is %20)");
    context.fault(item.argument_span(0), message, help);
    Some(sound.into())
}

/// A name that servers are told, as in `virtualhost`.
pub(super) fn host(context: &mut Context<'_>, item: &Item<'_>) -> Option<Rc<str>> {
    let text = item.text(context)?;
    if is_one_word(text) {
        return Some(text.into());
    }
    let (word, shown) = (item.name(), quote(text.as_bytes()));
    let message = format!("{word} '{shown}' is empty, or has a blank or a control character in it");
    let help = "write the name of a host; the line is ignored";
    context.fault(item.argument_span(0), message, help);
    None
}

/// The words of a line in shell quoting, escapes decoded; unbalanced quotes are said.
fn words(context: &mut Context<'_>, item: &Item<'_>) -> Option<Vec<ShellWord>> {
    match shell::decoded_words(item.statement.raw()) {
        Ok(words) => Some(words),
        Err(error) => {
            let at = error.at;
            let span = item.statement.raw_span(at..at + 1);
            context.diagnostics.push(error.diagnostic(span));
            None
        }
    }
}

/// The one text of a line, `what` it is.
pub(super) fn text(context: &mut Context<'_>, item: &Item<'_>, what: &str) -> Option<Vec<u8>> {
    match <[_; 1]>::try_from(words(context, item)?) {
        Ok([word]) => Some(word.bytes),
        Err(_) => {
            let message = format!("{} missing or too many fields", item.name());
            let help = format!("put one {what} in double quotes");
            context.fault(item.span(), message, help);
            None
        }
    }
}

/// Reads a header. What is in it may be what lets a client in: no message quotes it.
fn header(context: &mut Context<'_>, item: &Item<'_>) -> Option<Header> {
    const HELP: &str = "write: header NAME \"VALUE\"";
    let Ok([name, value]) = <[_; 2]>::try_from(words(context, item)?) else {
        let message = "header needs a name and a value";
        context.fault(item.span(), message, HELP);
        return None;
    };
    let span = item.statement.raw_span(name.at);
    let shown = quote(&name.bytes);
    let Some(name) = token(&name.bytes) else {
        let message = format!("'{shown}' is no name of a header");
        context.fault(span, message, HELP);
        return None;
    };
    let reserved = RESERVED
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name));
    if let Some((known, help)) = reserved {
        let message = format!("header {known} is there already");
        context.fault(span, message, *help);
        return None;
    }
    let text = value.bytes.trim_ascii();
    if text
        .iter()
        .any(|byte| byte.is_ascii_control() && *byte != b'\t')
    {
        let message = format!("header {shown} has a control character in it");
        let help = "a header is one line; the line is ignored";
        context.fault(item.statement.raw_span(value.at), message, help);
        return None;
    }
    Some(Header {
        name: name.into(),
        value: Secret::new(text),
    })
}

/// A name as RFC 9110 section 5.6.2 has it.
fn token(name: &[u8]) -> Option<&str> {
    let sound = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let text = std::str::from_utf8(name).ok()?;
    (!name.is_empty() && name.iter().all(sound)).then_some(text)
}
