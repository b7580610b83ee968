//! Sync groups, trackers, delays and timing: what is made of the text, and what is said of it.

use crate::config::Loaded;
use crate::config::diagnostic::{Class, status};
use crate::config::model::{
    Holdings, LinkDelay, LinkMethod, SyncGroup, TrackedInterface, VrrpInstance,
};
use crate::config::tests::read_on;
use crate::config::world::Imagined;
use std::time::Duration;

fn read(text: &str) -> Loaded {
    read_on(&Imagined::generous(), text)
}

fn instance(number: u8, lines: &str) -> String {
    format!(
        "vrrp_instance VI_{number} {{\n interface eth{number}\n virtual_router_id {number}\n priority 100\n virtual_ipaddress {{\n \
         10.0.{number}.1\n }}\n{lines}\n}}\n"
    )
}

fn said(loaded: &Loaded) -> Vec<&str> {
    loaded
        .diagnostics
        .iter()
        .map(|d| d.message.as_str())
        .collect()
}

fn tracks(instance: &VrrpInstance) -> Vec<(&str, i32, bool)> {
    instance
        .tracked_interfaces
        .iter()
        .map(|tracked| (tracked.interface.as_str(), tracked.weight, tracked.reverse))
        .collect()
}

#[test]
fn a_group_of_instances() {
    let group = "vrrp_sync_group VG {\n group {\n VI_1\n VI_2\n }\n}\n";
    // The group may stand before its members.
    let loaded = read(&format!("{group}{}{}", instance(1, ""), instance(2, "")));
    assert_eq!(said(&loaded), [""; 0]);
    assert_eq!(
        loaded.model.vrrp.sync_groups,
        [SyncGroup {
            name: "VG".to_owned(),
            members: vec!["VI_1".to_owned(), "VI_2".to_owned()],
            notify: Default::default(),
        }]
    );
    // One that is not started is no member, and neither is one that another group has.
    let loaded = read(&format!(
        "{group}vrrp_sync_group TWO {{\n group {{\n VI_2\n VI_3\n }}\n}}\n{}{}{}",
        instance(1, "use_ipvlan"),
        instance(2, ""),
        instance(3, "")
    ));
    let members: Vec<&[String]> = loaded
        .model
        .vrrp
        .sync_groups
        .iter()
        .map(|group| group.members.as_slice())
        .collect();
    let runs = loaded
        .model
        .vrrp
        .instances
        .iter()
        .any(|instance| instance.name == "VI_1");
    let first: &[&str] = if runs { &["VI_1", "VI_2"] } else { &["VI_2"] };
    assert_eq!(members, [first, &["VI_3"]]);
    assert!(
        said(&loaded)
            .iter()
            .any(|said| said.contains("VI_2) is in sync groups VG and TWO"))
    );
}

#[test]
fn weights_of_members_are_not_their_own() {
    let things = "vrrp_script s {\n script /bin/true\n user root\n}\ntrack_file f {\n file /run/f\n}\n\
                  track_file g {\n file /run/g\n weight 2\n}\nvrrp_track_process p {\n process x\n weight 3\n}\n\
                  bfd_instance b {\n neighbor_ip 10.1.1.1\n weight -4\n}\n";
    let lines = "track_script {\n s weight 1\n}\ntrack_file {\n f\n g\n}\ntrack_process {\n p\n}\ntrack_bfd {\n b\n}";
    let weightless = "track_script {\n s\n}\ntrack_bfd {\n b weight 0\n}";
    let group = |more: &str| {
        let instances = instance(1, lines) + &instance(2, weightless);
        format!(
            "{things}vrrp_sync_group VG {{\n group {{\n VI_1\n VI_2\n }}\n{more}}}\n{instances}"
        )
    };
    let loaded = read(&group(""));
    let not = |what: &str, becomes: &str| {
        format!("(VI_1) weight of tracked {what} is not used in sync group VG: it {becomes}")
    };
    let expected = [
        not("script s", "is not tracked"),
        not("file f", "has no weight now"),
        not("file g", "is not tracked"),
        not("process p", "is not tracked"),
        not("bfd b", "is not tracked"),
    ];
    assert_eq!(said(&loaded)[..expected.len()], expected);
    let tracks = |loaded: &Loaded, place: usize| -> Vec<(String, i32)> {
        let lines = loaded.model.vrrp.instances[place].trackers.iter();
        lines.map(|it| (it.name.clone(), it.weight)).collect()
    };
    let named = |all: &[(&str, i32)]| -> Vec<(String, i32)> {
        all.iter()
            .map(|(name, weight)| ((*name).to_owned(), *weight))
            .collect()
    };
    assert_eq!(tracks(&loaded, 0), named(&[("f", 0)]));
    assert_eq!(tracks(&loaded, 1), named(&[("s", 0), ("b", 0)]));
    let loaded = read(&group("sync_group_tracking_weight\n"));
    let all = [("s", 1), ("f", 1), ("g", 2), ("p", 3), ("b", -4)];
    assert_eq!(tracks(&loaded, 0), named(&all));
}

#[test]
fn trackers_of_groups_and_members() {
    let group = |more: &str| {
        format!(
            "vrrp_sync_group VG {{\n group {{\n VI_1\n VI_2\n }}\n track_interface {{\n eth1\n eth8 weight -20\n eth9 weight 5 reverse\n }}\n{more}}}\n"
        )
    };
    let first = instance(1, "track_interface {\n eth9\n eth7 weight 10\n}");
    let second = instance(2, "");
    let loaded = read(&format!("{}{first}{second}", group("")));
    assert_eq!(
        said(&loaded),
        [
            "(VI_1) weight of tracked interface eth7 is not used in sync group VG: it has no weight now"
        ]
    );
    let [one, two] = &loaded.model.vrrp.instances[..] else {
        panic!("two instances")
    };
    assert_eq!(
        tracks(one),
        [("eth9", 0, false), ("eth7", 0, false), ("eth8", -20, false)],
        "its own line counts, its own interface needs none"
    );
    assert_eq!(
        tracks(two),
        [("eth1", 0, false), ("eth8", -20, false), ("eth9", 5, true)]
    );

    let loaded = read(&format!(
        "{}{first}{second}",
        group("sync_group_tracking_weight\n")
    ));
    assert_eq!(said(&loaded), [""; 0]);
    assert!(tracks(&loaded.model.vrrp.instances[0]).contains(&("eth7", 10, false)));

    let loaded = read(&format!("{}{first}{second}", group("global_tracking\n")));
    assert!(tracks(&loaded.model.vrrp.instances[0]).contains(&("eth7", 10, false)));
    assert!(loaded.diagnostics.has(Class::Deprecated));
}

#[test]
fn an_owner_has_no_weights() {
    let owner = instance(
        1,
        "priority 255\nstate MASTER\ntrack_interface {\n eth5 weight 3\n eth6\n}",
    );
    let loaded = read(&owner);
    assert_eq!(
        said(&loaded),
        ["(VI_1) ignoring tracked interface eth5 with weights due to address_owner"]
    );
    let expected = TrackedInterface {
        interface: "eth6".to_owned(),
        weight: 0,
        reverse: false,
        implied: false,
    };
    assert_eq!(
        loaded.model.vrrp.instances[0].tracked_interfaces,
        [expected]
    );
}

#[test]
fn timing_of_an_instance() {
    // Lines, what is said ("" = nothing), preempt_delay in seconds, timer_expired_backup, owner_ignore_adverts.
    type Expected = (f64, Option<u8>, bool);
    const CASES: &[(&str, &str, Expected)] = &[
        ("preempt_delay 2.5", "", (2.5, None, false)),
        ("preempt_delay 0", "", (0.0, None, false)),
        ("preempt_delay 1001", "outside", (0.0, None, false)),
        (
            "preempt_delay 5\nnopreempt",
            "preempt delay will not work with nopreempt",
            (0.0, None, false),
        ),
        (
            "preempt_delay 5\nstate MASTER",
            "preempt delay will not work with initial state MASTER",
            (0.0, None, false),
        ),
        (
            "preempt_delay 5\nstrict_mode",
            "preempt delay will not work with strict mode",
            (0.0, None, false),
        ),
        (
            "nopreempt\ntimer_expired_backup",
            "",
            (0.0, Some(254), false),
        ),
        (
            "nopreempt\ntimer_expired_backup 120",
            "",
            (0.0, Some(120), false),
        ),
        (
            "nopreempt\nthread_timer_expired 120",
            "please use 'timer_expired_backup'",
            (0.0, Some(120), false),
        ),
        (
            "timer_expired_backup",
            "only for instances with nopreempt",
            (0.0, None, false),
        ),
        (
            "owner_ignore_adverts",
            "only for the address owner",
            (0.0, None, false),
        ),
        ("priority 255\nowner_ignore_adverts", "", (0.0, None, true)),
        (
            "priority 255\nstrict_mode\nowner_ignore_adverts off",
            "does not listen",
            (0.0, None, true),
        ),
    ];
    for (lines, message, expected) in CASES {
        let loaded = read(&instance(1, lines));
        let said = said(&loaded);
        match *message {
            "" => assert_eq!(said, [""; 0], "{lines}"),
            message => assert!(
                said.iter().any(|said| said.contains(message)),
                "{lines}: {said:?}"
            ),
        }
        let instance = &loaded.model.vrrp.instances[0];
        assert_eq!(
            (
                instance.preempt_delay.as_secs_f64(),
                instance.timer_expired_backup,
                instance.owner_ignore_adverts
            ),
            *expected,
            "{lines}"
        );
    }
}

#[test]
fn delays_of_links_fit_the_instances() {
    let loaded = read(&format!(
        "interface_up_down_delays {{\n eth1 0.5 0.25\n eth2 1.5\n eth3 4\n}}\n{}{}",
        instance(1, ""),
        instance(2, "track_interface {\n eth3\n}")
    ));
    let millis = |down, up| (Duration::from_millis(down), Duration::from_millis(up));
    let delays: Vec<_> = loaded
        .model
        .vrrp
        .link_delays
        .iter()
        .map(
            |LinkDelay {
                 interface,
                 down,
                 up,
             }| (interface.as_str(), (*down, *up)),
        )
        .collect();
    assert_eq!(
        delays,
        [
            ("eth1", millis(500, 250)),
            ("eth2", millis(1500, 1500)),
            ("eth3", millis(1999, 1999))
        ]
    );
    assert_eq!(
        said(&loaded),
        [
            "the delays of interface eth3 must be less than 2 s, or another router takes over before this one steps down"
        ]
    );
}

#[test]
fn garp_groups() {
    let loaded = read(&format!(
        "garp_group {{\n garp_interval 0.5\n interfaces {{\n eth1\n eth2\n }}\n}}\n\
         garp_group {{\n garp_interval 1.5\n interface eth2\n interface eth3\n}}\ngarp_group {{\n interface eth4\n}}\n{}",
        instance(1, "")
    ));
    let groups: Vec<(&[String], Option<Duration>)> = loaded
        .model
        .vrrp
        .garp_groups
        .iter()
        .map(|group| (group.interfaces.as_slice(), group.arp_interval))
        .collect();
    let names = |names: [&str; 2]| names.map(str::to_owned);
    assert_eq!(
        groups,
        [
            (
                &names(["eth1", "eth2"])[..],
                Some(Duration::from_millis(500))
            ),
            (&["eth3".to_owned()][..], Some(Duration::from_millis(1500)))
        ]
    );
    assert_eq!(
        said(&loaded),
        [
            "interface eth2 is in a garp_group already - ignoring",
            "garp_group has no garp_interval or gna_interval - ignoring"
        ]
    );
}

#[test]
fn starts_and_announcements_of_all() {
    let loaded = read(&format!(
        "global_defs {{\n vrrp_startup_delay 5.5\n vrrp_delay_after_boot 60\n vrrp_garp_extra_if all 100\n vrrp_owner_ignore_adverts\n}}\n{}{}",
        instance(1, ""),
        instance(2, "garp_extra_if all 0\npriority 255")
    ));
    assert_eq!(said(&loaded), [""; 0]);
    assert_eq!(loaded.diagnostics.exit_status(), status::CLEAN);
    let global = &loaded.model.global;
    assert_eq!(
        (global.vrrp_startup_delay, global.vrrp_delay_after_boot),
        (Duration::from_millis(5500), Duration::from_secs(60))
    );
    let [one, two] = &loaded.model.vrrp.instances[..] else {
        panic!("two instances")
    };
    assert_eq!(one.garp.extra_interfaces, Duration::from_secs(100));
    assert_eq!(two.garp.extra_interfaces, Duration::ZERO);
    assert!(!one.owner_ignore_adverts && two.owner_ignore_adverts);
    let loaded = read(&instance(1, "garp_extra_if 100"));
    let garp = &loaded.model.vrrp.instances[0].garp;
    assert_eq!(
        (garp.extra_interfaces, garp.extra_only_vmacs),
        (Duration::from_secs(100), true)
    );
}

#[test]
fn members_of_a_track_group_depend_on_what_names_it() {
    let text = format!(
        "track_group G {{\n group {{\n VI_1\n VI_2\n NOBODY\n }}\n}}\ntrack_group IDLE {{\n group {{\n VI_1\n }}\n}}\n{}{}{}\
         static_ipaddress {{\n 10.9.0.1/24 dev eth2 track_group G\n 10.9.1.1/24 dev eth2 track_group LATE\n}}\n\
         static_routes {{\n 10.8.0.0/16 dev eth3 track_group G\n 10.7.0.0/16 via 10.0.0.9 track_group G\n}}\n\
         static_rules {{\n from 10.8.0.0/16 iif eth3 table 5 preference 5 track_group G\n}}\n\
         track_group LATE {{\n group {{\n VI_1\n }}\n}}\n",
        instance(1, ""),
        instance(2, "track_interface {\n eth3 weight 10\n}"),
        instance(3, "")
    );
    let loaded = read(&text);
    let vrrp = &loaded.model.vrrp;
    let [group] = vrrp.track_groups.as_slice() else {
        panic!("{:?}", vrrp.track_groups);
    };
    assert_eq!(group.name, "G");
    let counts = |holdings: &Holdings| {
        (
            holdings.addresses.len(),
            holdings.routes.len(),
            holdings.rules.len(),
        )
    };
    assert_eq!(counts(&group.holdings), (1, 1, 1));
    assert_eq!(
        counts(&vrrp.fixed),
        (2, 2, 1),
        "all of them are on the host"
    );
    let followed = |index: usize| {
        let instance = &vrrp.instances[index];
        let groups = instance
            .trackers
            .iter()
            .map(|tracked| tracked.name.as_str());
        (groups.collect::<Vec<_>>(), tracks(instance))
    };
    assert_eq!(
        followed(0),
        (vec!["G"], vec![("eth2", 0, false), ("eth3", 0, false)])
    );
    // What it runs on is tracked anyway, and its own line about an interface counts.
    assert_eq!(followed(1), (vec!["G"], vec![("eth3", 10, false)]));
    assert_eq!(followed(2), (vec![], vec![]));
    let messages = said(&loaded);
    for part in [
        "Virtual router NOBODY specified in track group G doesn't exist",
        "nothing static names track group IDLE",
        "track_group LATE not found",
        "track_group needs dev",
    ] {
        let times = messages.iter().filter(|said| said.contains(part)).count();
        assert_eq!(times, 1, "{part}: {messages:?}");
    }
}

#[test]
fn links_that_are_polled() {
    use LinkMethod::{Ethtool, Ioctl, Mii};
    let of = |text: &str| {
        let loaded = read(text);
        let lines = loaded.model.vrrp.linkbeats.iter();
        let lines: Vec<_> = lines
            .map(|line| (line.interface.clone(), line.preferred))
            .collect();
        (lines, said(&loaded).join("; "))
    };
    let named = |lines: &[(&str, LinkMethod)]| -> Vec<(String, LinkMethod)> {
        lines
            .iter()
            .map(|(name, way)| (name.to_string(), *way))
            .collect()
    };
    let instances = format!(
        "{}{}",
        instance(1, "track_interface {\n eth7\n}"),
        instance(2, "linkbeat_use_polling")
    );
    let block = "linkbeat_interfaces {\n eth7 ETHTOOL\n eth8\n eth9 IOCTL wrong\n eth8 IOCTL\n}\n";
    let (lines, messages) = of(&format!("{block}{instances}"));
    assert_eq!(
        lines,
        named(&[
            ("eth7", Ethtool),
            ("eth8", Mii),
            ("eth9", Ioctl),
            ("eth2", Mii)
        ])
    );
    assert!(
        messages.contains("unknown linkbeat type 'wrong'"),
        "{messages}"
    );
    assert!(
        messages.contains("linkbeat_use_polling is deprecated"),
        "{messages}"
    );
    let (lines, _) = of(&format!("linkbeat_use_polling\n{block}{instances}"));
    assert_eq!(lines.len(), 5, "{lines:?}");
    assert!(lines.contains(&("eth1".to_owned(), Mii)));
    assert_eq!(lines.first(), Some(&("eth7".to_owned(), Ethtool)));
}
