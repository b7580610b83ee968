//! Servers that come and go, the quorum, and the sorry server. Checks have the numbers of their servers, from 0.

use super::{Play, server, service, whole};

#[test]
fn a_server_leaves_and_returns() {
    let mut play = Play::new(&service("", 2));
    assert_eq!(play.kernel(), "10.0.0.1=1 10.0.0.2=2");
    assert_eq!(
        play.done,
        [
            "# Gained quorum 1+0=1 <= 3 for VS [10.9.9.9]:tcp:80",
            "VS [10.9.9.9]:tcp:80 UP",
            "/bin/vs-up",
            "10.0.0.1=1",
            "10.0.0.2=2",
        ]
    );
    assert_eq!(
        play.ends(0, true),
        ["# TCP connection to [10.0.0.1]:tcp:80 success."]
    );
    assert_eq!(
        play.ends(1, false),
        [
            "# TCP_CHECK on service [10.0.0.2]:tcp:80 failed. (no answer in time)",
            "# Removing service [10.0.0.2]:tcp:80 from VS [10.9.9.9]:tcp:80",
            "10.0.0.2-",
            "RS [10.0.0.2]:tcp:80 [10.9.9.9]:tcp:80 DOWN",
            "/bin/down 2",
        ]
    );
    assert_eq!(play.ends(0, false), [""; 0]);
    assert_eq!(play.ends(0, false), [""; 0]);
    assert_eq!(
        play.ends(0, false),
        [
            "# TCP_CHECK on service [10.0.0.1]:tcp:80 failed after 2 retries. (no answer in time)",
            "# Removing service [10.0.0.1]:tcp:80 from VS [10.9.9.9]:tcp:80",
            "10.0.0.1-",
            "RS [10.0.0.1]:tcp:80 [10.9.9.9]:tcp:80 DOWN",
            "/bin/down 1",
            "# Lost quorum 1-0=1 > 0 for VS [10.9.9.9]:tcp:80",
            "VS [10.9.9.9]:tcp:80 DOWN",
            "/bin/vs-down",
        ]
    );
    assert_eq!(
        play.ends(1, true),
        [
            "# TCP connection to [10.0.0.2]:tcp:80 success.",
            "# Adding service [10.0.0.2]:tcp:80 to VS [10.9.9.9]:tcp:80",
            "10.0.0.2=2",
            "RS [10.0.0.2]:tcp:80 [10.9.9.9]:tcp:80 UP",
            "/bin/up 2",
            "# Gained quorum 1+0=1 <= 2 for VS [10.9.9.9]:tcp:80",
            "VS [10.9.9.9]:tcp:80 UP",
            "/bin/vs-up",
        ]
    );
}

#[test]
fn the_sorry_server_comes_first_and_goes_last() {
    let mut play = Play::new(&service(
        "quorum 5\nhysteresis 1\nsorry_server 10.0.0.99 80",
        3,
    ));
    assert_eq!(play.kernel(), "10.0.0.1=1 10.0.0.2=2 10.0.0.3=3");
    play.ends(1, false);
    assert_eq!(play.kernel(), "10.0.0.1=1 10.0.0.3=3", "4 >= 5-1");
    assert_eq!(
        play.ends(0, false)[2..],
        [
            "10.0.0.1-",
            "RS [10.0.0.1]:tcp:80 [10.9.9.9]:tcp:80 DOWN",
            "/bin/down 1",
            "# Lost quorum 5-1=4 > 3 for VS [10.9.9.9]:tcp:80",
            "# Adding sorry server [10.0.0.99]:tcp:80 to VS [10.9.9.9]:tcp:80",
            "10.0.0.99=1",
            "# Removing alive servers from the pool for VS [10.9.9.9]:tcp:80",
            "10.0.0.3-",
            "VS [10.9.9.9]:tcp:80 DOWN",
            "/bin/vs-down",
        ]
    );
    // Up, but the quorum is not there: it is told, and gets no traffic.
    play.ends(1, true);
    assert_eq!(play.kernel(), "10.0.0.99=1");
    assert_eq!(
        play.told(),
        ["RS [10.0.0.2]:tcp:80 [10.9.9.9]:tcp:80 UP", "/bin/up 2"]
    );
    assert_eq!(
        play.ends(0, true)[2..],
        [
            "RS [10.0.0.1]:tcp:80 [10.9.9.9]:tcp:80 UP",
            "/bin/up 1",
            "# Gained quorum 5+1=6 <= 6 for VS [10.9.9.9]:tcp:80",
            "# Adding alive servers to the pool for VS [10.9.9.9]:tcp:80",
            "10.0.0.1=1",
            "10.0.0.2=2",
            "10.0.0.3=3",
            "# Removing sorry server [10.0.0.99]:tcp:80 from VS [10.9.9.9]:tcp:80",
            "10.0.0.99-",
            "VS [10.9.9.9]:tcp:80 UP",
            "/bin/vs-up",
        ]
    );
}

#[test]
fn alpha_begins_without_servers_and_tells_of_the_first_failure() {
    let mut play = Play::new(&service(
        "alpha\nsorry_server 10.0.0.99 80\nquorum 3\nhysteresis 0",
        2,
    ));
    assert_eq!(play.kernel(), "10.0.0.99=1");
    assert_eq!(
        play.done,
        [
            "# Starting with quorum down 3+0=3 > 0 for VS [10.9.9.9]:tcp:80",
            "# Adding sorry server [10.0.0.99]:tcp:80 to VS [10.9.9.9]:tcp:80",
            "VS [10.9.9.9]:tcp:80 DOWN",
            "/bin/vs-down",
            "10.0.0.99=1",
        ]
    );
    assert_eq!(
        play.ends(0, false)[1..],
        ["RS [10.0.0.1]:tcp:80 [10.9.9.9]:tcp:80 DOWN", "/bin/down 1"]
    );
    play.ends(1, true);
    play.ends(0, true);
    assert_eq!(play.kernel(), "10.0.0.1=1 10.0.0.2=2");
    // Without a sorry server nothing is told of a quorum that never was (2.2.7).
    let play = Play::new(&service("alpha", 1));
    assert_eq!((play.kernel(), play.done.len()), (String::new(), 0));
}

#[test]
fn inhibited_servers_stay_with_weight_0() {
    let statements = "inhibit_on_failure\nsorry_server 10.0.0.99 80\nsorry_server_inhibit";
    let mut play = Play::new(&service(statements, 2));
    assert_eq!(play.kernel(), "10.0.0.1=1 10.0.0.2=2 10.0.0.99=0");
    play.ends(1, false);
    assert_eq!(play.kernel(), "10.0.0.1=1 10.0.0.2=0 10.0.0.99=0");
    assert!(
        play.done
            .contains(&"# Disabling service [10.0.0.2]:tcp:80 of VS [10.9.9.9]:tcp:80".to_owned())
    );
    play.ends(0, false);
    assert_eq!(play.kernel(), "10.0.0.1=0 10.0.0.2=0 10.0.0.99=1");
    assert!(play.done.contains(
        &"# Enabling sorry server [10.0.0.99]:tcp:80 to VS [10.9.9.9]:tcp:80".to_owned()
    ));
    play.ends(1, true);
    assert_eq!(play.kernel(), "10.0.0.1=0 10.0.0.2=2 10.0.0.99=0");
}

#[test]
fn a_sorry_server_that_is_a_real_server_is_never_taken_away() {
    let mut play = Play::new(&service("sorry_server 10.0.0.1 80", 2));
    assert_eq!(play.kernel(), "10.0.0.1=1 10.0.0.2=2");
    play.ends(0, false);
    assert_eq!(play.kernel(), "10.0.0.2=2");
    play.ends(1, false);
    assert_eq!(play.kernel(), "10.0.0.1=1", "as the sorry server");
    play.ends(1, true);
    assert_eq!(play.kernel(), "10.0.0.2=2", "which is down as a server");
    play.ends(0, true);
    assert_eq!(play.kernel(), "10.0.0.1=1 10.0.0.2=2");
}

/// Under DR the ports of a group's servers are names: the kernel has one destination of both, which must not go with either.
#[test]
fn a_sorry_server_may_be_a_real_server_by_another_port() {
    let group = "virtual_server_group G {\n10.9.9.9 81\n}\n";
    let servers: String = (1..=2).map(|n| server(n, "TCP_CHECK {\n}\n")).collect();
    let service = whole("quorum 2\nsorry_server 10.0.0.1", &servers)
        .replace("virtual_server 10.9.9.9 80", "virtual_server group G")
        .replace("lb_kind NAT", "lb_kind DR");
    let mut play = Play::new(&format!("{group}{service}"));
    let at = "[10.9.9.9]:tcp:81 10.0.0";
    let both = format!("{at}.1:81=1 {at}.2:81=1");
    assert_eq!(play.kernel(), both);
    play.ends(1, false);
    assert_eq!(play.kernel(), format!("{at}.1:81=1"), "as the sorry server");
    play.ends(1, true);
    assert_eq!(play.kernel(), both);
}

/// Where the addresses of a group have several ports, the two are one destination at some of its services.
#[test]
fn a_sorry_server_may_be_a_real_server_at_one_port_of_a_group() {
    let group = "virtual_server_group G {\n10.9.9.9 80\n10.9.9.9 443\n}\n";
    let nat = "real_server 10.0.0.1 443 {\nweight 3\nlvs_method NAT\nTCP_CHECK {\n}\n}\n";
    let service = whole("sorry_server 10.0.0.1", nat)
        .replace("virtual_server 10.9.9.9 80", "virtual_server group G")
        .replace("lb_kind NAT", "lb_kind DR");
    let mut play = Play::new(&format!("{group}{service}"));
    // At port 80 they are two, of which one at a time is there.
    let (up, down) = (
        "10.0.0.1:443=3 [10.9.9.9]:tcp:443 10.0.0.1:443=3",
        "10.0.0.1=1 [10.9.9.9]:tcp:443 10.0.0.1:443=1",
    );
    assert_eq!(play.kernel(), up);
    play.ends(0, false);
    assert_eq!(play.kernel(), down);
    play.ends(0, true);
    assert_eq!(play.kernel(), up);
}

/// Two virtual servers of one service: their servers are there while any of them wants them.
#[test]
fn a_server_of_two_virtual_servers_goes_when_neither_wants_it() {
    let group = "virtual_server_group G {\n10.9.9.9 80\n}\n";
    let service = |statements, weight: u32| {
        let checked = |n| server(n, &format!("weight {weight}\nTCP_CHECK {{\n}}\n"));
        whole(
            statements,
            &checked(weight).replace(&format!("10.0.0.{weight} "), "10.0.0.1 "),
        )
    };
    let other = service("", 5).replace("virtual_server 10.9.9.9 80", "virtual_server group G");
    let mut play = Play::new(&format!("{group}{}{other}", service("", 3)));
    assert_eq!(play.kernel(), "10.0.0.1=5");
    play.ends(1, false);
    assert_eq!(play.kernel(), "10.0.0.1=3");
    play.ends(0, false);
    assert_eq!(play.kernel(), "");
    play.ends(1, true);
    assert_eq!(play.kernel(), "10.0.0.1=5");
    play.ends(0, true);
    assert_eq!(play.kernel(), "10.0.0.1=5");
}

#[test]
fn omega_tells_of_what_is_up_at_the_end() {
    for (statements, expected) in [
        ("", &[] as &[&str]),
        (
            "omega",
            &[
                "RS [10.0.0.1]:tcp:80 [10.9.9.9]:tcp:80 DOWN",
                "/bin/down 1",
                "VS [10.9.9.9]:tcp:80 DOWN",
                "/bin/vs-down",
            ],
        ),
    ] {
        let mut play = Play::new(&service(statements, 2));
        play.ends(1, false);
        let mut actions = Vec::new();
        play.director.stop(play.now, &play.lvs, &mut actions);
        play.perform(actions);
        assert_eq!(play.done, expected);
    }
}

#[test]
fn a_server_is_up_when_all_its_checks_say_so() {
    let two = server(1, "TCP_CHECK {\n}\nTCP_CHECK {\nconnect_port 81\n}\n");
    let mut play = Play::new(&whole("", &two));
    play.ends(0, false);
    assert_eq!(play.kernel(), "");
    let log = play.ends(1, false);
    assert_eq!(log.len(), 1, "it was down before: {log:?}");
    assert_eq!(play.ends(0, true).len(), 1);
    assert_eq!(play.kernel(), "");
    play.ends(1, true);
    assert_eq!(play.kernel(), "10.0.0.1=1");
}
