//! The part of the ledger that another daemon goes on with, which is started when this one has stopped for it: the services of IPVS that
//! were left in place, and what drains. In a file, as nothing in memory lasts so long.

use super::{Ledger, services};
use crate::config::model::IpvsNamespace;
use crate::role::dump;
use crate::time::Instant;
use log::warn;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

/// What the file begins with: another version may write another one.
const HEADER: &[u8] = b"keepalived services 1\n";

/// The network namespace that the services are in, the services, and what drains, by identity, with the end of its time.
type Content = (IpvsNamespace, Vec<services::Words>, Vec<(u64, u64)>);

impl Ledger {
    /// Writes the file, unless there is nothing to write.
    pub fn save(&self, path: &Path, namespace: &IpvsNamespace) -> io::Result<()> {
        let services: Vec<_> = self.services().map(services::encode).collect();
        if services.is_empty() {
            return Ok(());
        }
        let drains = self.drains().map(|(identity, until)| (identity, until.0));
        let content: Content = (namespace.clone(), services, drains.collect());
        let content = postcard::to_allocvec(&content).map_err(io::Error::other)?;
        dump::write(path, &[HEADER, &content].concat())
    }

    /// Takes the file up, if there is one, and removes it: what it says is true once.
    pub fn load(&self, path: &Path, namespace: &IpvsNamespace) {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return,
            Err(error) => return warn!("Cannot read {}: {error}", path.display()),
        };
        if let Err(error) = fs::remove_file(path) {
            warn!("Cannot remove {}: {error}", path.display());
        }
        let content = bytes.strip_prefix(HEADER);
        let content = content.and_then(|content| postcard::from_bytes::<Content>(content).ok());
        match content {
            Some((there, services, drains)) if there == *namespace => {
                self.write_services(services.into_iter().filter_map(services::decode));
                let drains = drains.into_iter().map(|(it, until)| (it, Instant(until)));
                self.write_drains(&drains.collect::<Vec<_>>());
            }
            Some(_) => warn!(
                "net_namespace_ipvs has changed: the IPVS services of the daemon that ran before stay where they were; remove them with ipvsadm -C there"
            ),
            None => warn!(
                "{} is not what this version writes: IPVS services that the daemon left which ran before stay, unless the configuration has them; see \
                 ipvsadm -Ln",
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

    #[test]
    fn what_one_daemon_saves_the_next_one_loads_once() {
        let path = std::env::temp_dir().join(format!("keepalived-services-{}", std::process::id()));
        let keys = [1, 2].map(|mark| ServiceKey::Fwmark {
            family: Family::Inet,
            mark,
        });
        let drains = [(7, Instant(9))];
        let here = IpvsNamespace::Same;
        let written = || {
            let ledger = Ledger::new().expect("a ledger");
            ledger.save(&path, &here).expect("nothing to write");
            assert!(!path.exists());
            ledger.write_services(keys.into_iter());
            ledger.write_drains(&drains);
            ledger.save(&path, &here).expect("a file");
            fs::read(&path).expect("a file")
        };
        let loaded = |namespace: &IpvsNamespace| {
            let ledger = Ledger::new().expect("a ledger");
            ledger.load(&path, namespace);
            assert!(!path.exists());
            let services: Vec<_> = ledger.services().collect();
            (services, ledger.drains().collect::<Vec<_>>())
        };
        let bytes = written();
        assert_eq!(loaded(&here), (keys.to_vec(), drains.to_vec()));
        let nothing = (Vec::new(), Vec::new());
        assert_eq!(loaded(&here), nothing, "there is no file");
        written();
        assert_eq!(loaded(&IpvsNamespace::Original), nothing);
        for end in 0..bytes.len() {
            fs::write(&path, &bytes[..end]).expect("a file");
            assert_eq!(loaded(&here), nothing, "{end}");
        }
    }
}
