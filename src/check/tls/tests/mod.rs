//! Against a server of the same library in memory: what is within arrives, however records are cut, and what is no TLS is named.
//! The certificates and keys in `pem/` were made for these tests by openssl; the password is in the test that needs it.

mod verify;

use super::settings::Profiles;
use super::*;
use crate::config::model::{Identity, PemFile, Tls, TlsProfile};
use crate::config::secret::Secret;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{Acceptor, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig, ServerConnection};
use std::io::Read;
use std::sync::Arc;

const SERVER: &[u8] = include_bytes!("../pem/server.crt");
const SERVER_KEY: &[u8] = include_bytes!("../pem/server.key");
const CLIENT: &[u8] = include_bytes!("../pem/client.crt");
const CLIENT_KEY: &[u8] = include_bytes!("../pem/client.key");
const CLIENT_LOCKED: &[u8] = include_bytes!("../pem/client-locked.key");
const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// Says `ping` and wants `pong`.
struct Within(Vec<u8>);

impl Dialogue for Within {
    fn opened(&mut self, out: &mut Vec<u8>) -> Step {
        out.extend_from_slice(b"ping");
        Step::GoOn
    }
    fn received(&mut self, bytes: &[u8], _: &mut Vec<u8>) -> Step {
        self.0.extend_from_slice(bytes);
        match &self.0[..] {
            b"pong" => Step::Done(Ok(())),
            _ => Step::GoOn,
        }
    }
    fn ended(&mut self) -> Verdict {
        Err(Failure::Ended)
    }
}

/// A session without demands.
const PLAIN: Session<'_> = Session {
    address: HERE,
    server_name: None,
    verify_name: None,
    protocol_required: false,
    says_goodbye: false,
    watches_end: false,
    now: Wall(0),
};

fn secured(settings: &Settings, name: Option<&str>, says_goodbye: bool) -> Secured<Within> {
    let session = Session {
        server_name: name,
        says_goodbye,
        ..PLAIN
    };
    Secured::new(Within(Vec::new()), settings, session).expect("a client")
}

/// The one profile of a configuration.
fn profile(tls: Tls) -> Settings {
    let profiles = Profiles::new(&tls);
    profiles.get(0).expect("a profile").clone()
}

/// A server; with a client's certificate that it wants to see, if any.
fn server(wanted: Option<&[u8]>) -> ServerConnection {
    let builder =
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions");
    let builder = match wanted {
        None => builder.with_no_client_auth(),
        Some(certificate) => {
            let mut roots = RootCertStore::empty();
            roots
                .add(CertificateDer::from_pem_slice(certificate).expect("a certificate"))
                .expect("a root");
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
        }
    };
    let chain = vec![CertificateDer::from_pem_slice(SERVER).expect("a certificate")];
    let key = PrivateKeyDer::from_pem_slice(SERVER_KEY).expect("a key");
    let config = builder
        .with_single_cert(chain, key)
        .expect("a configuration");
    ServerConnection::new(Arc::new(config)).expect("a server")
}

/// What is found when client and server talk in pieces of that size, and what the server has read.
fn talk(
    client: &mut Secured<Within>,
    server: &mut ServerConnection,
    piece: usize,
) -> (Step, Vec<u8>) {
    let (mut out, mut read) = (Vec::new(), Vec::new());
    let mut step = client.opened(&mut out);
    for _ in 0..64 {
        let mut bytes = &out[..];
        while !bytes.is_empty() {
            server.read_tls(&mut bytes).expect("room");
            // Its alert goes back below.
            let _ = server.process_new_packets();
        }
        out.clear();
        if step != Step::GoOn {
            break;
        }
        let mut plain = [0; 16];
        while let Ok(length) = server.reader().read(&mut plain) {
            read.extend_from_slice(&plain[..length]);
            if length == 0 {
                break;
            }
            server.writer().write_all(b"pong").expect("room");
        }
        let mut answer = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut answer).expect("room");
        }
        for piece in answer.chunks(piece) {
            step = client.received(piece, &mut out);
            if step != Step::GoOn {
                break;
            }
        }
    }
    (step, read)
}

#[test]
fn what_is_within_arrives_however_it_is_cut() {
    for piece in [1, 7, usize::MAX] {
        let mut server = server(None);
        let mut client = secured(&Settings::default(), Some("server.example"), false);
        let (step, read) = talk(&mut client, &mut server, piece);
        assert_eq!((step, &read[..]), (Step::Done(Ok(())), &b"ping"[..]));
        assert_eq!(server.server_name(), Some("server.example"));
        assert!(
            server
                .process_new_packets()
                .is_ok_and(|state| !state.peer_has_closed())
        );
    }
}

#[test]
fn a_goodbye_is_said_when_asked_for() {
    let mut server = server(None);
    let mut client = secured(&Settings::default(), None, true);
    assert_eq!(
        talk(&mut client, &mut server, usize::MAX).0,
        Step::Done(Ok(()))
    );
    assert!(
        server
            .process_new_packets()
            .is_ok_and(|state| state.peer_has_closed())
    );
}

#[test]
fn names_are_told_when_they_are_names() {
    let told = |name: Option<&str>| {
        let mut out = Vec::new();
        secured(&Settings::default(), name, false).opened(&mut out);
        let mut acceptor = Acceptor::default();
        acceptor.read_tls(&mut &out[..]).expect("a hello");
        let accepted = acceptor.accept().ok().flatten().expect("a whole hello");
        accepted.client_hello().server_name().map(str::to_owned)
    };
    let rows = [
        (None, None),
        (Some("a.example"), Some("a.example")),
        (Some("a.example:8443"), Some("a.example")),
        (Some("10.0.0.1"), None),
        (Some("[::1]:443"), None),
        (Some("no name"), None),
        (Some(""), None),
    ];
    for (name, want) in rows {
        assert_eq!(told(name).as_deref(), want, "{name:?}");
    }
}

fn file(text: &[u8]) -> PemFile {
    PemFile {
        path: "/f".to_owned(),
        text: Secret::new(text),
    }
}

#[test]
fn certificates_are_shown_to_who_wants_them() {
    let both = [CLIENT, CLIENT_KEY].concat();
    let surrounded = [b"Bag Attributes\n", CLIENT_LOCKED, CLIENT].concat();
    type Row<'r> = (&'r [u8], Option<&'r [u8]>, Option<&'r str>);
    let rows: [Row<'_>; 3] = [
        (CLIENT, Some(CLIENT_KEY), None),
        (&both, None, None),
        (CLIENT, Some(&surrounded), Some("geheim")),
    ];
    for (certificate, key, password) in rows {
        let identity = Identity {
            certificate: file(certificate),
            key: key.map(file),
            password: password.map(Secret::new),
        };
        let shows = TlsProfile {
            identity: Some(0),
            ..TlsProfile::default()
        };
        let settings = profile(Tls {
            identities: vec![identity],
            profiles: vec![shows],
            ..Tls::default()
        });
        let mut client = secured(&settings, None, false);
        assert_eq!(
            talk(&mut client, &mut server(Some(CLIENT)), 100).0,
            Step::Done(Ok(()))
        );
    }
    let mut client = secured(&Settings::default(), None, false);
    let (step, _) = talk(&mut client, &mut server(Some(CLIENT)), 100);
    let Step::Done(Err(failure)) = step else {
        panic!("{step:?}")
    };
    assert_eq!(
        failure.to_string(),
        "TLS: received fatal alert: CertificateRequired"
    );
}

#[test]
fn what_is_no_tls_is_named() {
    let answers: [(&[u8], &str); 4] = [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak TLS"),
        (b"220 mail ESMTP\r\n", "does not speak TLS"),
        // A fatal alert: handshake failure.
        (
            &[21, 3, 3, 0, 2, 2, 40],
            "TLS: received fatal alert: HandshakeFailure",
        ),
        (&[0; 64], "does not speak TLS"),
    ];
    for (answer, want) in answers {
        for piece in [1, usize::MAX] {
            let mut client = secured(&Settings::default(), None, false);
            let mut out = Vec::new();
            client.opened(&mut out);
            let mut steps = answer
                .chunks(piece)
                .map(|piece| client.received(piece, &mut out));
            let Some(Step::Done(Err(failure))) = steps.find(|step| *step != Step::GoOn) else {
                panic!("{want}: no failure")
            };
            assert!(failure.to_string().contains(want), "{failure}");
        }
    }
    let mut client = secured(&Settings::default(), None, false);
    let during = "the server closed the connection during the TLS handshake";
    assert_eq!(client.ended().expect_err("a failure").to_string(), during);
    let late = "no end of the TLS handshake in time";
    assert_eq!(client.timed_out().expect_err("a failure").to_string(), late);
}

#[test]
fn an_end_without_goodbye_is_the_matter_of_what_is_within() {
    let mut client = secured(&Settings::default(), None, false);
    let mut server = server(None);
    let mut out = Vec::new();
    client.opened(&mut out);
    while !client.begun {
        server.read_tls(&mut &out[..]).expect("room");
        server.process_new_packets().expect("good records");
        let mut answer = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut answer).expect("room");
        }
        out.clear();
        assert_eq!(client.received(&answer, &mut out), Step::GoOn);
    }
    assert_eq!(client.ended(), Err(Failure::Ended));
    assert_eq!(client.timed_out(), Err(Failure::NoAnswer));
}
