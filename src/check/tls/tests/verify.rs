//! Certificates of servers that have to be as they should: signed by whom, for which name, until when; and protocols.

use super::*;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::ServerConfig;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{SupportedProtocolVersion, version};

/// Signed by the authority through another, from 2020 to the end of 2118, for `a.example`, `*.b.example`, 10.10.0.1 and fd00::1.
const SIGNED: &[u8] = include_bytes!("../pem/signed.crt");
const SIGNED_KEY: &[u8] = include_bytes!("../pem/signed.key");
/// The same, but from 2020 to the end of 2020.
const EXPIRED: &[u8] = include_bytes!("../pem/expired.crt");
const AUTHORITY: &[u8] = include_bytes!("../pem/authority.crt");

/// Seconds since 1970 at the beginning of a year, leap days not counted: near enough.
fn year(year: u64) -> Wall {
    const SECONDS: u64 = 365 * 24 * 60 * 60 + 6 * 60 * 60;
    Wall((year - 1970) * SECONDS * 1_000_000_000)
}

/// Wants certificates of these authorities, and offers these protocols.
fn careful(authorities: Option<&[u8]>, protocols: &[&str]) -> Settings {
    let wants = TlsProfile {
        authorities: authorities.map(|_| 0),
        protocols: protocols.iter().map(|it| Box::from(*it)).collect(),
        ..TlsProfile::default()
    };
    profile(Tls {
        authorities: authorities.map(file).into_iter().collect(),
        profiles: vec![wants],
        ..Tls::default()
    })
}

/// A server with that chain and that key, whether they belong together or not.
fn showing(
    chain: &[u8],
    key: &[u8],
    version: &'static SupportedProtocolVersion,
    protocols: &[&str],
) -> ServerConnection {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain: Result<_, _> = CertificateDer::pem_slice_iter(chain).collect();
    let key = PrivatePkcs8KeyDer::from_pem_slice(key).expect("a key");
    let key = provider.key_provider.load_private_key(key.into());
    let shown = CertifiedKey::new(chain.expect("certificates"), key.expect("a key"));
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .expect("a version")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(shown)));
    config.alpn_protocols = protocols.iter().map(|it| it.as_bytes().to_vec()).collect();
    ServerConnection::new(Arc::new(config)).expect("a server")
}

fn client(settings: &Settings, session: Session<'_>) -> Secured<Within> {
    Secured::new(Within(Vec::new()), settings, session).expect("a client")
}

/// What is found; empty = nothing wrong.
fn wrong(client: &mut Secured<Within>, server: &mut ServerConnection) -> String {
    match talk(client, server, 100).0 {
        Step::Done(Ok(())) => String::new(),
        Step::Done(Err(failure)) => failure.to_string(),
        Step::GoOn => panic!("no end"),
    }
}

#[test]
fn a_certificate_has_to_be_by_a_known_authority_for_the_name_and_in_its_time() {
    let alone = SIGNED.split_inclusive(|byte| *byte == b'\n');
    let end = |line: &&[u8]| line.starts_with(b"-----END");
    let lines = alone.clone().position(|line| end(&line)).expect("an end") + 1;
    let alone: Vec<u8> = alone.take(lines).flatten().copied().collect();
    let (now, a) = (year(2026), Some("a.example"));
    let by_nobody = "the certificate is signed by nobody in /f, but by \"CN=Test between\"";
    type Row<'r> = (&'r [u8], &'r [u8], Option<&'r str>, Wall, &'r str);
    let rows: [Row<'_>; 15] = [
        (SIGNED, AUTHORITY, a, now, ""),
        (SIGNED, AUTHORITY, Some("x.b.example:443"), now, ""),
        (SIGNED, AUTHORITY, Some("10.10.0.1:443"), now, ""),
        (SIGNED, AUTHORITY, Some("[fd00::1]:443"), now, ""),
        (
            SIGNED,
            AUTHORITY,
            Some("b.example"),
            now,
            "the certificate is for a.example, *.b.example, 10.10.0.1, fd00::1, not for b.example",
        ),
        // The address connected to.
        (SIGNED, AUTHORITY, None, now, "not for 127.0.0.1"),
        (
            SIGNED,
            AUTHORITY,
            a,
            year(2122),
            "the certificate expired at 2119-01-01T00:00:00Z",
        ),
        (
            SIGNED,
            AUTHORITY,
            a,
            year(2019),
            "the certificate is not valid before 2020-01-01T00:00:00Z",
        ),
        (
            EXPIRED,
            AUTHORITY,
            a,
            now,
            "the certificate expired at 2021-01-01T00:00:00Z",
        ),
        (SIGNED, SERVER, a, now, by_nobody),
        // Who signed it is not shown.
        (&alone, AUTHORITY, a, now, by_nobody),
        (SIGNED, b"nothing", a, now, by_nobody),
        // One that has signed for itself is as good as its place in the list.
        (SERVER, SERVER, Some("server.example"), year(2027), ""),
        (SERVER, SERVER, a, year(2027), "not for a.example"),
        (
            SERVER,
            AUTHORITY,
            Some("server.example"),
            year(2027),
            "the certificate is signed by nobody but itself, and is not in /f",
        ),
    ];
    for version in [&version::TLS12, &version::TLS13] {
        for (chain, authorities, verify_name, now, want) in rows {
            let key = if chain == SERVER {
                SERVER_KEY
            } else {
                SIGNED_KEY
            };
            let session = Session {
                verify_name,
                now,
                ..PLAIN
            };
            let mut client = client(&careful(Some(authorities), &[]), session);
            let mut server = showing(chain, key, version, &[]);
            let found = wrong(&mut client, &mut server);
            let fits = found.contains(want) && found.is_empty() == want.is_empty();
            assert!(fits, "{verify_name:?}: {found:?}, not {want:?}");
        }
    }
}

#[test]
fn a_certificate_without_its_key_is_worth_nothing() {
    for version in [&version::TLS12, &version::TLS13] {
        let stolen = || showing(SIGNED, SERVER_KEY, version, &[]);
        let session = Session {
            verify_name: Some("a.example"),
            now: year(2026),
            ..PLAIN
        };
        let mut suspicious = client(&careful(Some(AUTHORITY), &[]), session);
        let found = wrong(&mut suspicious, &mut stolen());
        assert_eq!(found, "TLS: invalid peer certificate: BadSignature");
        // Without verify any will do.
        let mut trusting = client(&careful(None, &[]), session);
        assert_eq!(wrong(&mut trusting, &mut stolen()), "");
    }
}

#[test]
fn a_stranger_is_told_nothing() {
    for version in [&version::TLS12, &version::TLS13] {
        let mut server = showing(SIGNED, SIGNED_KEY, version, &[]);
        let session = Session {
            says_goodbye: true,
            now: year(2026),
            ..PLAIN
        };
        let mut client = client(&careful(Some(AUTHORITY), &[]), session);
        let (mut out, mut answer) = (Vec::new(), Vec::new());
        client.opened(&mut out);
        server.read_tls(&mut &out[..]).expect("room");
        server.process_new_packets().expect("a hello");
        while server.wants_write() {
            server.write_tls(&mut answer).expect("room");
        }
        out.clear();
        let step = client.received(&answer, &mut out);
        assert!(matches!(step, Step::Done(Err(_))) && out.is_empty());
    }
}

#[test]
fn a_name_that_no_certificate_can_have_is_no_reason_to_trust() {
    let session = Session {
        verify_name: Some("no name"),
        ..PLAIN
    };
    let begin = |settings: &Settings| Secured::new(Within(Vec::new()), settings, session).map(drop);
    let why = begin(&careful(Some(AUTHORITY), &[])).expect_err("a failure");
    let want = "no certificate can be for the name \"no name\"";
    assert_eq!(why.to_string(), want);
    assert_eq!(begin(&careful(None, &[])), Ok(()));
}

#[test]
fn protocols_are_offered_and_may_be_required() {
    // Offered, known to the server, required, what is wrong.
    let rows: [(&[&str], &[&str], bool, &str); 6] = [
        (&[], &["http/1.1"], false, ""),
        (&["http/1.1"], &["h2", "http/1.1"], true, ""),
        (&["x", "http/1.1"], &["http/1.1"], true, ""),
        (&["http/1.1"], &[], false, ""),
        (
            &["http/1.1"],
            &[],
            true,
            "the server chooses none of the protocols that are offered (ALPN)",
        ),
        (
            &["http/1.1"],
            &["h2"],
            false,
            "TLS: received fatal alert: NoApplicationProtocol",
        ),
    ];
    for version in [&version::TLS12, &version::TLS13] {
        for (offered, known, protocol_required, want) in rows {
            let session = Session {
                protocol_required,
                ..PLAIN
            };
            let mut client = client(&careful(None, offered), session);
            let mut server = showing(SIGNED, SIGNED_KEY, version, known);
            assert_eq!(
                wrong(&mut client, &mut server),
                want,
                "{offered:?} {known:?}"
            );
        }
    }
}

#[test]
fn the_end_of_a_certificate_is_told_to_who_wants_it() {
    for watches_end in [true, false] {
        let session = Session {
            watches_end,
            ..PLAIN
        };
        let mut client = client(&careful(None, &[]), session);
        assert_eq!(client.certificate_end(), None);
        let mut server = showing(EXPIRED, SIGNED_KEY, &version::TLS13, &[]);
        assert_eq!(wrong(&mut client, &mut server), "");
        let end = client.certificate_end().map(certificate::shown);
        let want = watches_end.then_some("2021-01-01T00:00:00Z");
        assert_eq!(end.as_deref(), want);
    }
}
