//! Mail about what happens: what it says (`alert`), what it looks like (`message`, RFC 5322), what is said to the server that takes it
//! (`dialogue`, RFC 5321), and which one is next when servers are slow, full or away (`queue`). Pure: connections and the looking up
//! of names are the runner's.

mod alert;
mod dialogue;
mod message;
mod notice;
mod queue;

pub use alert::{Mail, Memory};
pub use dialogue::{Dialogue, Heard};
pub use message::{Stamp, compose};
pub use notice::{Counts, Notice};
pub use queue::{Delivery, Queue};

use crate::config::model::MailServer;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A mail on its way: all that whoever sends it has to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// Whose news it is: those of one owner arrive in order, and later ones make earlier ones old.
    pub owner: String,
    /// Its subject, for the log.
    pub subject: String,
    /// Who takes it.
    pub server: MailServer,
    /// How we introduce ourselves.
    pub helo: String,
    /// Until a connection stands and the server has greeted.
    pub connect_timeout: Duration,
    /// Who sends it.
    pub from: String,
    /// For whom it is, those that have not got it yet.
    pub recipients: Vec<String>,
    /// Header and body, in lines that end by CR LF.
    pub message: String,
}
