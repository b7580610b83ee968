//! The words of `global_defs` about receive buffers.

use super::Context;
use super::global::set;
use crate::config::diagnostic::{Class, quote};
use crate::config::model::{BufferPolicy, NetlinkBuffer, ReceiveBuffers};
use crate::config::read::{Item, parse_integer};

/// The netlink sockets that keepalived has, sizes and whether they are forced: two for addresses and the like, one for processes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NetlinkWords {
    sizes: [u32; 2],
    forced: [bool; 2],
    processes: (u32, bool),
}

impl NetlinkWords {
    /// The sizes, to be changed.
    pub fn sizes_mut(&mut self) -> &mut [u32; 2] {
        &mut self.sizes
    }

    /// Whether one of them, by its place, is forced.
    pub fn force(&mut self, place: usize, forced: Option<bool>) {
        if let (Some(place), Some(forced)) = (self.forced.get_mut(place), forced) {
            *place = forced;
        }
    }

    /// What the one socket that is both becomes.
    pub fn buffer(self) -> Option<NetlinkBuffer> {
        let given = self.sizes.into_iter().zip(self.forced);
        given
            .filter(|(bytes, _)| *bytes > 0)
            .max()
            .map(|(bytes, force)| NetlinkBuffer { bytes, force })
    }

    fn processes(self) -> Option<NetlinkBuffer> {
        let (bytes, force) = self.processes;
        (bytes > 0).then_some(NetlinkBuffer { bytes, force })
    }
}

/// Reads a statement; false when it is about something else.
pub(super) fn statement(
    buffers: &mut ReceiveBuffers,
    words: &mut NetlinkWords,
    context: &mut Context<'_>,
    item: &Item<'_>,
) -> bool {
    let [command, monitor] = &mut words.sizes;
    let [force_command, force_monitor] = &mut words.forced;
    match item.name() {
        "vrrp_rx_bufs_policy" => {
            if let Some(policy) = policy(context, item) {
                buffers.policy = Some(policy);
            }
        }
        "vrrp_rx_bufs_multiplier" => set(&mut buffers.multiplier, item.u32(context)),
        "vrrp_netlink_cmd_rcv_bufs" => set(command, item.u32(context)),
        "vrrp_netlink_cmd_rcv_bufs_force" => set(force_command, item.bool(context)),
        "vrrp_netlink_monitor_rcv_bufs" => set(monitor, item.u32(context)),
        "vrrp_netlink_monitor_rcv_bufs_force" => set(force_monitor, item.bool(context)),
        "process_monitor_rcv_bufs" => set(&mut words.processes.0, item.u32(context)),
        "process_monitor_rcv_bufs_force" => set(&mut words.processes.1, item.bool(context)),
        _ => return false,
    }
    buffers.netlink = words.buffer();
    buffers.processes = words.processes();
    true
}

/// `MTU`, `ADVERT` or a size. Of several a size counts, else `MTU`.
fn policy(context: &mut Context<'_>, item: &Item<'_>) -> Option<BufferPolicy> {
    item.required(context)?;
    let mut found: Option<BufferPolicy> = None;
    for word in item.statement.arguments() {
        let size = || {
            let bytes = u32::try_from(parse_integer(word.bytes()).ok()?).ok()?;
            (bytes > 0).then_some(BufferPolicy::Bytes(bytes))
        };
        let policy = match word.bytes() {
            b"MTU" => Some(BufferPolicy::Mtu),
            b"ADVERT" => Some(BufferPolicy::Advert),
            _ => size(),
        };
        let (message, help) = match (found, policy) {
            (_, None) => (
                "is no policy",
                "write MTU, ADVERT or a number of bytes; it is ignored",
            ),
            (None, Some(policy)) => {
                found = Some(policy);
                continue;
            }
            (Some(before), Some(policy)) => {
                found = Some(before.max(policy));
                (
                    "stands beside another policy",
                    "keep one: a number of bytes goes before MTU, and that before ADVERT",
                )
            }
        };
        let message = format!("{} '{}' {message}", item.name(), quote(word.bytes()));
        let diagnostics = &mut context.diagnostics;
        diagnostics.advise(Class::Warning, word.span(), message, help);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_larger_of_the_netlink_buffers_counts() {
        let buffer = |sizes, forced| {
            NetlinkWords {
                sizes,
                forced,
                ..NetlinkWords::default()
            }
            .buffer()
        };
        assert_eq!(buffer([0, 0], [true, true]), None);
        for (sizes, forced, bytes, force) in [
            ([1000, 0], [false, true], 1000, false),
            ([1000, 2000], [true, false], 2000, false),
            ([3000, 2000], [true, false], 3000, true),
        ] {
            let expected = NetlinkBuffer { bytes, force };
            assert_eq!(
                buffer(sizes, forced),
                Some(expected),
                "{sizes:?} {forced:?}"
            );
        }
    }
}
