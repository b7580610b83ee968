//! Certificates that end soon (`expiry_warning`): which of them were shown to which check, and when that is said again. What a
//! certificate has to be now is `tls::certificate`'s.

use super::director::Director;
use super::notice::{Kind, Names, Notice};
use super::{Action, CheckId};
use crate::config::model::{Dialogue, Lvs, Probe};
use crate::time::{Instant, Wall};
use rustc_hash::FxHashMap;
use std::time::Duration;

/// The same is said again after that.
const AGAIN: Duration = Duration::from_secs(24 * 60 * 60);

/// A certificate that ends soon.
#[derive(Clone, Copy, Debug)]
struct Ending {
    /// The pages of a check may be shown different ones.
    page: u16,
    end: Wall,
    said: Instant,
}

/// Those that end soon, and nothing of all others.
#[derive(Debug, Default)]
pub struct Expiring(FxHashMap<CheckId, Vec<Ending>>);

impl Expiring {
    /// Takes note of one; whether that is to be said.
    fn note(&mut self, now: Instant, id: CheckId, page: u16, end: Wall) -> bool {
        let endings = self.0.entry(id).or_default();
        let known = endings.iter_mut().find(|ending| ending.page == page);
        let said = now;
        match known {
            Some(known) if known.end == end && now < known.said + AGAIN => return false,
            Some(known) => *known = Ending { page, end, said },
            None => endings.push(Ending { page, end, said }),
        }
        true
    }

    /// That page has none.
    fn clear(&mut self, id: CheckId, page: u16) {
        if let Some(endings) = self.0.get_mut(&id) {
            endings.retain(|ending| ending.page != page);
            if endings.is_empty() {
                self.0.remove(&id);
            }
        }
    }

    /// The check is no more.
    pub(super) fn forget(&mut self, id: CheckId) {
        self.0.remove(&id);
    }

    /// When those end that a check was shown, with the page each was for.
    pub fn of(&self, id: CheckId) -> impl Iterator<Item = (u16, Wall)> {
        let endings = self.0.get(&id).into_iter().flatten();
        endings.map(|ending| (ending.page, ending.end))
    }
}

impl Director {
    /// A check that is about to end was shown a certificate that ends at `end`.
    pub fn certificate(
        &mut self,
        (now, wall): (Instant, Wall),
        lvs: &Lvs,
        id: CheckId,
        end: Wall,
        actions: &mut Vec<Action>,
    ) {
        let Some((at, page)) = self.check(id).map(|it| (it.at(), it.schedule().page())) else {
            return;
        };
        let Some((config, server, checker)) = at.find(lvs) else {
            return;
        };
        let Probe::Connect(_, Dialogue::Web(web)) = &checker.probe else {
            return;
        };
        let Some(warning) = web.tls.as_ref().and_then(|tls| tls.expiry_warning) else {
            return;
        };
        let left = Duration::from_nanos(end.0.saturating_sub(wall.0));
        if left > warning {
            self.expiring.clear(id, page);
        } else if self.expiring.note(now, id, page, end) {
            let notice = Notice::Expires {
                kind: Kind::from(&checker.probe),
                names: Names::of(config, server),
                end,
                left,
            };
            actions.push(Action::Say(notice));
        }
    }
}
