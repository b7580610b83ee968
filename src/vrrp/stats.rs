//! What is counted. Numbers only; their presentation is `report`'s.

use super::receive::PacketFault;

/// Counters of an instance, named as in keepalived's JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Adverts heard and accepted for judgement.
    pub advert_rcvd: u64,
    /// Adverts sent, resignations included.
    pub advert_sent: u64,
    /// Adverts that the kernel refused to send.
    pub advert_send_failed: u64,
    /// Times it became MASTER.
    pub become_master: u64,
    /// Times it stopped being MASTER.
    pub release_master: u64,
    /// Packets of a wrong length, or with a broken IP header.
    pub packet_len_err: u64,
    /// Adverts with another interval than ours (RFC 3768 7.1).
    pub advert_interval_err: u64,
    /// Packets that came through a router: TTL not 255.
    pub ip_ttl_err: u64,
    /// Packets of another type than advertisement.
    pub invalid_type_rcvd: u64,
    /// Adverts about other addresses than ours (accepted all the same).
    pub addr_list_err: u64,
    /// Packets with an authentication type that does not exist.
    pub invalid_authtype: u64,
    /// Packets with another authentication type than ours.
    pub authtype_mismatch: u64,
    /// Packets with a wrong password, or an authentication header made with another one.
    pub auth_failure: u64,
    /// Packets whose authentication header was used before.
    pub auth_replay: u64,
    /// Adverts without a trailer where `auth_hmac` asks for one, dropped or not.
    pub auth_ext_missing: u64,
    /// Packets with a trailer of another length or format.
    pub auth_ext_malformed: u64,
    /// Packets signed with a key that is not there.
    pub auth_ext_unknown_key: u64,
    /// Packets whose signature does not fit.
    pub auth_ext_invalid_hmac: u64,
    /// Packets signed at another time than ours.
    pub auth_ext_stale: u64,
    /// Packets signed not later than the last one of their sender.
    pub auth_ext_replay: u64,
    /// Packets of another version.
    pub version_err: u64,
    /// Packets with a wrong checksum.
    pub checksum_err: u64,
    /// Packets sent to another address than our multicast group.
    pub destination_err: u64,
    /// Unicast packets of others than the peers, with `check_unicast_src`.
    pub unicast_source_err: u64,
    /// Resignations heard.
    pub pri_zero_rcvd: u64,
    /// Resignations sent.
    pub pri_zero_sent: u64,
}

impl Stats {
    /// Counts a packet that was not accepted.
    pub(super) fn count_fault(&mut self, fault: &PacketFault) {
        let counter = match fault {
            PacketFault::Length { .. } => &mut self.packet_len_err,
            PacketFault::Ttl { .. } => &mut self.ip_ttl_err,
            PacketFault::Version { .. } => &mut self.version_err,
            PacketFault::Checksum(_) => &mut self.checksum_err,
            PacketFault::Type(_) => &mut self.invalid_type_rcvd,
            PacketFault::Destination(_) | PacketFault::Multicast(_) => &mut self.destination_err,
            PacketFault::Stranger => &mut self.unicast_source_err,
            PacketFault::AuthType(_) => &mut self.invalid_authtype,
            PacketFault::AuthMismatch { .. } => &mut self.authtype_mismatch,
            PacketFault::AuthFailure | PacketFault::AhFailure => &mut self.auth_failure,
            PacketFault::AhReplay { .. } => &mut self.auth_replay,
            PacketFault::HmacMissing => &mut self.auth_ext_missing,
            PacketFault::HmacMalformed => &mut self.auth_ext_malformed,
            PacketFault::HmacUnknownKey(_) => &mut self.auth_ext_unknown_key,
            PacketFault::HmacInvalid(_) => &mut self.auth_ext_invalid_hmac,
            PacketFault::HmacStale { .. } => &mut self.auth_ext_stale,
            PacketFault::HmacReplay => &mut self.auth_ext_replay,
            PacketFault::Interval { .. } | PacketFault::NoInterval => &mut self.advert_interval_err,
        };
        *counter = counter.saturating_add(1);
    }
}

/// Counters of packets that belong to no instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RouterStats {
    /// Packets for a virtual router ID that is not configured on their interface.
    pub unknown_vrid: u64,
    /// Packets too damaged to say which virtual router they are for.
    pub unreadable: u64,
}
