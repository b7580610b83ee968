//! Settings of `global_defs`: for instances, processes and files.

use super::*;

#[test]
fn global_settings_reach_instances_wherever_they_stand() {
    let text = "vrrp_instance A {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress { 10.0.0.1 }\n garp_master_delay 2\n}\n\
                global_defs {\n vrrp_mcast_group4 224.0.100.100\n vrrp_garp_master_delay 7\n vrrp_garp_lower_prio_repeat 1\n \
                vrrp_garp_interval 0.001\n vrrp_down_timer_adverts 4\n vrrp_skip_check_adv_addr\n}\n\
                vrrp_instance B {\n interface eth0\n virtual_router_id 2\n virtual_ipaddress { 10.0.0.2 }\n skip_check_adv_addr off\n}\n";
    let loaded = read(text);
    let [a, b] = loaded.model.vrrp.instances.as_slice() else {
        panic!("two instances")
    };
    assert_eq!(a.multicast_group.to_string(), "224.0.100.100");
    assert_eq!(
        (a.garp.master_delay, b.garp.master_delay),
        (Duration::from_secs(2), Duration::from_secs(7))
    );
    assert_eq!(
        (a.garp.lower_prio_delay, b.garp.lower_prio_delay),
        (Duration::from_secs(2), Duration::from_secs(7))
    );
    assert_eq!(
        (
            a.garp.lower_prio_repeat,
            a.garp.interval,
            a.down_timer_adverts
        ),
        (1, Duration::from_millis(1), 4)
    );
    assert_eq!(
        (a.skip_check_adv_addr, b.skip_check_adv_addr),
        (true, false)
    );
}

#[test]
fn names_of_processes() {
    let loaded = read(
        "global_defs {\n process_names\n process_name parent\n vrrp_process_name gr\u{fc}ne_grenze_xyz\n lvs_process_name old\n bfd_process_name b\n}\n",
    );
    let names = &loaded.model.global.process_names;
    assert!(names.children);
    assert_eq!(names.parent.as_deref(), Some("parent"));
    // 15 bytes, and whole characters.
    assert_eq!(names.vrrp.as_deref(), Some("gr\u{fc}ne_grenze_x"));
    assert!(said(&loaded, "vrrp_process_name"));
    assert_eq!(names.checker.as_deref(), Some("old"));
    assert_eq!(names.bfd.as_deref(), Some("b"));
    assert!(!said(&loaded, "process_name is not implemented"));
    assert!(!said(&loaded, "process_names is not implemented"));
}

#[test]
fn how_processes_are_run() {
    let loaded = read(
        "global_defs {\n vrrp_priority -20\n vrrp_rt_priority 99\n vrrp_no_swap\n vrrp_cpu_affinity 3 1 3\n vrrp_rlimit_rtime 5000\n \
         checker_priority 19\n checker_cpu_affinity 0\n checker_cpu_affinity x\n max_auto_priority\n min_auto_priority_delay 5\n \
         bfd_priority -3\n bfd_rlimit_rttime 7\n bfd_no_swap\n bfd_rt_priority 2\n bfd_cpu_affinity 1\n}\n",
    );
    let processes = &loaded.model.global.processes;
    let vrrp = Scheduling {
        nice: Some(-20),
        realtime: Some(99),
        realtime_limit: Duration::from_millis(5),
        no_swap: true,
        cpus: vec![1, 3],
    };
    assert_eq!(processes.vrrp, vrrp);
    assert_eq!(processes.checker.cpus, [0], "a bad line changes nothing");
    assert_eq!(processes.checker.nice, Some(19));
    let bfd = Scheduling {
        nice: Some(-3),
        realtime: Some(2),
        realtime_limit: Duration::from_micros(7),
        no_swap: true,
        cpus: vec![1],
    };
    assert_eq!(processes.bfd, bfd);
    assert!(!said(&loaded, "not implemented"));
    assert_eq!(
        (processes.ascent.ceiling, processes.ascent.delay),
        (99, Duration::from_micros(5))
    );
    assert!(said(&loaded, "invalid checker_cpu_affinity 'x'"));
    let refused = read(
        "global_defs {\n vrrp_priority -21\n vrrp_rt_priority 0\n vrrp_rlimit_rttime 0\n max_auto_priority -1\n}\n",
    );
    assert_eq!(refused.model.global.processes, Processes::default());
}

#[test]
fn files_for_people() {
    let of = |lines: &str| read(format!("global_defs {{\n{lines}\n}}\n"));
    let loaded = of(
        "data_use_instance\n state_dump_file /var/d/\n stats_dump_file /s/t\n json_dump_file a/b\n json_version 2\n \
         reload_check_config /c\n reload_file\n reload_time_file /t\n reload_repeat\n config_save_dir /s",
    );
    let expected = Files {
        data_use_instance: true,
        state_dump: Some(DumpPlace::Directory("/var/d/".into())),
        stats_dump: Some(DumpPlace::File("/s/t".into())),
        json_dump: Some(DumpPlace::Name("b".into())),
        json_version_2: true,
        reload_check: Some(ReloadCheck::File("/c".into())),
        reload_file: Some(ReloadFile::Usual),
        reload_time: Some("/t".into()),
        reload_repeat: true,
        save_directory: Some("/s".into()),
    };
    assert_eq!(loaded.model.global.files, expected);
    for (line, message) in [
        ("state_dump_file a/", "names no file"),
        ("reload_file x", "not an absolute path"),
        ("reload_time_file x", "not an absolute path"),
        ("config_save_dir ../x", "not an absolute path"),
        ("json_version 3", "3"),
        ("iproute_etc_dir x", "is no directory"),
    ] {
        let loaded = of(line);
        assert!(said(&loaded, message), "{line}");
        assert_eq!(loaded.model.global.files, Files::default(), "{line}");
    }
    let noted = of("tmp_config_directory /tmp");
    assert!(said(&noted, "tmp_config_directory has nothing to do"));
}

#[test]
fn how_much_may_wait_at_sockets() {
    let buffers = |lines: &str| {
        let loaded = read(format!("global_defs {{\n{lines}\n}}\n"));
        let said = loaded.diagnostics.iter().map(|d| d.message.clone());
        (loaded.model.global.buffers, said.collect::<Vec<_>>())
    };
    for (lines, policy, complaint) in [
        ("", None, ""),
        ("vrrp_rx_bufs_policy MTU", Some(BufferPolicy::Mtu), ""),
        ("vrrp_rx_bufs_policy ADVERT", Some(BufferPolicy::Advert), ""),
        (
            "vrrp_rx_bufs_policy 65536",
            Some(BufferPolicy::Bytes(65536)),
            "",
        ),
        (
            "vrrp_rx_bufs_policy ADVERT MTU",
            Some(BufferPolicy::Mtu),
            "'MTU' stands beside another policy",
        ),
        (
            "vrrp_rx_bufs_policy 4096 MTU",
            Some(BufferPolicy::Bytes(4096)),
            "'MTU' stands beside another policy",
        ),
        ("vrrp_rx_bufs_policy mtu", None, "'mtu' is no policy"),
        ("vrrp_rx_bufs_policy 0", None, "'0' is no policy"),
    ] {
        let (buffers, said) = buffers(lines);
        assert_eq!(buffers.policy, policy, "{lines}");
        assert_eq!(
            said.iter().any(|message| message.contains("policy")),
            !complaint.is_empty(),
            "{lines}: {said:?}"
        );
        assert!(
            said.iter().any(|message| message.contains(complaint)),
            "{lines}: {said:?}"
        );
    }
    let (read, _) = buffers(
        "vrrp_rx_bufs_multiplier 7\n vrrp_netlink_cmd_rcv_bufs 0\n vrrp_netlink_monitor_rcv_bufs 500000\n \
         vrrp_netlink_monitor_rcv_bufs_force",
    );
    assert_eq!(read.multiplier, 7);
    let forced = NetlinkBuffer {
        bytes: 500_000,
        force: true,
    };
    assert_eq!(read.netlink, Some(forced));
    let command = "vrrp_netlink_cmd_rcv_bufs 500000\n vrrp_netlink_monitor_rcv_bufs 400000";
    for force in ["", "vrrp_netlink_cmd_rcv_bufs_force"] {
        let (read, _) = buffers(&format!("{command}\n {force}"));
        let wanted = NetlinkBuffer {
            bytes: 500_000,
            force: !force.is_empty(),
        };
        assert_eq!(read.netlink, Some(wanted), "{force}");
    }
    assert_eq!(
        only(&with("kernel_rx_buf_size 9000")).receive_buffer,
        Some(9000)
    );
    assert_eq!(only(&with("kernel_rx_buf_size 0")).receive_buffer, None);
}

#[test]
fn announcements_by_the_settings_of_all_and_of_one() {
    let secs = Duration::from_secs;
    // Delay, repeat, delay and repeat after a lower priority, refresh and its repeat, that of other interfaces.
    type Policy = (u64, u32, u64, u32, u64, u32, u64);
    let table: [(&str, &str, Policy); 9] = [
        ("", "", (5, 5, 5, 5, 0, 1, 0)),
        (
            "vrrp_garp_master_delay 2\nvrrp_garp_master_repeat 3\nvrrp_garp_master_refresh 4\nvrrp_garp_master_refresh_repeat 6",
            "",
            (2, 3, 2, 3, 4, 6, 0),
        ),
        (
            "vrrp_garp_master_repeat 3\nvrrp_garp_lower_prio_delay 8\nvrrp_garp_lower_prio_repeat 9",
            "garp_master_delay 1",
            (1, 3, 8, 9, 0, 1, 0),
        ),
        (
            "vrrp_garp_lower_prio_delay 8\nvrrp_garp_lower_prio_repeat 9\nvrrp_garp_master_refresh 4",
            "garp_lower_prio_delay 1\ngarp_lower_prio_repeat 0\ngarp_master_refresh 0",
            (5, 5, 1, 0, 0, 1, 0),
        ),
        ("vrrp_min_garp", "", (0, 1, 0, 1, 0, 1, 0)),
        ("vrrp_min_garp off", "", (5, 5, 5, 5, 0, 1, 0)),
        (
            "vrrp_min_garp\nvrrp_garp_master_repeat 3\nvrrp_garp_lower_prio_repeat 4",
            "garp_master_delay 7",
            (7, 3, 0, 4, 0, 1, 0),
        ),
        ("vrrp_vmac_garp_intvl all 50", "", (5, 5, 5, 5, 0, 1, 50)),
        (
            "vrrp_garp_extra_if 50",
            "vmac_garp_intvl 60",
            (5, 5, 5, 5, 0, 1, 60),
        ),
    ];
    for (globals, lines, policy) in table {
        let loaded = read(format!(
            "global_defs {{\n{globals}\n}}\nvrrp_instance A {{\n interface eth0\n virtual_router_id 1\n virtual_ipaddress {{ 10.0.0.1 }}\n{lines}\n}}\n"
        ));
        let garp = &loaded.model.vrrp.instances[0].garp;
        let (delay, repeat, lower_delay, lower_repeat, refresh, refresh_repeat, extra) = policy;
        let wanted = (
            (secs(delay), repeat),
            (secs(lower_delay), lower_repeat),
            (secs(refresh), refresh_repeat),
            secs(extra),
        );
        let got = (
            (garp.master_delay, garp.master_repeat),
            (garp.lower_prio_delay, garp.lower_prio_repeat),
            (garp.master_refresh, garp.master_refresh_repeat),
            garp.extra_interfaces,
        );
        assert_eq!(got, wanted, "{globals}; {lines}");
        let old = globals.contains("vmac_garp") || lines.contains("vmac_garp");
        assert_eq!(said(&loaded, "vmac_garp_intvl"), old, "{globals}; {lines}");
    }
}

#[test]
fn who_is_mailed_about_when_they_do_not_say() {
    for (line, expected) in [
        ("", (None, None, None)),
        ("smtp_alert off", (Some(false), None, None)),
        ("smtp_alert_vrrp", (None, Some(true), None)),
        ("smtp_alert_checker off", (None, None, Some(false))),
    ] {
        let loaded = read(format!("global_defs {{\n {line}\n}}\n"));
        let alerts = loaded.model.global.mail.alerts;
        let found = (alerts.all, alerts.vrrp, alerts.checker);
        assert_eq!(found, expected, "{line}");
    }
}
