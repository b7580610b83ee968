//! What genhash prints: 32 digits, or with `-v` everything, in the layout that is expected of it.

use super::Page;
use crate::check::dialogue::Failure;
use crate::check::http::hex;
use std::fmt::Write;
use std::time::Duration;

/// What is printed instead of a digest.
pub fn failed(failure: &Failure) -> String {
    match failure {
        Failure::NotConnected(_) => "Connection failed\n".to_owned(),
        other => format!("{other}\n"),
    }
}

/// Bytes in a line of a dump, and in its left half.
const LINE: usize = 16;
const HALF: usize = 8;
/// What frames a title.
const RULE: &str = "-----------------------";

/// What is printed of a page; `None` = it could not be fetched, which was said. `took`: from the beginning to the end.
pub fn report(page: Option<&Page>, path: &str, verbose: bool, took: Duration) -> String {
    let mut text = String::new();
    if let Some(page) = page {
        let digest = page.digest();
        if verbose {
            parts(&mut text, page, &digest);
        }
        text.push_str(&hex(&digest));
        text.push('\n');
    }
    if verbose {
        let _ = writeln!(
            text,
            "\nGlobal response time for [{path}] = {} usecs",
            took.as_micros()
        );
    }
    text
}

fn parts(text: &mut String, page: &Page, digest: &[u8]) {
    title(text, "   HTTP Header Buffer    ");
    dump(text, &page.head);
    title(text, "HTTP Header Ascii Buffer ");
    text.push_str(&String::from_utf8_lossy(&page.head));
    text.push('\n');
    title(text, "       HTML Buffer        ");
    dump(text, &page.body);
    text.push('\n');
    title(text, "   HTML hash resulting    ");
    dump(text, digest);
    title(text, "HTML hash final resulting ");
}

fn title(text: &mut String, title: &str) {
    let _ = writeln!(text, "{RULE}[ {title}]{RULE}");
}

/// A line for each sixteen bytes: the offset in decimal, the bytes, and those of them that can be shown as characters.
fn dump(text: &mut String, bytes: &[u8]) {
    for (line, bytes) in bytes.chunks(LINE).enumerate() {
        let _ = write!(text, "{:04}  ", line * LINE);
        for place in 0..LINE {
            if place == HALF {
                text.push_str("- ");
            }
            match bytes.get(place) {
                Some(byte) => {
                    let _ = write!(text, "{byte:02x} ");
                }
                None => text.push_str("   "),
            }
        }
        text.push_str("  ");
        for place in 0..LINE {
            let shown = match bytes.get(place) {
                Some(byte) if byte.is_ascii_graphic() || *byte == b' ' => char::from(*byte),
                Some(_) => '.',
                None => ' ',
            };
            text.push(shown);
        }
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_dump() {
        let mut text = String::new();
        dump(&mut text, b"Hello, world.\r\n\xff!");
        assert_eq!(
            text,
            "0000  48 65 6c 6c 6f 2c 20 77 - 6f 72 6c 64 2e 0d 0a ff   Hello, world....\n\
             0016  21                      -                           !               \n"
        );
    }

    #[test]
    fn a_page_that_is_not_there_leaves_only_the_time() {
        let took = Duration::from_micros(92);
        assert_eq!(report(None, "/", false, took), "");
        assert_eq!(
            report(None, "/", true, took),
            "\nGlobal response time for [/] = 92 usecs\n"
        );
    }

    #[test]
    fn digits_alone_or_everything() {
        let mut page = Page::default();
        page.head = b"HTTP/1.0 200 OK\r\n\r\n".to_vec();
        let took = Duration::from_micros(1);
        let empty = "d41d8cd98f00b204e9800998ecf8427e\n";
        assert_eq!(report(Some(&page), "/", false, took), empty);
        let all = report(Some(&page), "/", true, took);
        let titles: Vec<_> = all.lines().filter(|line| line.starts_with("---")).collect();
        assert_eq!(
            titles,
            [
                "-----------------------[    HTTP Header Buffer    ]-----------------------",
                "-----------------------[ HTTP Header Ascii Buffer ]-----------------------",
                "-----------------------[        HTML Buffer        ]-----------------------",
                "-----------------------[    HTML hash resulting    ]-----------------------",
                "-----------------------[ HTML hash final resulting ]-----------------------",
            ]
        );
        assert!(all.contains(&format!(
            "-----------------------\n{empty}\nGlobal response"
        )));
    }
}
