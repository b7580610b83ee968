//! Configurations made of parts, for cases where the words matter less than what is in them.

/// One instance on `eth0` with `advert_int 1`; `head` holds what else stands in the block, such as `state MASTER`.
pub fn instance(name: &str, vrid: u8, priority: u8, head: &str, addresses: &[&str]) -> String {
    let addresses = addresses.join("\n        ");
    format!(
        "vrrp_instance {name} {{
    {head}
    interface eth0
    virtual_router_id {vrid}
    priority {priority}
    advert_int 1
    virtual_ipaddress {{
        {addresses}
    }}
}}
"
    )
}

/// The part of an instance that sets a password.
pub fn password(password: &str) -> String {
    format!("authentication {{\n        auth_type PASS\n        auth_pass {password}\n    }}")
}
