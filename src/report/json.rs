//! The JSON file, with keepalived's field names. Writer and content: the shape is flat, and numbers and strings are all there is.

use super::holdings::Worded;
use super::{View, state_number, trackers};
use crate::config::model::{
    Authentication, InitialState, LinkKind, Version as Protocol, VrrpInstance,
};
use crate::config::secret::MASK;
use crate::vrrp::Instance;
use crate::wire::vrrp::v2;
use std::fmt::{Display, Write};
use std::time::Duration;

/// The outermost shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// An array of instances.
    V1,
    /// An object with that array as `vrrp`.
    V2,
}

/// The text of the JSON file.
pub fn json(view: &View<'_>, version: Version) -> String {
    let mut out = String::new();
    if version == Version::V2 {
        out.push_str("{\"vrrp\":");
    }
    out.push('[');
    for (place, instance) in view.router.instances().enumerate() {
        if place > 0 {
            out.push(',');
        }
        out.push_str("{\"data\":");
        data(&mut out, view, instance);
        out.push_str(",\"stats\":");
        stats(&mut out, instance);
        out.push('}');
    }
    out.push(']');
    if version == Version::V2 {
        let mut processes = view.trackers.processes.iter().peekable();
        if processes.peek().is_some() {
            out.push_str(",\"track_process\":[");
            for (place, process) in processes.enumerate() {
                if place > 0 {
                    out.push(',');
                }
                trackers::process(&mut out, process);
            }
            out.push(']');
        }
        out.push('}');
    }
    out.push('\n');
    out
}

fn data(out: &mut String, view: &View<'_>, instance: &Instance) {
    let config = instance.config();
    let garp = &config.garp;
    let interface = view.router.interface_named(&config.interface);
    let mut object = Object::begin(out);
    object.text("iname", instance.name());
    object.flag("dont_track_primary", config.dont_track_primary);
    object.flag("skip_check_adv_addr", config.skip_check_adv_addr);
    object.flag("strict_mode", config.strict);
    object.text("vmac_ifname", vmac_name(config));
    if interface.is_some() {
        object.text("ifp_ifname", &config.interface);
    }
    object.value(
        "master_priority",
        instance.master().map_or(0, |(_, priority)| priority),
    );
    let transition = instance
        .last_transition()
        .map_or(0.0, |at| view.seconds(at));
    object.value("last_transition", format_args!("{transition:.6}"));
    object.seconds("garp_delay", garp.master_delay);
    object.seconds("garp_refresh", garp.master_refresh);
    object.value("garp_rep", garp.master_repeat);
    object.value("garp_refresh_rep", garp.master_refresh_repeat);
    object.seconds("garp_lower_prio_delay", garp.lower_prio_delay);
    object.value("garp_lower_prio_rep", garp.lower_prio_repeat);
    object.flag("lower_prio_no_advert", config.lower_prio_no_advert);
    object.flag("higher_prio_send_advert", config.higher_prio_send_advert);
    object.value("vrid", config.virtual_router_id);
    object.value("base_priority", config.priority);
    object.value("effective_priority", instance.effective_priority());
    object.value("vipset", (view.is_placed)(instance.id()));
    object.value("promote_secondaries", config.vmac.promote_secondaries);
    object.seconds("adver_int", config.advert_interval);
    object.seconds("master_adver_int", instance.master_interval());
    object.flag("accept", config.accept);
    object.value("nopreempt", config.nopreempt);
    object.value("preempt_delay", config.preempt_delay.as_secs_f64());
    object.value("state", state_number(instance.state()));
    object.value(
        "wantstate",
        match config.initial_state {
            InitialState::Master => 2,
            InitialState::Backup => 1,
        },
    );
    object.value(
        "version",
        match config.version {
            Protocol::V2 => 2,
            Protocol::V3 => 3,
        },
    );
    object.value("smtp_alert", config.notify.mails);
    object.value("notify_deleted", config.notify.tells_deleted);
    trackers::programs(&mut object, config);
    let address = |line| view.address(line, config.home());
    let holdings = &config.holdings;
    object.list("vips", config.virtual_addresses.iter().map(address));
    object.list("evips", holdings.addresses.iter().map(address));
    let routes = holdings.routes.iter();
    object.list("vroutes", routes.map(|route| Worded(route).to_string()));
    let rules = holdings.rules.iter();
    object.list("vrules", rules.map(|rule| Worded(rule).to_string()));
    let written = config
        .tracked_interfaces
        .iter()
        .filter(|tracked| !tracked.implied);
    object.list(
        "track_ifp",
        written.map(|tracked| tracked.interface.clone()),
    );
    trackers::lists(&mut object, view, config);
    let auth_type = match config.authentication {
        Authentication::None | Authentication::Hmac(_) => v2::AUTH_NONE,
        Authentication::Pass(_) => v2::AUTH_PASS,
        Authentication::Ah(_) => v2::AUTH_AH,
    };
    object.value("auth_type", auth_type);
    if auth_type != v2::AUTH_NONE {
        object.text("auth_data", MASK);
    }
    object.end();
}

/// The macvlan that bears its addresses.
fn vmac_name(config: &VrrpInstance) -> &str {
    let own = config.vmac.own.as_ref();
    let vmac = own.filter(|own| matches!(own.kind, LinkKind::Macvlan { .. }));
    vmac.map_or("", |own| &own.name)
}

fn stats(out: &mut String, instance: &Instance) {
    let stats = instance.stats();
    let mut object = Object::begin(out);
    for (name, value) in [
        ("advert_rcvd", stats.advert_rcvd),
        ("advert_sent", stats.advert_sent),
        ("become_master", stats.become_master),
        ("release_master", stats.release_master),
        ("packet_len_err", stats.packet_len_err),
        ("advert_interval_err", stats.advert_interval_err),
        ("ip_ttl_err", stats.ip_ttl_err),
        ("invalid_type_rcvd", stats.invalid_type_rcvd),
        ("addr_list_err", stats.addr_list_err),
        ("invalid_authtype", stats.invalid_authtype),
        ("authtype_mismatch", stats.authtype_mismatch),
        ("auth_failure", stats.auth_failure),
        ("auth_ext_missing", stats.auth_ext_missing),
        ("auth_ext_malformed", stats.auth_ext_malformed),
        ("auth_ext_unknown_key", stats.auth_ext_unknown_key),
        ("auth_ext_invalid_hmac", stats.auth_ext_invalid_hmac),
        ("auth_ext_stale", stats.auth_ext_stale),
        ("auth_ext_replay", stats.auth_ext_replay),
        ("pri_zero_rcvd", stats.pri_zero_rcvd),
        ("pri_zero_sent", stats.pri_zero_sent),
        ("auth_replay", stats.auth_replay),
        ("version_err", stats.version_err),
        ("checksum_err", stats.checksum_err),
        ("destination_err", stats.destination_err),
        ("unicast_source_err", stats.unicast_source_err),
        ("advert_send_failed", stats.advert_send_failed),
    ] {
        object.value(name, value);
    }
    object.end();
}

/// A JSON object on its way into a text.
pub(super) struct Object<'a> {
    out: &'a mut String,
    first: bool,
}

impl<'a> Object<'a> {
    pub fn begin(out: &'a mut String) -> Self {
        out.push('{');
        Object { out, first: true }
    }
    fn name(&mut self, name: &str) {
        if !std::mem::replace(&mut self.first, false) {
            self.out.push(',');
        }
        string(self.out, name);
        self.out.push(':');
    }
    pub fn text(&mut self, name: &str, text: &str) {
        self.name(name);
        string(self.out, text);
    }
    pub fn value(&mut self, name: &str, value: impl Display) {
        self.name(name);
        let _ = write!(self.out, "{value}");
    }
    /// A yes or no that keepalived writes as a number.
    fn flag(&mut self, name: &str, value: bool) {
        self.value(name, u8::from(value));
    }
    pub fn seconds(&mut self, name: &str, duration: Duration) {
        self.value(name, duration.as_secs_f64());
    }
    /// An empty one is left out.
    pub fn list(&mut self, name: &str, texts: impl Iterator<Item = String>) {
        let mut texts = texts.peekable();
        if texts.peek().is_none() {
            return;
        }
        self.name(name);
        self.out.push('[');
        for (place, text) in texts.enumerate() {
            if place > 0 {
                self.out.push(',');
            }
            string(self.out, &text);
        }
        self.out.push(']');
    }
    pub fn end(self) {
        self.out.push('}');
    }
}

/// A string with its quotes (RFC 8259 section 7).
fn string(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            control if control < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}
