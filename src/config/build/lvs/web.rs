//! `HTTP_GET` and `SSL_GET` with their `url` blocks.

use super::checker::{CheckerDraft, Kind};
use super::request::{self, RequestDraft};
use super::tls::{self, TlsDraft};
use super::{Context, group::note, payload, pick};
use crate::config::diagnostic::{Class, quote};
use crate::config::keywords::Block;
use crate::config::model::{Header, HttpVersion, Regex, ServerName, Url, WebProbe};
use crate::config::read::{Item, parse_integer};
use crate::config::tree::Statements;
use std::rc::Rc;

/// The status codes accepted when none is given.
const SUCCESS: (u16, u16) = (200, 299);
/// The least and the greatest status code.
const CODES: std::ops::RangeInclusive<u16> = 100..=599;

/// PCRE2's options that may be given.
const REGEX_OPTIONS: [&str; 24] = [
    "allow_empty_class",
    "alt_bsux",
    "alt_circumflex",
    "alt_verbnames",
    "auto_callout",
    "caseless",
    "dollar_endonly",
    "dotall",
    "dupnames",
    "extended",
    "firstline",
    "match_unset_backref",
    "multiline",
    "never_backslash_c",
    "never_ucp",
    "never_utf",
    "no_auto_capture",
    "no_auto_possess",
    "no_dotstar_anchor",
    "no_start_optimize",
    "ucp",
    "ungreedy",
    "use_offset_limit",
    "utf",
];

/// Reads the statements of a checker; None when it has no page to fetch, which is said.
pub(super) fn read<'t>(
    context: &mut Context<'_>,
    draft: &mut CheckerDraft<'t>,
    block: Block,
    children: Statements<'t>,
) -> Option<Kind> {
    let (mut version, mut server_name, mut sni) = (HttpVersion::default(), None, None);
    let (mut fast_recovery, mut tls_compliant, mut virtual_host) = (false, false, None);
    let (mut requests, mut tls) = (RequestDraft::default(), TlsDraft::default());
    let mut urls = Vec::new();
    context.each_statement(block, children, |context, item| match item.name() {
        "virtualhost" => virtual_host = request::host(context, &item).or(virtual_host.take()),
        "http_protocol" => {
            match pick(context, &item, |word| {
                format!("Invalid http_protocol version {word}")
            }) {
                Some("1.0") => version = HttpVersion::V1_0,
                Some("1.1") => version = HttpVersion::V1_1,
                Some(_) => version = HttpVersion::V1_0Close,
                None => {}
            }
        }
        "enable_sni" => sni = item.bool(context).or(sni),
        "sni_name" => match item.argument(0) {
            Some(_) => server_name = tls::server_name(context, &item).or(server_name.take()),
            None => sni = Some(true),
        },
        "fast_recovery" => fast_recovery = item.bool(context).unwrap_or(fast_recovery),
        "tls_compliant" => tls_compliant = item.bool(context).unwrap_or(tls_compliant),
        "url" => urls.extend(url(context, &item)),
        _ => {
            let taken = requests.take(context, &item) || tls.take(context, &item);
            if !taken {
                draft.take(context, &item);
            }
        }
    });
    if urls.is_empty() {
        let message = "HTTP/SSL_GET checker has no urls specified - ignoring";
        context.fault(draft.span(), message, "add url { path / }");
        return None;
    }
    let server_name = match (server_name, sni) {
        (Some(name), _) => ServerName::Name(name),
        (None, Some(true)) => ServerName::VirtualHost,
        (None, _) => ServerName::None,
    };
    let urls = urls
        .into_iter()
        .map(|url| url.finish(tls_compliant, requests.headers()))
        .collect();
    let tls =
        (block == Block::SslGet).then(|| Box::new(tls.finish(context, server_name, draft.span())));
    let probe = WebProbe {
        tls,
        version,
        fast_recovery,
        urls,
    };
    Some(Kind::Web(Box::new(probe), virtual_host))
}

/// A page as it was written.
#[derive(Default)]
struct UrlDraft {
    path: Option<Box<str>>,
    virtual_host: Option<Rc<str>>,
    request: RequestDraft,
    digest: Option<[u8; 16]>,
    status_codes: Vec<(u16, u16)>,
    pattern: Option<Vec<u8>>,
    no_match: bool,
    options: Vec<&'static str>,
    least_offset: Option<usize>,
    most_offset: Option<usize>,
    tls_compliant: Option<bool>,
}

impl UrlDraft {
    fn finish(self, tls_compliant: bool, headers: &[Header]) -> Url {
        let regex = self.regex().map(Box::new);
        let codes = if self.status_codes.is_empty() {
            vec![SUCCESS]
        } else {
            self.status_codes
        };
        Url {
            path: self.path.unwrap_or_default(),
            virtual_host: self.virtual_host,
            request: self.request.finish(headers),
            digest: self.digest,
            status_codes: codes.into_boxed_slice(),
            regex,
            tls_compliant: self.tls_compliant.unwrap_or(tls_compliant),
        }
    }

    fn regex(&self) -> Option<Regex> {
        Some(Regex {
            pattern: self.pattern.clone()?,
            no_match: self.no_match,
            options: self.options.iter().copied().map(Box::from).collect(),
            least_offset: self.least_offset.unwrap_or(0),
            most_offset: self.most_offset,
        })
    }

    fn take(&mut self, context: &mut Context<'_>, item: &Item<'_>) {
        match item.name() {
            "path" => self.path = request::path(context, item),
            "virtualhost" => self.virtual_host = request::host(context, item),
            "digest" => self.digest = payload::digest(context, item).or(self.digest),
            "status_code" => self.status_codes(context, item),
            "regex" => {
                self.pattern = request::text(context, item, "pattern").or(self.pattern.take())
            }
            "regex_no_match" => self.no_match = true,
            "regex_options" => self.options(context, item),
            "regex_min_offset" => self.least_offset = offset(context, item),
            "regex_max_offset" => self.most_offset = offset(context, item),
            "regex_stack" => stack(context, item),
            "tls_compliant" => self.tls_compliant = item.bool(context).or(self.tls_compliant),
            _ => drop(self.request.take(context, item)),
        }
    }

    fn status_codes(&mut self, context: &mut Context<'_>, item: &Item<'_>) {
        for word in item.statement.arguments() {
            let code = |text: &str| text.parse::<u16>().ok().filter(|code| CODES.contains(code));
            let range = word.as_str().and_then(|text| match text.split_once('-') {
                None => code(text).map(|code| (code, code)),
                Some((first, last)) => code(first).zip(code(last)),
            });
            match range.filter(|(first, last)| first <= last) {
                Some(range) => self.status_codes.push(range),
                None => {
                    let message = format!("Invalid HTTP_GET status code '{}'", quote(word.bytes()));
                    context.fault(
                        word.span(),
                        message,
                        "write codes from 100 to 599, or ranges such as 200-299",
                    );
                }
            }
        }
    }

    fn options(&mut self, context: &mut Context<'_>, item: &Item<'_>) {
        for word in item.statement.arguments() {
            match REGEX_OPTIONS
                .iter()
                .find(|known| known.as_bytes() == word.bytes())
            {
                Some(known) if !self.options.contains(known) => self.options.push(known),
                Some(_) => {}
                None => {
                    let message =
                        format!("unknown regex option '{}' - ignoring", quote(word.bytes()));
                    note(
                        context,
                        word.span(),
                        message,
                        "the options are named as in pcre2api(3)",
                    );
                }
            }
        }
    }
}

/// Reads a page; None when it has no path, which is said.
fn url(context: &mut Context<'_>, item: &Item<'_>) -> Option<UrlDraft> {
    let children = item.open(context)?;
    let (mut draft, Some(block)) = (UrlDraft::default(), inner(item)) else {
        return None;
    };
    context.each_statement(block, children, |context, item| draft.take(context, &item));
    let span = item.statement.keyword().span();
    if draft.path.is_none() {
        context.fault(
            span,
            "HTTP/SSL_GET checker url has no path - ignoring",
            "add path /PAGE",
        );
        return None;
    }
    if let Some(method) = draft.request.drop_lost_body() {
        let message = format!("body does not go with method {}", method.name());
        context.fault(span, message, "write method POST; the body is not sent");
    }
    if draft.request.is_head() && draft.digest.take().is_some() {
        let message = "digest does not go with method HEAD: there is no body";
        context.fault(span, message, "write method GET; the digest is ignored");
    }
    let settings = draft.no_match
        || !draft.options.is_empty()
        || draft.least_offset.or(draft.most_offset).is_some();
    if draft.pattern.is_none() && settings {
        note(
            context,
            span,
            "regex parameters specified without regex".to_owned(),
            "add regex \"PATTERN\"",
        );
    }
    if let (Some(least), Some(most)) = (draft.least_offset, draft.most_offset)
        && least > most
    {
        let message = format!("regex min offset {least} > regex_max_offset {most} - ignoring");
        context.fault(span, message, "swap the two offsets; both are ignored");
        (draft.least_offset, draft.most_offset) = (None, None);
    }
    if let Some(regex) = draft.regex()
        && let Err(why) = context.patterns.get(&regex)
    {
        let shown = quote(&regex.pattern);
        let message = format!("regex \"{shown}\" cannot be used: {why}");
        context.fault(
            span,
            message,
            "the page is checked without it; see regex in the manual",
        );
        draft.pattern = None;
    }
    Some(draft)
}

/// The block that a keyword opens.
fn inner(item: &Item<'_>) -> Option<Block> {
    match item.keyword.form {
        crate::config::keywords::Form::Block(block, _) => Some(block),
        _ => None,
    }
}

fn offset(context: &mut Context<'_>, item: &Item<'_>) -> Option<usize> {
    item.u32(context)
        .and_then(|offset| usize::try_from(offset).ok())
}

/// `regex_stack` sizes a buffer of PCRE2, which is not used here: it is checked, and that it does nothing is said.
fn stack(context: &mut Context<'_>, item: &Item<'_>) {
    let size = |index: usize| {
        item.argument(index)
            .and_then(|word| parse_integer(word.bytes()).ok())
    };
    let message = match (size(0), size(1)) {
        (Some(start), Some(most)) if start > most => "regex stack start cannot exceed max value",
        (Some(0..), Some(0..)) => {
            let message = "regex_stack does nothing: matching needs no stack of its own here";
            context.diagnostics.say(Class::Note, item.span(), message);
            return;
        }
        _ => "regex_stack requires start and max values",
    };
    context.fault(item.span(), message, "the line can be deleted");
}
