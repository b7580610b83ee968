//! BFD control packets (RFC 5880 section 4.1): parse and emit. `parse` makes those reception checks of section 6.8.6 that need no
//! session; which session a packet is for and what it does there is for `bfd` to say.
//!
//! No authentication is spoken, so that a packet that carries it is refused, as section 6.8.6 has it for such a receiver.

use super::bytes::{u8_at, u32_at};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::num::{NonZeroU8, NonZeroU32};

/// Where single-hop packets go (RFC 5881 section 4).
pub const PORT: u16 = 3784;
/// Where multihop packets go (RFC 5883 section 5).
pub const PORT_MULTIHOP: u16 = 4784;
/// Where packets come from: one port a session (RFC 5881 section 4).
pub const SOURCE_PORTS: std::ops::RangeInclusive<u16> = 49152..=65535;
/// Length of a packet without authentication.
pub const LENGTH: usize = 24;
/// The only version there is.
const VERSION: u8 = 1;
/// The shortest packet that says it carries authentication (RFC 5880 section 6.8.6).
const LENGTH_AUTHENTICATED: usize = 26;

/// Bits of the second byte.
const POLL: u8 = 0x20;
const FINAL: u8 = 0x10;
const INDEPENDENT: u8 = 0x08;
const AUTHENTICATION: u8 = 0x04;
const DEMAND: u8 = 0x02;
const MULTIPOINT: u8 = 0x01;

/// The state of a session (RFC 5880 section 6.2), with its number on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum State {
    /// Held down by its user.
    AdminDown = 0,
    /// Nothing is known of the neighbour, or it was lost.
    #[default]
    Down = 1,
    /// The neighbour speaks; whether it hears is not known.
    Init = 2,
    /// Both hear each other.
    Up = 3,
}

impl State {
    /// From its two bits.
    pub fn from_bits(bits: u8) -> Self {
        match bits & 3 {
            0 => State::AdminDown,
            1 => State::Down,
            2 => State::Init,
            _ => State::Up,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::AdminDown => "AdminDown",
            State::Down => "Down",
            State::Init => "Init",
            State::Up => "Up",
        })
    }
}

/// Why a session last changed its state (RFC 5880 section 4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Diagnostic {
    /// It never fell.
    #[default]
    None,
    /// Nothing was heard within the detection time.
    DetectionTimeExpired,
    /// The echo function failed.
    EchoFailed,
    /// The neighbour said that it is down.
    NeighborSignaledDown,
    /// The forwarding plane was reset.
    ForwardingPlaneReset,
    /// The path is down.
    PathDown,
    /// The concatenated path is down.
    ConcatenatedPathDown,
    /// Its user took it down.
    AdministrativelyDown,
    /// The concatenated path is down in the other direction.
    ReverseConcatenatedPathDown,
    /// Reserved, or of a later specification: 9..=31.
    Other(u8),
}

impl Diagnostic {
    /// The numbered ones, each at its number.
    const KNOWN: [Diagnostic; 9] = [
        Diagnostic::None,
        Diagnostic::DetectionTimeExpired,
        Diagnostic::EchoFailed,
        Diagnostic::NeighborSignaledDown,
        Diagnostic::ForwardingPlaneReset,
        Diagnostic::PathDown,
        Diagnostic::ConcatenatedPathDown,
        Diagnostic::AdministrativelyDown,
        Diagnostic::ReverseConcatenatedPathDown,
    ];
    /// Its five bits.
    const MASK: u8 = 0x1f;

    /// From its five bits.
    pub fn from_bits(bits: u8) -> Self {
        let code = bits & Self::MASK;
        let known = Self::KNOWN.get(usize::from(code));
        known.copied().unwrap_or(Diagnostic::Other(code))
    }

    /// Its number on the wire.
    pub fn code(self) -> u8 {
        match self {
            Diagnostic::None => 0,
            Diagnostic::DetectionTimeExpired => 1,
            Diagnostic::EchoFailed => 2,
            Diagnostic::NeighborSignaledDown => 3,
            Diagnostic::ForwardingPlaneReset => 4,
            Diagnostic::PathDown => 5,
            Diagnostic::ConcatenatedPathDown => 6,
            Diagnostic::AdministrativelyDown => 7,
            Diagnostic::ReverseConcatenatedPathDown => 8,
            Diagnostic::Other(code) => code & Self::MASK,
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Diagnostic::None => "No Diagnostic",
            Diagnostic::DetectionTimeExpired => "Control Detection Time Expired",
            Diagnostic::EchoFailed => "Echo Function Failed",
            Diagnostic::NeighborSignaledDown => "Neighbor Signaled Session Down",
            Diagnostic::ForwardingPlaneReset => "Forwarding Plane Reset",
            Diagnostic::PathDown => "Path Down",
            Diagnostic::ConcatenatedPathDown => "Concatenated Path Down",
            Diagnostic::AdministrativelyDown => "Administratively Down",
            Diagnostic::ReverseConcatenatedPathDown => "Reverse Concatenated Path Down",
            Diagnostic::Other(code) => return write!(f, "Diagnostic {code}"),
        })
    }
}

/// A control packet without authentication (RFC 5880 section 4.1). Intervals are in microseconds.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// | Vers |  Diag  |Sta|P|F|C|A|D|M|  Detect Mult  |    Length     |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                       My Discriminator                        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                      Your Discriminator                       |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                    Desired Min TX Interval                    |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                   Required Min RX Interval                    |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                 Required Min Echo RX Interval                 |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Why the sender's session last changed its state.
    pub diagnostic: Diagnostic,
    /// The sender's state.
    pub state: State,
    /// P: the sender wants an answer with F.
    pub poll: bool,
    /// F: this answers a packet with P.
    pub fin: bool,
    /// C: the sender's BFD does not share the fate of its control plane.
    pub independent: bool,
    /// D: the sender is in demand mode and wants no periodic packets.
    pub demand: bool,
    /// Detect Mult.
    pub multiplier: NonZeroU8,
    /// The sender's session.
    pub my_discriminator: NonZeroU32,
    /// The receiver's session, as far as the sender knows it.
    pub your_discriminator: Option<NonZeroU32>,
    /// How often the sender would like to send.
    pub desired_min_tx: u32,
    /// How often the sender can receive; 0 = it wants no periodic packets.
    pub required_min_rx: u32,
    /// How often the sender can receive echo packets; 0 = not at all.
    pub required_min_echo_rx: u32,
}

impl Packet {
    /// Reads the payload of a datagram. What follows the packet's own length is ignored.
    pub fn parse(payload: &[u8]) -> Result<Packet, Malformed> {
        let short = Malformed::Short(payload.len());
        let byte = |at| u8_at(payload, at).ok_or(short);
        let number = |at| u32_at(payload, at).ok_or(short);
        let (first, flags, length) = (byte(0)?, byte(1)?, usize::from(byte(3)?));
        if first >> 5 != VERSION {
            return Err(Malformed::Version(first >> 5));
        }
        let authenticated = flags & AUTHENTICATION != 0;
        let least = if authenticated {
            LENGTH_AUTHENTICATED
        } else {
            LENGTH
        };
        if length < least || length > payload.len() {
            return Err(Malformed::Length {
                said: length,
                got: payload.len(),
            });
        }
        let multiplier = NonZeroU8::new(byte(2)?).ok_or(Malformed::Multiplier)?;
        if flags & MULTIPOINT != 0 {
            return Err(Malformed::Multipoint);
        }
        let my_discriminator = NonZeroU32::new(number(4)?).ok_or(Malformed::MyDiscriminator)?;
        let your_discriminator = NonZeroU32::new(number(8)?);
        let state = State::from_bits(flags >> 6);
        if your_discriminator.is_none() && matches!(state, State::Init | State::Up) {
            return Err(Malformed::YourDiscriminator(state));
        }
        if authenticated {
            return Err(Malformed::Authenticated);
        }
        Ok(Packet {
            diagnostic: Diagnostic::from_bits(first),
            state,
            poll: flags & POLL != 0,
            fin: flags & FINAL != 0,
            independent: flags & INDEPENDENT != 0,
            demand: flags & DEMAND != 0,
            multiplier,
            my_discriminator,
            your_discriminator,
            desired_min_tx: number(12)?,
            required_min_rx: number(16)?,
            required_min_echo_rx: number(20)?,
        })
    }

    /// The payload of the datagram.
    pub fn emit(&self) -> [u8; LENGTH] {
        let mut flags = (self.state as u8) << 6;
        for (set, bit) in [
            (self.poll, POLL),
            (self.fin, FINAL),
            (self.independent, INDEPENDENT),
            (self.demand, DEMAND),
        ] {
            if set {
                flags |= bit;
            }
        }
        let mut bytes = [0; LENGTH];
        bytes[0] = VERSION << 5 | self.diagnostic.code();
        bytes[1] = flags;
        bytes[2] = self.multiplier.get();
        bytes[3] = LENGTH as u8;
        let numbers = [
            self.my_discriminator.get(),
            self.your_discriminator.map_or(0, NonZeroU32::get),
            self.desired_min_tx,
            self.required_min_rx,
            self.required_min_echo_rx,
        ];
        for (place, number) in bytes[4..].chunks_exact_mut(4).zip(numbers) {
            place.copy_from_slice(&number.to_be_bytes());
        }
        bytes
    }
}

/// Why a packet is discarded before any session is looked for, in the order of RFC 5880 section 6.8.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// No whole packet; so many bytes arrived.
    Short(usize),
    /// Another version of the protocol.
    Version(u8),
    /// Its length field is too small, or says more than arrived.
    Length {
        /// What the length field says.
        said: usize,
        /// How many bytes arrived.
        got: usize,
    },
    /// A Detect Mult of 0.
    Multiplier,
    /// The multipoint bit, which only another protocol (RFC 8562) uses.
    Multipoint,
    /// A My Discriminator of 0.
    MyDiscriminator,
    /// A Your Discriminator of 0 in a state that cannot be reached without having heard it.
    YourDiscriminator(State),
    /// It carries authentication, and none is configured.
    Authenticated,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Malformed::Short(got) => write!(f, "it has {got} bytes, {LENGTH} are needed"),
            Malformed::Version(version) => write!(f, "version {version} is not {VERSION}"),
            Malformed::Length { said, got } => {
                write!(f, "its length field says {said}, it has {got} bytes")
            }
            Malformed::Multiplier => f.write_str("its detect multiplier is 0"),
            Malformed::Multipoint => f.write_str("its multipoint bit is set"),
            Malformed::MyDiscriminator => f.write_str("its own discriminator is 0"),
            Malformed::YourDiscriminator(state) => {
                write!(f, "it says {state} to a discriminator of 0")
            }
            Malformed::Authenticated => {
                f.write_str("it carries authentication, which is not configured")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As Debian's keepalived begins a session: Down, multiplier 5, 1 s, 10 ms.
    const FIRST: [u8; LENGTH] = [
        0x20, 0x40, 5, 24, 0x11, 0x22, 0x33, 0x44, 0, 0, 0, 0, 0, 0x0f, 0x42, 0x40, 0, 0, 0x27,
        0x10, 0, 0, 0, 0,
    ];

    #[test]
    fn a_first_packet() {
        let packet = Packet {
            diagnostic: Diagnostic::None,
            state: State::Down,
            poll: false,
            fin: false,
            independent: false,
            demand: false,
            multiplier: NonZeroU8::new(5).unwrap(),
            my_discriminator: NonZeroU32::new(0x1122_3344).unwrap(),
            your_discriminator: None,
            desired_min_tx: 1_000_000,
            required_min_rx: 10_000,
            required_min_echo_rx: 0,
        };
        assert_eq!(Packet::parse(&FIRST), Ok(packet));
        assert_eq!(packet.emit(), FIRST);
        let padded = [&FIRST[..], b"padding"].concat();
        assert_eq!(Packet::parse(&padded), Ok(packet));
    }

    #[test]
    fn what_is_discarded_whatever_the_session() {
        let with = |changes: &[(usize, u8)]| {
            let mut packet = FIRST.to_vec();
            for &(at, byte) in changes {
                packet[at] = byte;
            }
            packet
        };
        // In the order of RFC 5880 section 6.8.6.
        let cases: [(Vec<u8>, Malformed); 14] = [
            (Vec::new(), Malformed::Short(0)),
            (with(&[])[..3].to_vec(), Malformed::Short(3)),
            (with(&[(0, 0x00)]), Malformed::Version(0)),
            (with(&[(0, 0x40)]), Malformed::Version(2)),
            (with(&[(3, 23)]), Malformed::Length { said: 23, got: 24 }),
            (with(&[(3, 25)]), Malformed::Length { said: 25, got: 24 }),
            (
                with(&[])[..23].to_vec(),
                Malformed::Length { said: 24, got: 23 },
            ),
            (with(&[(1, 0x44)]), Malformed::Length { said: 24, got: 24 }),
            (with(&[(2, 0)]), Malformed::Multiplier),
            (with(&[(1, 0x41)]), Malformed::Multipoint),
            (
                with(&[(4, 0), (5, 0), (6, 0), (7, 0)]),
                Malformed::MyDiscriminator,
            ),
            (
                with(&[(1, 0x80)]),
                Malformed::YourDiscriminator(State::Init),
            ),
            (with(&[(1, 0xc0)]), Malformed::YourDiscriminator(State::Up)),
            (
                [with(&[(1, 0x44), (3, 26)]), vec![1, 2]].concat(),
                Malformed::Authenticated,
            ),
        ];
        for (bytes, fault) in cases {
            assert_eq!(Packet::parse(&bytes), Err(fault), "{bytes:02x?}: {fault}");
        }
        // Down and AdminDown are what is said to a neighbour that is not known yet.
        for flags in [0x00, 0x40] {
            assert!(Packet::parse(&with(&[(1, flags)])).is_ok());
        }
    }

    proptest! {
        #[test]
        fn any_packet_is_read_as_it_was_written(bytes: [u8; LENGTH], valid: bool) {
            let mut bytes = bytes;
            if valid {
                bytes[0] = 0x20 | bytes[0] & 0x1f;
                bytes[1] &= !(AUTHENTICATION | MULTIPOINT);
                bytes[3] = LENGTH as u8;
            }
            if let Ok(packet) = Packet::parse(&bytes) {
                prop_assert_eq!(packet.emit(), bytes);
            }
        }
    }
}
