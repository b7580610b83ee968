//! The processes as an administrator and a service manager see them: real daemons on hosts in namespaces (see `support`).
//! What they say to other hosts is not judged here.

mod support;

#[path = "process/children.rs"]
mod children;
#[path = "process/lifecycle.rs"]
mod lifecycle;
#[path = "process/logs.rs"]
mod logs;
#[path = "process/options.rs"]
mod options;
#[path = "process/reloads.rs"]
mod reloads;

use std::fs;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::Binary::Ours;
use support::node::{CONFIG, Node};
use support::world::{HostSpec, World};
use support::{secs, stage, stays, wait_for, wait_until};

/// The virtual address of the first instance.
const VIP: &str = "10.10.0.101";
/// A virtual server.
const SERVICE: &str = "virtual_server 10.10.0.200 80 {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n real_server 10.10.0.7 80 {\n }\n}\n";
/// What the daemon is started with; the log is on standard error.
const FOREGROUND: [&str; 6] = ["-n", "-l", "-D", "-G", "-f", CONFIG];

fn main() -> std::process::ExitCode {
    stage::run(vec![
        stage::case(
            "starts_and_stops_leaving_nothing",
            lifecycle::starts_and_stops,
        ),
        stage::case(
            "becomes_a_daemon_before_its_starter_returns",
            lifecycle::becomes_a_daemon,
        ),
        stage::case(
            "a_second_daemon_ends_with_status_0",
            lifecycle::second_daemon,
        ),
        stage::case(
            "what_cannot_run_says_why_and_with_which_status",
            lifecycle::exit_statuses,
        ),
        stage::case(
            "missing_capabilities_are_named",
            lifecycle::missing_capabilities,
        ),
        stage::case(
            "a_broken_file_at_a_reload_changes_nothing",
            reloads::broken_reload,
        ),
        stage::case("a_reload_adds_and_removes_instances", reloads::reload),
        stage::case(
            "reloads_in_quick_succession_are_all_done",
            reloads::many_reloads,
        ),
        stage::case(
            "a_killed_child_is_replaced_without_losing_the_address",
            children::killed_child,
        ),
        stage::case(
            "a_stop_while_no_child_lives_leaves_nothing",
            children::stopped_without_a_child,
        ),
        stage::case(
            "a_dead_child_that_nobody_wants_is_cleaned_up_after",
            children::nobody_wants_the_replacement,
        ),
        stage::case(
            "what_a_dead_child_held_is_given_up_when_it_is_not_replaced",
            children::dead_child_is_cleaned_up_after,
        ),
        stage::case(
            "a_child_that_hangs_is_killed_and_replaced",
            children::hanging_child,
        ),
        stage::case(
            "an_idle_master_wakes_up_for_its_adverts_alone",
            children::idle_master,
        ),
        stage::case(
            "a_child_that_dies_stops_the_daemon_when_told_so",
            children::dont_respawn,
        ),
        stage::case(
            "a_checker_process_comes_and_goes_with_virtual_servers",
            children::checker,
        ),
        stage::case(
            "the_checker_process_runs_alone_when_told_so",
            children::checker_alone,
        ),
        stage::program_case(
            "a_reload_does_not_wait_for_a_child_that_keeps_crashing",
            "/usr/bin/strace",
            reloads::reload_while_a_child_crashes,
        ),
        stage::case(
            "children_do_not_outlive_their_parent",
            lifecycle::killed_parent,
        ),
        stage::case(
            "a_reader_of_standard_error_that_stalls_stops_nothing",
            logs::stalled_stderr,
        ),
        stage::case(
            "a_syslog_daemon_that_stalls_or_restarts_stops_nothing",
            logs::syslog,
        ),
        stage::case("dump_files_follow_no_links", options::dump_files),
        stage::case("signum_prints_numbers", options::signum),
        stage::case("a_service_manager_is_told", lifecycle::notify_socket),
        stage::case("runs_as_process_1", lifecycle::process_1),
        stage::case("processes_are_called_as_configured", options::process_names),
        stage::case("log_files_are_found_anew_when_rotated", logs::log_files),
        stage::case(
            "a_disk_under_standard_error_that_stalls_stops_nothing",
            logs::stderr_on_a_disk,
        ),
        stage::case("addresses_are_left_when_told_so", lifecycle::dont_release),
        stage::case("files_are_where_and_as_the_options_say", options::options),
    ])
}

/// So many instances that are MASTER at once, with addresses from `VIP` on.
fn instances(count: u8) -> String {
    (1..=count)
        .map(|n| {
            format!(
                "vrrp_instance VI_{n} {{\n interface eth0\n virtual_router_id {n}\n priority 255\n advert_int 1\n \
                 virtual_ipaddress {{\n 10.10.0.{}\n }}\n}}\n",
                100 + u16::from(n)
            )
        })
        .collect()
}

fn world() -> World {
    World::new(&[HostSpec::numbered(1)])
}

/// Starts the daemon and waits until it holds its address.
fn started(world: &World, config: &str) {
    let host = &world.nodes[0];
    host.write(CONFIG, config);
    host.start_with(Ours, &FOREGROUND);
    wait_until("the address is held", secs(10), || host.holds(VIP));
}

fn pid_in(host: &Node, file: &str) -> Option<Pid> {
    host.read(file).trim().parse().ok().map(Pid::from_raw)
}

fn count(text: &str, part: &str) -> usize {
    text.matches(part).count()
}
