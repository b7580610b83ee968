//! A response of HTTP/1.x as it arrives (RFC 9112): where its head ends, what its body is, and when it is over. What it has to be is
//! not judged here.
//!
//! Servers that are checked are often small and careless: bare line feeds, a status without words, headers that are no headers and
//! a missing end of the head are all taken. What has no end is not: a head and a body have a greatest size.

use std::fmt;

/// The longest head. keepalived gives up at about 4 kB, less than cookies and security policies take today.
pub const HEAD_MAX: usize = 64 * 1024;
/// The longest body, as it is on the wire.
pub const BODY_MAX: u64 = 16 * 1024 * 1024;
/// The longest line that says how long a chunk is.
const CHUNK_LINE_MAX: usize = 1024;
/// The most headers.
const HEADERS_MAX: usize = 256;
/// The least status code (RFC 9110 section 15).
const LEAST_STATUS: u16 = 100;
/// What every response begins with.
const MAGIC: &[u8] = b"HTTP/";

/// A piece of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'b> {
    /// The head with the empty line behind it, once.
    Head {
        /// The status code.
        status: u16,
        /// As it came.
        text: &'b [u8],
    },
    /// Of the body, as it is on the wire: with the framing of chunks.
    Raw(&'b [u8]),
    /// Of the body, without the framing of chunks.
    Content(&'b [u8]),
}

/// Why something is no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Not a response of HTTP/1.x.
    NotHttp,
    /// No end of the head within `HEAD_MAX`.
    LongHead,
    /// No end of the body within `BODY_MAX`.
    LongBody,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const KIB: u64 = 1024;
        match self {
            Fault::NotHttp => f.write_str("the answer is not HTTP/1.0 or HTTP/1.1"),
            Fault::LongHead => write!(
                f,
                "the headers are longer than {} KiB",
                HEAD_MAX as u64 / KIB
            ),
            Fault::LongBody => write!(f, "the page is longer than {} MiB", BODY_MAX / KIB / KIB),
        }
    }
}

/// Reads one response in pieces of any size.
#[derive(Debug)]
pub struct Decoder {
    state: State,
    /// Bytes before the head that counts: empty lines and interim responses.
    passed: usize,
    /// Bytes of the body so far.
    body: u64,
    /// Whatever the head says, there is no body behind it.
    without_body: bool,
}

#[derive(Debug)]
enum State {
    /// What there is of the head, and up to where it was searched for its end.
    Head { text: Vec<u8>, searched: usize },
    /// The body lasts as long as the connection.
    Open,
    /// So many bytes of the body are to come.
    Counted(u64),
    /// The body comes in chunks.
    Chunked(Chunk),
    /// Nothing is to come.
    Over,
}

/// Where in a chunked body one is (RFC 9112 section 7.1).
#[derive(Debug)]
enum Chunk {
    /// In the line with the size.
    Size(Vec<u8>),
    /// So many bytes of the chunk are to come.
    Data(u64),
    /// In the end of line behind a chunk.
    Gap,
    /// Behind the last chunk, in a line with so many characters.
    Trailer(usize),
}

impl Default for Decoder {
    fn default() -> Self {
        Decoder {
            state: State::BEGIN,
            passed: 0,
            body: 0,
            without_body: false,
        }
    }
}

impl State {
    const BEGIN: State = State::Head {
        text: Vec::new(),
        searched: 0,
    };
}

impl Decoder {
    /// For the answer to HEAD (RFC 9110 section 9.3.2).
    pub fn without_body() -> Self {
        Decoder {
            without_body: true,
            ..Decoder::default()
        }
    }

    /// Takes what has arrived, and hands on what it is; whether the response is over. What is behind its end is left out.
    pub fn push(
        &mut self,
        mut bytes: &[u8],
        take: &mut dyn FnMut(Part<'_>),
    ) -> Result<bool, Fault> {
        // Interim responses (RFC 9110 section 15.2) may come before the one that counts.
        while let State::Head { text, searched } = &mut self.state {
            // One byte more than may be, so that what is too long is seen to be. By lines, so that what is behind a head is not copied
            // for each of the heads before it.
            let room = (HEAD_MAX + 1).saturating_sub(text.len() + self.passed);
            let line = memchr::memchr(b'\n', bytes).map_or(bytes.len(), |end| end + 1);
            let (line, rest) = bytes.split_at_checked(line.min(room)).unwrap_or_default();
            text.extend_from_slice(line);
            bytes = rest;
            // Empty lines before a head are borne (RFC 9112 section 2.2).
            if text.ends_with(b"\n") && is_blank(text) {
                self.passed += text.len();
                text.clear();
                *searched = 0;
            }
            let Some(end) = head_end(text, searched) else {
                match text.len() + self.passed {
                    _ if !begins_well(text) => return Err(Fault::NotHttp),
                    length if length > HEAD_MAX => return Err(Fault::LongHead),
                    _ if bytes.is_empty() => return Ok(false),
                    _ => continue,
                }
            };
            let text = std::mem::take(text);
            self.head(text.get(..end).unwrap_or_default(), take)?;
        }
        self.body(bytes, take)
    }

    /// The connection has ended. A head without its empty line counts; nothing at all does not.
    pub fn end(&mut self, take: &mut dyn FnMut(Part<'_>)) -> Result<(), Fault> {
        if let State::Head { text, .. } = &mut self.state {
            let mut text = std::mem::take(text);
            text.extend_from_slice(b"\r\n\r\n");
            self.head(&text, take)?;
        }
        self.state = State::Over;
        Ok(())
    }

    /// Whether nothing of the response has come.
    pub fn is_empty(&self) -> bool {
        matches!(&self.state, State::Head { text, .. } if text.is_empty())
    }

    fn head(&mut self, text: &[u8], take: &mut dyn FnMut(Part<'_>)) -> Result<(), Fault> {
        const INTERIM: std::ops::RangeInclusive<u16> = 100..=199;
        const NO_CONTENT: u16 = 204;
        const NOT_MODIFIED: u16 = 304;
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut response = httparse::Response::new(&mut headers);
        let mut parser = httparse::ParserConfig::default();
        parser
            .allow_spaces_after_header_name_in_responses(true)
            .allow_obsolete_multiline_headers_in_responses(true)
            .allow_multiple_spaces_in_response_status_delimiters(true)
            .allow_space_before_first_header_name(true)
            .ignore_invalid_headers_in_responses(true);
        match parser.parse_response(&mut response, text) {
            Ok(httparse::Status::Complete(_)) => {}
            Err(httparse::Error::TooManyHeaders) => return Err(Fault::LongHead),
            Ok(httparse::Status::Partial) | Err(_) => return Err(Fault::NotHttp),
        }
        let status = response.code.filter(|code| *code >= LEAST_STATUS);
        let status = status.ok_or(Fault::NotHttp)?;
        if INTERIM.contains(&status) {
            self.passed += text.len();
            self.state = State::BEGIN;
            return Ok(());
        }
        take(Part::Head { status, text });
        self.state = match status {
            _ if self.without_body => State::Over,
            NO_CONTENT | NOT_MODIFIED => State::Over,
            _ => framing(response.headers),
        };
        Ok(())
    }

    /// Takes bytes of the body; whether it is over.
    fn body(&mut self, bytes: &[u8], take: &mut dyn FnMut(Part<'_>)) -> Result<bool, Fault> {
        let all = bytes.len();
        // How many bytes are the body's, and where among them is what walking through chunks has not handed on.
        let (used, plain) = match &mut self.state {
            State::Head { .. } | State::Over => (0, 0),
            State::Open => (all, 0),
            State::Counted(left) => (count(left, all), 0),
            State::Chunked(chunk) => match chunk.walk(bytes, take) {
                Walk::Inside => (all, all),
                Walk::Over(used) => {
                    self.state = State::Over;
                    (used, used)
                }
                // Then the connection's end is the end of the body.
                Walk::Lost(at) => {
                    self.state = State::Open;
                    (all, at)
                }
            },
        };
        if used > 0 {
            take(Part::Raw(bytes.get(..used).unwrap_or_default()));
        }
        if used > plain {
            take(Part::Content(bytes.get(plain..used).unwrap_or_default()));
        }
        self.body = self.body.saturating_add(used as u64);
        if self.body > BODY_MAX {
            return Err(Fault::LongBody);
        }
        if matches!(self.state, State::Counted(0)) {
            self.state = State::Over;
        }
        Ok(matches!(self.state, State::Over))
    }
}

fn is_blank(text: &[u8]) -> bool {
    text.iter().all(|byte| matches!(byte, b'\r' | b'\n'))
}

/// Whether this can be the beginning of a response.
fn begins_well(text: &[u8]) -> bool {
    let skipped = text.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    let text = text.get(skipped.count()..).unwrap_or_default();
    text.iter().zip(MAGIC).all(|(is, must)| is == must)
}

/// The place behind the empty line that ends a head. `searched` moves on, so that a head that drips in costs no more than another.
fn head_end(text: &[u8], searched: &mut usize) -> Option<usize> {
    const LINE_END: usize = 2;
    while let Some(at) = memchr::memchr(b'\n', text.get(*searched..)?) {
        let line = *searched + at + 1;
        let rest = text.get(line..)?;
        match rest {
            [b'\n', ..] => return Some(line + 1),
            [b'\r', b'\n', ..] => return Some(line + LINE_END),
            // The next byte decides.
            [] | [b'\r'] => return None,
            _ => {}
        }
        *searched = line;
    }
    *searched = text.len();
    None
}

/// How the body is delimited (RFC 9112 section 6.3).
fn framing(headers: &[httparse::Header<'_>]) -> State {
    let all = |name: &'static str| {
        headers
            .iter()
            .filter(move |header| header.name.eq_ignore_ascii_case(name))
            .map(|header| header.value.trim_ascii())
    };
    let chunked = |value: &[u8]| {
        let last = value.rsplit(|&byte| byte == b',').next();
        last.is_some_and(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"chunked"))
    };
    if all("transfer-encoding").next_back().is_some_and(chunked) {
        return State::Chunked(Chunk::Size(Vec::new()));
    }
    // One that is no number, or is another than one before it, says nothing.
    let mut lengths = all("content-length").map(|value| {
        let digits = value.iter().all(u8::is_ascii_digit);
        std::str::from_utf8(value)
            .ok()
            .filter(|_| digits)?
            .parse()
            .ok()
    });
    match lengths.next() {
        Some(Some(length)) if lengths.all(|other| other == Some(length)) => State::Counted(length),
        _ => State::Open,
    }
}

/// Takes what is there from what is left.
fn count(left: &mut u64, there: usize) -> usize {
    let used = usize::try_from(*left).map_or(there, |left| left.min(there));
    *left = left.saturating_sub(used as u64);
    used
}

/// Where a walk through chunks has ended.
enum Walk {
    /// All bytes are part of the body, more are to come.
    Inside,
    /// The body is over behind so many bytes.
    Over(usize),
    /// From there on these are no chunks.
    Lost(usize),
}

impl Chunk {
    fn walk(&mut self, bytes: &[u8], take: &mut dyn FnMut(Part<'_>)) -> Walk {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let line_end = || memchr::memchr(b'\n', rest);
            match self {
                Chunk::Data(left) => {
                    let used = count(left, rest.len());
                    take(Part::Content(rest.get(..used).unwrap_or_default()));
                    at += used;
                    if *left == 0 {
                        *self = Chunk::Gap;
                    }
                }
                Chunk::Size(line) => {
                    let line_end = line_end();
                    let used = line_end.unwrap_or(rest.len());
                    line.extend_from_slice(rest.get(..used).unwrap_or_default());
                    at += used;
                    if line.len() > CHUNK_LINE_MAX {
                        return Walk::Lost(at);
                    }
                    if line_end.is_some() {
                        at += 1;
                        *self = match size(line) {
                            None => return Walk::Lost(at),
                            Some(0) => Chunk::Trailer(0),
                            Some(size) => Chunk::Data(size),
                        };
                    }
                }
                Chunk::Gap => match rest.first() {
                    Some(b'\n') => {
                        at += 1;
                        *self = Chunk::Size(Vec::new());
                    }
                    Some(b'\r') => at += 1,
                    _ => return Walk::Lost(at),
                },
                Chunk::Trailer(length) => {
                    let line_end = line_end();
                    let line = rest
                        .get(..line_end.unwrap_or(rest.len()))
                        .unwrap_or_default();
                    *length += line.iter().filter(|&&byte| byte != b'\r').count();
                    at += line.len();
                    if line_end.is_some() {
                        at += 1;
                        if std::mem::take(length) == 0 {
                            return Walk::Over(at);
                        }
                    }
                }
            }
        }
        Walk::Inside
    }
}

/// The size that a line gives, extensions left out.
fn size(line: &[u8]) -> Option<u64> {
    const HEX: u32 = 16;
    let digits = line.split(|&byte| byte == b';').next()?.trim_ascii();
    let sound = digits.iter().all(u8::is_ascii_hexdigit);
    u64::from_str_radix(std::str::from_utf8(digits).ok().filter(|_| sound)?, HEX).ok()
}
