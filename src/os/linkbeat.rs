//! Asks the driver of an interface for the state of its link. These calls may wait for the hardware: they are for a process that has
//! nothing else to do.

use super::check;
use super::socket::open;
use crate::config::model::LinkMethod;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

const SIOCGIFFLAGS: libc::c_ulong = 0x8913;
const SIOCETHTOOL: libc::c_ulong = 0x8946;
const SIOCGMIIPHY: libc::c_ulong = 0x8947;
const SIOCGMIIREG: libc::c_ulong = 0x8948;
/// `ETHTOOL_GLINK`: link or none.
const ETHTOOL_GLINK: u32 = 0x0a;
/// The register of the basic mode status, and its bit that says link.
const MII_BMSR: u16 = 1;
const BMSR_LINK: u16 = 0x0004;

/// `struct ifreq` with its union as bytes.
#[repr(C)]
struct Request {
    name: [u8; libc::IFNAMSIZ],
    value: Value,
}

#[repr(C)]
union Value {
    flags: libc::c_short,
    /// `struct mii_ioctl_data`: phy, register, in, out.
    mii: [u16; 4],
    data: *mut EthtoolValue,
    room: [u64; 3],
}

/// `struct ethtool_value`.
#[repr(C)]
struct EthtoolValue {
    command: u32,
    data: u32,
}

/// The socket that the questions go through.
pub struct Asker(OwnedFd);

impl Asker {
    /// Opens it.
    pub fn open() -> io::Result<Self> {
        open(libc::AF_INET, libc::SOCK_DGRAM, 0).map(Asker)
    }

    /// Whether an interface is up and has a link. An error: it is not there, or its driver does not know this way.
    pub fn has_link(&self, interface: &str, method: LinkMethod) -> io::Result<bool> {
        let mut request = Request {
            name: [0; libc::IFNAMSIZ],
            value: Value { room: [0; 3] },
        };
        // The last byte stays zero.
        let room = request.name.iter_mut().take(libc::IFNAMSIZ - 1);
        for (place, byte) in room.zip(interface.bytes()) {
            *place = byte;
        }
        self.ask(SIOCGIFFLAGS, &mut request)?;
        // SAFETY: the call has filled in the flags, and any bytes are some.
        let flags = libc::c_int::from(unsafe { request.value.flags });
        if flags & libc::IFF_UP == 0 {
            return Ok(false);
        }
        match method {
            LinkMethod::Ioctl => Ok(flags & libc::IFF_RUNNING != 0),
            LinkMethod::Ethtool => {
                let mut value = EthtoolValue {
                    command: ETHTOOL_GLINK,
                    data: 0,
                };
                request.value.data = &raw mut value;
                self.ask(SIOCETHTOOL, &mut request)?;
                Ok(value.data != 0)
            }
            LinkMethod::Mii => {
                request.value = Value { room: [0; 3] };
                self.ask(SIOCGMIIPHY, &mut request)?;
                // SAFETY: as above; the number of the transceiver is in its place.
                let [phy, ..] = unsafe { request.value.mii };
                request.value.mii = [phy, MII_BMSR, 0, 0];
                self.ask(SIOCGMIIREG, &mut request)?;
                // SAFETY: as above.
                let [_, _, _, status] = unsafe { request.value.mii };
                Ok(status & BMSR_LINK != 0)
            }
        }
    }

    fn ask(&self, what: libc::c_ulong, request: &mut Request) -> io::Result<()> {
        // SAFETY: the request is a whole `ifreq`, which outlives the call, and so does what its pointer points at.
        check(unsafe { libc::ioctl(self.0.as_raw_fd(), what as _, request) }).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_without_hardware_is_asked_by_its_flags() {
        let asker = Asker::open().expect("a socket");
        assert!(asker.has_link("no-such-interf", LinkMethod::Ioctl).is_err());
        // Down in a namespace of its own, up on a host.
        let up = asker
            .has_link("lo", LinkMethod::Ioctl)
            .expect("every interface has flags");
        if up {
            assert!(asker.has_link("lo", LinkMethod::Mii).is_err());
            assert!(
                asker
                    .has_link("lo", LinkMethod::Ethtool)
                    .expect("lo knows this")
            );
        }
    }
}
