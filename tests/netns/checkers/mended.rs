//! Files that `SSL_GET` needs and that are missing, or hold something else: said once, and their checks fail; mended, a reload is enough
//! though not a word of the configuration has changed.

use super::servers::{self, NGINX};
use super::{HERE, host};
use crate::support::Binary::Ours;
use crate::support::secs;
use crate::support::stage::{Case, program_case};
use nix::sys::signal::Signal;

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![program_case(
        "checkers::files_that_are_mended",
        NGINX,
        files_that_are_mended,
    )]
}

const CA: &str = "/run/own/ca.pem";
const CLIENT: &str = "/run/own/client.pem";

fn files_that_are_mended() {
    let world = host();
    let node = &world.nodes[0];
    let _nginx = servers::nginx(node);
    let trusting = format!("connect_port 8445\nverify\nca {CA}");
    let shown = format!(
        "connect_port 8444\ncertificate {CLIENT}\nkey /run/pem/client.key\npassword geheim"
    );
    let mut config = String::new();
    for (number, lines) in [&trusting, &trusting, &shown, &shown].iter().enumerate() {
        config += &format!(
            "virtual_server 10.11.0.{number} 80 {{\n protocol TCP\n lb_algo rr\n lb_kind NAT\n alpha\n delay_loop 0.5\n warmup 0\n \
             connect_timeout 10\n real_server 10.12.0.{number} 80 {{\n  SSL_GET {{\n   connect_ip {HERE}\n   retry 0\n{lines}\n   \
             url {{\n    path /name\n   }}\n  }}\n }}\n}}\n"
        );
    }
    // Everything that the log has more since it was looked at.
    let mut seen = 0;
    let mut news = |words: &[(&str, usize)]| {
        let since = |log: &str| log.get(seen..).unwrap_or_default().to_owned();
        for (word, count) in words {
            crate::support::wait_until(&format!("{word}, {count} times"), secs(20), || {
                since(&node.log()).matches(word).count() == *count
            });
        }
        let log = node.log();
        let new = since(&log);
        for (word, count) in words {
            assert_eq!(new.matches(word).count(), *count, "{word}: {new}");
        }
        seen = log.len();
    };
    node.start(Ours, &config);
    let untrusted = "failed. (the certificate is signed by nobody in an empty list";
    let unknown = "failed. (the status of the page is 400";
    let gone = "cannot be read: No such file or directory";
    news(&[
        (untrusted, 2),
        (unknown, 2),
        (&format!(") SSL ca {CA} {gone}"), 1),
        (&format!(") SSL certificate {CLIENT} {gone}"), 1),
    ]);
    node.run(&["mkdir", "-p", "/run/own"]);
    node.run(&["cp", "/run/pem/authority.crt", CA]);
    node.run(&["cp", "/run/pem/client.crt", CLIENT]);
    node.signal(Signal::SIGHUP);
    let rises = "Adding service [10.12.0.";
    news(&[(rises, 4), ("Reload complete", 1), ("cannot be", 0)]);
    // Others than they were, and then as they should be once more.
    node.run(&["cp", "/run/nginx.conf", CA]);
    node.run(&["cp", "/run/pem/server.crt", CLIENT]);
    node.signal(Signal::SIGHUP);
    let stranger =
        format!("the key in /run/pem/client.key is not that of the certificate in {CLIENT}");
    news(&[
        (untrusted, 2),
        (unknown, 2),
        (&format!(") SSL ca {CA} holds no certificate in PEM"), 1),
        (&stranger, 1),
    ]);
    node.run(&["cp", "/run/pem/authority.crt", CA]);
    node.run(&["cp", "/run/pem/client.crt", CLIENT]);
    node.signal(Signal::SIGHUP);
    news(&[(rises, 4), ("cannot be", 0)]);
    assert!(!node.log().contains("geheim"), "{}", node.log());
    node.stop();
}
