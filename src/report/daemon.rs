//! The daemon-wide settings of the data file that have a struct of their own: how the processes are run, which files are written.

use super::outline::Outline;
use crate::config::model::{
    BufferPolicy, DumpPlace, Files, Mail, MailServer, Mailbox, NetlinkBuffer, Processes,
    ReceiveBuffers, ReloadCheck, ReloadFile, Scheduling,
};

/// How much may wait at sockets; what is not configured is left out.
pub(super) fn buffers(out: &mut Outline, buffers: &ReceiveBuffers) {
    let policy = match buffers.policy {
        None => None,
        Some(BufferPolicy::Mtu) => Some("MTU".to_owned()),
        Some(BufferPolicy::Advert) => Some("ADVERT".to_owned()),
        Some(BufferPolicy::Bytes(bytes)) => Some(format!("{bytes} bytes")),
    };
    if let Some(policy) = policy {
        out.value(1, "VRRP rx bufs policy", policy);
        out.value(1, "VRRP rx bufs multiplier", buffers.multiplier);
    }
    for (name, buffer) in [
        ("VRRP netlink receive buffer", buffers.netlink),
        ("Process monitor receive buffer", buffers.processes),
    ] {
        if let Some(NetlinkBuffer { bytes, force }) = buffer {
            let forced = if force { ", forced" } else { "" };
            out.value(1, name, format_args!("{bytes} bytes{forced}"));
        }
    }
}

/// Where mail goes and about what; nothing when none is sent.
pub(super) fn mail(out: &mut Outline, mail: &Mail) {
    let Some(MailServer { host, port }) = &mail.server else {
        return;
    };
    let worded = |mailbox: &Mailbox| match mailbox.name.as_str() {
        "" => mailbox.address.clone(),
        name => format!("{name} <{}>", mailbox.address),
    };
    out.value(1, "Smtp server", host);
    out.value(1, "Smtp server port", port);
    out.value(1, "Smtp HELO name", &mail.helo);
    out.value(
        1,
        "Smtp server connection timeout",
        mail.connect_timeout.as_secs(),
    );
    out.value(1, "Email notification from", worded(&mail.from));
    for recipient in &mail.recipients {
        out.value(1, "Email notification", worded(recipient));
    }
    if mail.no_faults {
        out.line(1, "Send no emails for fault states");
    }
    for (name, said) in [
        ("Default smtp_alert", mail.alerts.all),
        ("Default smtp_alert_vrrp", mail.alerts.vrrp),
        ("Default smtp_alert_checker", mail.alerts.checker),
    ] {
        if let Some(said) = said {
            out.value(1, name, if said { "on" } else { "off" });
        }
    }
}

/// How the processes are run; what is not configured is left out.
pub(super) fn processes(out: &mut Outline, processes: &Processes) {
    scheduling(out, "VRRP", &processes.vrrp);
    scheduling(out, "Checker", &processes.checker);
    scheduling(out, "BFD", &processes.bfd);
    let ascent = processes.ascent;
    if ascent.ceiling > 0 {
        out.value(1, "Max auto priority", ascent.ceiling);
        out.value(
            1,
            "Min auto priority delay",
            format_args!("{} usecs", ascent.delay.as_micros()),
        );
    }
}

/// The files that are written, and how a reload goes; what is not configured is left out.
pub(super) fn files(out: &mut Outline, files: &Files) {
    if files.data_use_instance {
        out.line(1, "Use instance name in data dumps");
    }
    for (name, place) in [
        ("State dump file", &files.state_dump),
        ("Stats dump file", &files.stats_dump),
        ("JSON dump file", &files.json_dump),
    ] {
        if let Some(DumpPlace::Directory(path) | DumpPlace::File(path) | DumpPlace::Name(path)) =
            place
        {
            out.value(1, name, path.display());
        }
    }
    out.value(1, "JSON version", if files.json_version_2 { 2 } else { 1 });
    match &files.reload_check {
        None => out.line(1, "No test config before reload"),
        Some(ReloadCheck::Log) => out.line(1, "Test config before reload"),
        Some(ReloadCheck::File(path)) => {
            out.value(1, "Test config before reload, log", path.display())
        }
    }
    match &files.reload_file {
        None => {}
        Some(ReloadFile::Usual) => out.line(1, "Reload file = beside the pid files"),
        Some(ReloadFile::At(path)) => out.value(1, "Reload file", path.display()),
    }
    if let Some(path) = &files.reload_time {
        out.value(1, "Reload time file", path.display());
        out.value(1, "Reload repeat", files.reload_repeat);
    }
    if let Some(path) = &files.save_directory {
        out.value(1, "Config save dir", path.display());
    }
}

fn scheduling(out: &mut Outline, process: &str, scheduling: &Scheduling) {
    if let Some(nice) = scheduling.nice {
        out.line(1, format_args!("{process} process priority = {nice}"));
    }
    if let Some(realtime) = scheduling.realtime {
        out.line(1, format_args!("{process} realtime priority = {realtime}"));
        out.line(
            1,
            format_args!(
                "{process} realtime limit = {} usecs",
                scheduling.realtime_limit.as_micros()
            ),
        );
    }
    if scheduling.no_swap {
        out.line(1, format_args!("{process} don't swap = true"));
    }
    if !scheduling.cpus.is_empty() {
        out.line(
            1,
            format_args!("{process} CPU affinity = {:?}", scheduling.cpus),
        );
    }
}
