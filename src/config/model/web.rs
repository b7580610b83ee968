//! What web checks ask for and what the answer has to be: `HTTP_GET` and `SSL_GET` with their pages. TLS is `tls`'.

use super::TlsProbe;
use crate::config::secret::Secret;
use serde::{Deserialize, Serialize};
use std::rc::Rc;

/// `HTTP_GET` and `SSL_GET`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebProbe {
    /// What `SSL_GET` adds; None = `HTTP_GET`.
    pub tls: Option<Box<TlsProbe>>,
    /// `http_protocol`.
    pub version: HttpVersion,
    /// `fast_recovery`: all pages back to back at start and after a failure.
    pub fast_recovery: bool,
    /// At least one.
    pub urls: Box<[Url]>,
}

/// `http_protocol`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum HttpVersion {
    /// `1.0`.
    #[default]
    V1_0,
    /// `1.0C`: with `Connection: close`.
    V1_0Close,
    /// `1.1`.
    V1_1,
}

/// `url`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Url {
    /// `path`.
    pub path: Box<str>,
    /// The Host header; None = the address and port connected to.
    pub virtual_host: Option<Rc<str>>,
    /// `method`, `header` and `body`; None = a plain GET.
    pub request: Option<Box<Request>>,
    /// `digest`: MD5 of the body.
    pub digest: Option<[u8; 16]>,
    /// `status_code`: first and last of each range.
    pub status_codes: Box<[(u16, u16)]>,
    /// `regex` and its settings.
    pub regex: Option<Box<Regex>>,
    /// `tls_compliant`: say goodbye (close_notify).
    pub tls_compliant: bool,
}

/// A pattern that the body is searched for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Regex {
    /// The pattern, escapes of the configuration language decoded.
    pub pattern: Vec<u8>,
    /// `regex_no_match`: finding it is a failure.
    pub no_match: bool,
    /// `regex_options`, by PCRE2's names.
    pub options: Vec<Box<str>>,
    /// `regex_min_offset`: where a match may begin at the earliest.
    pub least_offset: usize,
    /// `regex_max_offset`: and at the latest; None = anywhere.
    pub most_offset: Option<usize>,
}

/// Whether a text can stand in the first line or the Host header of a request: a blank or a line's end in it would end what it is.
pub fn is_one_word(text: &str) -> bool {
    let splits = |byte: u8| byte == b' ' || byte.is_ascii_control();
    !text.is_empty() && !text.bytes().any(splits)
}

/// What a request is beyond a plain GET.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// `method`.
    pub method: Method,
    /// `header`: those of the page, and those of the checker that the page has not.
    pub headers: Box<[Header]>,
    /// `body`; None = none is sent.
    pub body: Option<Secret>,
}

/// `method` (RFC 9110 section 9.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Method {
    /// `GET`.
    #[default]
    Get,
    /// `HEAD`: the answer has no body.
    Head,
    /// `POST`.
    Post,
    /// `PUT`.
    Put,
    /// `OPTIONS`.
    Options,
}

impl Method {
    /// All of them.
    pub const ALL: [Method; 5] = [
        Method::Get,
        Method::Head,
        Method::Post,
        Method::Put,
        Method::Options,
    ];

    /// As it is written, here and on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Options => "OPTIONS",
        }
    }

    /// Whether a request of this kind has a body.
    pub fn sends_body(self) -> bool {
        matches!(self, Method::Post | Method::Put)
    }
}

/// A header of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// A token (RFC 9110 section 5.1).
    pub name: Box<str>,
    /// Without control characters; may be what lets a client in.
    pub value: Secret,
}
