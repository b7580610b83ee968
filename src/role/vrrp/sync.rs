//! Connection synchronisation follows an instance: its master tells, everybody else hears.

use super::{Phase, Shell, Source};
use crate::kernel::ipvs::SyncRole;
use crate::vrrp::{InstanceId, State};

impl Shell {
    /// Sees to it that the kernel's daemons fit the state of their instance. A process that takes the place of one that died knows no state
    /// before it has begun, and leaves them as they are.
    pub(super) fn synchronise(&mut self) {
        let ipvs = &self.model.global.ipvs;
        let settings = ipvs.sync.as_ref().filter(|_| self.phase != Phase::Stopping);
        let Some(name) = settings.and_then(|settings| settings.instance.as_deref()) else {
            let none = (&mut self.events, Source::Sync);
            return self.sync_daemons.want(None, &[], &ipvs.namespace, none);
        };
        if self.phase == Phase::Reading && self.context.resume {
            return;
        }
        let mut instances = self.router.instances();
        let is_master = instances.any(|it| it.name() == name && it.state() == State::Master);
        let role = if is_master {
            SyncRole::Master
        } else {
            SyncRole::Backup
        };
        let line = (&mut self.events, Source::Sync);
        self.sync_daemons
            .want(settings, &[role], &ipvs.namespace, line);
    }

    /// An instance has become master or is it no longer: what follows from that can wait until its adverts have left.
    pub(super) fn may_synchronise(&mut self, instance: InstanceId) {
        let sync = self.model.global.ipvs.sync.as_ref();
        let name = sync.and_then(|settings| settings.instance.as_deref());
        let changed = self.router.instance(instance).map(|it| it.name());
        self.sync_due |= name.is_some() && changed == name;
    }

    /// Does what follows, and takes leave of processes that did it.
    pub(super) fn follow(&mut self) {
        if std::mem::take(&mut self.sync_due) {
            self.synchronise();
        }
        self.sync_daemons.reap();
    }
}
