//! `nftables_ipvs`, the half of it that IPVS sees: services of groups by marks, as the distribution's keepalived has them. This kernel has
//! nftables but no table of IPv4 or IPv6, which both implementations have to bear; the other half is `tests/netns/marks.rs`.

use crate::support::Binary::Ours;
use crate::support::ipvs::{Table, table};
use crate::support::stage::{self, Case};
use crate::support::world::{HostSpec, World};
use crate::support::{secs, wait_until};

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![
        AS_KEEPALIVED.case(),
        stage::privileged_case("ipvs_marks_that_the_kernel_refuses", refused_marks),
    ]
}

/// Groups of every kind, of which some become one service each.
const MARKED: &str = "global_defs {\n nftables_ipvs\n}
    virtual_server_group PIER {\n fd00:1::1 80\n fd00:1::10-12 80\n}
    virtual_server_group QUAY {\n 10.1.0.2 80\n 10.1.0.3 443\n 10.1.1.5-9 80\n}
    virtual_server_group LOCK {\n 10.1.2.1 80\n fd00:2::1 80\n}
    virtual_server_group MOLE {\n 10.1.3.1 80\n fwmark 4\n}
    virtual_server_group DOCK {\n 10.1.4.1\n 10.1.4.2\n}
    virtual_server group PIER {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n real_server fd00:2::1 8080 {\n }\n}
    virtual_server group QUAY {\n lb_algo rr\n lb_kind DR\n protocol UDP\n real_server 10.2.0.1 80 {\n }\n real_server 10.2.0.2 80 {\n weight 3\n }\n}
    virtual_server group QUAY {\n lb_algo wlc\n lb_kind NAT\n protocol TCP\n persistence_timeout 20\n real_server 10.2.0.1 8080 {\n }\n}
    virtual_server group LOCK {\n lb_algo rr\n lb_kind TUN\n protocol TCP\n real_server 10.2.0.1 80 {\n }\n}
    virtual_server group MOLE {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n real_server 10.2.0.1 8080 {\n }\n}
    virtual_server group DOCK {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n real_server 10.2.0.1 {\n }\n real_server 10.2.0.2 {\n }\n}
    virtual_server 10.1.5.1 80 {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n real_server 10.2.0.1 80 {\n }\n}";

const AS_KEEPALIVED: Table = Table {
        second: "global_defs {\n nftables_ipvs\n}
                 virtual_server_group PIER {\n 10.1.0.9 80\n}
                 virtual_server_group QUAY {\n 10.1.0.2 80\n 10.1.1.5-19 80\n}
                 virtual_server group PIER {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n real_server 10.2.0.1 8080 {\n }\n}
                 virtual_server group QUAY {\n lb_algo rr\n lb_kind DR\n protocol UDP\n real_server 10.2.0.1 80 {\n }\n real_server 10.2.0.3 80 {\n }\n}",
        ..table("ipvs_marked_groups", MARKED)
    };

/// This kernel has nftables without any table of IPv4: that is said once, and what the services wait for.
fn refused_marks() {
    let world = World::new(&[HostSpec::numbered(1)]);
    let node = &world.nodes[0];
    node.start(Ours, MARKED);
    node.wait_log(
        "The kernel refuses the nftables table keepalived_ipvs: Operation not supported",
        secs(20),
    );
    node.wait_log("Startup complete", secs(20));
    let table = || node.run(&["ipvsadm", "-Sn"]);
    wait_until("the services are there", secs(20), || {
        table().contains("-A -f 1000 -6")
    });
    node.stop();
    assert_eq!(table(), "");
    assert_eq!(node.log().matches("refuses the nftables").count(), 1);
}
