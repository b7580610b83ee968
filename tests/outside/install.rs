//! `make install` and `make uninstall`: which files, where, and what is left alone.

use crate::{Scratch, binary, files, repository};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn make(target: &str, destination: &Path) -> Output {
    let output = Command::new("make")
        .args(["-s", target])
        .arg(format!("DESTDIR={}", destination.display()))
        .arg(format!("BIN={}", binary().display()))
        .env_remove("MAKEFLAGS")
        .env_remove("MAKELEVEL")
        .current_dir(repository())
        .stdin(Stdio::null())
        .output()
        .expect("make can be run");
    assert!(output.status.success(), "make {target}: {output:?}");
    output
}

#[test]
fn install_puts_every_file_and_uninstall_takes_each_away() {
    let scratch = Scratch::new("install");
    make("install", &scratch.0);
    let mut expected: BTreeSet<String> = [
        "etc/init.d/keepalived",
        "etc/keepalived/keepalived.conf.sample",
        "etc/logrotate.d/keepalived",
        "etc/rsyslog.d/keepalived.conf",
        "etc/sysconfig/keepalived",
        "usr/lib/systemd/system/keepalived.service",
        "usr/bin/genhash",
        "usr/sbin/keepalived",
        "usr/share/doc/keepalived/CHANGELOG.md",
        "usr/share/doc/keepalived/README.md",
        "usr/share/doc/keepalived/differences.md",
        "usr/share/man/man1/genhash.1",
        "usr/share/man/man5/keepalived.conf.5",
        "usr/share/man/man8/keepalived.8",
    ]
    .map(str::to_owned)
    .into();
    for sample in files(&repository().join("contrib/samples")) {
        expected.insert(format!("usr/share/doc/keepalived/samples/{sample}"));
    }
    assert_eq!(files(&scratch.0), expected);
    assert_eq!(
        fs::read(scratch.0.join("usr/sbin/keepalived")).expect("the installed daemon"),
        fs::read(binary()).expect("the built daemon")
    );
    make("uninstall", &scratch.0);
    assert_eq!(files(&scratch.0), BTreeSet::new());
}

#[test]
fn a_changed_configuration_file_is_neither_overwritten_nor_removed() {
    let scratch = Scratch::new("changed");
    make("install", &scratch.0);
    let changed = [
        "etc/sysconfig/keepalived",
        "etc/rsyslog.d/keepalived.conf",
        "etc/logrotate.d/keepalived",
    ];
    let own = "# mine\n";
    for name in changed {
        fs::write(scratch.0.join(name), own).expect("writing as an administrator");
    }
    let configuration = scratch.0.join("etc/keepalived/keepalived.conf");
    fs::write(&configuration, own).expect("writing as an administrator");
    let said = make("install", &scratch.0);
    for name in changed {
        assert!(
            String::from_utf8_lossy(&said.stdout)
                .contains(&format!("{name}: was changed, left as it is")),
            "{said:?}"
        );
    }
    make("uninstall", &scratch.0);
    for name in changed {
        assert_eq!(
            fs::read_to_string(scratch.0.join(name)).expect("still there"),
            own
        );
    }
    assert_eq!(
        fs::read_to_string(&configuration).expect("still there"),
        own
    );
    assert_eq!(files(&scratch.0).len(), changed.len() + 1);
}

#[test]
fn other_places_are_followed_by_the_files_that_name_them() {
    let scratch = Scratch::new("places");
    let output = Command::new("make")
        .args(["-s", "install", "PREFIX=/opt/ha", "sysconfdir=/opt/ha/etc"])
        .arg(format!("DESTDIR={}", scratch.0.display()))
        .arg(format!("BIN={}", binary().display()))
        .current_dir(repository())
        .output()
        .expect("make can be run");
    assert!(output.status.success(), "{output:?}");
    let script = fs::read_to_string(scratch.0.join("opt/ha/etc/init.d/keepalived"))
        .expect("the init script");
    assert!(script.contains("\nDAEMON=/opt/ha/sbin/keepalived\n"));
    assert!(script.contains("\nCONFIG=/opt/ha/etc/keepalived/keepalived.conf\n"));
    let unit = fs::read_to_string(
        scratch
            .0
            .join("opt/ha/lib/systemd/system/keepalived.service"),
    )
    .expect("the unit");
    assert!(unit.contains("ExecStart=/opt/ha/sbin/keepalived "));
}
