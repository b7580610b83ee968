//! What the reports say of a router that has begun, and that no secret is in any of them.

use super::*;
use crate::config::model::{
    Authentication, Command, InitFile, InitialState, LinkMethod, Linkbeat, Model, OldChecksum,
    ParameterMatch, ProcessMatch, Script, TrackFile, TrackProcess, Tracked, TrackerKind, Unicast,
    UnicastPeer, VrrpInstance,
};
use crate::config::secret::Secret;
use crate::config::world::Account;
use crate::track::Level;
use crate::track::file::{Files, Reading};
use crate::track::process::Processes;
use crate::track::script::{Outcome, Scripts};
use crate::track::session::Sessions;
use crate::vrrp::{Actions, Event, Interface};
use crate::wire::bfd::State;
use std::net::Ipv4Addr;

const PASSWORD: &str = "571f97b2";

fn model() -> Model {
    let mut model = Model::default();
    model.global.router_id = Some("node1".into());
    model.vrrp.instances.push(VrrpInstance {
        authentication: Authentication::Pass(Secret::new(PASSWORD)),
        initial_state: InitialState::Master,
        virtual_addresses: vec![
            VirtualAddress {
                interface: Some("eth0".into()),
                label: Some("eth0:0".into()),
                ..line("172.18.100.66", 16)
            },
            line("10.0.0.1", 32),
        ],
        priority: VrrpInstance::OWNER,
        ..VrrpInstance::named("VI_\"1\"", "eth0", 6)
    });
    model
}

fn line(address: &str, prefix: u8) -> VirtualAddress {
    VirtualAddress::new(address.parse().expect("an address"), prefix)
}

/// One owner that became MASTER ten seconds ago, at 1,000,000 s of the wall clock.
fn running(model: &Model) -> Router {
    let mut router = Router::new(&model.vrrp, false);
    let mut actions = Actions::new();
    let eth0 = Interface {
        index: 2,
        name: "eth0".into(),
        up: true,
        mac: [2, 0, 0, 0, 0, 1],
        mtu: 1500,
        primary_v4: Some(Ipv4Addr::new(172, 18, 0, 11)),
        link_local: None,
        sources: Vec::new(),
    };
    let begin = Instant(5_000_000_000);
    router.handle(begin, Event::Interface(&eth0), &mut actions);
    router.handle(begin, Event::Start, &mut actions);
    router
}

fn with_view<T>(model: &Model, router: &Router, look: impl FnOnce(&View<'_>) -> T) -> T {
    with_trackers(model, router, &Life::default(), look)
}

/// What is tracked, and has said something.
#[derive(Default)]
struct Life {
    scripts: Scripts,
    files: Files,
    processes: Processes,
    sessions: Sessions,
}

fn with_trackers<T>(
    model: &Model,
    router: &Router,
    life: &Life,
    look: impl FnOnce(&View<'_>) -> T,
) -> T {
    let known = Known::default();
    let now = (Instant(15_000_000_000), Duration::from_secs(1_000_010));
    look(&View {
        global: &model.global,
        fixed: &model.vrrp.fixed,
        router,
        polled: vec![
            Polled {
                wanted: &beat("eth0"),
                heard: Some((LinkMethod::Ethtool, false)),
            },
            Polled {
                wanted: &beat("eth1"),
                heard: None,
            },
        ],
        trackers: Trackers {
            scripts: &life.scripts,
            files: &life.files,
            processes: &life.processes,
            sessions: &life.sessions,
        },
        fifos: Vec::new(),
        known: &known,
        mail: Default::default(),
        is_filtered: true,
        now,
        is_placed: &|_| true,
    })
}

fn beat(interface: &str) -> Linkbeat {
    Linkbeat {
        interface: interface.into(),
        preferred: LinkMethod::Mii,
    }
}

#[test]
fn the_data_file_has_its_sections_and_masks_the_password() {
    let model = model();
    let router = running(&model);
    let text = with_view(&model, &router, data);
    for part in [
        "------< Global definitions >------\n Router ID = node1\n",
        "------< VRRP Topology >------\n VRRP Instance = VI_\"1\"\n   State = MASTER\n",
        "   Last transition = 1000000.000000\n",
        "   Using src_ip = 172.18.0.11\n",
        "   Virtual Router ID = 6\n   Priority = 255\n   Advert interval = 1 sec\n   Master down timer = 3003906 usecs\n",
        "   Password = ********\n",
        "   Virtual IP (2):\n     172.18.100.66/16 dev eth0 scope global label eth0:0\n     10.0.0.1 dev eth0 scope global\n",
        "------< VRRP Sockpool >------\n Interface = eth0\n",
        "     VI_\"1\" vrid 6\n",
        "------< Linkbeat interfaces >------\n eth0 = ETHTOOL, down\n eth1 = MII, not known yet\n------< Interfaces >------\n",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    assert!(!text.contains(PASSWORD));
}

#[test]
fn the_data_file_names_peers_and_what_they_are_judged_by() {
    let mut model = model();
    let unicast = Unicast {
        peers: vec![UnicastPeer {
            address: Ipv4Addr::new(172, 18, 0, 12).into(),
            min_ttl: 254,
            max_ttl: 255,
        }],
        ttl: 255,
        check_source: true,
        old_checksum: OldChecksum::Never,
    };
    for instance in &mut model.vrrp.instances {
        instance.transport.unicast = Some(unicast.clone());
        instance.transport.track_source = true;
        instance.source = Some(Ipv4Addr::new(172, 18, 0, 99).into());
        instance.interface.clear();
    }
    let text = with_view(&model, &running(&model), data);
    for part in [
        "   State = FAULT\n   Fault = source address missing\n",
        "   Using src_ip = 172.18.0.99\n",
        "   Interface = (any)\n   Track src_ip = true\n   Unicast TTL = 255\n   Check unicast src = true\n   \
         Unicast checksum compatibility = never\n   Unicast Peer (1):\n     172.18.0.12 min_ttl 254 max_ttl 255\n",
        " Interface = (any)\n   Family = IPv4\n   Protocol = VRRP\n   Type = Unicast\n",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    assert!(!text.contains("Multicast"), "{text}");
    assert!(
        with_view(&model, &running(&model), |view| stats(view.router))
            .contains("Unicast source: 0\n")
    );
}

#[test]
fn the_dump_of_a_configuration_masks_the_password() {
    let text = configuration(&model());
    assert!(
        text.contains("   Wantstate = MASTER\n") && text.contains("   Password = ********\n"),
        "{text}"
    );
    assert!(
        !text.contains(PASSWORD) && !text.contains(" State = "),
        "{text}"
    );
}

#[test]
fn the_statistics_file_counts_what_happened() {
    let model = model();
    let router = running(&model);
    let text = stats(&router);
    let expected = "VRRP Instance: VI_\"1\"\n  Advertisements:\n    Received: 0\n    Sent: 1\n    Send failed: 0\n  Became master: 1\n";
    assert!(text.starts_with(expected), "{text}");
    assert!(
        text.contains("  Priority Zero:\n    Received: 0\n    Sent: 0\n"),
        "{text}"
    );
}

#[test]
fn the_json_file_has_keepaliveds_fields() {
    let model = model();
    let router = running(&model);
    let text = with_view(&model, &router, |view| json(view, JsonVersion::V1));
    let data = concat!(
        r#"[{"data":{"iname":"VI_\"1\"","dont_track_primary":0,"skip_check_adv_addr":0,"strict_mode":0,"vmac_ifname":"","#,
        r#""ifp_ifname":"eth0","master_priority":0,"last_transition":1000000.000000,"garp_delay":5,"garp_refresh":0,"#,
        r#""garp_rep":5,"garp_refresh_rep":1,"garp_lower_prio_delay":5,"garp_lower_prio_rep":5,"lower_prio_no_advert":0,"#,
        r#""higher_prio_send_advert":0,"vrid":6,"base_priority":255,"effective_priority":255,"vipset":true,"#,
        r#""promote_secondaries":false,"adver_int":1,"master_adver_int":1,"accept":1,"nopreempt":false,"preempt_delay":0,"#,
        r#""state":2,"wantstate":2,"version":2,"smtp_alert":false,"notify_deleted":false,"#,
        r#""vips":["172.18.100.66/16 dev eth0 scope global label eth0:0","10.0.0.1 dev eth0 scope global"],"#,
        r#""auth_type":1,"auth_data":"********"},"#,
        r#""stats":{"advert_rcvd":0,"advert_sent":1,"become_master":1,"release_master":0,"packet_len_err":0,"#,
        r#""advert_interval_err":0,"ip_ttl_err":0,"invalid_type_rcvd":0,"addr_list_err":0,"invalid_authtype":0,"#,
        r#""authtype_mismatch":0,"auth_failure":0,"auth_ext_missing":0,"auth_ext_malformed":0,"auth_ext_unknown_key":0,"#,
        r#""auth_ext_invalid_hmac":0,"auth_ext_stale":0,"auth_ext_replay":0,"pri_zero_rcvd":0,"pri_zero_sent":0,"#,
    );
    assert!(text.starts_with(data), "{text}\n{data}");
    assert!(text.ends_with("}}]\n"), "{text}");
    let wrapped = with_view(&model, &router, |view| json(view, JsonVersion::V2));
    assert_eq!(
        wrapped.trim_end(),
        format!("{{\"vrrp\":{}}}", text.trim_end())
    );
}

#[test]
fn no_instance_is_an_empty_list() {
    let model = Model::default();
    let router = Router::new(&model.vrrp, false);
    assert_eq!(
        with_view(&model, &router, |view| json(view, JsonVersion::V1)),
        "[]\n"
    );
}

fn command(words: &[&str]) -> Command {
    Command {
        program: words[0].into(),
        groups: Vec::new(),
        arguments: words.iter().map(|word| word.as_bytes().to_vec()).collect(),
        account: Account::ROOT,
        directory: Default::default(),
    }
}

/// An instance that tracks one of each kind: a script that failed, a file that says -7, processes that are short of their quorum.
fn tracking() -> (Model, Router, Life) {
    let mut model = model();
    let second = Duration::from_secs(1);
    let vrrp = &mut model.vrrp;
    vrrp.scripts.push(Script {
        name: "chk".into(),
        command: command(&["/usr/bin/check", "-q"]),
        interval: second,
        timeout: second * 2,
        rise: 3,
        fall: 1,
        init_fail: false,
    });
    vrrp.files.push(TrackFile {
        name: "load".into(),
        path: "/run/load".into(),
        init: Some(InitFile {
            value: 3,
            overwrite: true,
        }),
    });
    vrrp.processes.push(TrackProcess {
        name: "web".into(),
        matching: ProcessMatch::Command {
            program: b"/usr/sbin/nginx".to_vec(),
            parameters: vec![b"-g".to_vec(), b"daemon on;".to_vec()],
            how: ParameterMatch::Partial,
        },
        quorum: (2, 4),
        weight: 5,
        reverse: true,
        fork_delay: second,
        terminate_delay: Duration::from_millis(500),
    });
    let kinds = [
        (TrackerKind::Script, "chk", -20),
        (TrackerKind::File, "load", 2),
        (TrackerKind::Process, "web", 5),
        (TrackerKind::Bfd, "peer", 3),
    ];
    let instance = &mut vrrp.instances[0];
    instance.priority = 100;
    instance.trackers = kinds
        .map(|(kind, name, weight)| Tracked {
            kind,
            name: name.into(),
            weight,
            reverse: kind == TrackerKind::Bfd,
        })
        .to_vec();
    instance.notify.master = Some(command(&["/usr/bin/tell", "it"]));
    instance.notify.tells_deleted = true;
    let (mut life, begin) = (Life::default(), Instant(5_000_000_000));
    let mut actions = Vec::new();
    life.scripts.configure(begin, &vrrp.scripts, &mut actions);
    life.scripts.ended(1, Outcome::Exited(2), &mut actions);
    life.files.configure(&vrrp.files, true, &mut Vec::new());
    life.files.found(1, Reading::Value(-7), &mut Vec::new());
    let processes = &mut life.processes;
    processes.configure(&vrrp.processes, &mut Vec::new());
    processes.counted(begin, 1, 1, &mut Vec::new());
    processes.counted(begin, 1, 2, &mut Vec::new());
    life.sessions.follow(["peer"].into_iter());
    life.sessions.hear("peer", State::Up);
    let mut router = running(&model);
    let levels = [Level::Down, Level::Value(-7), Level::Down, Level::Up];
    for ((kind, name, _), level) in kinds.into_iter().zip(levels) {
        let event = Event::Tracker { kind, name, level };
        router.handle(begin, event, &mut Actions::new());
    }
    (model, router, life)
}

#[test]
fn the_data_file_says_what_is_tracked_and_what_it_adds() {
    let (model, router, life) = tracking();
    let text = with_trackers(&model, &router, &life, data);
    for part in [
        "   Effective priority = 63\n",
        "   Tracked script = chk weight -20 Down now -20\n",
        "   Tracked file = load weight 2 -7 now -14\n",
        "   Tracked process = web weight 5 Down now +0\n",
        "   Tracked BFD = peer weight 3 reverse Up now -3\n",
        "------< VRRP Track BFDs >------\n VRRP Track BFD = peer\n   Session state = Up\n   Status = Up\n   Tracking VRRP instances :\n     VI_\"1\", weight 3 reverse now -3\n",
        "------< VRRP Scripts >------\n VRRP Script = chk\n   Command = '/usr/bin/check' '-q'\n   Interval = 1 sec\n   Timeout = 2 sec\n",
        "   Status = Down\n   Last run = exited with status 2\n   Contrary results in a row = 0\n   Running = false\n   Next run = 1000001.000000\n",
        "   Tracking VRRP instances :\n     VI_\"1\", weight -20 now -20\n",
        " Track file = load\n   File = /run/load\n   Init file = 3 overwrite\n   Status = -7\n   Last read = a number\n",
        " VRRP Track process = web\n   Process = /usr/sbin/nginx\n   Parameters = -g daemon on;\n   Param match = partial\n   Full command = true\n   \
         Min processes = 2\n   Max processes = 4\n   Current processes = 2\n   Status = Down\n   Fork delay = 1 sec\n   Fork delay timer running = true\n",
    ] {
        assert!(text.contains(part), "{part}\nnot in\n{text}");
    }
}

#[test]
fn json_has_what_is_tracked_and_who_is_told() {
    let (model, router, life) = tracking();
    let text = with_trackers(&model, &router, &life, |view| json(view, JsonVersion::V2));
    let document: serde_json::Value = serde_json::from_str(&text).expect("valid JSON");
    let data = &document["vrrp"][0]["data"];
    for (field, expected) in [
        ("track_script", serde_json::json!(["'/usr/bin/check' '-q'"])),
        ("track_process", serde_json::json!(["web"])),
        ("script_master", serde_json::json!("'/usr/bin/tell' 'it'")),
        ("script_backup", serde_json::Value::Null),
        ("notify_deleted", serde_json::json!(true)),
        ("effective_priority", serde_json::json!(63)),
        ("base_priority", serde_json::json!(100)),
    ] {
        assert_eq!(data[field], expected, "{field}");
    }
    assert_eq!(
        document["track_process"],
        serde_json::json!([{
            "process": "/usr/sbin/nginx", "parameters": "-g daemon on;", "param_match": "partial",
            "min_processes": 2, "max_processes": 4, "current_processes": 2, "have_quorum": false,
            "weight": -5, "terminate_delay": 0.5, "fork_delay": 1, "fork_delay_timer_running": true,
            "terminate_delay_timer_running": false, "full_command": true,
        }])
    );
}
