//! Log readers, files and disks that are slow, gone or turned.

use super::*;
use std::collections::HashMap;

/// Waits until `count` instances have sent two adverts more since the mark, and sees to it that none was silent for as long as it takes
/// another host to become master.
#[track_caller]
fn go_on(world: &World, mark: usize, count: usize) {
    wait_until("adverts go out", secs(5), || {
        world.capture.adverts_since(mark).len() > 2 * count
    });
    let mut last = HashMap::new();
    for advert in world.capture.adverts_since(mark) {
        // The last one comes and goes with the configuration.
        if usize::from(advert.vrid) < 150
            && let Some(before) = last.insert(advert.vrid, advert.at)
        {
            let gap = advert.at.saturating_sub(before);
            assert!(gap < secs(3), "{gap:?} between adverts of {}", advert.vrid);
        }
    }
}

pub fn stalled_stderr() {
    let world = world();
    let host = &world.nodes[0];
    host.write(CONFIG, &instances(150));
    let mut child = host
        .command(&[&[Ours.inside()][..], &FOREGROUND, &["-D"]].concat())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the daemon");
    // Every dump of the configuration fills more than a pipe's 64 KiB; nobody reads.
    wait_until("the last address is held", secs(10), || {
        host.holds("10.10.0.250")
    });
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid"));
    let mark = world.capture.mark();
    for _ in 0..20 {
        kill(pid, Signal::SIGHUP).expect("kill");
        host.write(CONFIG, &instances(149));
        std::thread::sleep(Duration::from_millis(50));
        host.write(CONFIG, &instances(150));
    }
    go_on(&world, mark, 150);
    kill(pid, Signal::SIGTERM).expect("kill");
    // It ends, and nobody has read a byte: it waits for no reader, however fast this machine is.
    let status = wait_for("the end", secs(10), || child.try_wait().expect("wait"));
    assert_eq!(status.code(), Some(0));
    let mut text = String::new();
    child
        .stderr
        .take()
        .expect("a pipe")
        .read_to_string(&mut text)
        .expect("read");
    assert!(text.contains("Starting Keepalived v"));
}

pub fn syslog() {
    let world = world();
    let host = &world.nodes[0];
    let bind = || {
        let socket = UnixDatagram::bind(host.path("/dev/log")).expect("a syslog socket");
        socket.set_read_timeout(Some(secs(30))).expect("a time-out");
        socket
    };
    let next = |socket: &UnixDatagram| {
        let mut buffer = [0; 8192];
        let length = socket.recv(&mut buffer).expect("a message");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    let until = |socket: &UnixDatagram, text: &str| loop {
        let message = next(socket);
        if message.contains(text) {
            return message;
        }
    };
    let first = bind();
    host.write(CONFIG, &instances(50));
    host.start_with(Ours, &["-n", "-D", "-S", "0", "-f", CONFIG]);
    // Nobody reads, and the queue of the socket holds a few messages only.
    wait_until("all addresses are held", secs(10), || {
        host.holds("10.10.0.150")
    });
    let message = until(&first, "Starting Keepalived v");
    assert!(message.starts_with("<134>"), "{message}");
    assert!(
        message.contains(&format!(" Keepalived[{}]: ", host.pid())),
        "{message}"
    );
    let vrrp = host.vrrp_pid().expect("a VRRP process");
    let message = until(&first, "(VI_50) Entering MASTER STATE");
    assert!(
        message.contains(&format!(" Keepalived_vrrp[{vrrp}]: ")),
        "{message}"
    );
    // The syslog daemon is restarted: the next message finds the new one.
    drop(first);
    fs::remove_file(host.path("/dev/log")).expect("remove");
    let second = bind();
    host.signal(Signal::SIGHUP);
    until(&second, "Reloading");
    until(&second, "Reload complete");
    host.signal(Signal::SIGTERM);
    until(&second, "Stopped Keepalived v");
    assert_eq!(host.wait_exit(secs(5)).code(), Some(0));
}

/// One file a process, mode 0600; that of the VRRP process is written by another, as a disk may take its time.
pub fn log_files() {
    let world = world();
    let host = &world.nodes[0];
    host.write(CONFIG, &instances(1));
    host.start_with(Ours, &[&FOREGROUND[..], &["-g/run/k.log"]].concat());
    let says = |file: &str, phrase: &str| {
        wait_until(&format!("{file} says {phrase}"), secs(10), || {
            host.path(file).exists() && host.read(file).contains(phrase)
        });
    };
    says("/run/k.log", "Startup complete");
    says("/run/k_vrrp.log", "Entering MASTER STATE");
    for file in ["/run/k.log", "/run/k_vrrp.log"] {
        let mode = fs::metadata(host.path(file)).expect("a log file").mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
        fs::rename(host.path(file), host.path(&format!("{file}.1"))).expect("rename");
    }
    let vrrp = host.vrrp_pid().expect("a VRRP process");
    assert_eq!(
        Node::children(vrrp).len(),
        2,
        "one writes the file, one what is said on standard error"
    );
    host.write(CONFIG, &instances(2));
    host.signal(Signal::SIGHUP);
    says("/run/k.log", "Reload complete");
    says("/run/k_vrrp.log", "(VI_2) Entering MASTER STATE");
    host.stop();
    wait_until("the writer ends, too", secs(5), || {
        host.processes().is_empty()
    });
}

/// `-l` with standard error on a disk that stands still: the process that speaks VRRP has another one wait for it.
pub fn stderr_on_a_disk() {
    let world = world();
    let host = &world.nodes[0];
    started(&world, &instances(150));
    wait_until("the last address is held", secs(10), || {
        host.holds("10.10.0.250")
    });
    let vrrp = host.vrrp_pid().expect("a VRRP process");
    let [writer] = Node::children(vrrp)[..] else {
        panic!("the VRRP process has one writer");
    };
    let log = fs::metadata(host.path("/run/test/log")).expect("the log");
    let on_log = fs::read_dir(format!("/proc/{vrrp}/fd"))
        .expect("descriptors")
        .flatten()
        .filter(|entry| {
            fs::metadata(entry.path())
                .is_ok_and(|file| (file.dev(), file.ino()) == (log.dev(), log.ino()))
        })
        .filter(|entry| !["1", "2"].contains(&entry.file_name().to_str().unwrap_or_default()));
    assert_eq!(
        on_log.count(),
        0,
        "the VRRP process has not opened the file"
    );
    // A disk that stands still is a writer that does not come back from its write.
    kill(writer, Signal::SIGSTOP).expect("kill");
    let mark = world.capture.mark();
    for count in [149, 150].repeat(10) {
        host.write(CONFIG, &instances(count));
        host.signal(Signal::SIGHUP);
        std::thread::sleep(Duration::from_millis(100));
    }
    go_on(&world, mark, 149);
    assert!(
        !host.log().contains("removed from the configuration"),
        "nothing is written"
    );
    kill(writer, Signal::SIGCONT).expect("kill");
    wait_until("what waited is written", secs(5), || {
        host.log()
            .contains("(VI_150) removed from the configuration")
    });
    // A writer that dies is buried, and replaced when there is something to write.
    kill(writer, Signal::SIGKILL).expect("kill");
    wait_until("the writer is buried", secs(5), || {
        Node::children(vrrp).is_empty()
    });
    host.write(CONFIG, &instances(149));
    host.signal(Signal::SIGHUP);
    wait_until("another writes", secs(5), || {
        Node::children(vrrp).len() == 1
    });
    assert_eq!(host.vrrp_pid(), Some(vrrp));
    host.stop();
    assert_eq!(host.processes(), []);
}
