//! What is made of responses: well-formed, careless and hostile ones, in one piece and in single bytes.

use super::response::{BODY_MAX, HEAD_MAX};
use super::*;
use crate::config::model::{HttpVersion, Request};
use crate::config::pattern::Pattern;

/// A page without demands.
fn url() -> Url {
    Url {
        path: "/".into(),
        virtual_host: None,
        request: None,
        digest: None,
        status_codes: [(200, 299)].into(),
        regex: None,
        tls_compliant: false,
    }
}

fn with_digest(digest: [u8; 16]) -> Url {
    Url {
        digest: Some(digest),
        ..url()
    }
}

fn with_regex(pattern: &str, no_match: bool) -> Url {
    let regex = Regex {
        pattern: pattern.into(),
        no_match,
        options: Vec::new(),
        least_offset: 0,
        most_offset: None,
    };
    Url {
        regex: Some(Box::new(regex)),
        ..url()
    }
}

fn http(url: Url) -> Http {
    let pattern = url
        .regex
        .as_ref()
        .map(|regex| Rc::new(Pattern::new(&regex.pattern, &regex.options).expect("a pattern")));
    let probe = WebProbe {
        tls: None,
        version: HttpVersion::V1_0,
        fast_recovery: false,
        urls: [url].into(),
    };
    Http::new(Rc::new(probe), 0, ([10, 0, 0, 1].into(), 80), pattern).expect("a page")
}

/// What comes of an answer in pieces of that size; whether the connection had to end for it.
fn heard(url: &Url, answer: &[u8], piece: usize) -> (Verdict, bool) {
    let mut http = http(url.clone());
    let mut out = Vec::new();
    assert_eq!(http.opened(&mut out), Step::GoOn);
    for piece in answer.chunks(piece) {
        if let Step::Done(verdict) = http.received(piece, &mut out) {
            return (verdict, false);
        }
    }
    (http.ended(), true)
}

/// The same however the answer is cut.
fn verdict(url: &Url, answer: &[u8]) -> (Verdict, bool) {
    let whole = heard(url, answer, usize::MAX);
    for piece in [1, 2, 3, 7] {
        assert_eq!(heard(url, answer, piece), whole, "in pieces of {piece}");
    }
    whole
}

fn failure(url: &Url, answer: &[u8]) -> String {
    verdict(url, answer).0.expect_err("a failure").to_string()
}

fn md5(bytes: &[u8]) -> [u8; 16] {
    Md5::digest(bytes).into()
}

#[test]
fn the_request_names_the_host() {
    let sent = |url: Url| {
        let (mut http, mut out) = (http(url), Vec::new());
        http.opened(&mut out);
        String::from_utf8(out).expect("text")
    };
    assert!(sent(url()).contains("\r\nHost: 10.0.0.1:80\r\n"));
    let named = Url {
        virtual_host: Some("www.example".into()),
        ..url()
    };
    assert!(sent(named).contains("\r\nHost: www.example\r\n"));
}

#[test]
fn a_page_that_is_not_there_is_none() {
    let probe = Rc::clone(&http(url()).probe);
    assert!(Http::new(probe, 1, ([10, 0, 0, 1].into(), 80), None).is_none());
}

#[test]
fn heads_that_are_good_enough() {
    // The answer, and whether the connection has to end before it is over.
    let rows: &[(&str, bool)] = &[
        ("HTTP/1.0 200 OK\r\n\r\npage", true),
        ("HTTP/1.1 299 \r\nA: b\r\n\r\npage", true),
        ("HTTP/1.1 200\r\n\r\n", true),
        ("HTTP/1.0 200 OK\n\npage", true),
        ("HTTP/1.0 200 OK\nA: b\n\r\npage", true),
        ("\r\n\nHTTP/1.0 200 OK\r\n\r\npage", true),
        ("HTTP/1.1   200   OK\r\n\r\n", true),
        (
            "HTTP/1.1 200 OK\r\nno header\r\n: x\r\nA : b\r\n folded\r\n\r\n",
            true,
        ),
        // Without an end of the head.
        ("HTTP/1.1 200 OK", true),
        ("HTTP/1.1 200 OK\r\n", true),
        ("HTTP/1.1 200 OK\r\nA: b\r\n", true),
        // With an end before the connection's.
        ("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage", false),
        ("HTTP/1.1 200 OK\r\nCONTENT-LENGTH:0\r\n\r\n", false),
        ("HTTP/1.1 204 No Content\r\n\r\n", false),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n4\r\npage\r\n0\r\n\r\n",
            false,
        ),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            false,
        ),
        // Lengths that say nothing.
        ("HTTP/1.1 200 OK\r\nContent-Length: four\r\n\r\npage", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: +4\r\n\r\npage", true),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\npage",
            true,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\npage",
            true,
        ),
        // Fewer bytes than said: judged by what has come.
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\npage", true),
    ];
    for (answer, at_end) in rows {
        assert_eq!(
            verdict(&url(), answer.as_bytes()),
            (Ok(()), *at_end),
            "{answer:?}"
        );
    }
}

#[test]
fn an_answer_to_head_ends_with_its_head() {
    let asked = Request {
        method: Method::Head,
        ..Request::default()
    };
    let head = Url {
        request: Some(Box::new(asked)),
        ..url()
    };
    for framing in ["Content-Length: 4", "Transfer-Encoding: chunked", "A: b"] {
        let answer = format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n");
        assert_eq!(verdict(&head, answer.as_bytes()), (Ok(()), false));
    }
    assert!(failure(&head, b"HTTP/1.1 404 No\r\n\r\n").contains("404"));
}

#[test]
fn what_is_no_answer() {
    let rows: &[(&str, &str)] = &[
        ("", "closed the connection too early"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "not HTTP"),
        ("220 mail ESMTP\r\n", "not HTTP"),
        ("HTTP", "not HTTP"),
        ("HTTP/", "not HTTP"),
        ("HTTP/2 200\r\n\r\n", "not HTTP"),
        ("HTTP/1.1 ok\r\n\r\n", "not HTTP"),
        ("HTTP/1.1 20\r\n\r\n", "not HTTP"),
        // Found by fuzzing.
        ("HTTP/1.1 000 No\r\n\r\n", "not HTTP"),
        ("HTTP/1.1 099 No\r\n\r\n", "not HTTP"),
        ("\r\n\r\n", "closed the connection too early"),
        // Only interim responses.
        (
            "HTTP/1.1 100 Continue\r\n\r\n",
            "closed the connection too early",
        ),
    ];
    for (answer, want) in rows {
        let failure = failure(&url(), answer.as_bytes());
        assert!(failure.contains(want), "{answer:?}: {failure}");
    }
}

#[test]
fn status_codes() {
    let codes = Url {
        status_codes: [(200, 200), (301, 302), (404, 404)].into(),
        ..url()
    };
    for (status, good) in [
        (200, true),
        (201, false),
        (301, true),
        (302, true),
        (303, false),
        (404, true),
    ] {
        let answer = format!("HTTP/1.0 {status} X\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(
            verdict(&codes, answer.as_bytes()).0.is_ok(),
            good,
            "{status}"
        );
    }
    // The head is enough for it.
    let (verdict, at_end) = verdict(&codes, b"HTTP/1.0 503 Busy\r\nContent-Length: 9\r\n\r\n");
    let failure = verdict.expect_err("a failure").to_string();
    assert_eq!(
        failure,
        "the status of the page is 503, not 200 301-302 404"
    );
    assert!(!at_end);
}

#[test]
fn digests_are_those_of_the_body_as_it_is_on_the_wire() {
    let chunks = "4;x=y\r\npage\r\n10\r\n0123456789abcdef\r\n0\r\nT: r\r\n\r\n";
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let rows: Vec<(String, &[u8], bool)> = vec![
        ("HTTP/1.0 200 OK\r\n\r\npage".into(), b"page", true),
        ("HTTP/1.0 200 OK\r\n\r\n".into(), b"", true),
        ("HTTP/1.0 200 OK\n\npage".into(), b"page", true),
        (
            "HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\npagemore".into(),
            b"page",
            false,
        ),
        (format!("{head}{chunks}rest"), chunks.as_bytes(), false),
        // No chunks after all.
        (format!("{head}page"), b"page", true),
        (
            format!("{head}4\r\npagemore\r\n0\r\n\r\n"),
            b"4\r\npagemore\r\n0\r\n\r\n",
            true,
        ),
        // Chunks with bare line feeds.
        (format!("{head}4\npage\n0\n\n"), b"4\npage\n0\n\n", false),
    ];
    for (answer, body, at_end) in rows {
        let url = with_digest(md5(body));
        assert_eq!(
            verdict(&url, answer.as_bytes()),
            (Ok(()), at_end),
            "{answer:?}"
        );
    }
    let failure = failure(&with_digest([0x0a; 16]), b"HTTP/1.0 200 OK\r\n\r\n");
    assert_eq!(
        failure,
        "the page's digest is d41d8cd98f00b204e9800998ecf8427e, not 0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a"
    );
}

#[test]
fn patterns_see_the_page_without_the_framing_of_chunks() {
    let answer = b"HTTP/1.1 200 OK\r\nX: all is well\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nall is \r\n3\r\nbad\r\n0\r\n\r\n";
    assert_eq!(
        verdict(&with_regex("is bad$", false), answer),
        (Ok(()), false)
    );
    // The headers count only for what has to be there and is nowhere else.
    assert_eq!(
        verdict(&with_regex("all is well", false), answer),
        (Ok(()), false)
    );
    assert_eq!(
        verdict(&with_regex("all is well", true), answer),
        (Ok(()), false)
    );
    let mut from = with_regex("all is well", false);
    from.regex.as_mut().expect("a pattern").most_offset = Some(99);
    assert!(failure(&from, answer).contains("does not match"));
    let unmatched = failure(&with_regex("fine", false), answer);
    assert_eq!(unmatched, "the page does not match regex \"fine\"");
    let matched = failure(&with_regex("bad", true), answer);
    assert_eq!(matched, "the page matches regex \"bad\", which it must not");
    assert_eq!(verdict(&with_regex("fine", true), answer), (Ok(()), false));
}

#[test]
fn a_pattern_that_takes_too_long_is_a_failure() {
    let mut answer = b"HTTP/1.0 200 OK\r\n\r\n".to_vec();
    answer.extend([b'a'; 64]);
    let failure = failure(&with_regex(r"(?:(a)\1?)*(?=$)c", false), &answer);
    assert!(failure.contains("too many steps"), "{failure}");
}

/// What comes of an answer that never ends.
fn endless(url: &Url, begin: &str, more: &[u8]) -> (String, usize) {
    let (mut http, mut out) = (http(url.clone()), Vec::new());
    http.opened(&mut out);
    let mut given = begin.len();
    let mut step = http.received(begin.as_bytes(), &mut out);
    while step == Step::GoOn {
        step = http.received(more, &mut out);
        given += more.len();
    }
    match step {
        Step::Done(Err(failure)) => (failure.to_string(), given),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_does_not_end_is_cut_off() {
    let more = [b'x'; 16 * 1024];
    let (failure, given) = endless(&url(), "HTTP/1.1 200 OK\r\nX: ", &more);
    assert!(
        failure.contains("headers are longer than 64 KiB"),
        "{failure}"
    );
    assert!(given <= HEAD_MAX + more.len(), "{given}");
    let (failure, given) = endless(&url(), "", b"HTTP/1.1 100 C\r\n\r\n");
    assert!(
        failure.contains("headers are longer than 64 KiB"),
        "{failure}"
    );
    assert!(given <= HEAD_MAX + 100, "{given}");
    let (failure, given) = endless(&url(), "", b"\r\n");
    assert!(failure.contains("headers are longer"), "{failure}");
    assert!(given <= HEAD_MAX + 100, "{given}");
    let (failure, given) = endless(&url(), "HTTP/1.1 200 OK\r\n", b"A: b\r\n");
    assert!(failure.contains("headers are longer"), "{failure}");
    assert!(given <= HEAD_MAX + 100, "{given}");
    let (failure, given) = endless(&url(), "HTTP/1.1 200 OK\r\n\r\n", &more);
    assert!(failure.contains("page is longer than 16 MiB"), "{failure}");
    assert!(given as u64 <= BODY_MAX + 2 * more.len() as u64, "{given}");
    let (failure, given) = endless(&with_regex("y", false), "HTTP/1.1 200 OK\r\n\r\n", &more);
    assert!(failure.contains("too long for regex"), "{failure}");
    assert!(given <= SEARCHED_MAX + 2 * more.len(), "{given}");
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for more in [&b"1\r\nx\r\n"[..], b"0000000000000000", b"\r\n"] {
        let more = more.repeat(4096);
        let (failure, _) = endless(&url(), chunked, &more);
        assert!(failure.contains("page is longer"), "{failure}");
    }
    let (failure, _) = endless(&url(), &format!("{chunked}0\r\n"), &more);
    assert!(failure.contains("page is longer"), "{failure}");
}

#[test]
fn silence_is_no_answer() {
    let mut http = http(url());
    assert_eq!(http.timed_out(), Err(Failure::NoAnswer));
}
