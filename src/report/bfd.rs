//! BFD sessions in the data file: each with what is configured and (in the BFD process) what runs. Titles and keys are those people know
//! from keepalived, where it has one.

use super::outline::{Outline, or_none};
use crate::bfd::{Session, Sessions};
use crate::config::model::{BfdInstance, Global};
use crate::time::Instant;
use std::io;
use std::time::Duration;

/// What the report of the BFD process is made from.
pub struct BfdView<'a> {
    /// Daemon-wide settings.
    pub global: &'a Global,
    /// The sessions.
    pub sessions: &'a Sessions,
    /// The clock of the loop, and the wall clock at the same moment as time since the epoch.
    pub now: (Instant, Duration),
}

/// The text of the data file of the BFD process.
pub fn bfd_data(view: &BfdView<'_>) -> String {
    let mut out = Outline::default();
    super::configured::global(&mut out, view.global);
    out.title("BFD Data");
    let count = view.sessions.sessions().count();
    out.value(1, "Sessions", count);
    out.title("BFD Topology");
    for (_, session) in view.sessions.sessions() {
        settings(&mut out, session.config());
        state(&mut out, session, view.now);
    }
    out.into_text()
}

/// What is configured.
pub(super) fn topology(out: &mut Outline, instances: &[BfdInstance]) {
    if instances.is_empty() {
        return;
    }
    out.title("BFD Topology");
    for instance in instances {
        settings(out, instance);
    }
}

fn settings(out: &mut Outline, config: &BfdInstance) {
    out.value(1, "BFD Instance", &config.name);
    out.value(3, "Neighbor IP", config.neighbor);
    if let Some(source) = config.source {
        out.value(3, "Source IP", source);
    }
    for (key, interval) in [
        ("Required min RX interval", config.min_rx),
        ("Desired min TX interval", config.min_tx),
        ("Desired idle TX interval", config.idle_tx),
    ] {
        micros(out, key, interval);
    }
    out.value(3, "Detection multiplier", config.multiplier);
    let hops = match config.neighbor.is_ipv6() {
        true => "hoplimit",
        false => "TTL",
    };
    out.value(3, hops, config.ttl);
    out.value(3, "max_hops", config.max_hops);
    out.value(3, "passive", config.passive);
    out.value(3, "multihop", config.multihop);
    let told = |told| if told { "Yes" } else { "No" };
    let (vrrp, checker) = (told(config.tells_vrrp), told(config.tells_checker));
    out.value(3, "send event to VRRP process", vrrp);
    out.value(3, "send event to checker process", checker);
    if config.weight != 0 || config.reverse {
        let reverse = if config.reverse { " reverse" } else { "" };
        out.value(3, "weight", format_args!("{}{reverse}", config.weight));
    }
}

fn state(out: &mut Outline, session: &Session, (now, wall): (Instant, Duration)) {
    let remote = session.remote();
    out.value(3, "source port", or_none(session.port()));
    let error = session.send_error().map(io::Error::from_raw_os_error);
    out.value(3, "send error", or_none(error));
    out.value(3, "local state", session.state());
    out.value(3, "remote state", remote.state);
    let discriminator = format!("{:#010x}", session.discriminator());
    out.value(3, "local discriminator", discriminator);
    let discriminator = remote.discriminator.map_or(0, |it| it.get());
    out.value(
        3,
        "remote discriminator",
        format_args!("{discriminator:#010x}"),
    );
    out.value(3, "local diag", session.diagnostic());
    out.value(3, "remote diag", remote.diagnostic);
    out.value(
        3,
        "remote min tx intv",
        format_args!("{} us", remote.min_tx),
    );
    out.value(
        3,
        "remote min rx intv",
        format_args!("{} us", remote.min_rx),
    );
    out.value(3, "remote demand", u8::from(remote.demand));
    out.value(3, "remote detect multiplier", remote.multiplier);
    let poll = if session.is_polling() {
        "poll"
    } else {
        "!poll"
    };
    out.line(3, poll);
    for (key, interval) in [
        ("local tx intv", session.transmit_interval()),
        ("remote tx intv", session.receive_interval()),
        ("local detection time", session.detection_time()),
        ("remote detection time", session.remote_detection_time()),
    ] {
        micros(out, key, interval);
    }
    let seen = session.last_heard().map(|heard| {
        let ago = now.since(heard);
        let then = wall.saturating_sub(ago).as_secs_f64();
        format!("{then:.6} ({:.3} s ago)", ago.as_secs_f64())
    });
    out.value(3, "last seen", or_none(seen));
}

fn micros(out: &mut Outline, key: &str, interval: Duration) {
    out.value(3, key, format_args!("{} us", interval.as_micros()));
}
