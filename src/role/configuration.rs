//! Reading the configuration: the parent from the files, a child from what the parent hands over.

use super::Role;
use crate::cli::Options;
use crate::config::diagnostic::{Class, Diagnostic, Diagnostics};
use crate::config::expand::{Checks, Context, Limits};
use crate::config::model::Model;
use crate::config::source::Disk;
use crate::config::{self, Loaded};
use crate::os::clock;
use crate::os::process::host_name;
use crate::os::world::System;
use log::{error, info, warn};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

/// What the files are read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// The daemon starts.
    Start,
    /// A daemon that runs reads them again.
    Reload,
    /// `-t`. Name servers are asked only here, where it does not matter how long they take.
    Test,
}

/// Reads the files; relative names count from `directory`.
pub fn read(options: &Options, directory: &Path, occasion: Occasion) -> Loaded {
    let context = Context {
        config_id: options
            .config_id
            .clone()
            .unwrap_or_else(host_name)
            .into_bytes(),
        directory: directory.to_owned(),
        environment: std::env::vars_os()
            .map(|(name, value)| (name.into_vec(), value.into_vec()))
            .collect(),
        seed: clock::now().0 ^ u64::from(std::process::id()),
        checks: Checks::default(),
        limits: Limits::default(),
    };
    let files = config::Options {
        path: options.file.clone(),
        context,
    };
    let system = match occasion {
        Occasion::Test => System::new(true, true, options.namespace.clone()),
        // What the command line names was gone to before.
        Occasion::Start => System::new(false, options.namespace.is_none(), None),
        Occasion::Reload => System::new(false, false, None),
    };
    let mut loaded = config::load(&files, &Disk, &system);
    if options.namespace.is_some() {
        loaded
            .model
            .global
            .net_namespace
            .clone_from(&options.namespace);
    }
    loaded
}

/// What a role needs of a configuration, as bytes for the handover: reading them takes it a fraction of the time that the text
/// would, and nothing is judged twice.
pub fn encode(role: Role, model: &Model) -> Result<Vec<u8>, String> {
    postcard::to_allocvec(&role.part(model)).map_err(|error| error.to_string())
}

/// Takes what the parent handed over. Only a fault of our own makes this fail.
pub fn decode(bytes: &[u8]) -> Result<Model, String> {
    postcard::from_bytes(bytes).map_err(|error| error.to_string())
}

/// Logs what was found wrong.
pub fn tell(diagnostics: &Diagnostics) {
    for diagnostic in diagnostics.iter() {
        let line = diagnostics.line(diagnostic);
        match severity(diagnostic) {
            Severity::Error => error!("{line}"),
            Severity::Warning => warn!("{line}"),
            Severity::Note => info!("{line}"),
        }
    }
    if diagnostics.dropped() > 0 {
        warn!(
            "{} more messages about the configuration were left out",
            diagnostics.dropped()
        );
    }
}

enum Severity {
    Error,
    Warning,
    Note,
}

fn severity(diagnostic: &Diagnostic) -> Severity {
    match diagnostic.class {
        Class::Warning | Class::Deprecated | Class::Security | Class::Unimplemented => {
            Severity::Warning
        }
        Class::Note => Severity::Note,
        _ => Severity::Error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::source::Memory;
    use crate::config::world::World;
    use crate::config::{Options as Files, load};

    const TEXT: &str = "
global_defs {
    router_id here
    vrrp_mcast_group4 224.0.0.100
}
vrrp_instance A {
    interface eth0
    virtual_router_id 7
    advert_int 2
    nopreempt
    authentication {
        auth_type PASS
        auth_pass 1111
    }
    virtual_ipaddress {
        192.0.2.1/24 dev eth1 label eth1:0 brd +
        192.0.2.2 scope link
    }
}
virtual_server 192.0.2.1 80 {
    lb_algo wrr
    real_server 192.0.2.3 80 {
        HTTP_GET {
            url {
                path /
                regex x
                regex_options caseless
            }
        }
        DNS_CHECK {
            type AAAA
        }
    }
}
";

    fn model() -> Model {
        let options = Files {
            path: "k.conf".into(),
            ..Files::default()
        };
        let world: &dyn World = &System::new(false, false, None);
        load(&options, &Memory::default().with("k.conf", TEXT), world).model
    }

    #[test]
    fn a_role_gets_its_part_as_it_was_read() {
        let model = model();
        assert!(!model.vrrp.instances.is_empty() && !model.lvs.virtual_servers.is_empty());
        for role in Role::ALL {
            let part = decode(&encode(role, &model).expect("bytes")).expect("a model");
            assert_eq!(part, role.part(&model));
            assert!(
                !role.concerned(&model, &part),
                "{role:?} misses nothing of its own"
            );
        }
    }

    #[test]
    fn half_a_part_is_refused() {
        let bytes = encode(Role::Vrrp, &model()).expect("bytes");
        for end in 0..bytes.len() {
            assert!(decode(bytes.get(..end).expect("a part")).is_err(), "{end}");
        }
    }
}
