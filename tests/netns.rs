//! Our daemon on real sockets: two or three hosts in namespaces. What any implementation has to do is in `support::cases`; what
//! ours promises beyond it lies in the modules here, one for each part of the daemon.

mod support;

#[path = "netns/auth.rs"]
mod auth;
#[path = "netns/bfd.rs"]
mod bfd;
#[path = "netns/buffers.rs"]
mod buffers;
#[path = "netns/checker.rs"]
mod checker;
#[path = "netns/checker_kernel.rs"]
mod checker_kernel;
#[path = "netns/checkers.rs"]
mod checkers;
#[path = "netns/clock_steps.rs"]
mod clock_steps;
#[path = "netns/corpus.rs"]
mod corpus;
#[path = "netns/filter.rs"]
mod filter;
#[path = "netns/frames.rs"]
mod frames;
#[path = "netns/genhash.rs"]
mod genhash;
#[path = "netns/groups.rs"]
mod groups;
#[path = "netns/ha_suspend.rs"]
mod ha_suspend;
#[path = "netns/holdings.rs"]
mod holdings;
#[path = "netns/kernel.rs"]
mod kernel;
#[path = "netns/lifecycle.rs"]
mod lifecycle;
#[path = "netns/linkbeat.rs"]
mod linkbeat;
#[path = "netns/mail.rs"]
mod mail;
#[path = "netns/mail_kept.rs"]
mod mail_kept;
#[path = "netns/many_runs.rs"]
mod many_runs;
#[path = "netns/marks.rs"]
mod marks;
#[path = "netns/names.rs"]
mod names;
#[path = "netns/namespaces.rs"]
mod namespaces;
#[path = "netns/nginx.rs"]
mod nginx;
#[path = "netns/notify.rs"]
mod notify;
#[path = "netns/options.rs"]
mod options;
#[path = "netns/outside.rs"]
mod outside;
#[path = "netns/packets.rs"]
mod packets;
#[path = "netns/processes.rs"]
mod processes;
#[path = "netns/reload.rs"]
mod reload;
#[path = "netns/reload_files.rs"]
mod reload_files;
#[path = "netns/reload_moves.rs"]
mod reload_moves;
#[path = "netns/rivals.rs"]
mod rivals;
#[path = "netns/runners.rs"]
mod runners;
#[path = "netns/scheduling.rs"]
mod scheduling;
#[path = "netns/script_security.rs"]
mod script_security;
#[path = "netns/scripts.rs"]
mod scripts;
#[path = "netns/statics.rs"]
mod statics;
#[path = "netns/suspended.rs"]
mod suspended;
#[path = "netns/timing.rs"]
mod timing;
#[path = "netns/track_bfd.rs"]
mod track_bfd;
#[path = "netns/track_files.rs"]
mod track_files;
#[path = "netns/track_processes.rs"]
mod track_processes;
#[path = "netns/tracking.rs"]
mod tracking;
#[path = "netns/unicast.rs"]
mod unicast;
#[path = "netns/unread.rs"]
mod unread;
#[path = "netns/version3.rs"]
mod version3;
#[path = "netns/vmac.rs"]
mod vmac;

use support::Binary::Ours;
use support::stage;

fn main() -> std::process::ExitCode {
    let mut list: Vec<stage::Case> = Vec::new();
    // What takes longest begins first.
    for part in [
        many_runs::cases(),
        auth::cases(),
        bfd::cases(),
        buffers::cases(),
        checkers::cases(),
        checker::cases(),
        checker_kernel::cases(),
        clock_steps::cases(),
        ha_suspend::cases(),
        corpus::cases(),
        filter::cases(),
        frames::cases(),
        genhash::cases(),
        groups::cases(),
        holdings::cases(),
        marks::cases(),
        kernel::cases(),
        lifecycle::cases(),
        linkbeat::cases(),
        mail::cases(),
        mail_kept::cases(),
        names::cases(),
        namespaces::cases(),
        nginx::cases(),
        notify::cases(),
        options::cases(),
        outside::cases(),
        packets::cases(),
        processes::cases(),
        reload::cases(),
        reload_files::cases(),
        reload_moves::cases(),
        scheduling::cases(),
        rivals::cases(),
        timing::cases(),
        track_bfd::cases(),
        track_files::cases(),
        track_processes::cases(),
        tracking::cases(),
        unicast::cases(),
        unread::cases(),
        script_security::cases(),
        runners::cases(),
        scripts::cases(),
        statics::cases(),
        suspended::cases(),
        version3::cases(),
        vmac::cases(),
    ] {
        list.extend(part);
    }
    for (name, body) in [support::pair_cases(), support::auth::signed()].concat() {
        list.push(stage::case(&format!("pair::{name}"), move || {
            body([Ours, Ours])
        }));
    }
    stage::run(list)
}
