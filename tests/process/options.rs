//! Files, names, numbers and options as an administrator sees them.

use super::*;

pub fn dump_files() {
    let world = world();
    let host = &world.nodes[0];
    started(&world, &instances(1));
    host.write("/run/victim", "precious");
    for name in [
        "keepalived.data",
        "keepalived_parent.data",
        "keepalived.stats",
    ] {
        symlink("/run/victim", host.path("/tmp").join(name)).expect("link");
    }
    host.signal(Signal::SIGUSR1);
    host.signal(Signal::SIGUSR2);
    for name in [
        "keepalived.data",
        "keepalived_parent.data",
        "keepalived.stats",
    ] {
        let path = host.path("/tmp").join(name);
        wait_until(name, secs(5), || {
            fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_file())
        });
        assert_eq!(
            fs::metadata(&path).expect("metadata").mode() & 0o777,
            0o600,
            "{name}"
        );
        assert!(
            fs::read_to_string(&path).expect("read").contains("VI_1"),
            "{name}"
        );
    }
    assert_eq!(host.read("/run/victim"), "precious");
    host.stop();
}

pub fn signum() {
    for (function, number) in [
        ("RELOAD", "1"),
        ("STOP", "15"),
        ("DATA", "10"),
        ("STATS", "12"),
        ("JSON", "36"),
    ] {
        let output = Command::new(Ours.path())
            .arg(format!("--signum={function}"))
            .output()
            .expect("run");
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), number);
        assert_eq!(output.status.code(), Some(0));
    }
    let output = Command::new(Ours.path())
        .args(["--signum", "NONSENSE"])
        .output()
        .expect("run");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("NONSENSE"));
}

/// `ps` and `top` show these; they change at a reload, too.
pub fn process_names() {
    let world = world();
    let host = &world.nodes[0];
    let called = |pid: Option<Pid>| {
        let path = format!("/proc/{}/comm", pid.expect("a process"));
        fs::read_to_string(path)
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    const ROLES: [&str; 2] = ["/run/vrrp.pid", "/run/checkers.pid"];
    let names = || {
        let files = [["/run/keepalived.pid"].as_slice(), &ROLES].concat();
        files
            .into_iter()
            .map(|file| called(pid_in(host, file)))
            .collect::<Vec<_>>()
    };
    let service =
        "virtual_server 10.99.0.1 80 {\n protocol TCP\n real_server 10.99.0.2 80 {\n }\n}\n";
    let configured = instances(1) + service;
    started(&world, &configured);
    wait_until("all have begun", secs(5), || {
        names() == ["keepalived", "keepalived", "keepalived"]
    });
    for (lines, expected) in [
        (
            "process_names",
            ["keepalived", "keepalived_vrrp", "keepalived_lvs"],
        ),
        (
            "process_name ha\n vrrp_process_name election_of_masters\n checker_process_name doctor\n process_names",
            ["ha", "election_of_mas", "doctor"],
        ),
        (
            "lvs_process_name nurse",
            ["keepalived", "keepalived", "nurse"],
        ),
        ("", ["keepalived", "keepalived", "keepalived"]),
        (
            "process_names",
            ["keepalived", "keepalived_vrrp", "keepalived_lvs"],
        ),
    ] {
        host.write(
            CONFIG,
            &format!("global_defs {{\n {lines}\n}}\n{configured}"),
        );
        host.signal(Signal::SIGHUP);
        wait_until("the names are the new ones", secs(5), || {
            names() == expected
        });
    }
    // A process that is replaced is called as its predecessor was.
    let before = names();
    for file in ROLES {
        let first = pid_in(host, file);
        kill(first.expect("a process"), Signal::SIGKILL).expect("kill");
        wait_until("it is replaced", secs(10), || {
            pid_in(host, file).is_some_and(|pid| Some(pid) != first) && names() == before
        });
    }
    host.stop();
}

pub fn options() {
    let world = world();
    let host = &world.nodes[0];
    // Only the line for this configuration id makes the instance whole.
    let config = instances(1).replace(
        " virtual_router_id 1",
        "@here virtual_router_id 1\n@elsewhere virtual_router_id 2",
    );
    host.write(CONFIG, &config);
    fs::create_dir(host.path("/run/tmp")).expect("a directory");
    let words = [
        &["env", "TMPDIR=/run/tmp", Ours.inside(), "-DG", "-f", CONFIG][..],
        &["--config-id=here", "-u", "0137", "-P", "-R"],
        &["-p", "/run/a.pid", "--vrrp_pid=/run/b.pid", "-c/run/c.pid"],
    ]
    .concat();
    let (status, output) = host.try_run(&words);
    assert_eq!(status.code(), Some(0), "{output}");
    wait_until("the address is held", secs(10), || host.holds(VIP));
    let parent = pid_in(host, "/run/a.pid").expect("the pid file of -p");
    let vrrp = pid_in(host, "/run/b.pid").expect("the pid file of -r");
    assert!(!host.path("/run/keepalived.pid").exists());
    assert!(!host.path("/run/c.pid").exists(), "no checker process");
    let umask = fs::read_to_string(format!("/proc/{vrrp}/status")).expect("status");
    assert!(umask.contains("Umask:\t0137"), "{umask}");
    kill(parent, Signal::SIGUSR1).expect("kill");
    for file in ["keepalived.data", "keepalived_parent.data"] {
        let path = host.path(&format!("/run/tmp/{file}"));
        wait_until("the dumps are in TMPDIR", secs(5), || path.exists());
        let mode = fs::metadata(&path).expect("a dump").mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    assert!(host.read("/run/tmp/keepalived.data").contains("VI_1"));
    // -R: a child that dies takes the daemon along.
    kill(vrrp, Signal::SIGKILL).expect("kill");
    wait_until("the daemon ends", secs(5), || host.processes().is_empty());
}
