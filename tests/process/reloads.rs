//! SIGHUP: what it changes, what it refuses, what it does not wait for.

use super::*;

pub fn broken_reload() {
    let world = world();
    let host = &world.nodes[0];
    started(&world, &instances(1));
    let vrrp = host.vrrp_pid();
    for (n, broken) in [
        "",
        "vrrp_instance {",
        "vrrp_instance VI_1 {\n priority\n}\n",
    ]
    .into_iter()
    .enumerate()
    {
        host.write(CONFIG, broken);
        host.signal(Signal::SIGHUP);
        wait_until("the file is refused", secs(5), || {
            count(&host.log(), "the old one stays in force") == n + 1
        });
    }
    assert!(host.holds(VIP));
    assert_eq!(host.vrrp_pid(), vrrp);
    assert_eq!(count(&host.log(), "Reload complete"), 0);
    fs::remove_file(host.path(CONFIG)).expect("remove");
    host.signal(Signal::SIGHUP);
    wait_until("a missing file is refused", secs(5), || {
        count(&host.log(), "the old one stays in force") == 4
    });
    host.write(CONFIG, &instances(1));
    host.signal(Signal::SIGHUP);
    host.wait_log("Reload complete", secs(5));
    assert!(host.holds(VIP));
    assert_eq!(
        count(&host.log(), "Entering MASTER STATE"),
        1,
        "{}",
        host.log()
    );
    host.stop();
}

pub fn reload() {
    let world = world();
    let host = &world.nodes[0];
    started(&world, &instances(1));
    let vrrp = host.vrrp_pid();
    host.write(CONFIG, &instances(3));
    host.signal(Signal::SIGHUP);
    wait_until("the new addresses are held", secs(5), || {
        host.holds("10.10.0.102") && host.holds("10.10.0.103")
    });
    host.write(CONFIG, &instances(2));
    host.signal(Signal::SIGHUP);
    wait_until(
        "the address of the removed instance is gone",
        secs(5),
        || !host.holds("10.10.0.103"),
    );
    wait_until("two reloads are done", secs(5), || {
        count(&host.log(), "Reload complete") == 2
    });
    assert!(host.holds(VIP) && host.holds("10.10.0.102"));
    assert_eq!(host.vrrp_pid(), vrrp);
    assert_eq!(
        count(&host.log(), "(VI_1) Entering MASTER STATE"),
        1,
        "{}",
        host.log()
    );
    host.stop();
}

pub fn many_reloads() {
    let world = world();
    let host = &world.nodes[0];
    started(&world, &instances(1));
    for last in [3, 1, 2] {
        host.write(CONFIG, &instances(last));
        for _ in 0..5 {
            host.signal(Signal::SIGHUP);
        }
    }
    wait_until("the last file is in force", secs(5), || {
        host.holds("10.10.0.102") && !host.holds("10.10.0.103")
    });
    let log = host.log();
    wait_until("every reload ends", secs(5), || {
        let log = host.log();
        count(&log, "Reload complete") == count(&log, "Reloading")
    });
    assert_eq!(count(&log, "(VI_1) Entering MASTER STATE"), 1, "{log}");
    host.stop();
}

/// A child that dies before it has begun, again and again: a debugger kills every process that is forked.
pub fn reload_while_a_child_crashes() {
    let world = world();
    let host = &world.nodes[0];
    started(&world, &instances(1));
    let parent = host.pid().to_string();
    let inject = "inject=setsid:signal=SIGKILL";
    let mut debugger = host
        .command(&[
            "strace",
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            "trace=setsid",
            "-e",
            inject,
            "-p",
            &parent,
        ])
        .spawn()
        .expect("strace");
    wait_until("the debugger is there", secs(5), || {
        Node::status_number(host.pid(), "TracerPid") != 0
    });
    host.write(CONFIG, &(instances(1) + SERVICE));
    host.signal(Signal::SIGHUP);
    host.wait_log("died: Respawning in 2 seconds", secs(10));
    assert_eq!(count(&host.log(), "Reload complete"), 0);
    // The file that cures it is read though the checker process has not begun.
    host.write(CONFIG, &instances(2));
    host.signal(Signal::SIGHUP);
    wait_until("the new address is held", secs(5), || {
        host.holds("10.10.0.102")
    });
    wait_until("nobody is waited for any more", secs(5), || {
        count(&host.log(), "Reload complete") == 1
    });
    debugger.kill().expect("kill");
    debugger.wait().expect("wait");
    host.stop();
}
