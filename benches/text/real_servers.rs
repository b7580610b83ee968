//! Configurations of the load balancer, as large as wanted, for every bench that reads them.

use std::fmt::Write;

/// So many virtual servers, with so many real servers each; none of these is checked.
pub fn real_servers(servers: usize, each: usize) -> String {
    let mut text = String::new();
    for server in 0..servers {
        let _ = writeln!(
            text,
            "virtual_server 10.{}.{}.1 80 {{\n  lb_algo rr\n  lb_kind NAT\n  protocol TCP",
            server / 250,
            server % 250
        );
        for n in 0..each {
            let _ = writeln!(
                text,
                "  real_server 10.{}.{}.{} 80 {{\n    weight 1\n  }}",
                100 + n / 62500,
                n / 250 % 250,
                n % 250 + 1
            );
        }
        text.push_str("}\n");
    }
    text
}
