//! Mail about what happens: what it says (`alert`), what it looks like (`message`, RFC 5322), what is said to the server that takes it
//! (`dialogue`, RFC 5321), which one is next when servers are slow, full or away (`queue`),
//! and which ones are to be handed over again when whoever sends them has died (`handed`). Pure: connections and the looking up
//! of names are the runner's.

mod alert;
mod dialogue;
mod handed;
mod message;
mod notice;
mod queue;

pub use alert::{Mail, Memory};
pub use dialogue::{Dialogue, Heard};
pub use handed::Handed;
pub use message::{Stamp, compose};
pub use notice::{Counts, Notice};
pub use queue::{Delivery, Left, Queue};

use crate::config::model::{Mail as Settings, MailServer};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A mail, by the number that its process gave it; later ones have greater numbers.
pub type MailId = u64;

/// Who takes mail, and how that is spoken to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outlet {
    /// Where it is.
    pub server: MailServer,
    /// How we introduce ourselves.
    pub helo: String,
    /// Until a connection stands and the server has greeted.
    pub connect_timeout: Duration,
}

impl Outlet {
    /// As it is configured; `None`: mail has nowhere to go.
    pub fn of(settings: &Settings) -> Option<Outlet> {
        settings.outlet().map(|server| Outlet {
            server: server.clone(),
            helo: settings.helo.clone(),
            connect_timeout: settings.connect_timeout,
        })
    }
}

/// A mail on its way: all that whoever sends it has to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// Whose news it is: those of one owner arrive in order, and later ones make earlier ones old.
    pub owner: String,
    /// Its subject, for the log.
    pub subject: String,
    /// Who takes it.
    pub outlet: Outlet,
    /// Who sends it.
    pub from: String,
    /// For whom it is, those that have not got it yet.
    pub recipients: Vec<String>,
    /// Header and body, in lines that end by CR LF.
    pub message: String,
}
