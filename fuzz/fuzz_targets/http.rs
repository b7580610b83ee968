//! Any bytes as the answer of a web server, in any pieces: nothing may panic, what is handed on is what was sent, no more is held
//! than may be, and how the answer is cut makes no difference to the verdict.
//!
//! Input: what the page has to be, the length of pieces, the answer.
#![no_main]

use keepalived::check::dialogue::{Dialogue, Step, Verdict};
use keepalived::check::http::Http;
use keepalived::check::http::response::{BODY_MAX, Decoder, HEAD_MAX, Part};
use keepalived::config::model::{HttpVersion, Method, Regex, Request, Url, WebProbe};
use keepalived::config::pattern::Pattern;
use libfuzzer_sys::fuzz_target;
use std::rc::Rc;
use std::sync::LazyLock;

/// The digest of a page without a byte.
const EMPTY: [u8; 16] = [
    0xd4, 0x1d, 0x8c, 0xd9, 0x8f, 0x00, 0xb2, 0x04, 0xe9, 0x80, 0x09, 0x98, 0xec, 0xf8, 0x42, 0x7e,
];

static SOURCE: LazyLock<Regex> = LazyLock::new(|| Regex {
    pattern: br"(\w)\1|^ok$".to_vec(),
    no_match: false,
    options: Vec::new(),
    least_offset: 1,
    most_offset: Some(9),
});

fn probe(what: u8) -> WebProbe {
    let regex = Regex {
        no_match: what & 4 != 0,
        ..SOURCE.clone()
    };
    let url = Url {
        path: "/".into(),
        virtual_host: None,
        request: (what & 8 != 0).then(|| {
            Box::new(Request {
                method: Method::Head,
                ..Request::default()
            })
        }),
        digest: (what & 1 != 0).then_some(EMPTY),
        status_codes: [(200, 299)].into(),
        regex: (what & 2 != 0).then(|| Box::new(regex)),
        tls_compliant: false,
    };
    WebProbe {
        tls: None,
        version: HttpVersion::V1_1,
        fast_recovery: false,
        urls: [url].into(),
    }
}

fn verdict(probe: &Rc<WebProbe>, answer: &[u8], piece: usize) -> Verdict {
    let pattern = probe.urls[0].regex.as_ref();
    let pattern = pattern
        .map(|regex| Rc::new(Pattern::new(&regex.pattern, &regex.options).expect("a pattern")));
    let mut http =
        Http::new(probe.clone(), 0, ([127, 0, 0, 1].into(), 80), pattern).expect("a page");
    let mut out = Vec::new();
    http.opened(&mut out);
    let asked = out.len();
    for piece in answer.chunks(piece) {
        if let Step::Done(verdict) = http.received(piece, &mut out) {
            assert_eq!(out.len(), asked, "nothing is said twice");
            return verdict;
        }
    }
    http.ended()
}

fuzz_target!(|data: &[u8]| {
    let Some((&[what, piece], answer)) = data.split_first_chunk() else {
        return;
    };
    let (mut decoder, mut heads, mut raw, mut content) = (Decoder::default(), Vec::new(), 0, 0);
    let mut take = |part: Part<'_>| match part {
        Part::Head { status, text } => {
            assert!((100..=999).contains(&status) && text.len() <= HEAD_MAX + 4);
            heads.push(status);
        }
        Part::Raw(bytes) => raw += bytes.len(),
        Part::Content(bytes) => content += bytes.len(),
    };
    let piece = usize::from(piece).max(1);
    for piece in answer.chunks(piece) {
        if decoder.push(piece, &mut take) != Ok(false) {
            break;
        }
    }
    assert!(heads.len() <= 1 && raw <= answer.len() && content <= raw && raw as u64 <= BODY_MAX);
    let probe = Rc::new(probe(what));
    // What stops being chunks is searched from the broken line or from behind it, as the pieces happen to fall.
    if what & 2 == 0 {
        assert_eq!(
            verdict(&probe, answer, piece),
            verdict(&probe, answer, usize::MAX)
        );
    } else {
        let _ = verdict(&probe, answer, piece);
    }
});
