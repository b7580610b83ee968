//! What may stand after a keyword, as a type: one variant a form that several keywords share, `Custom` for the few that have a
//! little language of their own. Reading words by a form is `config::read`'s; this is only the vocabulary.

/// How an integer with something after its digits (`10x`) is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strictness {
    /// The number is used and the rest reported.
    Lenient,
    /// The whole is refused.
    Strict,
}

/// Which addresses are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4 alone.
    V4,
    /// IPv6 alone.
    V6,
    /// Both.
    Either,
}

/// What stands between the keyword of a statement block and its `{`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// No words.
    Nothing,
    /// One name.
    Name,
    /// `IP [PORT]`.
    Endpoint,
    /// `IP [PORT]`, `fwmark N` or `group NAME`.
    Service,
}

/// What one line of a value block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// Every word of a line is an entry.
    Names,
    /// An address with its options.
    Addresses,
    /// A route.
    Routes,
    /// A policy rule.
    Rules,
    /// `IFNAME [weight W [reverse]]`.
    TrackInterfaces,
    /// `SCRIPT [weight W [reverse|noreverse]]`.
    TrackScripts,
    /// `FILE [weight W [reverse|noreverse]]`.
    TrackFiles,
    /// `PROCESS [weight W [reverse|noreverse]]`.
    TrackProcesses,
    /// `BFD [weight W [reverse|noreverse]]`.
    TrackBfds,
    /// A unicast peer with its TTL bounds.
    Peers,
    /// An interface and how its link is polled.
    Linkbeat,
    /// An interface and its down and up delays.
    Delays,
    /// A member of a virtual server group.
    Members,
}

/// Forms that one keyword (or a pair of spellings) has for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Custom {
    /// `lvs_sync_daemon`.
    LvsSyncDaemon,
    /// `lvs_timeouts`.
    LvsTimeouts,
    /// `HOST [PORT]`.
    HostPort,
    /// `use_vmac`.
    UseVmac,
    /// `use_ipvlan`.
    UseIpvlan,
    /// A number of any base, or names of permission bits.
    Umask,
    /// `include_check`.
    IncludeCheck,
    /// `MTU`, `ADVERT` or bytes.
    BufferPolicy,
    /// `ID SECRET`.
    HmacKey,
    /// IPv4 netmask or IPv6 prefix length.
    Granularity,
    /// `NAT`, `DR` or `TUN` with its options.
    ForwardingMethod,
    /// `[INT] [overwrite]`.
    InitFile,
    /// Two integers.
    TwoInts,
    /// HTTP status codes and ranges.
    StatusCodes,
    /// CPU numbers.
    Cpus,
    /// An MD5 digest in hexadecimal.
    Digest,
    /// Hexadecimal bytes.
    Hex,
    /// Hexadecimal bytes with `X` for any digit.
    HexPattern,
}

/// What may stand after a keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Nothing.
    Flag,
    /// Nothing (which means on) or a boolean.
    Bool,
    /// An integer from..=to.
    Int(i64, i64, Strictness),
    /// Nothing or an integer from..=to.
    OptionalInt(i64, i64, Strictness),
    /// `[all]` and an integer from..=to.
    AllInt(i64, i64),
    /// Decimal seconds: least and most in microseconds, number of decimals.
    Seconds(u64, u64, u32),
    /// Decimal milliseconds with three decimals: least and most in microseconds.
    Millis(u64, u64),
    /// One word.
    Word,
    /// Nothing or one word.
    OptionalWord,
    /// Any number of words.
    Words,
    /// An interface name.
    Interface,
    /// An address.
    Address,
    /// A multicast address.
    Multicast(Family),
    /// `IP [PORT]`.
    Server,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// One of these words, in any case.
    AnyCase(&'static [&'static str]),
    /// Nothing or one of these words.
    OptionalChoice(&'static [&'static str]),
    /// `INT [reverse]`.
    Weight(i64, i64),
    /// A command in shell quoting, then `[USER [[:]GROUP]]`.
    Script,
    /// Nothing or a `Script`.
    OptionalScript,
    /// A command with its parameters, unquoted.
    Command,
    /// `USER [[:]GROUP]`.
    User,
    /// `PATH [USER [GROUP]]`.
    Fifo,
    /// Texts in shell quoting, escapes decoded: whatever stands on the line belongs to it.
    Escaped,
    /// Something of its own.
    Custom(Custom),
    /// `{ one entry a line }`.
    Lines(Line),
    /// `HEAD { statements }`.
    Block(super::Block, Head),
}

impl Form {
    /// How many words at most belong to the keyword; more may start another statement on the same line. `None` = as many as
    /// there are.
    pub fn words(self) -> Option<usize> {
        Some(match self {
            Form::Flag | Form::Lines(_) | Form::Block(_, Head::Nothing) => 0,
            Form::Bool
            | Form::Int(..)
            | Form::OptionalInt(..)
            | Form::Seconds(..)
            | Form::Millis(..)
            | Form::Word
            | Form::OptionalWord
            | Form::Interface
            | Form::Address
            | Form::Multicast(_)
            | Form::Choice(_)
            | Form::AnyCase(_)
            | Form::OptionalChoice(_)
            | Form::Escaped
            | Form::Block(_, Head::Name) => 1,
            Form::AllInt(..)
            | Form::Server
            | Form::Weight(..)
            | Form::Block(_, Head::Endpoint | Head::Service) => 2,
            Form::Script | Form::OptionalScript | Form::User | Form::Fifo => 3,
            Form::Words | Form::Command | Form::Custom(_) => return None,
        })
    }

    /// Whether at least one word must follow.
    pub fn requires_argument(self) -> bool {
        !matches!(
            self,
            Form::Flag
                | Form::Bool
                | Form::OptionalInt(..)
                | Form::OptionalWord
                | Form::Words
                | Form::OptionalChoice(_)
                | Form::OptionalScript
                | Form::Lines(_)
                | Form::Block(_, Head::Nothing)
                | Form::Custom(
                    Custom::UseVmac
                        | Custom::UseIpvlan
                        | Custom::IncludeCheck
                        | Custom::InitFile
                        | Custom::HexPattern
                )
        )
    }

    /// Whether a `{` belongs after it.
    pub fn opens_block(self) -> bool {
        matches!(self, Form::Lines(_) | Form::Block(..))
    }
}

/// Largest unsigned 32-bit integer.
pub const U32: i64 = u32::MAX as i64;
/// Largest signed 32-bit integer.
pub const I32: i64 = i32::MAX as i64;
/// Smallest signed 32-bit integer.
pub const I32_MIN: i64 = i32::MIN as i64;
/// Longest timer, in microseconds, where any value goes: what 32 bits of microseconds hold.
pub const TIMER: u64 = u32::MAX as u64;
/// Longest timer of those limited to whole seconds, in microseconds.
pub const TIMER_S: u64 = 4_294_000_000;
/// Longest timer of a checker, in microseconds: as keepalived has it, so that any real one goes.
pub const LONG: u64 = u64::MAX - 1;
/// Longest of those given in milliseconds, in microseconds.
pub const MILLIS: u64 = 4_294_967_000;

/// What the table files write without a path.
pub(super) mod prelude {
    pub(in super::super) use super::super::Block::*;
    pub(in super::super) use super::super::Deprecation::*;
    pub(in super::super) use super::super::Missing::*;
    pub(in super::super) use super::super::Repeated::*;
    pub(in super::super) use super::Custom::*;
    pub(in super::super) use super::Family::*;
    pub(in super::super) use super::Form::*;
    pub(in super::super) use super::Head::*;
    pub(in super::super) use super::Line::*;
    pub(in super::super) use super::Strictness::*;
    pub(in super::super) use super::{I32, I32_MIN, LONG, MILLIS, TIMER, TIMER_S, U32};
}
