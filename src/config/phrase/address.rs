//! Address lines: `virtual_ipaddress`, `virtual_ipaddress_excluded`, `static_ipaddress`.

use super::{Phrase, Prefixed, Rule, text};
use crate::config::build::Context;
use crate::config::diagnostic::{Class, quote};
use crate::config::model::VirtualAddress;
use crate::config::read::{INTERFACE_NAME_MAX, parse_integer};
use crate::config::tree::{Statement, Word};
use crate::config::world::Names;
use std::net::{IpAddr, Ipv4Addr};

/// Flags of an address, as the kernel numbers them (IFA_F_*, linux/if_addr.h).
mod flag {
    pub const HOMEADDRESS: u32 = 0x10;
    pub const MANAGETEMPADDR: u32 = 0x100;
    pub const NOPREFIXROUTE: u32 = 0x200;
    pub const MCAUTOJOIN: u32 = 0x400;
}

/// The options that take a value, as `address_key` in grammar/phrase.pest.
const VALUED: [&[u8]; 8] = [
    b"dev",
    b"broadcast",
    b"brd",
    b"label",
    b"scope",
    b"peer",
    b"preferred_lft",
    b"track_group",
];

/// The longest prefix that has a broadcast address.
const BROADCAST_PREFIX_MAX: u8 = 30;

/// One line.
#[derive(Clone, Debug)]
pub struct AddressLine<'t> {
    /// What is to be put where.
    pub address: VirtualAddress,
    /// `use_vmac`, with its place.
    pub use_vmac: Option<Word<'t>>,
    /// `track_group`.
    pub track_group: Option<Word<'t>>,
}

/// The parts of a line in order: options with their values, flags, and words that are neither.
pub(super) enum Part<'t> {
    Valued(Word<'t>, Word<'t>),
    Flag(Word<'t>),
    Stray(Word<'t>),
}

/// Reads a line; `None` when it is to be dropped, which is said.
pub fn address_line<'t>(context: &mut Context<'_>, line: Statement<'t>) -> Option<AddressLine<'t>> {
    let mut reader = Reader::start(context, line.keyword())?;
    if let Some(count) = plain(line) {
        for option in (1..count).step_by(2) {
            reader.part(Part::Valued(line.word(option)?, line.word(option + 1)?))?;
        }
    } else {
        parsed(line, |part| reader.part(part))?;
    }
    reader.finish()
}

/// How many words a line of the form `ADDRESS [dev NAME] [label NAME]` has; nearly all have it, and need no grammar.
pub(super) fn plain(line: Statement<'_>) -> Option<usize> {
    let is = |index: usize, key: &str| line.word(index).is_some_and(|word| word == key);
    match line.len() {
        1 => Some(1),
        3 if is(1, "dev") || is(1, "label") => Some(3),
        5 if is(1, "dev") && is(3, "label") => Some(5),
        _ => None,
    }
}

/// The parts of a line by the grammar.
pub(super) fn parsed<'t>(
    line: Statement<'t>,
    mut each: impl FnMut(Part<'t>) -> Option<()>,
) -> Option<()> {
    let phrase = Phrase::new(line);
    for pair in phrase.parse(Rule::address_line)?.skip(1) {
        let part = match pair.as_rule() {
            Rule::address_valued => {
                let mut inner = pair.into_inner();
                let (key, value) = (inner.next()?, inner.next()?);
                Part::Valued(phrase.word(&key), phrase.word(&value))
            }
            Rule::address_flag => Part::Flag(phrase.word(&pair)),
            Rule::stray => Part::Stray(phrase.word(&pair)),
            _ => continue,
        };
        each(part)?;
    }
    Some(())
}

/// What was read of a line so far.
struct Reader<'c, 'w, 't> {
    context: &'c mut Context<'w>,
    line: AddressLine<'t>,
    prefix_given: bool,
    /// `brd +` or `brd -`: the word and whether the host bits are set.
    computed: Option<(Word<'t>, bool)>,
}

impl<'c, 'w, 't> Reader<'c, 'w, 't> {
    fn start(context: &'c mut Context<'w>, word: Word<'t>) -> Option<Self> {
        let shown = || quote(word.bytes());
        let Some(prefixed) = word.as_str().and_then(Prefixed::parse) else {
            let help = "begin the line with an IPv4 or IPv6 address, as in 10.0.0.1/24; the line is ignored";
            context.fault(
                word.span(),
                format!("VRRP parsed invalid IP {}. skipping IP...", shown()),
                help,
            );
            return None;
        };
        if prefixed.prefix == Some(Err(())) {
            let full = prefixed.length();
            let help = format!("write a prefix length from 0 to {full}; /{full} is used");
            context.fault(
                word.span(),
                format!("invalid prefix length in '{}'", shown()),
                help,
            );
        }
        let address = VirtualAddress::new(prefixed.address, prefixed.length());
        let line = AddressLine {
            address,
            use_vmac: None,
            track_group: None,
        };
        Some(Reader {
            context,
            line,
            prefix_given: prefixed.prefix.is_some(),
            computed: None,
        })
    }

    /// Takes a part in; `None` drops the line.
    fn part(&mut self, part: Part<'t>) -> Option<()> {
        match part {
            Part::Valued(key, value) => self.option(key, value),
            Part::Flag(word) => {
                self.flag(word);
                Some(())
            }
            Part::Stray(word) => {
                let shown = quote(word.bytes());
                let message = if VALUED.contains(&word.bytes()) {
                    format!("address option '{shown}' needs a value - ignoring")
                } else {
                    format!("unknown address option '{shown}' - ignoring")
                };
                let help = "one address a line, then options such as dev IFNAME, label NAME, brd +, scope link";
                self.context.fault(word.span(), message, help);
                Some(())
            }
        }
    }

    fn flag(&mut self, word: Word<'t>) {
        let flags = &mut self.line.address.flags;
        match word.bytes() {
            b"home" => *flags |= flag::HOMEADDRESS,
            b"-nodad" => *flags &= !VirtualAddress::NODAD,
            b"mngtmpaddr" => *flags |= flag::MANAGETEMPADDR,
            b"noprefixroute" => *flags |= flag::NOPREFIXROUTE,
            b"autojoin" => *flags |= flag::MCAUTOJOIN,
            b"no_track" => self.line.address.tracked = false,
            _ => self.line.use_vmac = Some(word),
        }
    }

    fn option(&mut self, key: Word<'t>, value: Word<'t>) -> Option<()> {
        match key.bytes() {
            b"dev" => self.dev(value),
            b"label" => self.label(value),
            b"scope" => self.scope(value),
            b"peer" => self.peer(value),
            b"preferred_lft" => self.preferred(value),
            b"track_group" => {
                self.line.track_group = Some(value);
                Some(())
            }
            _ => self.broadcast(value),
        }
    }

    fn drop_line(&mut self, word: Word<'t>, message: String, help: &str) -> Option<()> {
        self.context.fault(
            word.span(),
            message,
            format!("{help}; the address is not used"),
        );
        None
    }

    fn dev(&mut self, word: Word<'t>) -> Option<()> {
        let name = text(&word);
        if self.line.address.interface.is_some() {
            return self.drop_line(word, format!("a second dev '{name}'"), "name one interface");
        }
        if !self.context.must_exist(&name, word.span()) && !self.context.dynamic_interfaces {
            return None;
        }
        self.line.address.interface = Some(name.into_owned());
        Some(())
    }

    fn label(&mut self, word: Word<'t>) -> Option<()> {
        let name = text(&word);
        if self.line.address.address.is_ipv6() {
            self.context.fault(
                word.span(),
                "an IPv6 address takes no label",
                "the label is ignored",
            );
        } else if name.len() > INTERFACE_NAME_MAX {
            let help = format!("labels have at most {INTERFACE_NAME_MAX} bytes");
            return self.drop_line(
                word,
                format!("label '{}' is too long", quote(word.bytes())),
                &help,
            );
        } else {
            self.line.address.label = Some(name.into_owned());
        }
        Some(())
    }

    fn scope(&mut self, word: Word<'t>) -> Option<()> {
        let name = text(&word);
        let number = match &*name {
            "global" => Some(0),
            "site" => Some(200),
            "link" => Some(253),
            "host" => Some(254),
            "nowhere" => Some(255),
            other => other.parse().ok().or_else(|| {
                self.context
                    .number(Names::Scopes, other)
                    .and_then(|n| u8::try_from(n).ok())
            }),
        };
        match number {
            _ if self.line.address.address.is_ipv6() => {
                self.context.fault(
                    word.span(),
                    "an IPv6 address takes no scope",
                    "its scope follows from the address; the word is ignored",
                );
            }
            Some(number) => self.line.address.scope = number,
            None => {
                let help =
                    "write global, site, link, host, nowhere or a number up to 255; global is used";
                self.context.fault(
                    word.span(),
                    format!("unknown scope '{}'", quote(word.bytes())),
                    help,
                );
            }
        }
        Some(())
    }

    fn broadcast(&mut self, word: Word<'t>) -> Option<()> {
        if self.line.address.address.is_ipv6() {
            return self.drop_line(
                word,
                "an IPv6 address has no broadcast address".into(),
                "remove brd",
            );
        }
        match word.bytes() {
            b"+" | b"-" => self.computed = Some((word, word == "+")),
            bytes => match text(&word).parse() {
                Ok(address) => self.line.address.broadcast = Some(address),
                Err(_) => {
                    return self.drop_line(
                        word,
                        format!("invalid broadcast address '{}'", quote(bytes)),
                        "write an IPv4 address, + or -",
                    );
                }
            },
        }
        Some(())
    }

    fn peer(&mut self, word: Word<'t>) -> Option<()> {
        let own = self.line.address.address;
        match Prefixed::parse(&text(&word)) {
            Some(peer)
                if peer.address.is_ipv4() == own.is_ipv4()
                    && peer.prefix != Some(Err(()))
                    && self.line.address.peer.is_none() =>
            {
                if self.prefix_given {
                    self.context.fault(
                        word.span(),
                        "a prefix length stands at the address and not at its peer",
                        "move it behind the peer's address",
                    );
                }
                self.line.address.peer = Some((peer.address, peer.length()));
            }
            _ => {
                let message = format!("invalid peer address '{}'", quote(word.bytes()));
                self.context.fault(
                    word.span(),
                    message,
                    "write one address of the same family; it is ignored",
                );
            }
        }
        Some(())
    }

    fn preferred(&mut self, word: Word<'t>) -> Option<()> {
        match (word.bytes(), parse_integer(word.bytes()).map(u32::try_from)) {
            (b"forever", _) => self.line.address.preferred_lifetime = None,
            (_, Ok(Ok(seconds))) => self.line.address.preferred_lifetime = Some(seconds),
            (bytes, _) => {
                let message = format!("invalid preferred_lft '{}'", quote(bytes));
                self.context.fault(
                    word.span(),
                    message,
                    "write seconds or forever; it is ignored",
                );
            }
        }
        Some(())
    }

    fn finish(mut self) -> Option<AddressLine<'t>> {
        if let (Some((word, set)), IpAddr::V4(own)) = (self.computed, self.line.address.address) {
            let prefix = self.line.address.prefix;
            if prefix > BROADCAST_PREFIX_MAX {
                let message = format!(
                    "brd {} needs a prefix length of at most {BROADCAST_PREFIX_MAX}",
                    text(&word)
                );
                self.context.diagnostics.advise(
                    Class::General,
                    word.span(),
                    message,
                    format!("the address has /{prefix}; brd is ignored"),
                );
            } else {
                let host = u32::MAX >> prefix;
                let bits = if set {
                    own.to_bits() | host
                } else {
                    own.to_bits() & !host
                };
                self.line.address.broadcast = Some(Ipv4Addr::from_bits(bits));
            }
        }
        Some(self.line)
    }
}
