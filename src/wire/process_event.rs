//! Messages of the kernel's process events connector (`linux/connector.h`, `linux/cn_proc.h`): the request to hear of them, and what
//! is heard. Native byte order. Which processes matter is `track::census`'s.
//!
//! ```text
//! nlmsghdr (16) | cn_msg (20): idx, val, seq, ack, len, flags | proc_event: what, cpu, timestamp (8), data
//! ```

use super::bytes::array;

/// The multicast group of process events (`CN_IDX_PROC`), which is also their index and value.
pub const GROUP: u32 = 1;
/// How far the message of the connector is behind the start of a netlink message.
const NETLINK_HEADER: usize = 16;
/// How far the event is behind the start of the connector's message.
const CONNECTOR_HEADER: usize = 20;
/// How far the data are behind the start of an event.
const EVENT_HEADER: usize = 16;
/// The kernel puts each message at a multiple of this.
const ALIGNMENT: usize = 4;
/// `NLMSG_DONE`, which is what the connector calls its messages.
const MESSAGE_TYPE: u16 = 3;
/// `PROC_CN_MCAST_LISTEN`.
const LISTEN: u32 = 1;
/// `PROC_CN_MCAST_IGNORE`.
const IGNORE: u32 = 2;

/// A process, as the kernel's first process namespace numbers it.
pub type Pid = i32;

/// What was heard. Threads other than the first of a process are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The answer to `request`: an errno, 0 when it was granted.
    Acknowledged(i32),
    /// A process has made a copy of itself.
    Forked {
        /// The one that did.
        parent: Pid,
        /// The copy.
        child: Pid,
    },
    /// A process runs another program, or calls itself by another name.
    Changed(Pid),
    /// A process has ended.
    Ended(Pid),
}

/// Asks to hear of processes, or to hear no more.
pub fn request(listen: bool) -> Vec<u8> {
    let operation = if listen { LISTEN } else { IGNORE }.to_ne_bytes();
    let length = NETLINK_HEADER + CONNECTOR_HEADER + operation.len();
    let mut bytes = Vec::with_capacity(length);
    bytes.extend((length as u32).to_ne_bytes());
    bytes.extend(MESSAGE_TYPE.to_ne_bytes());
    // Flags, sequence, port.
    bytes.extend([0; 10]);
    bytes.extend(GROUP.to_ne_bytes());
    bytes.extend(GROUP.to_ne_bytes());
    // Sequence, acknowledgement.
    bytes.extend([0; 8]);
    bytes.extend((operation.len() as u16).to_ne_bytes());
    bytes.extend([0; 2]);
    bytes.extend(operation);
    bytes
}

/// The events of a datagram, in order. What is cut short ends it; what is not known is passed over.
pub fn events(datagram: &[u8]) -> impl Iterator<Item = Event> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        loop {
            let length = usize::try_from(number(rest, 0)?).ok()?;
            let message = rest.get(NETLINK_HEADER..length)?;
            let next = length.next_multiple_of(ALIGNMENT);
            rest = rest.get(next..).unwrap_or_default();
            if let Some(event) = event(message) {
                return Some(event);
            }
        }
    })
}

/// One message of the connector.
fn event(message: &[u8]) -> Option<Event> {
    if (number(message, 0)?, number(message, 4)?) != (GROUP, GROUP) {
        return None;
    }
    let event = message.get(CONNECTOR_HEADER..)?;
    let data = event.get(EVENT_HEADER..)?;
    let pid = |at| array(data, at).map(Pid::from_ne_bytes);
    // Most events begin with the thread and its process.
    let leader = || Some(pid(4)?).filter(|process| pid(0) == Some(*process));
    Some(match number(event, 0)? {
        0 => Event::Acknowledged(pid(0)?),
        0x1 => {
            let child = pid(12)?;
            if pid(8)? != child {
                return None;
            }
            Event::Forked {
                parent: pid(4)?,
                child,
            }
        }
        0x2 | 0x200 => Event::Changed(leader()?),
        0x8000_0000 => Event::Ended(leader()?),
        _ => return None,
    })
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message as a kernel sends it: what, and the words of its data.
    fn message(what: u32, words: &[i32]) -> Vec<u8> {
        let mut bytes = request(true);
        bytes.truncate(NETLINK_HEADER + CONNECTOR_HEADER);
        bytes.extend(what.to_ne_bytes());
        bytes.extend([7; 12]);
        for place in 0..6 {
            let word = words.get(place).copied().unwrap_or_default();
            bytes.extend(word.to_ne_bytes());
        }
        let length = bytes.len() as u32;
        bytes[..4].copy_from_slice(&length.to_ne_bytes());
        bytes
    }

    #[test]
    fn what_messages_say() {
        let forked = Event::Forked {
            parent: 10,
            child: 12,
        };
        for (what, words, expected) in [
            (0, &[0][..], Some(Event::Acknowledged(0))),
            (0, &[13], Some(Event::Acknowledged(13))),
            (1, &[11, 10, 12, 12], Some(forked)),
            (1, &[10, 10, 13, 10], None),
            (2, &[10, 10], Some(Event::Changed(10))),
            (0x200, &[10, 10, 0x6d6d_6f63], Some(Event::Changed(10))),
            (0x200, &[11, 10, 0x6d6d_6f63], None),
            (0x8000_0000, &[10, 10, 0, 17], Some(Event::Ended(10))),
            (0x8000_0000, &[11, 10, 0, 17], None),
            (4, &[10, 10, 0, 0], None),
            (0x4000_0000, &[10, 10], None),
        ] {
            let one = message(what, words);
            assert_eq!(one.len(), 76, "as long as the kernel's");
            let found: Vec<Event> = events(&one).collect();
            assert_eq!(found, Vec::from_iter(expected), "{what:#x} {words:?}");
        }
    }

    #[test]
    fn several_in_a_datagram_and_what_is_cut_short() {
        let mut two = message(4, &[1, 1]);
        two.extend(message(2, &[5, 5]));
        two.extend(message(0x8000_0000, &[6, 6]));
        let found: Vec<Event> = events(&two).collect();
        assert_eq!(found, [Event::Changed(5), Event::Ended(6)]);
        for length in 0..two.len() {
            let short: Vec<Event> = events(&two[..length]).collect();
            assert!(short.len() < 2, "{length}");
        }
        let mut endless = two;
        endless[..4].copy_from_slice(&0u32.to_ne_bytes());
        assert_eq!(events(&endless).count(), 0);
    }

    /// Recorded from Linux 6.18 on a little-endian machine.
    #[cfg(target_endian = "little")]
    #[test]
    fn a_fork_as_it_was_recorded() {
        let hex = "4c00000003000000010000000000000001000000010000000100000000000000280000000100000000000000ac6dcee8f416\
                   00000f6400000f64000082640000826400000000000000000000";
        let digits: Vec<u8> = hex
            .bytes()
            .filter(u8::is_ascii_hexdigit)
            .map(|digit| char::from(digit).to_digit(16).unwrap_or_default() as u8)
            .collect();
        let bytes: Vec<u8> = digits
            .chunks(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect();
        let found: Vec<Event> = events(&bytes).collect();
        let (parent, child) = (0x640f, 0x6482);
        assert_eq!(found, [Event::Forked { parent, child }]);
    }
}
