//! Virtual MACs in the data file: the links that an instance makes for itself.

use super::outline::Outline;
use crate::config::model::{LinkKind, VrrpInstance};

/// What an instance is configured to make of links.
pub(super) fn settings(out: &mut Outline, config: &VrrpInstance) {
    for link in config.vmac.links() {
        let what = match link.kind {
            LinkKind::Macvlan { mac } => {
                let [a, b, c, d, e, f] = mac;
                format!("vmac {a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
            }
            LinkKind::Ipvlan { mode, .. } => format!("ipvlan {mode:?}").to_lowercase(),
        };
        let text = format_args!("{} on {} {what}", link.name, link.base);
        out.value(3, "Virtual interface", text);
    }
    if config.vmac.own.is_some() {
        out.value(3, "Adverts on", config.wire());
    }
    if config.vmac.promote_secondaries {
        out.value(3, "Promote secondaries", true);
    }
}
