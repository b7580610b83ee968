//! The part of the ledger that another daemon goes on with, which is started when this one has stopped for it: the services of IPVS that
//! were left in place, what drains, and how each server was: one that stays up keeps its connections. In a file, as nothing in memory
//! lasts so long.

use super::{Ledger, services};
use crate::check::kept::Kept;
use crate::cli::VERSION;
use crate::config::model::IpvsNamespace;
use crate::kernel::ipvs::ServiceKey;
use crate::os::small_file;
use crate::role::dump;
use crate::time::Instant;
use log::warn;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

/// What the file begins with: another version may write another one.
const HEADER: &[u8] = b"keepalived services 3\n";
/// More than all that has a place in the ledger takes.
const FILE_MAX: u64 = 16 * 1024 * 1024;
/// Names this run of the kernel.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The network namespace that the services are in.
    pub namespace: IpvsNamespace,
    /// The services.
    pub services: Vec<ServiceKey>,
    /// What drains, by identity, with the end of its time. Neither means anything to another program, or after a boot.
    pub drains: Vec<(u64, Instant)>,
    /// How each service and server was, by identity.
    pub kept: Vec<(u64, Kept)>,
    /// Which program, and which run of the kernel, that was.
    pub origin: String,
}

/// The same, as it is written.
type Content = (
    IpvsNamespace,
    Vec<services::Words>,
    Vec<(u64, u64)>,
    Vec<(u64, bool, i32)>,
    String,
);

impl Left {
    /// As bytes.
    pub fn encode(self) -> io::Result<Vec<u8>> {
        let services = self.services.into_iter().map(services::encode).collect();
        let drains = self.drains.into_iter();
        let drains = drains.map(|(it, until)| (it, until.0)).collect();
        let kept = self.kept.into_iter();
        let kept = kept.map(|(it, kept)| (it, kept.up, kept.extra)).collect();
        let content: Content = (self.namespace, services, drains, kept, self.origin);
        let content = postcard::to_allocvec(&content).map_err(io::Error::other)?;
        Ok([HEADER, &content].concat())
    }

    /// From bytes; None: they are not what this version writes.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let content = bytes.strip_prefix(HEADER)?;
        let (namespace, services, drains, kept, origin) =
            postcard::from_bytes::<Content>(content).ok()?;
        let (drains, kept) = (drains.into_iter(), kept.into_iter());
        Some(Left {
            namespace,
            services: services.into_iter().filter_map(services::decode).collect(),
            drains: drains.map(|(it, until)| (it, Instant(until))).collect(),
            kept: kept
                .map(|(it, up, extra)| (it, Kept { up, extra }))
                .collect(),
            origin,
        })
    }
}

/// What follows when the file cannot be believed.
const THEY_STAY: &str = "IPVS services that the daemon left which ran before stay, unless the configuration has them; see ipvsadm -Ln";

/// This program in this run of the kernel; None: nobody knows which.
fn origin() -> Option<String> {
    let boot = fs::read_to_string(BOOT_ID).ok()?;
    Some(format!("{VERSION} {}", boot.trim()))
}

impl Ledger {
    /// Writes the file, unless there is nothing to write.
    pub fn save(&self, path: &Path, namespace: &IpvsNamespace) -> io::Result<()> {
        let services: Vec<_> = self.services().collect();
        if services.is_empty() {
            return Ok(());
        }
        let left = Left {
            namespace: namespace.clone(),
            services,
            drains: self.drains().collect(),
            kept: self.read().into_iter().collect(),
            origin: origin().unwrap_or_default(),
        };
        dump::write(path, &left.encode()?)
    }

    /// Takes the file up, if there is one, and removes it: what it says is true once.
    pub fn load(&self, path: &Path, namespace: &IpvsNamespace) {
        let bytes = match small_file::read_own(path, FILE_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return,
            Err(error) => {
                return warn!("Cannot read {} ({error}): {THEY_STAY}", path.display());
            }
        };
        if let Err(error) = fs::remove_file(path) {
            warn!("Cannot remove {}: {error}", path.display());
        }
        match Left::decode(&bytes) {
            Some(left) if left.namespace == *namespace => {
                self.write_services(left.services.into_iter());
                if origin().is_some_and(|origin| origin == left.origin) {
                    self.write_drains(&left.drains);
                    for (place, (identity, kept)) in left.kept.into_iter().enumerate() {
                        self.write(place, identity, kept);
                    }
                }
            }
            Some(_) => warn!(
                "net_namespace_ipvs has changed: the IPVS services of the daemon that ran before stay where they were; remove them with ipvsadm -C there"
            ),
            None => warn!(
                "{} is not what this version writes: {THEY_STAY}",
                path.display()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::Family;
    use crate::kernel::ipvs::ServiceKey;
    use std::collections::HashMap;

    #[test]
    fn what_one_daemon_saves_the_next_one_loads_once() {
        let path = std::env::temp_dir().join(format!("keepalived-services-{}", std::process::id()));
        let keys = [1, 2].map(|mark| ServiceKey::Fwmark {
            family: Family::Inet,
            mark,
        });
        let drains = [(7, Instant(9))];
        let how = |up, extra| Kept { up, extra };
        let kept = HashMap::from([(11, how(true, -3)), (13, how(false, 0))]);
        let here = IpvsNamespace::Same;
        let written = || {
            let ledger = Ledger::new().expect("a ledger");
            ledger.save(&path, &here).expect("nothing to write");
            assert!(!path.exists());
            ledger.write_services(keys.into_iter());
            ledger.write_drains(&drains);
            for (place, (identity, kept)) in kept.iter().enumerate() {
                ledger.write(place, *identity, *kept);
            }
            ledger.save(&path, &here).expect("a file");
            fs::read(&path).expect("a file")
        };
        let loaded = |namespace: &IpvsNamespace| {
            let ledger = Ledger::new().expect("a ledger");
            ledger.load(&path, namespace);
            assert!(!path.exists());
            let services: Vec<_> = ledger.services().collect();
            (services, ledger.drains().collect::<Vec<_>>(), ledger.read())
        };
        let bytes = written();
        assert_eq!(
            loaded(&here),
            (keys.to_vec(), drains.to_vec(), kept.clone())
        );
        let nothing = (Vec::new(), Vec::new(), HashMap::new());
        assert_eq!(loaded(&here), nothing, "there is no file");
        written();
        assert_eq!(loaded(&IpvsNamespace::Original), nothing);
        // Another version wrote it, or the host was booted since.
        let mut left = Left::decode(&bytes).expect("what was written");
        left.origin.insert(0, '9');
        fs::write(&path, left.encode().expect("bytes")).expect("a file");
        assert_eq!(loaded(&here), (keys.to_vec(), Vec::new(), HashMap::new()));
        for end in 0..bytes.len() {
            fs::write(&path, &bytes[..end]).expect("a file");
            assert_eq!(loaded(&here), nothing, "{end}");
        }
    }
}
