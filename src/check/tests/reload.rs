//! A configuration after another: what stays is left alone.

use super::{Past, Play, secs, server, service, whole};

#[test]
fn what_did_not_change_is_not_touched() {
    let text = service("sorry_server 10.0.0.99 80\nomega", 3);
    let mut play = Play::new(&text);
    play.ends(0, false);
    play.ends(1, true);
    let (due, kernel) = (play.due.clone(), play.kernel());
    play.configure(&text);
    assert_eq!(play.done, [""; 0]);
    assert_eq!((play.due.clone(), play.kernel()), (due, kernel));
    // A dead server stays dead when others come before it and its service has other settings.
    let more = whole(
        "omega\nquorum 2",
        &(server(7, "TCP_CHECK {\n}\n")
            + &server(3, "weight 3\nTCP_CHECK {\n}\n")
            + &server(1, "weight 1\nTCP_CHECK {\n}\n")
            + &server(2, "weight 8\nTCP_CHECK {\n}\n")),
    );
    play.configure(&more);
    assert_eq!(
        play.done,
        [
            "# Changing weight from 2 to 8 for active service [10.0.0.2]:tcp:80 of VS [10.9.9.9]:tcp:80",
            "10.0.0.7=1",
            "10.0.0.2=8",
        ]
    );
    let dead = play.director.services()[0].servers()[2].is_up();
    assert!(!dead);
    // Its check goes on where it was.
    let log = play.ends(0, true);
    assert_eq!(
        log[1],
        "# Adding service [10.0.0.1]:tcp:80 to VS [10.9.9.9]:tcp:80"
    );
}

/// The settings of TLS are counted through the file: those of others change the number, and nothing else.
#[test]
fn another_checks_tls_changes_nothing() {
    let check = |words: &str| format!("SSL_GET {{\n{words}\nurl {{\npath /\n}}\n}}\n");
    let two = |first: &str| whole("", &(server(1, &check(first)) + &server(2, &check(""))));
    let mut play = Play::new(&two(""));
    play.ends(0, true);
    play.ends(1, true);
    let due = play.due.clone();
    play.configure(&two("alpn http/1.1"));
    assert_eq!(play.done, [""; 0]);
    assert_eq!(play.due, due);
}

#[test]
fn what_is_gone_is_told_only_where_that_is_wanted() {
    for (omega, told) in [
        ("", &[] as &[&str]),
        (
            "omega",
            &["RS [10.0.0.2]:tcp:80 [10.9.9.9]:tcp:80 DOWN", "/bin/down 2"],
        ),
    ] {
        let mut play = Play::new(&service(omega, 2));
        play.configure(&service(omega, 1));
        assert_eq!(
            play.done[..2],
            [
                "# service [10.0.0.2]:tcp:80 no longer exist",
                "# Removing service [10.0.0.2]:tcp:80 from VS [10.9.9.9]:tcp:80"
            ]
        );
        assert_eq!(play.told()[..told.len()], *told);
        assert!(play.done.contains(&"abandon 1".to_owned()));
        assert_eq!(play.due.len(), 1);
        assert_eq!(play.director.services()[0].live_weight(), 1);
    }
}

#[test]
fn a_service_that_is_gone_ends_as_the_daemon_does() {
    let other = service("omega", 1).replace("10.9.9.9", "10.9.9.8");
    let mut play = Play::new(&(service("", 1) + &other));
    assert_eq!(play.due.len(), 2);
    play.configure(&service("", 1));
    assert_eq!(
        play.told(),
        [
            "RS [10.0.0.1]:tcp:80 [10.9.9.8]:tcp:80 DOWN",
            "/bin/down 1",
            "VS [10.9.9.8]:tcp:80 DOWN",
            "/bin/vs-down",
            "abandon 1",
        ]
    );
}

#[test]
fn a_check_that_is_new_says_what_was_known() {
    let with = |check: &str| whole("", &server(1, check));
    // Up: alpha is for servers that nobody knows.
    let mut play = Play::new(&with("TCP_CHECK {\n}\n"));
    play.ends(0, true);
    play.configure(&with(
        "alpha\nTCP_CHECK {\n}\nTCP_CHECK {\nconnect_port 81\n}\n",
    ));
    assert_eq!(play.kernel(), "10.0.0.1=1");
    play.ends(1, false);
    assert_eq!(play.kernel(), "", "a first failure counts at once");
    // Down: another check has to say that it is up.
    play.configure(&with("TCP_CHECK {\n}\nTCP_CHECK {\nconnect_port 82\n}\n"));
    assert_eq!(play.kernel(), "");
    play.ends(2, true);
    assert_eq!(play.kernel(), "10.0.0.1=1");
    // The only check that failed goes: nothing says that it is down.
    play.ends(0, false);
    play.ends(0, false);
    play.ends(0, false);
    assert_eq!(play.kernel(), "");
    play.configure(&with("TCP_CHECK {\nconnect_port 82\n}\n"));
    assert_eq!(play.kernel(), "10.0.0.1=1");
    assert!(play.told().contains(&"/bin/up 1"), "{:?}", play.done);
}

#[test]
fn shorter_times_count_at_once() {
    let with = |times: &str| {
        whole(
            "",
            &server(1, &format!("TCP_CHECK {{\nwarmup 0\n{times}\n}}\n")),
        )
    };
    let mut play = Play::new(&with("delay_loop 3600"));
    play.ends(0, true);
    play.configure(&with("delay_loop 2"));
    assert_eq!(play.due[&0], play.now + secs(2));
}

#[test]
fn another_process_goes_on_where_the_first_was() {
    let script = "MISC_CHECK {\nmisc_path /bin/m\nmisc_dynamic\nretry 0\n}\n";
    let servers = server(1, "TCP_CHECK {\n}\n")
        + &server(2, &format!("weight 2\n{script}"))
        + &server(3, "weight 3\nTCP_CHECK {\n}\n");
    let text = whole(
        "quorum 6\nhysteresis 3\nsorry_server 10.0.0.99 80",
        &servers,
    );
    let mut first = Play::new(&text);
    first.says(1, Ok(()), Some(4));
    assert_eq!(first.kernel(), "10.0.0.99=1", "8 < 6+3");
    first.says(1, Ok(()), Some(10));
    first.ends(0, true);
    first.ends(2, false);
    assert_eq!(first.kernel(), "10.0.0.1=1 10.0.0.2=10", "11 >= 6-3");
    let mut second = Play::resumed(&text, first.kept());
    assert_eq!(second.kernel(), first.kernel());
    assert_eq!(
        second.told(),
        ["10.0.0.1=1", "10.0.0.2=10"],
        "nobody hears of it"
    );
    // What is borne is borne, and what was down comes up when it passes.
    assert_eq!(second.ends(0, false), [""; 0]);
    second.ends(2, true);
    assert_eq!(second.kernel(), "10.0.0.1=1 10.0.0.2=10 10.0.0.3=3");
    second.says(1, Ok(()), Some(2));
    assert_eq!(second.kernel(), "10.0.0.1=1 10.0.0.2=2 10.0.0.3=3");
}

/// After a restart nothing moves in the kernel's table, and the world is told what it is told at every start.
#[test]
fn another_daemon_goes_on_where_the_first_was() {
    let servers: String = (1..=3)
        .map(|n| server(n, &format!("weight {n}\nTCP_CHECK {{\n}}\n")))
        .collect();
    let text = whole("alpha\nquorum 3\nhysteresis 1", &servers);
    let mut first = Play::new(&text);
    assert_eq!(first.kernel(), "");
    first.ends(0, false);
    first.ends(1, true);
    first.ends(2, true);
    first.ends(1, false);
    first.ends(1, false);
    first.ends(1, false);
    assert_eq!(first.kernel(), "10.0.0.3=3");
    assert!(first.director.services()[0].has_quorum(), "3 >= 3-1");
    let past = |has_stopped| Past {
        kept: first.kept(),
        has_stopped,
    };
    let mut second = Play::after(&text, past(true));
    assert_eq!(second.kernel(), first.kernel());
    let told = [
        "VS [10.9.9.9]:tcp:80 UP",
        "/bin/vs-up",
        "10.0.0.3=3",
        "RS [10.0.0.3]:tcp:80 [10.9.9.9]:tcp:80 UP",
        "/bin/up 3",
    ];
    assert_eq!(second.told(), told);
    assert_eq!(second.ends(2, true), [""; 0], "it was up all the time");
    second.ends(0, true);
    assert_eq!(second.kernel(), "10.0.0.1=1 10.0.0.3=3");
    let down = "RS [10.0.0.2]:tcp:80 [10.9.9.9]:tcp:80 DOWN";
    assert!(second.ends(1, false).contains(&down.to_owned()));
    assert!(!second.ends(1, false).contains(&down.to_owned()), "once");
    let mut replaced = Play::after(&text, past(false));
    assert_eq!(replaced.told(), ["10.0.0.3=3"]);
    assert_eq!(replaced.ends(1, false), [""; 0], "that is known");
    // Servers that are no more alpha were up before anybody looked.
    let mut third = Play::after(&text.replace("alpha\n", ""), past(true));
    assert_eq!(third.told(), [told[0], told[1], told[2]]);
    assert_eq!(third.kernel(), "10.0.0.3=3", "the others are down");
    third.ends(0, true);
    assert_eq!(third.kernel(), "10.0.0.1=1 10.0.0.3=3");
}

#[test]
fn a_server_that_is_gone_may_drain() {
    for (of_service, of_server, drains) in [
        ("", "", None),
        ("drain_timeout 60", "", Some("60s")),
        ("drain_timeout 60", "drain_timeout 1.5", Some("1.5s")),
        ("drain_timeout 60", "drain_timeout 0", Some("0ns")),
        ("", "drain_timeout 7", Some("7s")),
    ] {
        let servers = server(1, "") + &server(2, of_server);
        let mut play = Play::new(&whole(of_service, &servers));
        // What the new text says of it does not count: it has nothing to say of a server that is not in it.
        play.configure(&whole("drain_timeout 99", &server(1, "")));
        let asked = drains.map(|limit| format!("drain in 0 for {limit}"));
        let found = play.done.iter().find(|line| line.starts_with("drain"));
        assert_eq!(found.cloned(), asked, "{of_service} {of_server}");
    }
}

/// `rs_init_notifies`: who is up before anybody has looked is told of, at a start and when a reload brings it, and that is no flap.
#[test]
fn servers_that_begin_up_are_told_of_where_that_is_wanted() {
    let tcp = "TCP_CHECK {\n}\n";
    let first = server(1, "") + &server(2, tcp) + &server(3, "alpha\nTCP_CHECK {\n}\n");
    let more = first.clone() + &server(4, tcp) + &server(5, "alpha\nTCP_CHECK {\n}\n");
    let mut other = service("", 2).replace("10.9.9.9", "10.9.9.8");
    other = other.replacen(tcp, "alpha\nTCP_CHECK {\n}\n", 1);
    let up = |server: u32, service: u32| {
        [
            format!("RS [10.0.0.{server}]:tcp:80 [10.9.9.{service}]:tcp:80 UP"),
            format!("/bin/up {server}"),
        ]
    };
    let of_servers = |play: &Play| -> Vec<String> {
        let told = play.told().into_iter();
        told.filter(|line| line.starts_with("RS ") || line.starts_with("/bin/up"))
            .map(str::to_owned)
            .collect()
    };
    for (word, told) in [("", false), ("rs_init_notifies\n", true)] {
        let text = |rest: &str| format!("global_defs {{\n{word}}}\n{}", whole("", rest));
        let expected = |lines: &[[String; 2]]| match told {
            true => lines.concat(),
            false => Vec::new(),
        };
        let mut play = Play::new(&text(&first));
        assert_eq!(of_servers(&play), expected(&[up(1, 9), up(2, 9)]));
        let vs = play.told().iter().position(|it| it.starts_with("VS "));
        assert_eq!(
            vs,
            Some(expected(&[up(1, 9), up(2, 9)]).len()),
            "servers come first"
        );
        assert_eq!(play.ends(0, true).len(), 1, "that is known");
        let dead = "RS [10.0.0.3]:tcp:80 [10.9.9.9]:tcp:80 DOWN";
        assert!(play.ends(1, false).contains(&dead.to_owned()));
        let past = |has_stopped| Past {
            kept: play.kept(),
            has_stopped,
        };
        let goes_on = Play::after(&text(&first), past(false));
        assert_eq!(of_servers(&goes_on), [""; 0], "a process replaces another");
        let begins = Play::after(&text(&first), past(true));
        assert_eq!(of_servers(&begins), expected(&[up(1, 9), up(2, 9)]));
        play.configure(&(text(&more) + &other));
        assert_eq!(of_servers(&play), expected(&[up(4, 9), up(2, 8)]));
        play.configure(&(text(&more) + &other));
        assert_eq!(play.done, [""; 0]);
        // The verdict tells of those that had to be checked, with the word or without.
        let at = play.director.services()[0].servers()[4].checks()[0];
        let found = play.says(at.index() as u32, Ok(()), None);
        assert!(found.contains(&up(5, 9)[0]), "{found:?}");
    }
}
