//! Any bytes as what a server says in TLS: as they are, as changes to what a real server says, and as its certificate. Nothing may
//! panic, bytes that no server of TLS has made never lead to the dialogue within, and what is sent in return is bounded.
//!
//! Input: what is wanted of the server, the length of pieces, the bytes.
#![no_main]

use keepalived::check::dialogue::{Dialogue, Failure, Step, Verdict};
use keepalived::check::tls::certificate::{self, Authorities};
use keepalived::check::tls::settings::{Profiles, Settings};
use keepalived::check::tls::{Secured, Session};
use keepalived::config::model::{PemFile, Tls, TlsProfile};
use keepalived::config::secret::Secret;
use keepalived::time::Wall;
use libfuzzer_sys::fuzz_target;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ServerConfig, ServerConnection};
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, LazyLock};

const AUTHORITY: &[u8] = include_bytes!("../../src/check/tls/pem/authority.crt");
const SIGNED: &[u8] = include_bytes!("../../src/check/tls/pem/signed.crt");
const KEY: &[u8] = include_bytes!("../../src/check/tls/pem/signed.key");
/// Some day in 2027.
const NOW: Wall = Wall(1_800_000_000_000_000_000);
/// More than a client says in a handshake.
const SAID_MAX: usize = 8 * 1024;

/// Version 1.2, in which certificates can be read, and so changed, by anybody.
static SERVER: LazyLock<Arc<ServerConfig>> = LazyLock::new(|| {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain: Result<_, _> = CertificateDer::pem_slice_iter(SIGNED).collect();
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS12])
        .expect("a version")
        .with_no_client_auth()
        .with_single_cert(
            chain.expect("certificates"),
            PrivateKeyDer::from_pem_slice(KEY).expect("a key"),
        );
    Arc::new(config.expect("a configuration"))
});

thread_local! {
    /// Trusting, and careful.
    static SETTINGS: [Settings; 2] = [None, Some(0)].map(|authorities| {
        let profile = TlsProfile { authorities, protocols: [Box::from("http/1.1")].into(), ..TlsProfile::default() };
        let profiles = Profiles::new(&Tls { authorities: vec![authority()], profiles: vec![profile], ..Tls::default() });
        profiles.get(0).expect("a profile").clone()
    });
    static AUTHORITIES: Authorities = Authorities::new(&authority());
}

fn authority() -> PemFile {
    PemFile {
        path: "ca".to_owned(),
        text: Secret::new(AUTHORITY),
    }
}

/// Asks, and is content with any answer.
struct Within;

impl Dialogue for Within {
    fn opened(&mut self, out: &mut Vec<u8>) -> Step {
        out.extend_from_slice(b"ping");
        Step::GoOn
    }
    fn received(&mut self, _: &[u8], _: &mut Vec<u8>) -> Step {
        Step::Done(Ok(()))
    }
    fn ended(&mut self) -> Verdict {
        Err(Failure::Ended)
    }
}

fn client(what: u8) -> Secured<Within> {
    let session = Session {
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        server_name: Some("a.example"),
        verify_name: Some("a.example"),
        protocol_required: what & 2 != 0,
        says_goodbye: what & 4 != 0,
        watches_end: true,
        now: NOW,
    };
    let place = usize::from(what & 1);
    SETTINGS.with(|settings| Secured::new(Within, &settings[place], session).expect("a client"))
}

/// Hears it in pieces; what comes of it.
fn hear(client: &mut Secured<Within>, bytes: &[u8], piece: usize, out: &mut Vec<u8>) -> Step {
    for piece in bytes.chunks(piece) {
        let step = client.received(piece, out);
        assert!(out.len() <= SAID_MAX);
        if step != Step::GoOn {
            return step;
        }
    }
    Step::GoOn
}

/// Every three bytes change one of what the server says: where, and how.
fn changed(what: u8, piece: usize, changes: &[u8]) {
    let mut client = client(what);
    let mut server = ServerConnection::new(SERVER.clone()).expect("a server");
    let (mut out, mut said) = (Vec::new(), 0);
    client.opened(&mut out);
    for _ in 0..8 {
        let mut bytes = &std::mem::take(&mut out)[..];
        while !bytes.is_empty() {
            server.read_tls(&mut bytes).expect("room");
            let _ = server.process_new_packets();
        }
        if !server.is_handshaking() {
            let _ = server.writer().write_all(b"pong");
        }
        let mut answer = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut answer).expect("room");
        }
        for change in changes.chunks_exact(3) {
            let at = usize::from(u16::from_be_bytes([change[0], change[1]]));
            if let Some(byte) = at.checked_sub(said).and_then(|at| answer.get_mut(at)) {
                *byte ^= change[2];
            }
        }
        said += answer.len();
        let step = hear(&mut client, &answer, piece, &mut out);
        if step != Step::GoOn {
            let unchanged = changes.chunks_exact(3).next().is_none();
            assert!(
                !unchanged || what & 2 != 0 || step == Step::Done(Ok(())),
                "{step:?}"
            );
            break;
        }
    }
    let _ = client.certificate_end();
}

fuzz_target!(|data: &[u8]| {
    let Some((&[what, piece], bytes)) = data.split_first_chunk() else {
        return;
    };
    let piece = usize::from(piece).max(1);
    match what >> 6 {
        0 | 1 => {
            let (mut client, mut out) = (client(what), Vec::new());
            client.opened(&mut out);
            let step = hear(&mut client, bytes, piece, &mut out);
            assert!(!matches!(step, Step::Done(Ok(()))), "nobody is who this is");
            assert!(client.ended().is_err() && client.timed_out().is_err());
        }
        2 => changed(what, piece, bytes),
        _ => {
            let own = CertificateDer::from(bytes);
            if let Some(end) = certificate::end(&own) {
                assert!(!certificate::shown(end).is_empty());
            }
            let name = ServerName::try_from("a.example").expect("a name");
            let verdict = AUTHORITIES.with(|known| known.judge(&[own], &name, NOW));
            let why = verdict.expect_err("one that is signed through another that is not shown");
            assert!(!why.contains(char::is_control), "{why:?}");
        }
    }
});
