//! How the daemon starts, ends, and tells those who started it.

use super::*;

pub fn starts_and_stops() {
    let world = world();
    let host = &world.nodes[0];
    started(&world, &instances(1));
    for file in ["/run/keepalived.pid", "/run/vrrp.pid"] {
        let mode = fs::metadata(host.path(file)).expect("a pid file").mode();
        assert_eq!(mode & 0o777, 0o644, "{file}");
    }
    assert_eq!(pid_in(host, "/run/keepalived.pid"), Some(host.pid()));
    let vrrp = host.vrrp_pid().expect("a VRRP process");
    assert!(
        !host.path("/run/checkers.pid").exists(),
        "no virtual server, no checker process"
    );
    for phrase in [
        "Starting Keepalived v",
        "Running on Linux",
        "Command line: '",
        &format!("Configuration file {CONFIG}"),
        &format!("Starting VRRP child process, pid={vrrp}"),
        "Startup complete",
    ] {
        host.wait_log(phrase, secs(5));
    }
    host.stop();
    assert!(!host.holds(VIP));
    assert!(!host.path("/run/keepalived.pid").exists());
    assert!(!host.path("/run/vrrp.pid").exists());
    assert!(host.log().contains("Stopping"));
    assert!(host.log().contains("Stopped Keepalived v"));
    assert_eq!(host.processes(), []);
    started(&world, &instances(1));
    host.signal(Signal::SIGINT);
    assert_eq!(host.wait_exit(secs(5)).code(), Some(0));
}

pub fn becomes_a_daemon() {
    let world = world();
    let host = &world.nodes[0];
    host.write(CONFIG, &instances(1));
    let (status, output) = host.try_run(&[Ours.inside(), "-G", "-f", CONFIG]);
    assert_eq!(status.code(), Some(0), "{output}");
    let pid = pid_in(host, "/run/keepalived.pid")
        .expect("the pid file is there when the starter returns");
    assert!(host.processes().contains(&pid));
    let link = |name: &str| fs::read_link(format!("/proc/{pid}/{name}")).expect("a link in /proc");
    assert_eq!(link("cwd").to_str(), Some("/"));
    for fd in 0..3 {
        assert_eq!(link(&format!("fd/{fd}")).to_str(), Some("/dev/null"));
    }
    let (session, terminal) = (Node::stat_field(pid, 6), Node::stat_field(pid, 7));
    assert_eq!(terminal, "0", "it has no terminal");
    assert_ne!(
        session,
        pid.to_string(),
        "it leads no session, so that it cannot acquire a terminal"
    );
    wait_until("the address is held", secs(10), || host.holds(VIP));
    kill(pid, Signal::SIGTERM).expect("kill");
    wait_until("the daemon ends", secs(5), || {
        !host.processes().contains(&pid)
    });
    assert!(!host.holds(VIP));
    // What goes wrong is told to the starter.
    host.write(CONFIG, "# nothing\n");
    let (status, output) = host.try_run(&[Ours.inside(), "-G", "-f", CONFIG]);
    assert_eq!(status.code(), Some(6), "{output}");
}

pub fn second_daemon() {
    let world = world();
    let host = &world.nodes[0];
    started(&world, &instances(1));
    let (status, output) = host.try_run(&[&[Ours.inside()][..], &FOREGROUND].concat());
    assert_eq!(status.code(), Some(0));
    assert!(output.contains("daemon is already running"), "{output}");
    assert_eq!(pid_in(host, "/run/keepalived.pid"), Some(host.pid()));
    assert!(host.holds(VIP));
    // A file that a crash left behind is no obstacle, even if its number is that of a living process.
    host.kill_all();
    let holder = host.holder.id();
    host.write("/run/keepalived.pid", &format!("{holder}\n"));
    host.start_with(Ours, &FOREGROUND);
    wait_until("the stale file is taken over", secs(5), || {
        pid_in(host, "/run/keepalived.pid") == Some(host.pid())
    });
    host.stop();
}

pub fn exit_statuses() {
    let world = world();
    let host = &world.nodes[0];
    let run = |words: &[&str]| {
        let (status, output) = host.try_run(&[&[Ours.inside()][..], words].concat());
        (status.code(), output)
    };
    let (status, output) = run(&["-n", "-G", "-f", "/nonexistent.conf"]);
    assert_eq!(status, Some(6), "{output}");
    assert!(output.contains("/nonexistent.conf"), "{output}");
    host.write(
        "/etc/keepalived/argument.conf",
        "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 1\n priority\n}\n",
    );
    let (status, output) = run(&["-n", "-G", "-f", "/etc/keepalived/argument.conf"]);
    assert_eq!(status, Some(2), "{output}");
    assert!(
        output.contains("argument.conf") && output.contains("4"),
        "{output}"
    );
    let (status, output) = run(&["--no-such-option"]);
    assert_eq!(status, Some(1));
    assert!(output.contains("--no-such-option"), "{output}");
    assert_eq!(run(&["-v"]).0, Some(0));
    assert_eq!(run(&["-h"]).0, Some(0));
    host.write(CONFIG, &instances(1));
    assert_eq!(run(&["-t", "-f", CONFIG]), (Some(0), String::new()));
    host.write(CONFIG, &format!("{}nonsense 1\n", instances(1)));
    let (status, output) = run(&["-t/run/report", "-f", CONFIG]);
    assert_eq!((status, output.as_str()), (Some(5), ""));
    assert!(host.read("/run/report").contains("nonsense"));
    assert!(host.processes().is_empty());
    assert!(!host.path("/run/keepalived.pid").exists());
}

pub fn missing_capabilities() {
    let world = world();
    let host = &world.nodes[0];
    host.write(CONFIG, &instances(1));
    let command = ["setpriv", "--bounding-set", "-net_raw", Ours.inside()];
    let (status, output) = host.try_run(&[&command[..], &FOREGROUND].concat());
    assert_eq!(status.code(), Some(4), "{output}");
    let named: Vec<&str> = output
        .lines()
        .filter(|line| line.contains("CAP_NET_RAW"))
        .collect();
    assert_eq!(named.len(), 1, "one line names it\n{output}");
    assert!(!output.contains("CAP_NET_ADMIN"), "{output}");
}

pub fn killed_parent() {
    let world = world();
    let host = &world.nodes[0];
    started(&world, &instances(1));
    kill(host.pid(), Signal::SIGKILL).expect("kill");
    wait_until(
        "the VRRP process ends and takes its address along",
        secs(5),
        || host.processes().is_empty() && !host.holds(VIP),
    );
}

pub fn notify_socket() {
    let world = world();
    let host = &world.nodes[0];
    let socket = UnixDatagram::bind(host.path("/run/notify")).expect("a socket");
    socket.set_read_timeout(Some(secs(5))).expect("a time-out");
    let told = || {
        let mut buffer = [0; 256];
        let length = socket.recv(&mut buffer).expect("a message");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    host.write(CONFIG, &instances(1));
    let mut child = host
        .command(&[&[Ours.inside()][..], &FOREGROUND].concat())
        .env("NOTIFY_SOCKET", "/run/notify")
        .stderr(Stdio::null())
        .spawn()
        .expect("the daemon");
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid"));
    assert_eq!(told(), "READY=1");
    kill(pid, Signal::SIGHUP).expect("kill");
    assert!(told().starts_with("RELOADING=1\nMONOTONIC_USEC="));
    assert_eq!(told(), "READY=1");
    kill(pid, Signal::SIGTERM).expect("kill");
    assert_eq!(told(), "STOPPING=1");
    assert_eq!(child.wait().expect("wait").code(), Some(0));
}

pub fn process_1() {
    let world = world();
    let host = &world.nodes[0];
    host.write(CONFIG, &instances(1));
    let namespace = [
        "unshare",
        "--pid",
        "--fork",
        "--mount-proc",
        "--kill-child",
        Ours.inside(),
    ];
    let mut outer = host
        .command(&[&namespace[..], &FOREGROUND].concat())
        .stderr(Stdio::null())
        .spawn()
        .expect("run");
    wait_until("the address is held", secs(10), || host.holds(VIP));
    assert_eq!(host.read("/run/keepalived.pid").trim(), "1");
    let children =
        fs::read_to_string(format!("/proc/{0}/task/{0}/children", outer.id())).expect("children");
    let inner = Pid::from_raw(children.trim().parse().expect("one child"));
    kill(inner, Signal::SIGTERM).expect("kill");
    let status = wait_for("the end", secs(5), || outer.try_wait().expect("wait"));
    assert_eq!(status.code(), Some(0));
    assert!(!host.holds(VIP));
}

pub fn dont_release() {
    let world = world();
    let host = &world.nodes[0];
    host.write(CONFIG, &instances(1));
    host.start_with(Ours, &[&FOREGROUND[..], &["-V"]].concat());
    wait_until("the address is held", secs(10), || host.holds(VIP));
    host.stop();
    assert!(host.holds(VIP), "-V: it stays");
    assert!(!host.log().contains("removing VIPs"), "{}", host.log());
    started(&world, &instances(1));
    // The address is there from the beginning, so that it says nothing.
    wait_until("it is master again", secs(10), || {
        count(&host.log(), "Entering MASTER STATE") == 2
    });
    host.stop();
    assert!(!host.holds(VIP));
}
