//! `virtual_server_group`: lists of addresses, ranges, blocks and firewall marks. A range of ports, which is ours, is as many lines.

use super::{Builder, Context};
use crate::config::diagnostic::{Class, Span, quote};
use crate::config::model::{Family, LINE_SERVICES_MAX, Member, ServerGroup};
use crate::config::read::{Item, missing_argument, parse_integer};
use crate::config::tree::{Statement, Word};
use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::rc::Rc;

const HELP: &str = "write IP, IP/LENGTH, IP-LAST or IP-IP and perhaps a port or PORT-PORT, or fwmark NUMBER [inet|inet6]; the line is ignored";

const HELP_MANY: &str = "each address and port is a service of its own: write a smaller range, or mark the packets (nftables, iptables) and use fwmark";

/// What services want to know of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    /// It has IPv4 members.
    pub inet: bool,
    /// It has IPv6 members.
    pub inet6: bool,
    /// It has firewall marks.
    pub marks: bool,
    /// It has firewall marks without a family.
    pub bare_marks: bool,
    /// It has addresses.
    pub addresses: bool,
    /// It has an address without a port.
    pub portless: bool,
    /// The first address, and its port.
    pub first: Option<(IpAddr, Option<u16>)>,
    /// The ports of its addresses differ.
    pub mixed_ports: bool,
    /// It was found to be of no use, which was said.
    pub removed: bool,
}

impl Known {
    fn count(&mut self, member: Member) {
        let family = match member {
            Member::Addresses { first, port, .. } => {
                self.addresses = true;
                self.portless |= port.is_none();
                let (_, first_port) = *self.first.get_or_insert((first, port));
                self.mixed_ports |= first_port != port;
                Some(Family::of(first))
            }
            Member::Fwmark { family, .. } => {
                self.marks = true;
                self.bare_marks |= family.is_none();
                family
            }
        };
        self.inet |= family == Some(Family::Inet);
        self.inet6 |= family == Some(Family::Inet6);
    }

    /// The one family of its members; None when there are both, or no way to know.
    pub(super) fn family(self) -> Option<Family> {
        match (self.inet, self.inet6) {
            (true, false) => Some(Family::Inet),
            (false, true) => Some(Family::Inet6),
            _ => None,
        }
    }
}

impl<'t> Builder<'t> {
    /// Reads a group.
    pub(super) fn group(&mut self, context: &mut Context<'_>, item: &Item<'t>) {
        let (Some(name), Some(lines)) = (item.block_name(context), item.open(context)) else {
            return;
        };
        let (mut members, mut known, mut seen) = (Vec::new(), Known::default(), HashSet::new());
        // One that has marks of its own is taken apart all the same.
        let is_marked =
            self.lvs.marking.is_some() && !lines.into_iter().any(|line| line.keyword() == "fwmark");
        for line in lines {
            let of_line = self::members(context, name, line, is_marked);
            let is_new = |member: &Member| seen.insert(*member);
            let before = of_line.len();
            let of_line: Vec<Member> = of_line.into_iter().filter(is_new).collect();
            if of_line.len() < before {
                let message = format!(
                    "virtual server group {name}: {} is there twice",
                    quote(line.keyword().bytes())
                );
                note(
                    context,
                    line.span(),
                    message,
                    "what is there twice counts once",
                );
            }
            of_line.iter().for_each(|member| known.count(*member));
            members.extend(of_line);
        }
        let span = item.argument_span(0);
        if members.is_empty() {
            let message = format!("virtual server group {name} has no entries - removing");
            context.fault(span, message, "put at least one address or fwmark into it");
            known.removed = true;
        } else if known.inet && known.inet6 && known.bare_marks {
            let message = format!(
                "virtual server group {name} cannot have IPv4, IPv6 and fwmark without family - removing"
            );
            context.fault(
                span,
                message,
                "write inet or inet6 behind each fwmark, or make a group for each family",
            );
            known.removed = true;
        }
        if self.groups.contains_key(name) {
            let message = format!("virtual server group {name} is defined twice");
            note(
                context,
                span,
                message,
                "the first one counts; give this one another name",
            );
            return;
        }
        self.groups.insert(name, known);
        if !known.removed {
            let name = Rc::from(name);
            self.lvs.groups.push(ServerGroup { name, members });
        }
    }
}

/// Says what keepalived says nothing about, and what leaves the exit status of `-t` alone.
pub(super) fn note(context: &mut Context<'_>, span: Span, message: String, help: &str) {
    context.diagnostics.advise(Class::Note, span, message, help);
}

fn refuse<T>(context: &mut Context<'_>, word: Word<'_>, message: String) -> Option<T> {
    context.fault(word.span(), message, HELP);
    None
}

/// Reads a line; nothing when it is to be dropped, which is said.
fn members(
    context: &mut Context<'_>,
    group: &str,
    line: Statement<'_>,
    is_marked: bool,
) -> Vec<Member> {
    if line.keyword() == "fwmark" {
        return fwmark(context, group, line).into_iter().collect();
    }
    let Some((first, last, (least, most))) = addresses(context, line, is_marked) else {
        return Vec::new();
    };
    let ports = (least..=most).map(|port| (port != 0).then_some(port));
    ports
        .map(|port| Member::Addresses { first, last, port })
        .collect()
}

/// `PORT` or `PORT-PORT`; 0 where there is none.
fn ports(word: Option<Word<'_>>) -> Result<(u16, u16), ()> {
    let text = word.and_then(|word| word.as_str());
    let Some((first, last)) = text.and_then(|text| text.split_once('-')) else {
        let port = super::port(word)?.unwrap_or(0);
        return Ok((port, port));
    };
    let port = |text: &str| super::port_of(text.as_bytes())?.ok_or(());
    let (first, last) = (port(first)?, port(last)?);
    if first <= last {
        Ok((first, last))
    } else {
        Err(())
    }
}

/// How many addresses there are from the first to the last.
fn count(first: IpAddr, last: IpAddr) -> u128 {
    let bits = |address| match address {
        IpAddr::V4(address) => u128::from(Ipv4Addr::to_bits(address)),
        IpAddr::V6(address) => Ipv6Addr::to_bits(address),
    };
    bits(last).saturating_sub(bits(first)).saturating_add(1)
}

/// The first and the last address of a line, and its ports; `is_marked`: all of them are one service. None when it is to be dropped,
/// which is said.
fn addresses(
    context: &mut Context<'_>,
    line: Statement<'_>,
    is_marked: bool,
) -> Option<(IpAddr, IpAddr, (u16, u16))> {
    let word = line.keyword();
    let shown = quote(word.bytes());
    let ports = match ports(line.word(1)) {
        Ok(ports) if !line.has_block() => ports,
        _ => {
            let text = line.word(1).map_or(String::new(), |port| {
                format!(" /port/{}", quote(port.bytes()))
            });
            let message =
                format!("Invalid virtual server group IP address {shown}{text} - skipping");
            return refuse(context, word, message);
        }
    };
    let text = word.as_str().unwrap_or_default();
    let range = if let Some((address, length)) = text.split_once('/') {
        block(address, length)
    } else if let Some((first, last)) = text.split_once('-') {
        span(first, last)
    } else {
        text.parse()
            .map(|address| (address, address))
            .map_err(|_| Bad::Address)
    };
    let message = match range {
        Ok((first, last)) => {
            let of_each = u128::from(ports.1 - ports.0) + 1;
            let addresses = count(first, last);
            if is_marked || addresses.saturating_mul(of_each) <= LINE_SERVICES_MAX.into() {
                return Some((first, last, ports));
            }
            if of_each == 1 {
                let message = format!(
                    "Virtual server group line {shown} has {addresses} addresses - only the first {LINE_SERVICES_MAX} are used"
                );
                note(context, word.span(), message, HELP_MANY);
                return Some((first, last, ports));
            }
            let message = format!(
                "Virtual server group line {shown} stands for more than {LINE_SERVICES_MAX} services - skipping"
            );
            context.fault(word.span(), message, HELP_MANY);
            return None;
        }
        Err(Bad::Address) => {
            let port = line.word(1).map_or(String::new(), |port| {
                format!(" /port/{}", quote(port.bytes()))
            });
            format!("Invalid virtual server group IP address {shown}{port} - skipping")
        }
        Err(Bad::Length) => format!("Invalid netmask - {shown} - skipping"),
        Err(Bad::HostBits) => format!("Address mask bits not empty - {shown} - skipping"),
        Err(Bad::NotGreater) => format!(
            "Address range end is not greater than address range start - {shown} - skipping"
        ),
        Err(Bad::Less) => {
            format!("Address range end is less than address range start - {shown} - skipping")
        }
        Err(Bad::TooLarge(end)) => {
            format!("Virtual server group range '{shown}' end '{end}' too large")
        }
        Err(Bad::NotANumber(end)) => {
            format!("Virtual server group range '{shown}' has extra characters at end '{end}'")
        }
    };
    refuse(context, word, message)
}

fn fwmark(context: &mut Context<'_>, group: &str, line: Statement<'_>) -> Option<Member> {
    let Some(word) = line.word(1) else {
        let message = missing_argument("fwmark", 0);
        context.diagnostics.advise(
            Class::MissingArgument,
            line.span(),
            message,
            "write: fwmark NUMBER [inet|inet6]",
        );
        return None;
    };
    let Some(mark) = parse_integer(word.bytes())
        .ok()
        .and_then(|mark| u32::try_from(mark).ok())
    else {
        let message = format!(
            "({group}): fwmark '{}' must be in [0, {}] - ignoring",
            quote(word.bytes()),
            u32::MAX
        );
        return refuse(context, word, message);
    };
    let family = match line.word(2) {
        None => None,
        Some(word) if word == "inet" => Some(Family::Inet),
        Some(word) if word == "inet6" => Some(Family::Inet6),
        Some(word) => {
            let message = format!(
                "({group}): fwmark '{mark}' family {} unknown - ignoring",
                quote(word.bytes())
            );
            return refuse(context, word, message);
        }
    };
    Some(Member::Fwmark { mark, family })
}

/// What is wrong with a range.
#[derive(Debug, PartialEq, Eq)]
enum Bad<'t> {
    Address,
    Length,
    HostBits,
    NotGreater,
    Less,
    TooLarge(&'t str),
    NotANumber(&'t str),
}

/// `IP/LENGTH`: all addresses of the block.
fn block<'t>(address: &str, length: &'t str) -> Result<(IpAddr, IpAddr), Bad<'t>> {
    let address: IpAddr = address.parse().map_err(|_| Bad::Address)?;
    let length = parse_integer(length.as_bytes()).map_err(|_| Bad::Length)?;
    let length = u32::try_from(length).map_err(|_| Bad::Length)?;
    let host = |bits: u32| {
        bits.checked_sub(length)
            .filter(|host| *host < bits)
            .ok_or(Bad::Length)
    };
    match address {
        IpAddr::V4(first) => {
            let mask = 1u32
                .checked_shl(host(Ipv4Addr::BITS)?)
                .map_or(u32::MAX, |bit| bit - 1);
            match first.to_bits() & mask {
                0 => Ok((address, Ipv4Addr::from_bits(first.to_bits() | mask).into())),
                _ => Err(Bad::HostBits),
            }
        }
        IpAddr::V6(first) => {
            let mask = 1u128
                .checked_shl(host(Ipv6Addr::BITS)?)
                .map_or(u128::MAX, |bit| bit - 1);
            match first.to_bits() & mask {
                0 => Ok((address, Ipv6Addr::from_bits(first.to_bits() | mask).into())),
                _ => Err(Bad::HostBits),
            }
        }
    }
}

/// `IP-LAST` or `IP-IP`.
fn span<'t>(first: &str, last: &'t str) -> Result<(IpAddr, IpAddr), Bad<'t>> {
    let first: IpAddr = first.parse().map_err(|_| Bad::Address)?;
    let end = match (first, last.parse::<IpAddr>()) {
        (IpAddr::V4(_), Ok(IpAddr::V6(_))) | (IpAddr::V6(_), Ok(IpAddr::V4(_))) => {
            return Err(Bad::Address);
        }
        (_, Ok(end)) if end < first => return Err(Bad::Less),
        (_, Ok(end)) => return Ok((first, end)),
        (IpAddr::V4(first), Err(_)) => {
            const OCTET: u32 = 0xff;
            let end = part(last, 10, OCTET)?;
            IpAddr::V4(Ipv4Addr::from_bits(first.to_bits() & !OCTET | end))
        }
        (IpAddr::V6(first), Err(_)) => {
            const GROUP: u32 = 0xffff;
            let end = part(last, 16, GROUP)?;
            IpAddr::V6(Ipv6Addr::from_bits(
                first.to_bits() & !u128::from(GROUP) | u128::from(end),
            ))
        }
    };
    if end > first {
        Ok((first, end))
    } else {
        Err(Bad::NotGreater)
    }
}

/// The last part of an address, in digits of a base.
fn part(text: &str, base: u32, most: u32) -> Result<u32, Bad<'_>> {
    if text.is_empty() || !text.chars().all(|digit| digit.is_digit(base)) {
        return Err(Bad::NotANumber(text));
    }
    let value = u32::from_str_radix(text, base)
        .ok()
        .filter(|value| *value <= most);
    value.ok_or(Bad::TooLarge(text))
}

#[cfg(test)]
mod tests {
    use super::{Bad, block, span};

    #[test]
    fn ranges_and_blocks_cover_what_they_say() {
        let pair = |first: &str, last: &str| Ok((first.parse().unwrap(), last.parse().unwrap()));
        for (first, last, expected) in [
            ("10.1.0.5", "9", pair("10.1.0.5", "10.1.0.9")),
            ("10.1.0.5", "5", Err(Bad::NotGreater)),
            ("10.1.0.9", "5", Err(Bad::NotGreater)),
            ("10.1.0.9", "256", Err(Bad::TooLarge("256"))),
            ("10.1.0.9", "", Err(Bad::NotANumber(""))),
            ("10.1.0.9", "x", Err(Bad::NotANumber("x"))),
            ("10.1.0.9", "10.1.1.0", pair("10.1.0.9", "10.1.1.0")),
            ("10.1.0.9", "10.1.0.9", pair("10.1.0.9", "10.1.0.9")),
            ("10.1.0.9", "10.1.0.8", Err(Bad::Less)),
            ("10.1.0.9", "1::1", Err(Bad::Address)),
            ("1::1", "1f", pair("1::1", "1::1f")),
            ("1::1", "10000", Err(Bad::TooLarge("10000"))),
            ("1::1", "g", Err(Bad::NotANumber("g"))),
            ("1::1", "1::5", pair("1::1", "1::5")),
            ("300.1.1.1", "5", Err(Bad::Address)),
        ] {
            assert_eq!(span(first, last), expected, "{first}-{last}");
        }
        for (address, length, expected) in [
            ("10.1.0.0", "24", pair("10.1.0.0", "10.1.0.255")),
            ("10.1.0.1", "32", pair("10.1.0.1", "10.1.0.1")),
            ("10.1.0.1", "24", Err(Bad::HostBits)),
            ("10.1.0.1", "33", Err(Bad::Length)),
            ("0.0.0.0", "0", Err(Bad::Length)),
            ("10.1.0.1", "255.255.255.0", Err(Bad::Length)),
            ("1::", "64", pair("1::", "1::ffff:ffff:ffff:ffff")),
            ("1::1", "128", pair("1::1", "1::1")),
            ("::", "0", Err(Bad::Length)),
            ("1::", "129", Err(Bad::Length)),
        ] {
            assert_eq!(block(address, length), expected, "{address}/{length}");
        }
    }
}
