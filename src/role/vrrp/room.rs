//! How much may wait at a VRRP socket: what the instances that share it ask for, as bytes. No socket here.

use crate::config::model::{Authentication, BufferPolicy, ReceiveBuffers, Version, VrrpInstance};
use crate::wire::vrrp::{Family, v2, v3};
use crate::wire::{ah, ip, ipv6};

/// Room that every socket has where nothing was said: some seconds of adverts even of a busy interface.
const USUAL: usize = 256 * 1024;
/// And so much for each other router that may speak at once: an advert and the kernel's bookkeeping.
const PER_RIVAL: usize = 2048;
/// What the kernel keeps for one neighbour that does not answer (`unres_qlen_bytes`), in bytes: charged to the socket for seconds,
/// so that without this room one unicast peer that is away would silence us towards those that are there.
const PER_PEER: usize = 212_992;
/// What the kernel keeps with a packet; it grants twice of what is asked for on that account, which is too little for small ones.
const PER_PACKET: usize = 512;

/// What the instances of a socket ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Room {
    /// How many others may speak at once: each instance has one on a group at least, or its peers.
    rivals: usize,
    /// How many peers are sent to.
    peers: usize,
    /// Somebody said how much.
    is_said: bool,
    bytes: usize,
    /// Packets as large as the interface takes.
    packets: usize,
    least: usize,
}

impl Room {
    /// One more instance uses the socket.
    pub fn add(&mut self, instance: &VrrpInstance, buffers: &ReceiveBuffers) {
        let peers = instance.transport.unicast.as_ref().map(|to| to.peers.len());
        let rivals = peers.unwrap_or(1);
        let multiplier = usize::try_from(buffers.multiplier).unwrap_or(usize::MAX);
        self.rivals = self.rivals.saturating_add(rivals);
        self.peers = self.peers.saturating_add(peers.unwrap_or(0));
        self.is_said |= instance.receive_buffer.is_some() || buffers.policy.is_some();
        let bytes = match (instance.receive_buffer, buffers.policy) {
            (Some(bytes), _) => to_usize(bytes),
            (None, Some(BufferPolicy::Advert)) => {
                multiplier.saturating_mul(advert_length(instance) + PER_PACKET)
            }
            (None, Some(BufferPolicy::Mtu)) => {
                self.packets = self.packets.saturating_add(multiplier);
                0
            }
            (None, Some(BufferPolicy::Bytes(bytes))) => {
                self.least = to_usize(bytes);
                0
            }
            (None, None) => rivals.saturating_mul(PER_RIVAL),
        };
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Bytes that may wait to be read, on an interface with this MTU.
    pub fn receive(&self, mtu: usize) -> usize {
        if !self.is_said {
            return USUAL.saturating_add(self.rivals.saturating_mul(PER_RIVAL));
        }
        let packets = self.packets.saturating_mul(mtu.saturating_add(PER_PACKET));
        self.bytes.saturating_add(packets).max(self.least)
    }

    /// Bytes that may wait to leave.
    pub fn send(&self) -> usize {
        USUAL
            .saturating_add(self.rivals.saturating_mul(PER_RIVAL))
            .saturating_add(self.peers.saturating_mul(PER_PEER))
    }
}

fn to_usize(bytes: u32) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// The length of an instance's advert, with its IP header.
fn advert_length(instance: &VrrpInstance) -> usize {
    let (header, address) = match instance.family() {
        Family::V4 => (ip::HEADER_LENGTH, 4),
        Family::V6 => (ipv6::HEADER_LENGTH, 16),
    };
    let message = match instance.version {
        Version::V2 => v2::HEADER_LENGTH + v2::AUTHENTICATION_LENGTH,
        Version::V3 => v3::HEADER_LENGTH,
    };
    let ah = match instance.authentication {
        Authentication::Ah(_) => ah::HEADER_LENGTH,
        _ => 0,
    };
    header + ah + message + instance.virtual_addresses.len().saturating_mul(address)
}
