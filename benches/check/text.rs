//! Configurations: services of a hundred servers, each with a check.

use std::fmt::Write;
use std::net::Ipv4Addr;

/// Real servers of a virtual server.
pub const EACH: usize = 100;

/// Where the real servers are.
pub const NETWORK: &str = "10.64.0.0/12";
const FIRST: u32 = 0x0a40_0000;

/// The address of a server.
pub fn server(number: usize) -> Ipv4Addr {
    Ipv4Addr::from_bits(FIRST + u32::try_from(number).expect("no more than there are addresses"))
}

/// The other way round.
pub fn number(address: Ipv4Addr) -> Option<usize> {
    usize::try_from(address.to_bits().checked_sub(FIRST)?).ok()
}

/// The address of a service.
pub fn service(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 32, (number / 250) as u8, (number % 250 + 1) as u8)
}

/// So many servers; `check` is what stands in each of them, `settings` in each service.
pub fn services(servers: usize, settings: &str, check: &str) -> String {
    let mut text = String::new();
    for first in (0..servers).step_by(EACH) {
        let address = service(first / EACH);
        let _ = write!(
            text,
            "virtual_server {address} 80 {{\n  lb_algo rr\n  lb_kind NAT\n  protocol TCP\n{settings}"
        );
        for number in first..servers.min(first + EACH) {
            let address = server(number);
            let _ = writeln!(
                text,
                "  real_server {address} 80 {{\n    weight 1\n{check}  }}"
            );
        }
        text.push_str("}\n");
    }
    text
}

/// The same, each with a TCP check every so many seconds.
pub fn checked(servers: usize, delay_loop: u32) -> String {
    services(
        servers,
        &format!("  delay_loop {delay_loop}\n"),
        "    TCP_CHECK {\n      connect_timeout 3\n    }\n",
    )
}
