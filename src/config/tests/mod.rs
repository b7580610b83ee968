//! Whole configurations: what people write, and what is made of it.

mod around;
mod globals;
mod grounds;
mod instances;
mod ipvs;
mod messages;
mod scripts;
mod versions;
mod watched;

use super::diagnostic::{Class, status};
use super::model::{
    Authentication, BufferPolicy, DumpPlace, Files, InitialState, NetlinkBuffer, Processes,
    ReloadCheck, ReloadFile, Scheduling, VrrpInstance,
};
use super::source::Memory;
use super::world::Imagined;
use super::{Loaded, Options, load};
use std::path::PathBuf;
use std::time::Duration;

/// A host with eth0, eth1 and lo, root, and a few programs.
fn world() -> Imagined {
    Imagined {
        interfaces: Some(["lo", "eth0", "eth1"].map(str::to_owned).into()),
        programs: Some(
            ["/usr/bin/check", "/usr/bin/notify", "pidof", "killall"]
                .map(str::to_owned)
                .into(),
        ),
        ..Imagined::generous()
    }
}

/// Reads a file on a host; how the tests of the rooms below read theirs too.
pub(super) fn read_on(world: &Imagined, text: impl Into<Vec<u8>>) -> Loaded {
    let path = "/etc/keepalived/keepalived.conf";
    let options = Options {
        path: PathBuf::from(path),
        ..Options::default()
    };
    load(&options, &Memory::default().with(path, text), world)
}

fn read(text: impl Into<Vec<u8>>) -> Loaded {
    read_on(&world(), text)
}

/// An instance that has all it needs, and some more lines.
fn with(lines: &str) -> Loaded {
    read(format!(
        "vrrp_instance VI_1 {{\n interface eth0\n virtual_router_id 51\n priority 100\n virtual_ipaddress {{\n 10.0.0.1/24\n }}\n{lines}\n}}\n"
    ))
}

fn only(loaded: &Loaded) -> &VrrpInstance {
    assert_eq!(
        loaded.model.vrrp.instances.len(),
        1,
        "{:#?}",
        loaded.diagnostics.iter().collect::<Vec<_>>()
    );
    &loaded.model.vrrp.instances[0]
}

fn said(loaded: &Loaded, part: &str) -> bool {
    loaded.diagnostics.iter().any(|d| d.message.contains(part))
}

/// Some lines, the exit status of -t and a part of a message of theirs, if they draw any.
type Row = (&'static str, i32, &'static str);

/// What was said is what a row says; gives it back for the tests that know more of it.
#[track_caller]
fn judge(loaded: &Loaded, (lines, expected, message): Row) -> Vec<String> {
    let shown: Vec<_> = loaded
        .diagnostics
        .iter()
        .map(|d| format!("{:?}: {}", d.class, d.message))
        .collect();
    let status = loaded.diagnostics.exit_status();
    assert_eq!(status, expected, "{lines}\n{shown:#?}");
    assert!(
        message.is_empty() || said(loaded, message),
        "{lines}\n{shown:#?}"
    );
    shown
}
