//! What might have been meant by a word that a block does not know: a slip of the fingers, a keyword of another block, or one that
//! older releases had.

use super::historic::HISTORIC;
use super::{Block, Keyword};

/// What an unknown word might be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Advice {
    /// Nearly the same as a keyword of this block; the number counts the slips.
    Similar(&'static Keyword, usize),
    /// A keyword of these other blocks, by path.
    Elsewhere(Vec<&'static str>),
    /// Known to releases up to this one.
    Removed(&'static str),
}

impl Advice {
    /// What to do, in one line.
    pub fn help(&self) -> String {
        match self {
            Advice::Similar(keyword, _) => format!("did you mean '{}'?", keyword.word),
            Advice::Elsewhere(paths) => format!("it belongs inside {}", paths.join(" or ")),
            Advice::Removed(release) => {
                format!("it had its last effect in release {release}; the line can be deleted")
            }
        }
    }
}

/// Slips that well-known tutorials spread, with what they mean: taken as meant.
const TAUGHT: [(&str, &str); 1] = [("lvs_sync_daemon_inteface", "lvs_sync_daemon_interface")];

/// The keyword that a slip of a well-known tutorial stands for.
pub fn taught_slip(block: Block, word: &[u8]) -> Option<&'static Keyword> {
    let (_, meant) = TAUGHT.iter().find(|(slip, _)| slip.as_bytes() == word)?;
    block.find(meant)
}

/// The keyword of the block that the word was most likely meant to be, and how many slips away it is: at most one slip in four
/// letters, and at most three.
pub fn did_you_mean(block: Block, word: &str) -> Option<(&'static Keyword, usize)> {
    const LETTERS_PER_SLIP: usize = 4;
    const MOST_SLIPS: usize = 3;
    const LONGEST: usize = 64;
    if word.len() > LONGEST {
        return None;
    }
    let allowed = (word.chars().count() / LETTERS_PER_SLIP).min(MOST_SLIPS);
    let lower = word.to_ascii_lowercase();
    block
        .keywords()
        .iter()
        .map(|row| (row, distance(&lower, &row.word.to_ascii_lowercase())))
        .filter(|(row, slips)| *slips <= allowed && *slips < row.word.len())
        .min_by_key(|(_, slips)| *slips)
}

/// The best advice for a word that is unknown in a block.
pub fn advise(block: Block, word: &str) -> Option<Advice> {
    let similar = did_you_mean(block, word);
    if let Some((keyword, slips @ 0..=1)) = similar {
        return Some(Advice::Similar(keyword, slips));
    }
    if let Some((.., last)) = HISTORIC
        .iter()
        .find(|(path, known, ..)| *path == block.path() && *known == word)
    {
        return Some(Advice::Removed(last));
    }
    let elsewhere: Vec<&'static str> = Block::all()
        .filter(|other| other.find(word).is_some())
        .map(Block::name)
        .collect();
    if !elsewhere.is_empty() {
        const SHOWN: usize = 4;
        return Some(Advice::Elsewhere(
            elsewhere
                .into_iter()
                .map(outermost_name)
                .take(SHOWN)
                .collect(),
        ));
    }
    similar.map(|(keyword, slips)| Advice::Similar(keyword, slips))
}

fn outermost_name(name: &'static str) -> &'static str {
    if name == "root" {
        "no block, at the outermost level"
    } else {
        name
    }
}

/// How many letters must be inserted, deleted, replaced or swapped with their neighbour to make one word the other (optimal
/// string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, to) in b.iter().enumerate() {
            let cell =
                |line: &[usize], place: usize| line.get(place).copied().unwrap_or(usize::MAX - 1);
            let mut best = (cell(&above, j) + usize::from(from != to))
                .min(cell(&above, j + 1) + 1)
                .min(cell(&row, j) + 1);
            let swapped = j > 0 && i > 0 && b.get(j - 1) == Some(from) && a.get(i - 1) == Some(to);
            if swapped {
                best = best.min(cell(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().unwrap_or(0)
}
