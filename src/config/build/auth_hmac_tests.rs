//! `auth_hmac` blocks as people may write them, and what is made of them. No message shows a key.

use crate::config::Loaded;
use crate::config::diagnostic::status;
use crate::config::model::{AuthHmac, Authentication, Freshness, HmacMode};
use crate::config::tests::read_on;
use crate::config::world::Imagined;
use std::time::Duration;

const ASCII: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// An instance with these lines, on a host with some files.
fn read(lines: &str) -> Loaded {
    let files = [
        ("/run/keys/ascii", format!("{ASCII}\n"), false),
        ("/run/keys/hex", format!("hex:{HEX}\n"), false),
        ("/run/keys/open", ASCII.to_owned(), true),
        ("/run/keys/short", "secret\n".to_owned(), false),
        ("/etc/keepalived/near", ASCII.to_owned(), false),
    ];
    let world = Imagined {
        key_files: files
            .map(|(path, text, exposed)| (path.to_owned(), (text, exposed)))
            .into(),
        ..Imagined::generous()
    };
    let text = format!(
        "vrrp_instance VI_1 {{\n interface eth0\n virtual_router_id 51\n virtual_ipaddress {{\n 10.0.0.1/24\n }}\n{lines}\n}}\n"
    );
    read_on(&world, text)
}

fn hmac(lines: &str) -> Loaded {
    read(&format!("auth_hmac {{\n{lines}\n}}"))
}

fn config(loaded: &Loaded) -> &AuthHmac {
    match &loaded.model.vrrp.instances[0].authentication {
        Authentication::Hmac(config) => config,
        other => panic!("{other:?}"),
    }
}

fn said(loaded: &Loaded, text: &str) -> bool {
    let mut all = loaded.diagnostics.iter();
    all.any(|diagnostic| diagnostic.message.contains(text))
}

fn keys(loaded: &Loaded) -> Vec<(u8, Vec<u8>)> {
    let keys = config(loaded).keys.iter();
    keys.map(|(id, key)| (*id, key.expose().to_vec())).collect()
}

#[test]
fn keys_in_the_file_and_in_files_of_their_own() {
    let ascii = ASCII.as_bytes().to_vec();
    let bytes: Vec<u8> = (0..32).collect();
    for (value, expected) in [
        (format!("hex:{HEX}"), &bytes),
        (format!("hex:{}", HEX.to_uppercase()), &bytes),
        (ASCII.to_owned(), &ascii),
        (format!("\"{ASCII}\""), &ascii),
        ("file:/run/keys/ascii".to_owned(), &ascii),
        ("file:/run/keys/hex".to_owned(), &bytes),
        ("file:near".to_owned(), &ascii),
    ] {
        let loaded = hmac(&format!("key 3 {value}\nactive_key 3"));
        assert_eq!(keys(&loaded), [(3, expected.clone())], "{value}");
        assert_eq!(loaded.diagnostics.exit_status(), status::CLEAN, "{value}");
    }
}

/// (lines, exit status of -t, what is said)
#[test]
fn what_is_wrong_with_a_key_is_said_and_the_others_count() {
    let good = format!("key 1 {ASCII}\nactive_key 1\n");
    let long = "a".repeat(65);
    for (lines, status, message) in [
        (
            "key 2 short".to_owned(),
            5,
            "key 2 has 5 bytes, not 32 to 64",
        ),
        (format!("key 2 {long}"), 5, "key 2 has 65 bytes"),
        (format!("key 2 hex:{}", &HEX[2..]), 5, "key 2 has 31 bytes"),
        (
            format!("key 2 hex:{}", &HEX[1..]),
            5,
            "something else than pairs",
        ),
        (
            format!("key 2 hex:{}zz", &HEX[2..]),
            5,
            "something else than pairs",
        ),
        (
            "key 2 file:/run/keys/none".to_owned(),
            5,
            "cannot be read from /run/keys/none: No such file",
        ),
        (
            "key 2 file:/run/keys/short".to_owned(),
            5,
            "key 2 in /run/keys/short has 6 bytes",
        ),
        (
            "key 2 file:/run/keys/open".to_owned(),
            6,
            "/run/keys/open can be read by its group or by others",
        ),
        (format!("key 1 {ASCII}"), 5, "key 1 is there already"),
        (format!("key 0 {ASCII}"), 5, "from 1 to 255"),
        (format!("key 256 {ASCII}"), 5, "from 1 to 255"),
        (format!("key one {ASCII}"), 5, "from 1 to 255"),
        ("key 2".to_owned(), 2, "key"),
        ("time_window 301".to_owned(), 5, "outside range [1, 300]"),
        ("time_window 0".to_owned(), 5, "outside range [1, 300]"),
        ("mode loose".to_owned(), 5, "unknown mode 'loose'"),
        (
            "anti_replay never".to_owned(),
            5,
            "unknown anti_replay 'never'",
        ),
        ("active_key 0".to_owned(), 5, "outside range [1, 255]"),
    ] {
        let loaded = hmac(&format!("{good}{lines}"));
        assert!(
            said(&loaded, message),
            "{lines}: {:?}",
            loaded
                .diagnostics
                .iter()
                .map(|d| &d.message)
                .collect::<Vec<_>>()
        );
        assert_eq!(loaded.diagnostics.exit_status(), status, "{lines}");
        assert_eq!(keys(&loaded)[0].1, ASCII.as_bytes(), "{lines}");
    }
    assert_eq!(
        keys(&hmac(&format!("{good}key 2 file:/run/keys/open"))).len(),
        2,
        "used all the same"
    );
}

#[test]
fn without_a_key_to_sign_with_nothing_is_signed() {
    for (lines, message) in [
        (format!("key 1 {ASCII}"), "auth_hmac without active_key"),
        (
            format!("key 1 {ASCII}\nactive_key 2"),
            "active_key 2 is not there",
        ),
        (
            "key 1 file:/run/keys/none\nactive_key 1".to_owned(),
            "active_key 1 is not there",
        ),
    ] {
        let loaded = hmac(&lines);
        assert!(said(&loaded, message), "{lines}");
        let authentication = &loaded.model.vrrp.instances[0].authentication;
        assert_eq!(*authentication, Authentication::None, "{lines}");
    }
}

#[test]
fn defaults_modes_and_what_excludes_what() {
    let key = format!("key 1 {ASCII}\nactive_key 1\n");
    let seconds = Duration::from_secs;
    let loaded = hmac(&key);
    let expected = (Freshness::Time(seconds(5)), HmacMode::Enforce);
    assert_eq!((config(&loaded).freshness, config(&loaded).mode), expected);
    let block = format!("auth_hmac {{\n{key}}}\n");
    let slow = read(&format!("{block}advert_int 4"));
    assert_eq!(config(&slow).freshness, Freshness::Time(seconds(12)));
    let own = hmac(&format!("{key}time_window 300"));
    assert_eq!(config(&own).freshness, Freshness::Time(seconds(300)));
    let monotonic = hmac(&format!("{key}anti_replay monotonic\nmode receive-only"));
    let expected = (Freshness::Monotonic, HmacMode::ReceiveOnly);
    assert_eq!(
        (config(&monotonic).freshness, config(&monotonic).mode),
        expected
    );

    let strict = read(&format!(
        "auth_hmac {{\n{key}mode permissive\n}}\nstrict_mode"
    ));
    assert_eq!(config(&strict).mode, HmacMode::Enforce);
    assert!(said(&strict, "Strict mode enforces signed adverts"));

    let both = read(&format!(
        "{block}authentication {{\n auth_type PASS\n auth_pass 1234\n}}"
    ));
    assert_eq!(keys(&both).len(), 1);
    assert!(said(
        &both,
        "auth_hmac and authentication exclude each other"
    ));

    let twice = read(&format!(
        "{block}auth_hmac {{\nkey 2 {ASCII}\nactive_key 2\n}}"
    ));
    assert_eq!(
        (keys(&twice).len(), config(&twice).active_key),
        (2, 2),
        "opened again, it adds"
    );
    for version in ["version 2", "version 3"] {
        let loaded = read(&format!("{block}{version}"));
        assert_eq!(loaded.diagnostics.exit_status(), status::CLEAN, "{version}");
        assert_eq!(keys(&loaded).len(), 1, "{version}");
    }
}

/// Neither a message nor the source line under it nor a dump of the model.
#[test]
fn no_key_is_shown() {
    for lines in [
        format!("key 0 {ASCII}"),
        format!("key 1 {ASCII} x\nkey 1 {ASCII}"),
        format!("key 1 hex:{HEX}0"),
        format!("key {ASCII}"),
        format!("keys 1 hex:{HEX}"),
        format!("active_key 1 key 1 {ASCII}"),
        format!("key 1 {ASCII}\nactive_key 1"),
    ] {
        let loaded = hmac(&lines);
        let mut shown = format!("{:?}", loaded.model);
        for diagnostic in loaded.diagnostics.iter() {
            shown += &loaded.diagnostics.line(diagnostic);
            shown += &loaded.diagnostics.snippet(diagnostic, false);
        }
        let part = |secret: &str| shown.contains(&secret[8..16]);
        assert!(!part(ASCII) && !part(HEX), "{lines}: {shown}");
    }
}
