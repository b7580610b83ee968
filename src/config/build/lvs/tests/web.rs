//! Requests: `method`, `header` and `body`.

use super::faults::check;
use super::model::{dialogue, text};
use super::read;
use crate::config::model::{Dialogue, Method, Probe, Request};

/// A check with a page of these statements.
fn page(checker: &str, url: &str) -> String {
    format!("HTTP_GET {{\n{checker}\nurl {{\npath /\n{url}\n}}\n}}")
}

fn request(checker: &str, url: &str) -> Option<Request> {
    let Dialogue::Web(web) = dialogue(&page(checker, url)) else {
        panic!("no page")
    };
    web.urls[0].request.as_deref().cloned()
}

fn headers(request: &Request) -> Vec<(&str, &str)> {
    let text = |bytes| std::str::from_utf8(bytes).expect("text");
    let headers = request.headers.iter();
    headers
        .map(|header| (&*header.name, text(header.value.expose())))
        .collect()
}

#[test]
fn requests() {
    assert_eq!(request("", ""), None);
    assert_eq!(request("", "method GET"), None);
    for method in Method::ALL.into_iter().skip(1) {
        let request = request("", &format!("method {}", method.name())).expect("a request");
        assert_eq!((request.method, request.body), (method, None));
    }
    let posted = request("", r#"body "{\"a\": [1, 2]} # !""#).expect("a request");
    assert_eq!(posted.method, Method::Post);
    let body = posted.body.expect("a body");
    assert_eq!(body.expose(), br#"{"a": [1, 2]} # !"#);
    let put = request("", "method PUT\nbody a").expect("a request");
    assert_eq!(put.method, Method::Put);
    let with = request(
        "header X-A \"1 2\"\nheader x-b out",
        "header X-B \"in\\\"ner\"\nheader X-B two\nheader X-C ''",
    );
    assert_eq!(
        headers(&with.expect("a request")),
        [
            ("X-A", "1 2"),
            ("X-B", "in\"ner"),
            ("X-B", "two"),
            ("X-C", "")
        ]
    );
}

#[test]
fn what_would_split_a_request_is_not_sent() {
    for (path, sent) in [
        ("/a", "/a"),
        ("\"/a page?b=1 2\"", "/a%20page?b=1%202"),
        ("\"/a\tb\"", "/a%09b"),
        ("\"\"", "/"),
        ("/\u{e4}", "/\u{e4}"),
    ] {
        let check = format!("HTTP_GET {{\nurl {{\npath {path}\nvirtualhost \"a b\"\n}}\n}}");
        let loaded = read(&text("", &check));
        let server = super::only_server(&loaded.model);
        let Probe::Connect(_, Dialogue::Web(web)) = &server.checkers[0].probe else {
            panic!("no page")
        };
        let url = &web.urls[0];
        assert_eq!((&*url.path, url.virtual_host.as_deref()), (sent, None));
    }
}

#[test]
fn faults() {
    let url = |statements: &str| text("", &page("", statements));
    check(&[
        (
            url("path \"/a page\""),
            5,
            &[
                "path has already been specified - replacing",
                "path '/a page' is empty, or has a blank or a control character in it",
            ],
        ),
        (
            text("", "HTTP_GET {\nurl {\npath \"\"\n}\n}"),
            5,
            &["path '' is empty, or has a blank or a control character in it"],
        ),
        (
            url("virtualhost \"a b\""),
            5,
            &["virtualhost 'a b' is empty, or has a blank or a control character in it"],
        ),
        (
            text("virtualhost \"a\tb\"", &page("virtualhost \"\"", "")),
            5,
            &[
                "virtualhost 'a b' is empty, or has a blank or a control character in it",
                "virtualhost '' is empty, or has a blank or a control character in it",
            ],
        ),
        (
            text("", "SMTP_CHECK {\nhelo_name \"a b\"\n}"),
            5,
            &["helo_name 'a b' is empty, or has a blank or a control character in it"],
        ),
        (url("method get"), 5, &["Invalid method get"]),
        (url("header X"), 5, &["header needs a name and a value"]),
        (url("header X a b"), 5, &["header needs a name and a value"]),
        (url("header X: a"), 5, &["'X:' is no name of a header"]),
        (url("header \"\" a"), 5, &["'' is no name of a header"]),
        (url("header hOst a"), 5, &["header Host is there already"]),
        (
            text("", &page("header Content-Length 1", "")),
            5,
            &["header Content-Length is there already"],
        ),
        (
            url("header X \"a\\r\\nY: b\""),
            5,
            &["header X has a control character in it"],
        ),
        (url("body a b"), 5, &["body missing or too many fields"]),
        (url("body \"a"), 5, &["this \" is not closed"]),
        (
            url("method GET\nbody a"),
            5,
            &["body does not go with method GET"],
        ),
        (
            url("method HEAD\ndigest 640205b7b0fc66c1ea91c463fac6334d"),
            5,
            &["digest does not go with method HEAD: there is no body"],
        ),
    ]);
}

#[test]
fn what_lets_a_client_in_is_never_shown() {
    let loaded = read(&text(
        "",
        &page(
            "header Authorization \"Bearer geheim\"\nheader Authorization geheim geheim",
            "body geheim\nbody geheim geheim",
        ),
    ));
    let line = |diagnostic| loaded.diagnostics.snippet(diagnostic, false);
    let said: String = loaded.diagnostics.iter().map(line).collect();
    assert!(
        said.contains("header ********") && said.contains("body ********"),
        "{said}"
    );
    let shown = format!("{said}{:?}", loaded.model);
    assert!(!shown.contains("geheim"), "{shown}");
}
