//! `SSL`, and what a `SSL_GET` says of TLS: what is said of them, and what is built.

use super::faults::check;
use super::model::text;
use super::{PLAIN, SERVER, clean, only_server, read, said, service};
use crate::config::diagnostic::Class;
use crate::config::model::{Dialogue, Model, Probe, ServerName, TlsProbe};
use std::time::Duration;

/// `SSL` with these statements, and a `SSL_GET` with those.
fn both(ssl: &str, own: &str) -> String {
    let page = "url {\npath /\n}";
    format!(
        "SSL {{\n{ssl}\n}}\n{}",
        text("", &format!("SSL_GET {{\n{own}\n{page}\n}}"))
    )
}

fn probe(model: &Model) -> &TlsProbe {
    match &only_server(model).checkers[0].probe {
        Probe::Connect(_, Dialogue::Web(web)) => web.tls.as_ref().expect("TLS"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn faults() {
    let ssl = |statements: &str| both(statements, "");
    let own = |statements: &str| both("", statements);
    let unused = "ca has no effect: no check verifies certificates by it";
    check(&[
        (
            ssl("password geheim\nca /ca\ncertificate /certificate\nkey /key\nverify"),
            0,
            &[],
        ),
        // As configurations of keepalived have it.
        (ssl("ca /ca"), 0, &[unused]),
        (
            format!(
                "SSL {{\nca /ca\n}}\n{}",
                service("10.0.0.1 80", &format!("{PLAIN}{SERVER}"))
            ),
            0,
            &[unused],
        ),
        (
            ssl("certificate /certificate\nkey /key\npassword geheim2\npassword geheim"),
            5,
            &["password has already been specified - replacing"],
        ),
        (
            ssl("key /missing"),
            5,
            &["SSL key /missing cannot be read: No such file"],
        ),
        (
            ssl("key /key"),
            0,
            &["key has no effect without certificate"],
        ),
        (
            ssl("password geheim"),
            0,
            &["password has no effect without certificate"],
        ),
        (
            ssl("certificate /certificate\nkey /open\npassword geheim"),
            0,
            &["password has no effect: the key in /open needs none"],
        ),
        (
            own("verify\nca /some"),
            5,
            &["SSL ca /some: the certificate at line 1 cannot be used: "],
        ),
        (
            ssl("verify\nca /none"),
            5,
            &["SSL ca /none holds no certificate that can be used; that at line 1: "],
        ),
        (
            ssl("certificate /certificate\nkey /exposed"),
            0,
            &["the key in /exposed can be read by its group or by others"],
        ),
        (
            own("certificate /certificate\nkey /exposed"),
            6,
            &["the key in /exposed can be read by its group or by others"],
        ),
        (
            ssl("certificate /certificate\nkey /key"),
            5,
            &[
                "certificate cannot be shown to servers: /key holds a key that needs a password: add it",
            ],
        ),
        (ssl("ca"), 5, &["ca needs a value"]),
        (
            ssl("verify\nca /text"),
            5,
            &["SSL ca /text holds no certificate in PEM"],
        ),
        (
            format!("SSL {{\n}}\n{}", ssl("")),
            5,
            &["SSL has already been specified - replacing"],
        ),
        (own("verify\nca /ca\nverify_name a.example"), 0, &[]),
        (own("verify\nverify_name 10.0.0.9"), 0, &[]),
        (own("ca /ca"), 5, &["ca has no effect without verify"]),
        (
            own("verify_name a"),
            5,
            &["verify_name has no effect without verify"],
        ),
        (
            own("verify\nverify_name \"a b\""),
            5,
            &["verify_name 'a b' is no name"],
        ),
        (
            own("sni_name 10.0.0.9"),
            5,
            &["sni_name '10.0.0.9' is no name of a host"],
        ),
        (
            own("sni_name a.example:443"),
            5,
            &["sni_name 'a.example:443' is no name of a host"],
        ),
        (
            own("expiry_warning 3651"),
            5,
            &["number '3651' outside range [0, 3650]"],
        ),
        (own("alpn http/1.1 http/1.0\nalpn_required"), 0, &[]),
        (own("alpn"), 5, &["alpn needs a value"]),
        (own("alpn h2"), 5, &["alpn cannot offer 'h2'"]),
        (
            own("alpn_required"),
            5,
            &["alpn_required has no effect without alpn"],
        ),
    ]);
}

#[test]
fn a_system_without_authorities_trusts_nobody() {
    let mut world = crate::config::world::Imagined::generous();
    world.authorities = Some("/gone".into());
    let loaded = crate::config::tests::read_on(&world, both("verify", ""));
    assert_eq!(said(&loaded), ["verify: /gone cannot be read"]);
    world.authorities = None;
    let loaded = crate::config::tests::read_on(&world, both("", "verify"));
    assert_eq!(
        said(&loaded),
        ["verify: this system has no list of authorities"]
    );
    let tls = &loaded.model.lvs.tls;
    assert_eq!(tls.profiles[0].authorities, Some(0));
    assert!(tls.authorities[0].text.expose().is_empty());
}

#[test]
fn a_check_goes_by_its_own_words_and_else_by_those_of_ssl() {
    let day = Duration::from_secs(24 * 60 * 60);
    let trusted = |model: &Model| {
        let tls = &model.lvs.tls;
        let profile = &tls.profiles[probe(model).profile as usize];
        let place = profile.authorities? as usize;
        Some(tls.authorities[place].path.clone())
    };
    let rows = [
        ("", "", None, None),
        ("expiry_warning 30", "", None, Some(30)),
        ("expiry_warning 30", "expiry_warning 7", None, Some(7)),
        ("expiry_warning 30", "expiry_warning 0", None, None),
        ("verify", "", Some("/system"), None),
        ("verify", "ca /ca", Some("/ca"), None),
        ("verify\nca /ca", "", Some("/ca"), None),
        ("", "verify", Some("/system"), None),
    ];
    for (ssl, own, want, days) in rows {
        let model = clean(&both(ssl, own));
        assert_eq!(trusted(&model).as_deref(), want, "{ssl} {own}");
        let warning = days.map(|days| day * days);
        assert_eq!(probe(&model).expiry_warning, warning, "{ssl} {own}");
    }
    // Nor is SSL's certificate shown in the place of one that cannot be read, of which nothing else is said.
    let usual = "certificate /certificate\nkey /open";
    let loaded = read(&both(usual, "certificate /gone\nkey /open"));
    assert_eq!(
        said(&loaded),
        ["SSL certificate /gone cannot be read: No such file"]
    );
    let tls = &loaded.model.lvs.tls;
    let identity = tls.profiles[probe(&loaded.model).profile as usize].identity;
    assert_eq!((identity, tls.identities.len()), (None, 1));
    // A file that is of no use makes nobody else trusted.
    let model = read(&both("verify", "ca /text")).model;
    assert_eq!(trusted(&model).as_deref(), Some("an empty list"));
    let model = read(&both("", "alpn_required")).model;
    assert!(!probe(&model).protocol_required, "nothing is offered");
    let model = clean(&both(
        "",
        "sni_name s\nverify\nverify_name v\nalpn a b a\nalpn_required",
    ));
    let tls = probe(&model);
    assert_eq!(tls.server_name, ServerName::Name("s".into()));
    assert_eq!(tls.verify_name.as_deref(), Some("v"));
    assert!(tls.protocol_required);
    let offered = &model.lvs.tls.profiles[0].protocols;
    assert_eq!(offered[..], [Box::from("a"), Box::from("b")]);
}

#[test]
fn many_checks_share_what_is_the_same() {
    let identity = "certificate /certificate\nkey /key\npassword geheim";
    let page = "url {\npath /\n}";
    let check = |words: &str| format!("SSL_GET {{\n{words}\n{page}\n}}\n");
    let checks = [
        check("verify"),
        check(&format!("verify\n{identity}\nverify_name b")),
        check("verify off"),
        check("verify\nexpiry_warning 3"),
        // As SSL has it.
        check(identity),
    ];
    let model = clean(&format!(
        "SSL {{\nca /ca\n{identity}\n}}\n{}",
        text("", &checks.concat())
    ));
    let tls = &model.lvs.tls;
    let counts = (
        tls.authorities.len(),
        tls.identities.len(),
        tls.profiles.len(),
    );
    assert_eq!(counts, (1, 1, 2));
    let profiles: Vec<u32> = only_server(&model)
        .checkers
        .iter()
        .map(|checker| match &checker.probe {
            Probe::Connect(_, Dialogue::Web(web)) => web.tls.as_ref().expect("TLS").profile,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(profiles, [0, 0, 1, 0, 1]);
}

/// However many checks name it: the file has to be mended once.
#[test]
fn a_file_that_is_of_no_use_is_said_once() {
    let page = "url {\npath /\n}";
    let check = |words: &str| format!("SSL_GET {{\n{words}\n{page}\n}}\n");
    let rows = [
        (
            "verify\nca /gone",
            "SSL ca /gone cannot be read: No such file",
        ),
        (
            "verify\nca /text",
            "SSL ca /text holds no certificate in PEM",
        ),
        (
            "certificate /gone",
            "SSL certificate /gone cannot be read: No such file",
        ),
        (
            "certificate /text",
            "certificate cannot be shown to servers: /text holds no certificate in PEM",
        ),
        (
            "certificate /certificate\nkey /key\npassword falsch",
            "certificate cannot be shown to servers: /key holds a key that does not open with the password",
        ),
    ];
    for (words, want) in rows {
        let checks: String = (0..3).map(|_| check(words)).collect();
        let loaded = read(&text("", &checks));
        assert_eq!(said(&loaded), [want], "{words}");
        assert_eq!(loaded.diagnostics.exit_status(), 5);
        // Neither is anything kept, or made by the checker process, for each of them.
        let tls = &loaded.model.lvs.tls;
        assert!(tls.identities.is_empty(), "{words}");
        assert_eq!(tls.profiles.len(), 1, "{words}");
        let nobody = tls.authorities.iter().all(|it| it.text.expose().is_empty());
        assert!(nobody && tls.authorities.len() < 2, "{words}");
    }
}

#[test]
fn secrets_are_kept_and_never_shown() {
    let loaded = read(&both(
        "password geheim\ncertificate /certificate\nkey /key\npassword ganzgeheim",
        "",
    ));
    let line = |diagnostic| loaded.diagnostics.snippet(diagnostic, false);
    let said: String = loaded.diagnostics.iter().map(line).collect();
    assert!(
        said.contains("password ********") && !said.contains("geheim"),
        "{said}"
    );
    let model = clean(&both(
        "password geheim\ncertificate /certificate\nkey /key",
        "",
    ));
    let identity = &model.lvs.tls.identities[0];
    assert_eq!(identity.password.as_ref().unwrap().expose(), b"geheim");
    assert_eq!(identity.key_file().path, "/key");
    let shown = format!("{model:?}");
    assert!(!shown.contains("geheim") && !shown.contains("BEGIN"));
    let unimplemented = loaded.diagnostics.has(Class::Unimplemented);
    assert!(!unimplemented);
}
