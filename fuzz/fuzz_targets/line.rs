//! One line as pieces and as shell words: they lie in the line, in order, and lose nothing but blanks and quotes.
#![no_main]

use keepalived::config::line::{Kind, is_blank, pieces};
use keepalived::config::shell::{arguments, decoded_words, shell_words};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|line: &[u8]| {
    let mut at = 0;
    pieces(line, |piece| {
        assert!(at <= piece.start && piece.start <= piece.end && piece.end <= line.len());
        let between = &line[at..piece.start];
        assert!(
            between
                .iter()
                .all(|&byte| is_blank(byte) || byte == b'"' || byte.is_ascii_whitespace())
        );
        match piece.kind {
            Kind::Word => assert!(
                !line[piece.start..piece.end]
                    .iter()
                    .any(|&byte| is_blank(byte) && !line.contains(&b'$'))
            ),
            Kind::Open => assert_eq!(line[piece.start], b'{'),
            Kind::Close => assert_eq!(line[piece.start], b'}'),
            Kind::Quoted | Kind::Unclosed => assert_eq!(line[piece.start - 1], b'"'),
        }
        at = piece.end;
    });
    if let Ok(words) = shell_words(line) {
        for word in words {
            assert!(word.at.start < word.at.end && word.at.end <= line.len());
            let _ = arguments(&word.bytes);
        }
    }
    let _ = decoded_words(line);
});
