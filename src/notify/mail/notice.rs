//! What is said in the log about mail: values here, worded here and nowhere else.

use crate::config::model::MailServer;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A log line about a mail. `Display` words it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Notice {
    /// A server took it for so many recipients.
    Sent {
        /// Its subject.
        subject: String,
        /// How many.
        recipients: usize,
    },
    /// It was refused for good.
    Refused {
        /// Its subject.
        subject: String,
        /// Who does not get it.
        recipient: String,
        /// What the server said.
        why: String,
    },
    /// It was refused for now, and is tried again: said of the first try.
    Deferred {
        /// Its subject.
        subject: String,
        /// Who has to wait.
        recipient: String,
        /// What the server said.
        why: String,
    },
    /// The server cannot be used now; what there is for it waits. Said once until it can be used again.
    Away {
        /// Which.
        server: MailServer,
        /// What is wrong with it.
        why: String,
    },
    /// It was tried for long enough.
    GivenUp {
        /// Its subject.
        subject: String,
        /// What was wrong last.
        why: String,
    },
    /// Whoever was to send these has gone, and nobody else had them: more waited than is kept.
    Lost {
        /// How many.
        count: usize,
    },
    /// More waits than is kept: one was left out whose state is over.
    LeftOut {
        /// Its subject.
        subject: String,
    },
}

/// What became of mail since the process began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Taken by a server.
    pub sent: u64,
    /// Refused, given up or left out.
    pub lost: u64,
    /// Not seen to yet, as far as is kept account of them.
    pub waiting: usize,
}

impl Counts {
    /// One more notice.
    pub fn count(&mut self, notice: &Notice) {
        let (count, more) = match notice {
            Notice::Sent { .. } => (&mut self.sent, 1),
            Notice::Refused { .. } | Notice::GivenUp { .. } | Notice::LeftOut { .. } => {
                (&mut self.lost, 1)
            }
            Notice::Lost { count } => (&mut self.lost, u64::try_from(*count).unwrap_or(u64::MAX)),
            Notice::Deferred { .. } | Notice::Away { .. } => return,
        };
        *count = count.saturating_add(more);
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::Sent {
                subject,
                recipients,
            } => write!(
                f,
                "SMTP alert successfully sent. ({subject}; recipients: {recipients})"
            ),
            Notice::Refused {
                subject,
                recipient,
                why,
            } => write!(
                f,
                "SMTP alert '{subject}' was refused for {recipient}: {why}"
            ),
            Notice::Deferred {
                subject,
                recipient,
                why,
            } => write!(
                f,
                "SMTP alert '{subject}' has to wait for {recipient}, and is tried again: {why}"
            ),
            Notice::Away { server, why } => write!(
                f,
                "SMTP server [{}]:{}: {why}; alerts wait, and are tried again",
                server.host, server.port
            ),
            Notice::GivenUp { subject, why } => {
                write!(f, "SMTP alert '{subject}' is given up: {why}")
            }
            Notice::Lost { count } => write!(
                f,
                "{count} SMTP alerts are lost with the process that was to send them: more waited than is kept"
            ),
            Notice::LeftOut { subject } => write!(
                f,
                "SMTP alert '{subject}' is left out: too many wait, and what it tells is over"
            ),
        }
    }
}
