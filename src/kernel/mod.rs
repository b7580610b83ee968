//! What we want of the kernel, as values, and what the kernel says it has: addresses, routes, rules and links, their netlink messages, and the
//! reconciler that emits the difference. No socket lives here: bytes and the time come in, bytes and notices go out.

mod address;
mod addresses;
mod backoff;
mod envelope;
pub mod filter;
mod filters;
pub mod ipvs;
mod known;
mod link;
pub mod mark;
mod marks;
pub mod netlink;
pub mod nft;
mod notice;
mod policy;
mod policy_netlink;
mod policy_text;
mod reconcile;

pub use address::{Address, Claim, IFA_F_NODAD, IFA_F_NOPREFIXROUTE, Placement};
pub use addresses::Addresses;
pub use filters::Filters;
pub use known::{Known, Link, LinkChange, LinkState};
pub use link::{Kind, LinkUpdate, Nature, Setting};
pub use marks::Marks;
pub use notice::Notice;
pub use policy::{Policy, Trace};
pub use policy_text::Shown;
pub use reconcile::{Reconciler, Saved, Tuning};
