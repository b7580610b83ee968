//! The kernel's connection synchronisation daemons: which requests make those that run those that are wanted.

use super::{Request, SyncDaemon, SyncRole};
use crate::config::model::SyncSettings;
use std::rc::Rc;

/// The daemon of a role that settings ask for.
pub fn daemon(settings: &SyncSettings, role: SyncRole) -> SyncDaemon {
    SyncDaemon {
        role,
        interface: Rc::from(&*settings.interface),
        id: settings.id,
        max_length: settings.max_length,
        port: settings.port,
        ttl: settings.ttl,
        group: settings.group,
    }
}

/// What to ask for, in this order: what is not wanted, or wanted otherwise, stops before anything starts.
pub fn steps(running: &[SyncDaemon], wanted: &[SyncDaemon]) -> Vec<Request> {
    let has = |those: &[SyncDaemon], it: &dyn Fn(&SyncDaemon) -> bool| those.iter().any(it);
    let stop = running
        .iter()
        .filter(|runs| !has(wanted, &|wish| is_met(wish, runs)))
        .map(|runs| Request::StopDaemon(runs.role));
    let start = wanted
        .iter()
        .filter(|wish| !has(running, &|runs| is_met(wish, runs)))
        .map(|wish| Request::StartDaemon(wish.clone()));
    stop.chain(start).collect()
}

/// Whether one that runs is as wanted: what is not said may be anything.
fn is_met(wanted: &SyncDaemon, running: &SyncDaemon) -> bool {
    fn as_said<T: PartialEq>(wanted: &Option<T>, running: &Option<T>) -> bool {
        wanted.is_none() || wanted == running
    }
    wanted.role == running.role
        && wanted.interface == running.interface
        && wanted.id == running.id
        && as_said(&wanted.max_length, &running.max_length)
        && as_said(&wanted.port, &running.port)
        && as_said(&wanted.ttl, &running.ttl)
        && as_said(&wanted.group, &running.group)
}

#[cfg(test)]
mod tests {
    use super::*;
    use SyncRole::{Backup, Master};

    fn of(role: SyncRole, interface: &str, port: Option<u16>) -> SyncDaemon {
        let settings = SyncSettings {
            interface: interface.into(),
            instance: None,
            id: 5,
            max_length: None,
            port,
            ttl: None,
            group: None,
        };
        daemon(&settings, role)
    }

    #[test]
    fn what_differs_stops_before_anything_starts() {
        let (stop, start) = (Request::StopDaemon, Request::StartDaemon);
        let plain = |role| of(role, "eth0", None);
        let runs = |role| of(role, "eth0", Some(8848));
        let rows: Vec<(Vec<SyncDaemon>, Vec<SyncDaemon>, Vec<Request>)> = vec![
            (vec![], vec![plain(Backup)], vec![start(plain(Backup))]),
            (vec![runs(Backup)], vec![plain(Backup)], vec![]),
            (
                vec![runs(Backup)],
                vec![plain(Master)],
                vec![stop(Backup), start(plain(Master))],
            ),
            (
                vec![runs(Backup)],
                vec![plain(Backup), plain(Master)],
                vec![start(plain(Master))],
            ),
            (
                vec![runs(Master), runs(Backup)],
                vec![],
                vec![stop(Master), stop(Backup)],
            ),
            (
                vec![runs(Master)],
                vec![of(Master, "eth1", None)],
                vec![stop(Master), start(of(Master, "eth1", None))],
            ),
            (
                vec![runs(Master)],
                vec![of(Master, "eth0", Some(9000))],
                vec![stop(Master), start(of(Master, "eth0", Some(9000)))],
            ),
        ];
        for (running, wanted, asked) in rows {
            assert_eq!(steps(&running, &wanted), asked, "{running:?} {wanted:?}");
        }
    }
}
