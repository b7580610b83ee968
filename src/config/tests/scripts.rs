//! What scripts are run: which file, as whom, for how long.

use super::*;
use crate::config::model::Command;
use std::path::Path;

fn tracked(text: &str) -> Command {
    let loaded = read(format!(
        "{text}\nvrrp_script s {{\n script \"/usr/bin/check a\"\n}}\nvrrp_instance VI_1 {{\n interface eth0\n \
         virtual_router_id 1\n virtual_ipaddress {{\n 10.0.0.1\n }}\n track_script {{\n s\n }}\n}}\n"
    ));
    let [script] = loaded.model.vrrp.scripts.as_slice() else {
        panic!("{:?}", loaded.diagnostics.iter().collect::<Vec<_>>());
    };
    script.command.clone()
}

#[test]
fn links_are_followed_unless_told_otherwise() {
    let followed = tracked("");
    assert_eq!(followed.program, Path::new("/real/usr/bin/check"));
    assert_eq!(
        followed.arguments,
        [b"/usr/bin/check".to_vec(), b"a".to_vec()]
    );
    let kept = tracked("global_defs {\n use_symlink_paths\n}");
    assert_eq!(kept.program, Path::new("/usr/bin/check"));
    let off = tracked("global_defs {\n use_symlink_paths no\n}");
    assert_eq!(off, followed);
}

#[test]
fn groups_only_when_asked_for() {
    assert!(tracked("").groups.is_empty());
    // The imagined world: the user's other group is one more than its number.
    assert_eq!(
        tracked("global_defs {\n set_supplementary_groups\n}").groups,
        [1]
    );
    for (user, gid, groups) in [
        ("root", 0, &[][..]),
        ("root :", 0, &[1]),
        ("root :root", 0, &[1]),
    ] {
        let command = tracked(&format!("global_defs {{\n script_user {user}\n}}"));
        assert_eq!(
            (command.account.gid, command.groups.as_slice()),
            (gid, groups),
            "{user}"
        );
    }
}

#[test]
fn scripts_of_the_daemons_own() {
    let loaded = read(
        "global_defs {\n startup_script \"/usr/bin/check now\" root\n shutdown_script /usr/bin/notify\n shutdown_script_timeout 3\n \
         shutdown_script /usr/bin/check\n}\n",
    );
    let own = &loaded.model.global.lifecycle;
    let (startup, shutdown) = (own.startup.as_ref(), own.shutdown.as_ref());
    let (startup, shutdown) = (startup.expect("one"), shutdown.expect("one"));
    assert_eq!(
        startup.command.arguments,
        [b"/usr/bin/check".to_vec(), b"now".to_vec()]
    );
    assert_eq!(startup.limit, Duration::from_secs(10));
    assert_eq!(
        shutdown.command.arguments,
        [b"/usr/bin/notify".to_vec()],
        "the first stays"
    );
    assert_eq!(shutdown.limit, Duration::from_secs(3));
    assert!(!said(&loaded, "not implemented"));
}

/// What only another shell than the ones that are there understands is said, with what to do, and not run.
#[test]
fn a_shell_that_is_missing_is_named() {
    for (script, shell) in [
        (
            "[[ -f /etc/keepalived/down ]] && exit 1 || exit 0",
            "/bin/bash",
        ),
        ("killall -0 nginx && exit 0 || exit 1", "/bin/sh"),
    ] {
        let loaded = read(format!("vrrp_script s {{\n script \"{script}\"\n}}\n"));
        assert!(said(
            &loaded,
            &format!("is written for a shell, but there is no {shell}")
        ));
        assert!(loaded.model.vrrp.scripts.is_empty());
    }
}
