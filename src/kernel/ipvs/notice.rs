//! What the reconciler has to say: values, and their wording.

use super::{Destination, DestinationKey, Service, ServiceKey, Timeouts};
use crate::config::model::Forwarding;
use std::fmt;
use std::time::Duration;

const ENOENT: i32 = 2;
const EINVAL: i32 = 22;
const ERANGE: i32 = 34;

/// What was asked of the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// This service, or none under its key.
    Service(ServiceKey, Option<Service>),
    /// This destination of a service, or none under its key.
    Destination(ServiceKey, DestinationKey, Option<Destination>),
    /// An empty table.
    Flush,
    /// These timeouts.
    Timeouts(Timeouts),
}

/// Something worth a line in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Services that we want were there before us; their destinations are made what is wanted, their connections stay.
    TakenOver(usize),
    /// Somebody else has removed or changed a service of ours; it is made what it was.
    ServiceRepaired(ServiceKey),
    /// Somebody else has removed, changed or added destinations of a service of ours; they are made what they were.
    DestinationsRepaired(ServiceKey, usize),
    /// The kernel refuses something; it is asked again now and then.
    Refused {
        /// What.
        wish: Wish,
        /// Why.
        errno: i32,
        /// Why, in the kernel's own words.
        words: Option<String>,
    },
    /// A destination stays until its connections are over, or so much time is.
    Draining(ServiceKey, DestinationKey, Duration),
    /// A destination was to stay until its connections were over: it goes, as they are or as its time is.
    Drained {
        /// Of this service.
        service: ServiceKey,
        /// Which.
        server: DestinationKey,
        /// How many connections are cut; None = nobody knows.
        left: Option<u32>,
    },
    /// Answers of the kernel were lost; what they were about is asked again.
    Overrun,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::TakenOver(services) => write!(
                f,
                "{services} of our IPVS services are there already: taken over with their connections"
            ),
            Notice::ServiceRepaired(key) => write!(
                f,
                "IPVS service {key} was changed or removed by someone else: putting it right"
            ),
            Notice::DestinationsRepaired(key, count) => write!(
                f,
                "{count} servers of IPVS service {key} were changed by someone else: putting them right"
            ),
            Notice::Refused { wish, errno, words } => {
                let error = std::io::Error::from_raw_os_error(*errno);
                write!(f, "The kernel does not {wish}: {error}")?;
                if let Some(words) = words {
                    write!(f, " ({words})")?;
                }
                f.write_str(&wish.advice(*errno))
            }
            Notice::Draining(service, server, limit) => write!(
                f,
                "Server {server} of IPVS service {service} drains, for {:.1} s at most",
                limit.as_secs_f64()
            ),
            Notice::Drained {
                service,
                server,
                left,
            } => {
                write!(f, "Server {server} of IPVS service {service} goes: ")?;
                match left {
                    Some(0) => f.write_str("it has drained"),
                    Some(left) => {
                        write!(f, "its time to drain is over, {left} connections are cut")
                    }
                    None => f.write_str("its time to drain is over"),
                }
            }
            Notice::Overrun => f.write_str("Answers of IPVS were lost: asking again"),
        }
    }
}

impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wish::Service(key, Some(service)) => write!(
                f,
                "take IPVS service {key} with scheduler {}",
                service.scheduler
            ),
            Wish::Service(key, None) => write!(f, "remove IPVS service {key}"),
            Wish::Destination(key, server, Some(destination)) => {
                let method = match destination.forwarding {
                    Forwarding::Nat => "NAT",
                    Forwarding::DirectRouting => "DR",
                    Forwarding::Tunnel(..) => "TUN",
                };
                let weight = destination.weight;
                write!(
                    f,
                    "take server {server} ({method}, weight {weight}) of IPVS service {key}"
                )
            }
            Wish::Destination(key, server, None) => {
                write!(f, "remove server {server} of IPVS service {key}")
            }
            Wish::Flush => f.write_str("empty the IPVS table"),
            Wish::Timeouts(timeouts) => write!(
                f,
                "take IPVS timeouts tcp {} tcpfin {} udp {}",
                timeouts.tcp, timeouts.tcp_fin, timeouts.udp
            ),
        }
    }
}

impl Wish {
    /// What to do about a refusal, where that can be told.
    fn advice(&self, errno: i32) -> String {
        match (self, errno) {
            (Wish::Service(_, Some(service)), ENOENT) => {
                let engine = service.persistence.as_ref().and_then(|p| p.engine.as_ref());
                let scheduler = &service.scheduler;
                match engine {
                    Some(engine) => format!(
                        "; this kernel lacks one of them: modprobe ip_vs_{scheduler} ip_vs_pe_{engine}"
                    ),
                    None => {
                        format!("; this kernel has no such scheduler: modprobe ip_vs_{scheduler}")
                    }
                }
            }
            (Wish::Destination(key, server, Some(destination)), EINVAL) => {
                let same = key.family() == crate::config::model::Family::of(server.address);
                match destination.forwarding {
                    _ if same => String::new(),
                    Forwarding::Tunnel(..) => {
                        "; servers of the other family cannot be had while connections are synchronised: remove \
                         lvs_sync_daemon or the server"
                            .to_owned()
                    }
                    _ => "; servers of the other family need lvs_method TUN".to_owned(),
                }
            }
            (Wish::Destination(..), ERANGE) => {
                "; lthreshold must not be above uthreshold".to_owned()
            }
            _ => String::new(),
        }
    }
}
