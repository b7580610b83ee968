//! What a mail server says, to the reader of its replies: nothing may panic, pieces do not matter, and what is kept is bounded.
#![no_main]

use keepalived::wire::smtp::{Fault, REPLY_MAX, Replies, Reply};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&piece, said)) = data.split_first() else {
        return;
    };
    let whole = read(said, said.len());
    assert_eq!(whole, read(said, piece.into()));
    for reply in &whole.0 {
        assert!((200..600).contains(&reply.code) && !reply.lines.is_empty());
        assert!(reply.lines.iter().map(Vec::len).sum::<usize>() <= REPLY_MAX);
        assert!(!reply.to_string().contains(char::is_control));
        let _ = reply.class();
    }
});

fn read(said: &[u8], piece: usize) -> (Vec<Reply>, Option<Fault>) {
    let mut replies = Replies::default();
    let mut found = Vec::new();
    for piece in said.chunks(piece.max(1)) {
        replies.push(piece);
    }
    loop {
        match replies.next_reply() {
            Ok(Some(reply)) => found.push(reply),
            Ok(None) => return (found, None),
            Err(fault) => return (found, Some(fault)),
        }
    }
}
