//! The one table of keywords: block, word, what follows it, default, what repeating or omitting it does, since when it exists and
//! what it means. Parsing, range checks, "did you mean", the manual page and the completion all come from here.
//!
//! The rows stand in one file a group of blocks; here are their columns and the way to find one. What a keyword does to the model
//! is `config::build`'s.

mod checker;
pub mod form;
mod global;
mod historic;
mod http;
mod instance;
mod root;
mod service;
mod shared;
mod suggest;
#[cfg(test)]
mod tests;
mod track;

pub use form::Form;
pub use suggest::{Advice, advise, did_you_mean, taught_slip};

use std::sync::LazyLock;

/// A place where statements may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the variants are named for the blocks")]
pub enum Block {
    Root,
    GlobalDefs,
    TrackGroup,
    VrrpSyncGroup,
    GarpGroup,
    VrrpInstance,
    Authentication,
    AuthHmac,
    VrrpScript,
    VrrpTrackProcess,
    TrackFile,
    VrrpTrackFile,
    BfdInstance,
    Ssl,
    VirtualServer,
    RealServer,
    MiscCheck,
    SmtpCheck,
    SmtpHost,
    TcpCheck,
    PingCheck,
    UdpCheck,
    HttpGet,
    SslGet,
    HttpUrl,
    SslUrl,
    DnsCheck,
    FileCheck,
    BfdCheck,
}

/// Who acts on the statements of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Every process.
    Parent,
    /// The VRRP process.
    Vrrp,
    /// The checker process.
    Checker,
    /// The BFD process.
    Bfd,
}

/// What a keyword without its argument does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The daemon does not start (exit status 2).
    Refuses,
    /// A message; the statement has no effect.
    Warns,
    /// Nothing is said and the statement has no effect.
    Quiet,
}

/// What a second occurrence in one block does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeated {
    /// The last one counts.
    Last,
    /// The first one counts; a message.
    KeepsFirst,
    /// The last one counts; a message.
    ReplacesLoudly,
    /// Each one counts.
    Appends,
}

/// Whether a keyword is out of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deprecation {
    /// It is not.
    No,
    /// It is, which is said but is no fault.
    Said,
    /// It is, and the configuration test counts it as a fault.
    Counted,
}

/// One row: a keyword in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keyword {
    /// As it is written.
    pub word: &'static str,
    /// What follows it, for people.
    pub syntax: &'static str,
    /// What follows it, for the reader.
    pub form: Form,
    /// The default, for people.
    pub default: &'static str,
    /// First release of keepalived that has it here.
    pub since: &'static str,
    /// 1 = in nearly every configuration, 2 = in serious ones, 3 = rare.
    pub tier: u8,
    /// What it means, in one line.
    pub meaning: &'static str,
    /// What a missing argument does.
    pub missing: Missing,
    /// What a second one does.
    pub repeated: Repeated,
    /// The spelling in this block that it stands for.
    pub same_as: Option<&'static str>,
    /// Whether it is out of use.
    pub deprecation: Deprecation,
    /// Related spellings and advice, for people.
    pub see: Option<&'static str>,
    /// Whether this daemon acts on it; if not, it is checked and reported.
    pub acts: bool,
}

/// `since` of what keepalived does not have.
const OURS: &str = "not in keepalived";
/// `expiry_warning`: the most days, longer than certificates are given out for.
const EXPIRY_DAYS: i64 = 3650;
/// `notify_timeout`, wherever it stands: a tenth of a second to an hour.
const NOTIFY_TIMEOUT: Form = Form::Seconds(100_000, 3_600_000_000, 6);

/// A row with the usual values in the rare columns.
const fn k(
    word: &'static str,
    syntax: &'static str,
    form: Form,
    default: &'static str,
    since: &'static str,
    tier: u8,
    meaning: &'static str,
) -> Keyword {
    let (missing, repeated) = (Missing::Refuses, Repeated::Last);
    let (same_as, deprecation, see, acts) = (None, Deprecation::No, None, false);
    Keyword {
        word,
        syntax,
        form,
        default,
        since,
        tier,
        meaning,
        missing,
        repeated,
        same_as,
        deprecation,
        see,
        acts,
    }
}

impl Keyword {
    const fn missing(mut self, missing: Missing) -> Self {
        self.missing = missing;
        self
    }
    const fn repeated(mut self, repeated: Repeated) -> Self {
        self.repeated = repeated;
        self
    }
    const fn same_as(mut self, word: &'static str) -> Self {
        self.same_as = Some(word);
        self
    }
    const fn deprecated(mut self, deprecation: Deprecation) -> Self {
        self.deprecation = deprecation;
        self
    }
    const fn see(mut self, see: &'static str) -> Self {
        self.see = Some(see);
        self
    }
    const fn acts(mut self) -> Self {
        self.acts = true;
        self
    }
}

/// The rows of several lists, which must be as many as the type says.
const fn joined<const ALL: usize>(lists: &[&[Keyword]]) -> [Keyword; ALL] {
    let mut rows = [lists[0][0]; ALL];
    let (mut list, mut row, mut filled) = (0, 0, 0);
    while list < lists.len() {
        if row == lists[list].len() {
            (list, row) = (list + 1, 0);
            continue;
        }
        rows[filled] = lists[list][row];
        (row, filled) = (row + 1, filled + 1);
    }
    assert!(filled == ALL);
    rows
}

/// Every block: its path as people write it, who acts on it, and its keywords in the order of the manual.
static BLOCKS: [(Block, &str, Role, &[Keyword]); 29] = [
    (Block::Root, "root", Role::Parent, root::ROOT),
    (
        Block::GlobalDefs,
        "global_defs",
        Role::Parent,
        global::GLOBAL_DEFS,
    ),
    (
        Block::TrackGroup,
        "track_group",
        Role::Vrrp,
        track::TRACK_GROUP,
    ),
    (
        Block::VrrpSyncGroup,
        "vrrp_sync_group",
        Role::Vrrp,
        track::VRRP_SYNC_GROUP,
    ),
    (
        Block::GarpGroup,
        "garp_group",
        Role::Vrrp,
        track::GARP_GROUP,
    ),
    (
        Block::VrrpInstance,
        "vrrp_instance",
        Role::Vrrp,
        instance::VRRP_INSTANCE,
    ),
    (
        Block::Authentication,
        "vrrp_instance.authentication",
        Role::Vrrp,
        instance::AUTHENTICATION,
    ),
    (
        Block::AuthHmac,
        "vrrp_instance.auth_hmac",
        Role::Vrrp,
        instance::AUTH_HMAC,
    ),
    (
        Block::VrrpScript,
        "vrrp_script",
        Role::Vrrp,
        track::VRRP_SCRIPT,
    ),
    (
        Block::VrrpTrackProcess,
        "vrrp_track_process",
        Role::Vrrp,
        track::VRRP_TRACK_PROCESS,
    ),
    (
        Block::TrackFile,
        "track_file",
        Role::Parent,
        track::TRACK_FILE,
    ),
    (
        Block::VrrpTrackFile,
        "vrrp_track_file",
        Role::Parent,
        track::VRRP_TRACK_FILE,
    ),
    (
        Block::BfdInstance,
        "bfd_instance",
        Role::Bfd,
        track::BFD_INSTANCE,
    ),
    (Block::Ssl, "SSL", Role::Checker, service::SSL),
    (
        Block::VirtualServer,
        "virtual_server",
        Role::Checker,
        service::VIRTUAL_SERVER,
    ),
    (
        Block::RealServer,
        "virtual_server.real_server",
        Role::Checker,
        service::REAL_SERVER,
    ),
    (
        Block::MiscCheck,
        "virtual_server.real_server.MISC_CHECK",
        Role::Checker,
        checker::MISC_CHECK,
    ),
    (
        Block::SmtpCheck,
        "virtual_server.real_server.SMTP_CHECK",
        Role::Checker,
        checker::SMTP_CHECK,
    ),
    (
        Block::SmtpHost,
        "virtual_server.real_server.SMTP_CHECK.host",
        Role::Checker,
        checker::SMTP_HOST,
    ),
    (
        Block::TcpCheck,
        "virtual_server.real_server.TCP_CHECK",
        Role::Checker,
        checker::TCP_CHECK,
    ),
    (
        Block::PingCheck,
        "virtual_server.real_server.PING_CHECK",
        Role::Checker,
        checker::PING_CHECK,
    ),
    (
        Block::UdpCheck,
        "virtual_server.real_server.UDP_CHECK",
        Role::Checker,
        checker::UDP_CHECK,
    ),
    (
        Block::HttpGet,
        "virtual_server.real_server.HTTP_GET",
        Role::Checker,
        http::HTTP_GET,
    ),
    (
        Block::SslGet,
        "virtual_server.real_server.SSL_GET",
        Role::Checker,
        http::SSL_GET,
    ),
    (
        Block::HttpUrl,
        "virtual_server.real_server.HTTP_GET.url",
        Role::Checker,
        http::HTTP_URL,
    ),
    (
        Block::SslUrl,
        "virtual_server.real_server.SSL_GET.url",
        Role::Checker,
        http::SSL_URL,
    ),
    (
        Block::DnsCheck,
        "virtual_server.real_server.DNS_CHECK",
        Role::Checker,
        checker::DNS_CHECK,
    ),
    (
        Block::FileCheck,
        "virtual_server.real_server.FILE_CHECK",
        Role::Checker,
        checker::FILE_CHECK,
    ),
    (
        Block::BfdCheck,
        "virtual_server.real_server.BFD_CHECK",
        Role::Checker,
        checker::BFD_CHECK,
    ),
];

/// The rows of each block in the order of their words, made once.
static SORTED: LazyLock<Vec<Vec<&'static Keyword>>> = LazyLock::new(|| {
    let sorted = |rows: &'static [Keyword]| {
        let mut rows: Vec<&Keyword> = rows.iter().collect();
        rows.sort_unstable_by_key(|row| row.word);
        rows
    };
    BLOCKS.iter().map(|(_, _, _, rows)| sorted(rows)).collect()
});

impl Block {
    /// All blocks, in the order of the manual.
    pub fn all() -> impl Iterator<Item = Block> {
        BLOCKS.iter().map(|(block, ..)| *block)
    }

    fn row(self) -> &'static (Block, &'static str, Role, &'static [Keyword]) {
        &BLOCKS[self as usize]
    }

    /// Its dotted path; `root` for the outermost.
    pub fn path(self) -> &'static str {
        self.row().1
    }

    /// The last part of its path.
    pub fn name(self) -> &'static str {
        self.path().rsplit('.').next().unwrap_or_default()
    }

    /// Who acts on it.
    pub fn role(self) -> Role {
        self.row().2
    }

    /// Its keywords, in the order of the manual.
    pub fn keywords(self) -> &'static [Keyword] {
        self.row().3
    }

    /// Finds a keyword by its exact spelling.
    pub fn find(self, word: impl AsRef<[u8]>) -> Option<&'static Keyword> {
        let rows = SORTED.get(self as usize)?;
        let place = rows
            .binary_search_by(|row| row.word.as_bytes().cmp(word.as_ref()))
            .ok()?;
        rows.get(place).copied()
    }

    /// The place of one of its rows in the order of the manual.
    pub fn place(self, row: &'static Keyword) -> usize {
        let offset =
            (row as *const Keyword as usize).saturating_sub(self.keywords().as_ptr() as usize);
        offset / size_of::<Keyword>()
    }
}

/// Whether a word opens a block that stands at the outermost level and nowhere else: met inside another block, it shows that a
/// brace is missing. Blocks that are a keyword of an inner block too (`track_file`, `track_group`) are left out.
pub fn root_only(word: &[u8]) -> bool {
    let opens = Block::Root
        .find(word)
        .is_some_and(|row| matches!(row.form, Form::Block(..) | Form::Lines(_)));
    opens && Block::all().skip(1).all(|inner| inner.find(word).is_none())
}

/// Whether a keyword reads its line by the rules of a shell, in whatever block it stands.
pub fn reads_raw(word: &[u8]) -> bool {
    static RAW: LazyLock<std::collections::HashSet<&'static [u8]>> = LazyLock::new(|| {
        let raw = |row: &&Keyword| {
            matches!(
                row.form,
                Form::Script | Form::OptionalScript | Form::Escaped
            )
        };
        Block::all()
            .flat_map(|block| block.keywords().iter().filter(raw))
            .map(|row| row.word.as_bytes())
            .collect()
    });
    RAW.contains(word)
}
