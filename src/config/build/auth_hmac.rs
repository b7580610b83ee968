//! `auth_hmac`, statement by statement: keys in the file, in files of their own, and what is asked of signed adverts. What the
//! statements mean together is `finish::auth`'s.

use super::Context;
use crate::config::diagnostic::{Class, Span};
use crate::config::keywords::Block;
use crate::config::model::HmacMode;
use crate::config::read::Item;
use crate::config::secret::Secret;
use crate::config::source::directory;
use crate::config::world::KeyFile;
use crate::wire::vrrp::hmac::KEY_LENGTHS;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;
use zeroize::Zeroizing;

/// A longer file, in bytes, holds no key.
const KEY_FILE_MAX: u64 = 4096;
/// Leads a key written as hexadecimal digits.
const HEX: &[u8] = b"hex:";
/// Leads the name of a file with a key.
const FILE: &[u8] = b"file:";

/// `auth_hmac` as it was read; a block that is opened again adds to it.
#[derive(Default)]
pub(super) struct DraftHmac {
    /// Where it was first opened.
    pub span: Option<Span>,
    pub keys: BTreeMap<u8, Secret>,
    pub active_key: Option<(u8, Span)>,
    pub time_window: Option<Duration>,
    /// `anti_replay monotonic`.
    pub monotonic: bool,
    pub mode: Option<(HmacMode, Span)>,
}

impl DraftHmac {
    /// Reads a block of the instance `name`.
    pub fn block(&mut self, context: &mut Context<'_>, item: &Item<'_>, name: &str) {
        let Some(statements) = item.open(context) else {
            return;
        };
        self.span.get_or_insert(item.span());
        context.each_statement(Block::AuthHmac, statements, |context, item| {
            match item.name() {
                "key" => self.key(context, &item, name),
                "active_key" => {
                    let id = item.int(context).and_then(|id| u8::try_from(id).ok());
                    self.active_key = id.map(|id| (id, item.span())).or(self.active_key);
                }
                "time_window" => {
                    let seconds = item.int(context).and_then(|n| u64::try_from(n).ok());
                    self.time_window = seconds.map(Duration::from_secs).or(self.time_window);
                }
                "anti_replay" => {
                    if let Some(word) = item.choice(context) {
                        self.monotonic = word == "monotonic";
                    }
                }
                "mode" => {
                    let mode = item.choice(context).map(|word| match word {
                        "permissive" => HmacMode::Permissive,
                        "receive-only" => HmacMode::ReceiveOnly,
                        _ => HmacMode::Enforce,
                    });
                    self.mode = mode.map(|mode| (mode, item.span())).or(self.mode);
                }
                _ => item.check(context),
            }
        });
    }

    /// `key ID VALUE`. No message shows the value.
    fn key(&mut self, context: &mut Context<'_>, item: &Item<'_>, name: &str) {
        let (Some(id), Some(value)) = (item.required(context), item.required_at(context, 1)) else {
            return;
        };
        let parsed = std::str::from_utf8(id.bytes()).ok();
        let Some(id) = parsed.and_then(|id| id.parse().ok()).filter(|id| *id != 0) else {
            let message = format!("({name}) auth_hmac key: the number of a key is from 1 to 255");
            context.fault(
                id.span(),
                message,
                "write: key NUMBER VALUE; the key is ignored",
            );
            return;
        };
        if self.keys.contains_key(&id) {
            let message = format!("({name}) auth_hmac key {id} is there already - ignoring");
            context.fault(item.span(), message, "give each key a number of its own");
            return;
        }
        let key = match value.bytes().strip_prefix(FILE) {
            None => decode(value.bytes()),
            Some(path) => {
                let here = item.statement.path().map_or(Path::new(""), directory);
                let path = here.join(OsStr::from_bytes(path));
                read(context, item.span(), name, id, &path)
            }
        };
        match key {
            Ok(key) => {
                self.keys.insert(id, key);
            }
            Err(why) => {
                let message = format!("({name}) auth_hmac key {id} {why} - ignoring");
                let help = format!(
                    "a key is hex: and {} to {} hexadecimal digits, file: and the name of a file with a key, or {} to {} characters",
                    KEY_LENGTHS.start() * 2,
                    KEY_LENGTHS.end() * 2,
                    KEY_LENGTHS.start(),
                    KEY_LENGTHS.end()
                );
                context.fault(item.span(), message, help);
            }
        }
    }
}

/// A key in a file of its own: as it would stand in the configuration, `file:` aside.
fn read(
    context: &mut Context<'_>,
    span: Span,
    name: &str,
    id: u8,
    path: &Path,
) -> Result<Secret, String> {
    let shown = path.display();
    let (text, exposed) = match context.world.key_file(path, KEY_FILE_MAX) {
        KeyFile::Read { text, exposed } => (text, exposed),
        KeyFile::Refused(why) => return Err(format!("cannot be read from {shown}: {why}")),
    };
    if exposed {
        let message =
            format!("({name}) auth_hmac key {id}: {shown} can be read by its group or by others");
        let help = format!("chmod 600 {shown}, and let root own it");
        context
            .diagnostics
            .advise(Class::Security, span, message, help);
    }
    decode(text.expose().trim_ascii()).map_err(|why| format!("in {shown} {why}"))
}

/// A key from how it is written: digits after `hex:`, or itself.
fn decode(text: &[u8]) -> Result<Secret, String> {
    let key = match text.strip_prefix(HEX) {
        None => Zeroizing::new(text.to_vec()),
        Some(digits) => Zeroizing::new(
            hex(digits).ok_or("has something else than pairs of hexadecimal digits after hex:")?,
        ),
    };
    if KEY_LENGTHS.contains(&key.len()) {
        Ok(Secret::new(key.as_slice()))
    } else {
        Err(format!(
            "has {} bytes, not {} to {}",
            key.len(),
            KEY_LENGTHS.start(),
            KEY_LENGTHS.end()
        ))
    }
}

fn hex(digits: &[u8]) -> Option<Vec<u8>> {
    let (pairs, []) = digits.as_chunks::<2>() else {
        return None;
    };
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let byte = |[high, low]: &[u8; 2]| u8::try_from(digit(*high)? << 4 | digit(*low)?).ok();
    pairs.iter().map(byte).collect()
}
