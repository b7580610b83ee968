//! `SSL`, and what a `SSL_GET` says of TLS for itself. Files are read here, each once, and what they hold has to be of use: no check
//! comes upon a bad one later. The pages are `web`'s.

use super::Context;
use super::group::note;
use crate::config::diagnostic::{Class, Span, quote};
use crate::config::keywords::Block;
use crate::config::model::{Identity, PemFile, ServerName, Tls, TlsProbe, TlsProfile};
use crate::config::pem;
use crate::config::read::Item;
use crate::config::secret::Secret;
use crate::config::tree::Statements;
use crate::config::world::KeyFile;
use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

/// A longer file, in bytes, is a mistake: all certificates of a distribution's bundle take a quarter of it.
const PEM_FILE_MAX: u64 = 1024 * 1024;
/// The longest name of a protocol, in bytes (RFC 7301 section 3.1).
const PROTOCOL_MAX: usize = 255;
/// Protocols that a check cannot go on with.
const UNSPOKEN: [&str; 3] = ["h2", "h2c", "h3"];
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What is known so far: settings that checks share, and the files that they come from.
#[derive(Default)]
pub(in crate::config::build) struct Shared {
    /// What `SSL` says.
    usual: Words,
    usual_identity: Option<u32>,
    tls: Tls,
    /// By path: the text and whether others may read it, or why it cannot be had.
    files: HashMap<Rc<str>, Result<(Secret, bool), String>>,
    /// By path: place in `tls`, or what is wrong with it.
    authorities: HashMap<Rc<str>, Result<u32, String>>,
    /// Those with the same files, by their passwords: place in `tls`, or what is wrong with it. Opening a key may take a tenth of a
    /// second.
    identities: HashMap<IdentityPaths, Vec<Tried>>,
    profiles: HashMap<TlsProfile, u32>,
    /// The authorities that the system trusts, once they were asked for.
    system: Option<u32>,
    /// An empty list of authorities, once it was needed.
    nobody: Option<u32>,
}

/// Where a certificate and its key are.
type IdentityPaths = (Rc<str>, Option<Rc<str>>);

/// A password, and what came of it.
type Tried = (Option<Secret>, Result<u32, String>);

/// A file, whether or not it can be read.
#[derive(Clone)]
struct Named {
    path: Rc<str>,
    span: Span,
}

/// The statements that `SSL` and `SSL_GET` have in common.
#[derive(Clone, Default)]
struct Words {
    verify: Option<bool>,
    ca: Option<Named>,
    certificate: Option<Named>,
    key: Option<Named>,
    password: Option<(Secret, Span)>,
    /// None = not said; zero = never.
    expiry_warning: Option<Duration>,
}

impl Words {
    fn take(&mut self, context: &mut Context<'_>, item: &Item<'_>) -> bool {
        match item.name() {
            "verify" => self.verify = item.bool(context).or(self.verify),
            "ca" => self.ca = file(context, item),
            "certificate" => self.certificate = file(context, item),
            "key" => self.key = file(context, item),
            // Not `text()`: a password need not be UTF-8, and must not be quoted in a message.
            "password" => {
                let word = item.required(context);
                self.password = word.map(|word| (Secret::new(word.bytes()), word.span()));
            }
            "expiry_warning" => {
                let days = item.u32(context);
                let warning = days.map(|days| DAY.saturating_mul(days));
                self.expiry_warning = warning.or(self.expiry_warning);
            }
            _ => return false,
        }
        true
    }

    /// The place of whom this says that checks are; None when it says nothing, or nothing of use, which is said.
    fn identity(&self, context: &mut Context<'_>, block: Block) -> Option<u32> {
        let Some(certificate) = &self.certificate else {
            if let Some(key) = &self.key
                && let Some(Ok(_)) = context.tls.files.get(&key.path)
            {
                let message = "key has no effect without certificate".to_owned();
                note(context, key.span, message, "name the certificate, too");
            }
            if let Some((_, span)) = &self.password {
                let message = "password has no effect without certificate".to_owned();
                note(context, *span, message, "name the certificate and its key");
            }
            return None;
        };
        let paths = (
            Rc::clone(&certificate.path),
            self.key.as_ref().map(|key| Rc::clone(&key.path)),
        );
        let (password, password_span) = self.password.clone().unzip();
        let holds_key = self.key.as_ref().unwrap_or(certificate);
        if let Some(span) = password_span
            && let Some(Ok((text, _))) = context.tls.files.get(&holds_key.path)
            && !pem::has_locked_key(text.expose())
        {
            let path = quote(holds_key.path.as_bytes());
            let message = format!("password has no effect: the key in {path} needs none");
            note(context, span, message, "delete the line, or lock the key");
        }
        let known = context.tls.identities.get(&paths).into_iter().flatten();
        let known = known.filter(|(of_known, _)| *of_known == password);
        let (found, is_new) = match known.map(|(_, found)| found.clone()).next() {
            Some(found) => (found, false),
            None => {
                let found = context.tls.identity(&paths, password.clone())?;
                let alike = context.tls.identities.entry(paths).or_default();
                alike.push((password, found.clone()));
                (found, true)
            }
        };
        let place = match found {
            Ok(place) => place,
            Err(why) => {
                if is_new {
                    let message = format!("certificate cannot be shown to servers: {why}");
                    let help = "name files in PEM that belong together; no certificate is shown";
                    context.fault(certificate.span, message, help);
                }
                return None;
            }
        };
        if is_new && let Some(Ok((_, true))) = context.tls.files.get(&holds_key.path) {
            let path = quote(holds_key.path.as_bytes());
            // keepalived says nothing of it, and `-t` decides over restarts.
            let class = match block {
                Block::Ssl => Class::Note,
                _ => Class::Security,
            };
            let message = format!("the key in {path} can be read by its group or by others");
            let help = format!("chmod 600 {path}, and let root own it");
            context
                .diagnostics
                .advise(class, holds_key.span, message, help);
        }
        Some(place)
    }
}

/// What a `SSL_GET` says of TLS.
#[derive(Clone, Default)]
pub(super) struct TlsDraft {
    words: Words,
    verify_name: Option<(Box<str>, Span)>,
    protocols: Box<[Box<str>]>,
    protocol_required: Option<(bool, Span)>,
}

impl TlsDraft {
    /// Takes up a statement about TLS; false when it is another one.
    pub(super) fn take(&mut self, context: &mut Context<'_>, item: &Item<'_>) -> bool {
        match item.name() {
            "verify_name" => self.verify_name = verify_name(context, item),
            "alpn" => self.protocols = protocols(context, item),
            "alpn_required" => {
                let required = item.bool(context).map(|it| (it, item.span()));
                self.protocol_required = required.or(self.protocol_required);
            }
            _ => return self.words.take(context, item),
        }
        true
    }

    /// What comes of it, with what `SSL` says. `span` is the checker's.
    pub(super) fn finish(
        self,
        context: &mut Context<'_>,
        server_name: ServerName,
        span: Span,
    ) -> TlsProbe {
        let usual = context.tls.usual.clone();
        let verify = self.words.verify.or(usual.verify).unwrap_or(false);
        if !verify {
            let unused = [
                self.words.ca.as_ref().map(|ca| ("ca", ca.span)),
                self.verify_name
                    .as_ref()
                    .map(|(_, span)| ("verify_name", *span)),
            ];
            for (word, span) in unused.into_iter().flatten() {
                let message = format!("{word} has no effect without verify");
                context
                    .diagnostics
                    .advise(Class::Warning, span, message, "add verify");
            }
        }
        let protocol_required = self.protocol_required.is_some_and(|(required, _)| required)
            && !self.protocols.is_empty();
        if let Some((true, span)) = self.protocol_required
            && self.protocols.is_empty()
        {
            context.fault(
                span,
                "alpn_required has no effect without alpn",
                "write: alpn http/1.1",
            );
        }
        let authorities = verify.then(|| {
            match self.words.ca.as_ref().or(usual.ca.as_ref()) {
                None => system_authorities(context, span),
                Some(ca) => {
                    let found = context.tls.authorities.get(&ca.path);
                    let found = found.and_then(|found| found.clone().ok());
                    // One that was named and is of no use does not make others trusted.
                    found.unwrap_or_else(|| no_authorities(context))
                }
            }
        });
        let own = self.words.identity(context, Block::SslGet);
        let identity = match self.words.certificate {
            Some(_) => own,
            None => context.tls.usual_identity,
        };
        let profile = TlsProfile {
            authorities,
            identity,
            protocols: self.protocols,
        };
        let expiry_warning = self.words.expiry_warning.or(usual.expiry_warning);
        TlsProbe {
            profile: context.tls.profile(profile),
            server_name,
            verify_name: self.verify_name.map(|(name, _)| name),
            protocol_required,
            expiry_warning: expiry_warning.filter(|warning| !warning.is_zero()),
        }
    }
}

impl Shared {
    fn pem_file(&self, path: &Rc<str>) -> Option<PemFile> {
        let Some(Ok((text, _))) = self.files.get(path) else {
            return None;
        };
        Some(PemFile {
            path: path.to_string(),
            text: text.clone(),
        })
    }

    /// The place of an identity that has not been looked at yet, or what is wrong with it; None: its files cannot be read.
    fn identity(
        &mut self,
        (certificate, key): &IdentityPaths,
        password: Option<Secret>,
    ) -> Option<Result<u32, String>> {
        let identity = Identity {
            certificate: self.pem_file(certificate)?,
            key: match key {
                Some(key) => Some(self.pem_file(key)?),
                None => None,
            },
            password,
        };
        let sound = pem::identity(&identity).map(drop);
        Some(sound.map(|()| put(&mut self.tls.identities, identity)))
    }

    fn profile(&mut self, profile: TlsProfile) -> u32 {
        if let Some(&place) = self.profiles.get(&profile) {
            return place;
        }
        let place = put(&mut self.tls.profiles, profile.clone());
        self.profiles.insert(profile, place);
        place
    }
}

/// Reads the blocks `SSL`, of which the last counts, before any check that builds on it.
pub(super) fn read<'i, 't: 'i>(
    context: &mut Context<'_>,
    items: impl Iterator<Item = &'i Item<'t>>,
) {
    for item in items {
        let mut words = Words::default();
        if let Some(children) = item.open(context) {
            statements(context, children, &mut words);
        }
        context.tls.usual_identity = words.identity(context, Block::Ssl);
        context.tls.usual = words;
    }
}

fn statements(context: &mut Context<'_>, children: Statements<'_>, words: &mut Words) {
    context.each_statement(Block::Ssl, children, |context, item| {
        words.take(context, &item);
    });
}

/// What all checks share, when all were read.
pub(super) fn finish(context: &mut Context<'_>) -> Tls {
    let shared = std::mem::take(&mut context.tls);
    if let Some(ca) = &shared.usual.ca
        && let Some(Ok(place)) = shared.authorities.get(&ca.path)
        && !shared
            .tls
            .profiles
            .iter()
            .any(|profile| profile.authorities == Some(*place))
    {
        let message = "ca has no effect: no check verifies certificates by it".to_owned();
        let help = "add verify to SSL, or to the SSL_GETs that are to verify";
        note(context, ca.span, message, help);
    }
    shared.tls
}

/// A file, which is to be read and, for `ca`, of use; else that is said where it is named first. It is named all the same: what is
/// trusted or shown by it is nobody and nothing, not what others name.
fn file(context: &mut Context<'_>, item: &Item<'_>) -> Option<Named> {
    let word = item.required(context)?;
    let (path, span): (Rc<str>, Span) = (word.text().into(), word.span());
    let is_ca = item.name() == "ca";
    let is_unread = !context.tls.files.contains_key(&path);
    if is_unread {
        let read = match context.world.key_file(Path::new(&*path), PEM_FILE_MAX) {
            KeyFile::Read { text, exposed } => Ok((text, exposed)),
            KeyFile::Refused(why) => Err(format!("cannot be read: {why}")),
        };
        context.tls.files.insert(Rc::clone(&path), read);
    }
    let (found, is_news) = match context.tls.files.get(&path) {
        Some(Err(why)) => (Err(why.clone()), is_unread),
        _ if is_ca => {
            let is_new = !context.tls.authorities.contains_key(&path);
            let found = authorities(context, &path, Some(span)).map(drop);
            (found, is_new)
        }
        _ => (Ok(()), false),
    };
    if let Err(why) = found
        && is_news
    {
        let message = format!("SSL {} {} {why}", item.name(), quote(word.bytes()));
        let help = match is_ca {
            true => "name a file in PEM; what is to be verified by it fails",
            false => "name a file in PEM; no certificate is shown",
        };
        context.fault(span, message, help);
    }
    Some(Named { path, span })
}

/// The place of the authorities in a file that was read; the error goes behind its name. `span`: who has named it, and is told which of
/// them are of no use.
fn authorities(
    context: &mut Context<'_>,
    path: &Rc<str>,
    span: Option<Span>,
) -> Result<u32, String> {
    if let Some(known) = context.tls.authorities.get(path) {
        return known.clone();
    }
    let found = match context.tls.pem_file(path) {
        Some(file) => pem::trusted(file.text.expose()).map(|trusted| (file, trusted.unusable)),
        None => Err("cannot be read".to_owned()),
    };
    let found = found.map(|(file, unusable)| {
        if let (Some(span), Some((line, why))) = (span, unusable.first()) {
            let path = quote(path.as_bytes());
            let message = match unusable.len() - 1 {
                0 => format!("SSL ca {path}: the certificate at line {line} cannot be used: {why}"),
                others => format!(
                    "SSL ca {path}: the certificate at line {line} and {others} more cannot be used: {why}"
                ),
            };
            let help = "take it out of the file, or replace it; the others count";
            context.fault(span, message, help);
        }
        put(&mut context.tls.tls.authorities, file)
    });
    let known = found.clone();
    context.tls.authorities.insert(Rc::clone(path), known);
    found
}

/// The place of the authorities that the system trusts. When it has none, that is said once, and no certificate will do: what asks to
/// be verified is never taken on trust.
fn system_authorities(context: &mut Context<'_>, span: Span) -> u32 {
    if let Some(place) = context.tls.system {
        return place;
    }
    let found = match context.world.authorities() {
        None => Err("this system has no list of authorities".to_owned()),
        Some(path) => {
            let path: Rc<str> = path.to_string_lossy().into();
            if let KeyFile::Read { text, exposed } =
                context.world.key_file(Path::new(&*path), PEM_FILE_MAX)
            {
                let read = Ok((text, exposed));
                context.tls.files.insert(Rc::clone(&path), read);
            }
            authorities(context, &path, None).map_err(|why| format!("{path} {why}"))
        }
    };
    let place = found.unwrap_or_else(|why| {
        let message = format!("verify: {why}");
        let help = "name a file with ca, or install ca-certificates; every verified check fails";
        context.fault(span, message, help);
        no_authorities(context)
    });
    context.tls.system = Some(place);
    place
}

/// Nobody is trusted.
fn no_authorities(context: &mut Context<'_>) -> u32 {
    let shared = &mut context.tls;
    *shared.nobody.get_or_insert_with(|| {
        let none = PemFile {
            path: "an empty list".to_owned(),
            text: Secret::default(),
        };
        put(&mut shared.tls.authorities, none)
    })
}

/// `sni_name`; None when it cannot be told, which is said.
pub(super) fn server_name(context: &mut Context<'_>, item: &Item<'_>) -> Option<Box<str>> {
    let name = item.text(context)?;
    if rustls::pki_types::DnsName::try_from(name).is_ok() {
        return Some(name.into());
    }
    let message = format!("sni_name '{}' is no name of a host", quote(name.as_bytes()));
    let help =
        "servers are told names, not addresses or ports (RFC 6066 section 3); the line is ignored";
    context.fault(item.argument_span(0), message, help);
    None
}

fn verify_name(context: &mut Context<'_>, item: &Item<'_>) -> Option<(Box<str>, Span)> {
    let name = item.text(context)?;
    if rustls::pki_types::ServerName::try_from(name).is_ok() {
        return Some((name.into(), item.span()));
    }
    let message = format!("verify_name '{}' is no name", quote(name.as_bytes()));
    let help = "write the name of a host, or an address, as certificates have it";
    context.fault(item.argument_span(0), message, help);
    None
}

fn protocols(context: &mut Context<'_>, item: &Item<'_>) -> Box<[Box<str>]> {
    if item.count() == 0 {
        context.fault(item.span(), "alpn needs a value", "write: alpn http/1.1");
    }
    let mut found: Vec<Box<str>> = Vec::new();
    for word in item.statement.arguments() {
        let text = word.as_str().unwrap_or_default();
        let sound = (1..=PROTOCOL_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        if sound && !UNSPOKEN.contains(&text) {
            if found.iter().all(|known| **known != *text) {
                found.push(text.into());
            }
            continue;
        }
        let message = format!("alpn cannot offer '{}'", quote(word.bytes()));
        let help = "checks speak HTTP/1.0 and HTTP/1.1: write http/1.1";
        context.fault(word.span(), message, help);
    }
    found.into()
}

/// Adds something; its place.
fn put<T>(list: &mut Vec<T>, one: T) -> u32 {
    list.push(one);
    u32::try_from(list.len() - 1).unwrap_or(u32::MAX)
}
