//! Children that die or hang, the checker process, and what an idle daemon costs.

use super::*;

pub fn killed_child() {
    let world = world();
    let host = &world.nodes[0];
    started(&world, &instances(1));
    let first = host.vrrp_pid().expect("a VRRP process");
    let mark = world.capture.mark();
    kill(first, Signal::SIGKILL).expect("kill");
    let second = wait_for("a replacement", secs(5), || {
        host.vrrp_pid().filter(|&pid| pid != first)
    });
    host.wait_log(
        &format!("VRRP child process({first}) died: Respawning"),
        secs(5),
    );
    assert!(host.holds(VIP));
    wait_until("the replacement advertises", secs(5), || {
        world.capture.adverts_since(mark).len() > 2
    });
    let adverts = world.capture.adverts_since(mark);
    assert!(
        adverts.iter().all(|advert| advert.priority == 255),
        "no priority 0, no start anew"
    );
    assert!(host.holds(VIP));
    // The second death is followed by a pause, and the address is still not given up.
    kill(second, Signal::SIGKILL).expect("kill");
    host.wait_log(
        &format!("VRRP child process({second}) died: Respawning in 1 seconds"),
        secs(5),
    );
    wait_until("a third process", secs(5), || {
        host.vrrp_pid().is_some_and(|pid| pid != second)
    });
    assert!(host.holds(VIP));
    host.stop();
    assert!(!host.holds(VIP));
}

/// Whenever the daemon is told to stop while nobody speaks VRRP, nothing is left behind and the others are told.
pub fn stopped_without_a_child() {
    let world = world();
    let host = &world.nodes[0];
    started(&world, &instances(1));
    let first = host.vrrp_pid().expect("a VRRP process");
    kill(first, Signal::SIGKILL).expect("kill");
    let second = wait_for("a replacement", secs(5), || {
        host.vrrp_pid().filter(|&pid| pid != first)
    });
    kill(second, Signal::SIGKILL).expect("kill");
    host.wait_log("died: Respawning in 1 seconds", secs(5));
    let mark = world.capture.mark();
    assert!(host.holds(VIP));
    host.stop();
    assert!(!host.holds(VIP));
    wait_until("a resignation", secs(2), || {
        let frames = world.capture.frames_since(mark);
        let mut adverts = frames.iter().filter_map(|frame| frame.advert());
        adverts.any(|advert| advert.priority == 0)
    });
}

/// A process that died and waits to be replaced is, when a reload has no more work for it, but only to take away what it left.
pub fn nobody_wants_the_replacement() {
    let world = world();
    let host = &world.nodes[0];
    started(&world, &instances(1));
    let mut last = None;
    for delay in ["", " in 1 seconds", " in 2 seconds"] {
        let pid = wait_for("a VRRP process", secs(5), || {
            host.vrrp_pid().filter(|pid| last != Some(*pid))
        });
        last = Some(pid);
        kill(pid, Signal::SIGKILL).expect("kill");
        host.wait_log(
            &format!("VRRP child process({pid}) died: Respawning{delay}"),
            secs(5),
        );
    }
    host.write(CONFIG, SERVICE);
    host.signal(Signal::SIGHUP);
    host.wait_log("Reload complete", secs(5));
    wait_until("nothing is left, nor anybody", secs(10), || {
        !host.holds(VIP) && host.vrrp_pid().is_none()
    });
    let started = || count(&host.log(), "Starting VRRP child process");
    let before = started();
    // Longer than it would have waited.
    stays("nobody speaks VRRP", secs(3), || started() == before);
    host.stop();
}

/// The same with a daemon that does not replace its children.
pub fn dead_child_is_cleaned_up_after() {
    let world = world();
    let host = &world.nodes[0];
    host.write(CONFIG, &instances(1));
    host.start_with(Ours, &[&FOREGROUND[..], &["-R"]].concat());
    wait_until("the address is held", secs(10), || host.holds(VIP));
    kill(host.vrrp_pid().expect("a VRRP process"), Signal::SIGKILL).expect("kill");
    assert_eq!(host.wait_exit(secs(5)).code(), Some(1));
    assert!(!host.holds(VIP));
}

pub fn hanging_child() {
    let world = world();
    let host = &world.nodes[0];
    started(&world, &instances(1));
    let first = host.vrrp_pid().expect("a VRRP process");
    kill(first, Signal::SIGSTOP).expect("kill");
    host.wait_log("does not answer its watchdog", secs(30));
    wait_until("a replacement", secs(10), || {
        host.vrrp_pid().is_some_and(|pid| pid != first)
    });
    wait_until("it is MASTER again", secs(10), || host.holds(VIP));
    // An idle daemon is not taken for a dead one.
    let second = host.vrrp_pid();
    std::thread::sleep(secs(15));
    assert_eq!(host.vrrp_pid(), second);
    assert_eq!(count(&host.log(), "does not answer its watchdog"), 1);
    host.stop();
}

pub fn idle_master() {
    const SPAN: Duration = secs(12);
    let world = world();
    let host = &world.nodes[0];
    started(&world, &instances(1));
    let (parent, vrrp) = (host.pid(), host.vrrp_pid().expect("a VRRP process"));
    // The second burst of gratuitous ARPs, and what is given back after the start.
    std::thread::sleep(secs(6));
    let wakeups = |pid| Node::status_number(pid, "voluntary_ctxt_switches");
    let before = (wakeups(parent), wakeups(vrrp));
    std::thread::sleep(SPAN);
    let woken = (wakeups(parent) - before.0, wakeups(vrrp) - before.1);
    assert!(woken.0 <= 1, "the parent woke up {} times", woken.0);
    let adverts = SPAN.as_secs();
    assert!(
        (adverts - 2..=adverts + 4).contains(&woken.1),
        "the VRRP process woke up {} times for {adverts} adverts",
        woken.1
    );
    assert_eq!(host.vrrp_pid(), Some(vrrp));
    host.stop();
}

pub fn dont_respawn() {
    let world = world();
    let host = &world.nodes[0];
    host.write(CONFIG, &instances(1));
    host.start_with(Ours, &[&FOREGROUND[..], &["-R", "--all"]].concat());
    wait_until("the address is held", secs(10), || host.holds(VIP));
    let checker = wait_for("a checker process", secs(5), || {
        pid_in(host, "/run/checkers.pid")
    });
    kill(checker, Signal::SIGKILL).expect("kill");
    assert_eq!(host.wait_exit(secs(5)).code(), Some(1));
    assert!(host.log().contains(&format!(
        "Healthcheck child process({checker}) died: Exiting"
    )));
    assert!(!host.holds(VIP), "the other child was stopped in order");
    assert!(
        !host.log().contains("virtual servers"),
        "--all: there are none to speak of"
    );
}

pub fn checker() {
    let world = world();
    let host = &world.nodes[0];
    started(&world, &(instances(1) + SERVICE));
    let checker = wait_for("a checker process", secs(5), || {
        pid_in(host, "/run/checkers.pid")
    });
    let vrrp = host.vrrp_pid();
    // No IPVS on this machine, or not for a namespace of ours: said once, and no reason to end.
    host.wait_log("nothing is forwarded until", secs(5));
    // It goes, and the VRRP process is not disturbed.
    host.write(CONFIG, &instances(1));
    host.signal(Signal::SIGHUP);
    wait_until("the checker process ends", secs(5), || {
        !host.processes().contains(&checker)
    });
    host.wait_log("Reload complete", secs(5));
    assert!(!host.log().contains("died"), "{}", host.log());
    host.write(CONFIG, &(instances(1) + SERVICE));
    host.signal(Signal::SIGHUP);
    let again = wait_for("a checker process", secs(5), || {
        pid_in(host, "/run/checkers.pid").filter(|pid| host.processes().contains(pid))
    });
    assert_ne!(again, checker);
    assert_eq!(host.vrrp_pid(), vrrp);
    assert_eq!(count(&host.log(), "Entering MASTER STATE"), 1);
    kill(again, Signal::SIGKILL).expect("kill");
    host.wait_log(
        &format!("Healthcheck child process({again}) died: Respawning"),
        secs(5),
    );
    host.stop();
    assert_eq!(host.processes(), []);
    host.start_with(Ours, &[&FOREGROUND[..], &["-P"]].concat());
    wait_until("the address is held", secs(10), || host.holds(VIP));
    assert!(
        !host.path("/run/checkers.pid").exists(),
        "-P: no checker process"
    );
    host.stop();
}

/// `-C`: no VRRP process, whatever the configuration says, and what it would need is not asked for.
pub fn checker_alone() {
    let world = world();
    let host = &world.nodes[0];
    host.write(CONFIG, &instances(1));
    let command = ["setpriv", "--bounding-set", "-net_raw", Ours.inside(), "-C"];
    let log = fs::File::create(host.path("/run/log")).expect("a log");
    let mut daemon = host
        .command(&[&command[..], &FOREGROUND].concat())
        .stderr(log)
        .spawn()
        .expect("the daemon");
    let pid = Pid::from_raw(i32::try_from(daemon.id()).expect("a pid"));
    let says = |text: &str, times: usize| {
        wait_until(text, secs(5), || {
            count(&host.read("/run/log"), text) == times
        });
    };
    says("leave nothing to run", 1);
    says("Startup complete", 1);
    assert_eq!(Node::children(pid), []);
    host.write(CONFIG, &(instances(1) + SERVICE));
    kill(pid, Signal::SIGHUP).expect("kill");
    says("Reload complete", 1);
    let checker = pid_in(host, "/run/checkers.pid").expect("a checker process");
    assert_eq!(Node::children(pid), [checker]);
    // A change of the VRRP part alone is nobody's business.
    host.write(CONFIG, &(instances(2) + SERVICE));
    kill(pid, Signal::SIGHUP).expect("kill");
    says("Reload complete", 2);
    assert_eq!(Node::children(pid), [checker]);
    assert!(!host.path("/run/vrrp.pid").exists());
    assert!(!host.holds(VIP) && world.capture.adverts(0, 1).is_empty());
    kill(pid, Signal::SIGTERM).expect("kill");
    assert_eq!(daemon.wait().expect("wait").code(), Some(0));
    assert_eq!(host.processes(), []);
}
