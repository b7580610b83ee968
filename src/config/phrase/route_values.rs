//! Values that routes and rules share: addresses that settle a family, names of the iproute2 tables, numbers, times.

use super::{Prefixed, text};
use crate::config::build::Context;
use crate::config::diagnostic::{Class, quote};
use crate::config::model::Prefix;
use crate::config::tree::Word;
use crate::config::world::Names;
use std::net::IpAddr;

/// A line that is dropped because of a word: what is wrong with it.
pub(super) struct Fault<'t> {
    pub word: Word<'t>,
    pub message: String,
    pub help: &'static str,
}

/// The result of reading a part of a line.
pub(super) type Checked<'t, T = ()> = Result<T, Fault<'t>>;

impl<'t> Fault<'t> {
    pub fn new(word: Word<'t>, what: &str, help: &'static str) -> Self {
        Fault {
            word,
            message: format!("{what} '{}'", quote(word.bytes())),
            help,
        }
    }

    /// Says it.
    pub fn report(self, context: &mut Context<'_>, lost: &str) {
        context.fault(
            self.word.span(),
            self.message,
            format!("{}; {lost}", self.help),
        );
    }
}

/// The family that the words of a line agree on.
#[derive(Clone, Copy, Default)]
pub(super) struct Agreed {
    ipv6: Option<bool>,
    /// Of a gateway whose family is named: it counts for the line when nothing else does.
    gateway: Option<bool>,
}

impl Agreed {
    /// It is settled.
    pub fn of(ipv6: bool) -> Self {
        Agreed {
            ipv6: Some(ipv6),
            gateway: None,
        }
    }

    /// IPv4 unless some word said otherwise.
    pub fn is_ipv6(self) -> bool {
        self.ipv6.or(self.gateway) == Some(true)
    }

    /// A gateway with its family before it: an IPv4 route may lead over an IPv6 one (RFC 5549), which has to be asked for so.
    pub fn gateway<'t>(&mut self, ipv6: bool, word: Word<'t>) -> Checked<'t> {
        self.gateway = Some(ipv6);
        match ipv6 {
            true => Ok(()),
            false => self.agree(false, word),
        }
    }

    pub fn agree<'t>(&mut self, ipv6: bool, word: Word<'t>) -> Checked<'t> {
        match self.ipv6.replace(ipv6) {
            Some(before) if before != ipv6 => Err(Fault::new(
                word,
                "another address family before",
                "keep to IPv4 or to IPv6 on one line",
            )),
            _ => Ok(()),
        }
    }
}

pub(super) fn address<'t>(family: &mut Agreed, word: Word<'t>) -> Checked<'t, IpAddr> {
    let parsed: Result<IpAddr, _> = text(&word).parse();
    let address =
        parsed.map_err(|_| Fault::new(word, "invalid address", "write an IPv4 or IPv6 address"))?;
    family.agree(address.is_ipv6(), word)?;
    Ok(address)
}

pub(super) fn prefix<'t>(family: &mut Agreed, word: Word<'t>) -> Checked<'t, Prefix> {
    let parsed = Prefixed::parse(&text(&word)).filter(|prefixed| prefixed.prefix != Some(Err(())));
    let parsed = parsed.ok_or_else(|| {
        Fault::new(
            word,
            "invalid address",
            "write an address with an optional /LENGTH",
        )
    })?;
    family.agree(parsed.address.is_ipv6(), word)?;
    Ok(Prefix {
        address: parsed.address,
        length: parsed.length(),
    })
}

/// A number in any base of C: 0x, 0, or decimal.
pub(super) fn any_base(text: &str) -> Option<u64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None if text.len() > 1 && text.starts_with('0') => u64::from_str_radix(text, 8).ok(),
        None if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        None => None,
    }
}

/// A number up to `most`.
pub(super) fn number<'t>(word: Word<'t>, most: u64) -> Checked<'t, u64> {
    any_base(&text(&word))
        .filter(|number| *number <= most)
        .ok_or_else(|| Fault::new(word, "invalid number", "write a number in range"))
}

/// A number or a name of an iproute2 table.
pub(super) fn named<'t>(
    context: &Context<'_>,
    table: Names,
    word: Word<'t>,
    most: u64,
) -> Checked<'t, u64> {
    let shown = text(&word);
    let known = any_base(&shown).or_else(|| context.number(table, &shown).map(u64::from));
    known.filter(|n| *n <= most).ok_or_else(|| {
        Fault::new(
            word,
            "unknown number or name",
            "write a number, or a name that iproute2 knows",
        )
    })
}

/// `REALM[/REALM]`: source and destination, or the destination alone.
pub(super) fn realms<'t>(
    context: &Context<'_>,
    family: &mut Agreed,
    word: Word<'t>,
) -> Checked<'t, u32> {
    family.agree(false, word)?;
    let shown = text(&word);
    let realm = |realm: &str| {
        any_base(realm)
            .or_else(|| context.number(Names::Realms, realm).map(u64::from))
            .and_then(|number| u16::try_from(number).ok())
            .map(u32::from)
    };
    let read = match shown.split_once('/') {
        Some((source, destination)) => realm(source)
            .zip(realm(destination))
            .map(|(source, destination)| source << u16::BITS | destination),
        None => realm(&shown),
    };
    read.ok_or_else(|| Fault::new(word, "invalid realms", "write REALM or REALM/REALM"))
}

/// An interface that must exist.
pub(super) fn interface<'t>(context: &mut Context<'_>, word: Word<'t>) -> Checked<'t, String> {
    let name = text(&word);
    if context.must_exist(&name, word.span()) || context.dynamic_interfaces {
        return Ok(name.into_owned());
    }
    Err(Fault::new(
        word,
        "unknown interface",
        "name an interface that exists",
    ))
}

/// Two numbers with a `-` between them, the first not greater.
pub(super) fn range<'t, N: TryFrom<u64> + PartialOrd>(word: Word<'t>) -> Checked<'t, (N, N)> {
    let shown = text(&word);
    let number = |text| N::try_from(any_base(text)?).ok();
    let ends = shown
        .split_once('-')
        .and_then(|(low, high)| Some((number(low)?, number(high)?)));
    ends.filter(|(low, high)| low <= high)
        .ok_or_else(|| Fault::new(word, "invalid range", "write LOW-HIGH"))
}

/// A time in `units` of the kernel a millisecond: raw, or in seconds or milliseconds with s, sec, secs or ms behind it.
/// Less or more than the kernel's TCP works with is no use: the nearest that is.
pub(super) fn time<'t>(context: &mut Context<'_>, word: Word<'t>, units: u32) -> Checked<'t, u32> {
    const MILLISECONDS: f64 = 1000.0;
    const LEAST_MS: u32 = 200;
    const MOST_MS: u32 = 120_000;
    let shown = text(&word);
    let (digits, factor) = [
        ("secs", MILLISECONDS),
        ("sec", MILLISECONDS),
        ("ms", 1.0),
        ("s", MILLISECONDS),
    ]
    .iter()
    .find_map(|(unit, factor)| Some((shown.strip_suffix(unit)?, factor * f64::from(units))))
    .unwrap_or((&shown, 1.0));
    let decimal = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    match digits.parse::<f64>() {
        Ok(number) if decimal => {
            // A cast of a float stays within the bounds of the integer.
            let given = (number * factor).ceil() as u32;
            let used = given.clamp(LEAST_MS * units, MOST_MS * units);
            if used != given {
                context.diagnostics.advise(
                    Class::Note,
                    word.span(),
                    format!(
                        "'{shown}' is not between {LEAST_MS} ms and {} s",
                        MOST_MS / 1000
                    ),
                    format!("{} ms is used", used / units),
                );
            }
            Ok(used)
        }
        _ => Err(Fault::new(
            word,
            "invalid time",
            "write a number, with s or ms behind it if it is no raw value",
        )),
    }
}
