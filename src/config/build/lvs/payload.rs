//! What checkers send and compare, from text: hexadecimal bytes, patterns, digests, domain names.

use super::Context;
use crate::config::diagnostic::quote;
use crate::config::model::PatternByte;
use crate::config::read::Item;

/// Digits of half a byte.
const HALF: u32 = 4;

/// The two longest things of RFC 1035 section 2.3.4: a label and a name, in bytes of text.
const LABEL_MAX: usize = 63;
const NAME_MAX: usize = 253;

/// `payload`: bytes in hexadecimal; blanks go between bytes.
pub(super) fn payload(context: &mut Context<'_>, item: &Item<'_>) -> Option<Box<[u8]>> {
    if item.argument(0).is_none() {
        context.fault(
            item.span(),
            "UDP_CHECK payload requires a payload",
            "write: payload 01 02 0a",
        );
        return None;
    }
    let pattern = pattern(item).filter(|bytes| bytes.iter().all(|byte| byte.mask == u8::MAX));
    if pattern.is_none() {
        context.fault(
            item.span(),
            "Invalid hex string for UDP_CHECK payload",
            "write bytes of two hexadecimal digits",
        );
    }
    Some(pattern?.iter().map(|byte| byte.value).collect())
}

/// `require_reply`: bytes in hexadecimal, X for any digit. None when it is neither.
pub(super) fn reply(context: &mut Context<'_>, item: &Item<'_>) -> Option<Box<[PatternByte]>> {
    let pattern = pattern(item);
    if pattern.is_none() {
        let help = "write bytes of two hexadecimal digits, X for any digit; any reply will do now";
        context.fault(item.span(), "Invalid hex string for UDP_CHECK reply", help);
    }
    pattern.map(Vec::into_boxed_slice)
}

/// The arguments as bytes; a digit that stands alone is a byte of its own.
fn pattern(item: &Item<'_>) -> Option<Vec<PatternByte>> {
    let parts = item
        .statement
        .arguments()
        .flat_map(|word| word.bytes().split(u8::is_ascii_whitespace));
    parts.flat_map(|part| part.chunks(2)).map(byte).collect()
}

fn byte(digits: &[u8]) -> Option<PatternByte> {
    let (high, low) = match *digits {
        [low] => (digit(b'0')?, digit(low)?),
        [high, low] => (digit(high)?, digit(low)?),
        _ => return None,
    };
    Some(PatternByte {
        value: high.0 << HALF | low.0,
        mask: high.1 << HALF | low.1,
    })
}

/// The value of a digit and the bits of it that count.
fn digit(digit: u8) -> Option<(u8, u8)> {
    const DIGIT: u8 = 0x0f;
    match digit {
        b'x' | b'X' => Some((0, 0)),
        _ => Some((char::from(digit).to_digit(16)? as u8, DIGIT)),
    }
}

/// `digest`: 32 hexadecimal digits.
pub(super) fn digest(context: &mut Context<'_>, item: &Item<'_>) -> Option<[u8; 16]> {
    const DIGITS: usize = 32;
    const HELP: &str = "genhash prints the 32 hexadecimal digits to write here";
    let word = item.required(context)?;
    let (text, shown) = (word.bytes(), quote(word.bytes()));
    if text.len() != DIGITS {
        let message = format!(
            "digest '{shown}' character length should be {DIGITS} rather than {}",
            text.len()
        );
        context.fault(word.span(), message, HELP);
        return None;
    }
    let mut digest = [0; DIGITS / 2];
    for (index, (pair, byte)) in text.chunks(2).zip(&mut digest).enumerate() {
        let value = std::str::from_utf8(pair)
            .ok()
            .filter(|pair| pair.bytes().all(|b| b.is_ascii_hexdigit()));
        let Some(value) = value.and_then(|pair| u8::from_str_radix(pair, 16).ok()) else {
            let message = format!(
                "Unable to interpret hex digit in '{shown}' at offset {}/{DIGITS}",
                2 * index
            );
            context.fault(word.span(), message, HELP);
            return None;
        };
        *byte = value;
    }
    Some(digest)
}

/// `name` of a DNS check, without its final dot; empty = the root.
pub(super) fn domain(context: &mut Context<'_>, item: &Item<'_>) -> Option<Box<str>> {
    let text = item.text(context)?;
    let name = text.strip_suffix('.').unwrap_or(text);
    let (fault, help) = if !name.is_empty() && name.split('.').any(str::is_empty) {
        (
            "has empty label",
            "write the name with single dots between its labels",
        )
    } else if name.len() > NAME_MAX || name.split('.').any(|label| label.len() > LABEL_MAX) {
        ("is too long", "labels have at most 63 bytes, names 253")
    } else {
        return Some(name.into());
    };
    let message = format!(
        "DNS_CHECK name '{}' {fault} - ignoring",
        quote(text.as_bytes())
    );
    context.fault(item.argument_span(0), message, help);
    None
}
