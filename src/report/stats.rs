//! The statistics file: counters of every instance.

use super::outline::Outline;
use crate::vrrp::Router;

/// The text of the statistics file.
pub fn stats(router: &Router) -> String {
    let mut out = Outline::default();
    for instance in router.instances() {
        let stats = instance.stats();
        out.count(0, "VRRP Instance", instance.name());
        out.line(2, "Advertisements:");
        out.count(4, "Received", stats.advert_rcvd);
        out.count(4, "Sent", stats.advert_sent);
        out.count(4, "Send failed", stats.advert_send_failed);
        out.count(2, "Became master", stats.become_master);
        out.count(2, "Released master", stats.release_master);
        out.line(2, "Packet Errors:");
        out.count(4, "Length", stats.packet_len_err);
        out.count(4, "TTL", stats.ip_ttl_err);
        out.count(4, "Invalid Type", stats.invalid_type_rcvd);
        out.count(4, "Advertisement Interval", stats.advert_interval_err);
        out.count(4, "Address List", stats.addr_list_err);
        out.count(4, "Version", stats.version_err);
        out.count(4, "Checksum", stats.checksum_err);
        out.count(4, "Destination", stats.destination_err);
        out.count(4, "Unicast source", stats.unicast_source_err);
        out.line(2, "Authentication Errors:");
        out.count(4, "Invalid Type", stats.invalid_authtype);
        out.count(4, "Type Mismatch", stats.authtype_mismatch);
        out.count(4, "Failure", stats.auth_failure);
        out.count(4, "Replay", stats.auth_replay);
        out.line(2, "Authentication Extension Errors:");
        out.count(4, "Missing", stats.auth_ext_missing);
        out.count(4, "Malformed", stats.auth_ext_malformed);
        out.count(4, "Unknown Key", stats.auth_ext_unknown_key);
        out.count(4, "Invalid HMAC", stats.auth_ext_invalid_hmac);
        out.count(4, "Stale", stats.auth_ext_stale);
        out.count(4, "Replay", stats.auth_ext_replay);
        out.line(2, "Priority Zero:");
        out.count(4, "Received", stats.pri_zero_rcvd);
        out.count(4, "Sent", stats.pri_zero_sent);
    }
    let rest = router.stats();
    out.line(0, "Packets of no instance:");
    out.count(2, "Unknown VRID", rest.unknown_vrid);
    out.count(2, "Unreadable", rest.unreadable);
    out.into_text()
}
