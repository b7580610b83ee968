//! `global_defs`: daemon-wide settings, and the defaults that instances inherit.

use super::buffers::NetlinkWords;
use super::lifecycle::DraftLifecycle;
use super::notify::DraftFifos;
use super::state::Builder;
use super::{Context, buffers, files, firewall, ipvs, mail, marking, process, vmac};
use crate::config::diagnostic::{Class, quote};
use crate::config::keywords::Block;
use crate::config::model::{GarpPolicy, VrrpInstance};
use crate::config::read::Item;
use crate::config::world::Account;
use std::net::{IpAddr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What instances inherit; `None` where the default depends on the instance.
#[derive(Clone, Debug)]
pub(super) struct Defaults {
    pub garp: GarpPolicy,
    pub lower_prio_delay: Option<Duration>,
    pub lower_prio_repeat: Option<u32>,
    pub min_garp: bool,
    pub version: u8,
    pub strict: bool,
    pub skip_check_adv_addr: bool,
    pub lower_prio_no_advert: Option<bool>,
    pub higher_prio_send_advert: bool,
    pub down_timer_adverts: u32,
    pub owner_ignore_adverts: bool,
    pub checksum_as_v2: bool,
    pub check_unicast_src: bool,
    pub priority_changes: bool,
    pub fifos: DraftFifos,
    pub lifecycle: DraftLifecycle,
    pub firewall: firewall::Draft,
    pub marking: marking::Draft,
    pub ipvs: ipvs::Draft,
    pub netlink: NetlinkWords,
    /// `default_interface`: where addresses go that neither have `dev` nor belong to an instance with an interface.
    pub interface: String,
    pub vmac: vmac::Prefixes,
}

impl Default for Defaults {
    fn default() -> Self {
        Defaults {
            garp: GarpPolicy::default(),
            lower_prio_delay: None,
            lower_prio_repeat: None,
            min_garp: false,
            version: 2,
            strict: false,
            skip_check_adv_addr: false,
            lower_prio_no_advert: None,
            higher_prio_send_advert: false,
            down_timer_adverts: VrrpInstance::DOWN_TIMER_ADVERTS,
            owner_ignore_adverts: false,
            checksum_as_v2: false,
            check_unicast_src: false,
            priority_changes: false,
            fifos: DraftFifos::default(),
            lifecycle: DraftLifecycle::default(),
            firewall: firewall::Draft::default(),
            marking: marking::Draft::default(),
            ipvs: ipvs::Draft::default(),
            netlink: NetlinkWords::default(),
            interface: "eth0".to_owned(),
            vmac: vmac::Prefixes::default(),
        }
    }
}

impl Defaults {
    /// `vrrp_min_garp`: one gratuitous ARP and no second burst, where nothing else was asked for.
    pub fn settle(&mut self) {
        if !self.min_garp {
            return;
        }
        let usual = GarpPolicy::default();
        if self.garp.master_delay == usual.master_delay {
            self.garp.master_delay = Duration::ZERO;
        }
        if self.garp.master_repeat == usual.master_repeat {
            self.garp.master_repeat = 1;
        }
        self.lower_prio_delay.get_or_insert(Duration::ZERO);
        self.lower_prio_repeat.get_or_insert(1);
    }
}

/// Reads one `global_defs` block.
pub(super) fn global_defs(builder: &mut Builder, context: &mut Context<'_>, item: &Item<'_>) {
    let Some(statements) = item.open(context) else {
        return;
    };
    context.each_statement(Block::GlobalDefs, statements, |context, item| {
        statement(builder, context, &item)
    });
}

fn statement(builder: &mut Builder, context: &mut Context<'_>, item: &Item<'_>) {
    let global = &mut builder.model.global;
    let firewall = &mut builder.defaults.firewall;
    if firewall.statement(&mut global.firewall, context, item) {
        return;
    }
    let balancer = &mut builder.defaults.ipvs;
    if balancer.statement(&mut global.ipvs, context, item)
        || builder.defaults.marking.statement(context, item)
        || builder.defaults.fifos.statement(context, item)
        || builder.defaults.lifecycle.statement(context, item)
    {
        return;
    }
    match item.name() {
        "vrrp_notify_priority_changes" => {
            set(&mut builder.defaults.priority_changes, item.bool(context));
        }
        "notify_timeout" => {
            global.notify_timeout = item.duration(context).or(global.notify_timeout);
        }
        "checker_log_all_failures" => {
            set(&mut builder.model.lvs.log_all_failures, item.bool(context));
        }
        "rs_init_notifies" => {
            set(&mut builder.model.lvs.init_notifies, item.bool(context));
        }
        "fifo_write_vrrp_states_on_reload" => global.fifo_states_on_reload = true,
        "router_id" => {
            global.router_id = item
                .text(context)
                .map(str::to_owned)
                .or(global.router_id.take())
        }
        "vrrp_mcast_group4" => {
            if let Some(IpAddr::V4(group)) = item.multicast(context) {
                global.vrrp_mcast_group4 = group;
            }
        }
        "vrrp_mcast_group6" => {
            if let Some(IpAddr::V6(group)) = item.multicast(context) {
                if !is_link_local_group(group) {
                    let message = format!("vrrp_mcast_group6 {group} is not link-local");
                    let help = "it is used; routers of other makes expect ff02::12, and others may forward it";
                    context.fault(item.argument_span(0), message, help);
                }
                global.vrrp_mcast_group6 = group;
            }
        }
        "v3_checksum_as_v2" => {
            item.check(context);
            builder.defaults.checksum_as_v2 = true;
        }
        "disable_local_igmp" => global.disable_local_igmp = true,
        "log_unknown_vrids" => global.log_unknown_vrids = true,
        "vrrp_startup_delay" => set(&mut global.vrrp_startup_delay, item.duration(context)),
        "vrrp_delay_after_boot" => set(&mut global.vrrp_delay_after_boot, item.duration(context)),
        "umask" => umask(builder, context, item),
        "process_names" => global.process_names.children = true,
        "process_name" => set_name(
            &mut global.process_names.parent,
            process_name(context, item),
        ),
        "vrrp_process_name" => {
            set_name(&mut global.process_names.vrrp, process_name(context, item))
        }
        "bfd_process_name" => set_name(&mut global.process_names.bfd, process_name(context, item)),
        "checker_process_name" => set_name(
            &mut global.process_names.checker,
            process_name(context, item),
        ),
        "dynamic_interfaces" => {
            // An unknown word behind it is said, but does not turn it off.
            item.check(context);
            context.dynamic_interfaces = true;
            global.dynamic_interfaces = true;
        }
        "enable_script_security" => context.accounts.script_security = true,
        "use_symlink_paths" => {
            let keep = item.bool(context);
            set(&mut context.accounts.keep_links, keep);
        }
        "set_supplementary_groups" => {
            let all = item.bool(context);
            set(&mut context.accounts.all_groups, all);
        }
        "script_user" => script_user(context, item),
        "iproute_etc_dir" => {
            let given = directory(context, item);
            set(&mut context.name_directories.etc, given);
        }
        "iproute_usr_dir" => {
            let given = directory(context, item);
            set(&mut context.name_directories.usr, given);
        }
        // The expander has acted on them, which knows lines but no blocks yet.
        word @ ("include_check" | "random_seed") => {
            item.check(context);
            if !item.statement.begins_its_line() {
                context.fault(
                    item.span(),
                    format!("{word} is not the first word of its line: it has no effect"),
                    "write it on a line of its own, before what it is for",
                );
            }
        }
        _ => inherited(builder, context, item),
    }
}

/// The defaults of instances; what is none of them is checked by its form.
fn inherited(builder: &mut Builder, context: &mut Context<'_>, item: &Item<'_>) {
    let defaults = &mut builder.defaults;
    let garp = &mut defaults.garp;
    match item.name() {
        "vrrp_garp_master_delay" => set(&mut garp.master_delay, item.whole_seconds(context)),
        "vrrp_garp_master_repeat" => set(&mut garp.master_repeat, at_least_one(context, item)),
        "vrrp_garp_master_refresh" => {
            garp.master_refresh = item.whole_seconds(context).unwrap_or_default()
        }
        "vrrp_garp_master_refresh_repeat" => {
            set(&mut garp.master_refresh_repeat, at_least_one(context, item))
        }
        "vrrp_garp_lower_prio_delay" => {
            defaults.lower_prio_delay = item.whole_seconds(context).or(defaults.lower_prio_delay)
        }
        "vrrp_garp_lower_prio_repeat" => {
            defaults.lower_prio_repeat = item.u32(context).or(defaults.lower_prio_repeat)
        }
        "vrrp_garp_interval" => set(&mut garp.interval, pause(context, item)),
        "vrrp_gna_interval" => set(&mut garp.neighbour_interval, pause(context, item)),
        "vrrp_min_garp" => set(&mut defaults.min_garp, item.bool(context)),
        "vrrp_version" => set(
            &mut defaults.version,
            item.int(context)
                .and_then(|version| u8::try_from(version).ok()),
        ),
        "vrrp_strict" => set(&mut defaults.strict, item.bool(context)),
        "vrrp_skip_check_adv_addr" => set(&mut defaults.skip_check_adv_addr, item.bool(context)),
        "vrrp_lower_prio_no_advert" => {
            defaults.lower_prio_no_advert = item.bool(context).or(defaults.lower_prio_no_advert)
        }
        "vrrp_higher_prio_send_advert" => {
            set(&mut defaults.higher_prio_send_advert, item.bool(context))
        }
        "vrrp_check_unicast_src" => defaults.check_unicast_src = true,
        "vrrp_owner_ignore_adverts" => set(&mut defaults.owner_ignore_adverts, item.bool(context)),
        "vrrp_garp_extra_if" => {
            if let Some(given) = extra_interfaces(context, item) {
                (garp.extra_interfaces, garp.extra_only_vmacs) = given;
            }
        }
        "default_interface" => {
            if let Some(name) = item.existing_interface(context) {
                defaults.interface = name.to_owned();
            }
        }
        "vrrp_down_timer_adverts" => set(&mut defaults.down_timer_adverts, item.u32(context)),
        _ if defaults.vmac.statement(context, item) => {}
        _ if process::statement(&mut builder.model.global.processes, context, item) => {}
        _ if mail::statement(&mut builder.model.global.mail, context, item) => {}
        _ if files::statement(&mut builder.model.global.files, context, item) => {}
        _ if buffers::statement(
            &mut builder.model.global.buffers,
            &mut defaults.netlink,
            context,
            item,
        ) => {}
        _ => item.check(context),
    }
}

/// `[all] SECONDS`: how often addresses on other interfaces are announced; without `all` only those on virtual MACs.
pub(super) fn extra_interfaces(
    context: &mut Context<'_>,
    item: &Item<'_>,
) -> Option<(Duration, bool)> {
    let (all, seconds) = item.all_int(context)?;
    let period = Duration::from_secs(u64::try_from(seconds).ok()?);
    Some((period, !all))
}

/// Whether packets to a group stay on the link: scope 2 (RFC 4291 section 2.7).
pub(super) fn is_link_local_group(group: Ipv6Addr) -> bool {
    const SCOPE: u8 = 0x0f;
    const LINK_LOCAL: u8 = 2;
    let [_, flags_and_scope, ..] = group.octets();
    flags_and_scope & SCOPE == LINK_LOCAL
}

/// Sets a value when one was read.
pub(super) fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

/// A directory that exists.
fn directory(context: &mut Context<'_>, item: &Item<'_>) -> Option<PathBuf> {
    let text = item.text(context)?;
    let path = Path::new(text);
    if path.is_absolute() && context.world.directory_exists(path) {
        return Some(path.to_owned());
    }
    let message = format!(
        "{} '{}' is no directory",
        item.name(),
        quote(text.as_bytes())
    );
    context.fault(
        item.argument_span(0),
        message,
        "write the absolute path of a directory that exists; the line is ignored",
    );
    None
}

fn set_name(place: &mut Option<String>, name: Option<String>) {
    if name.is_some() {
        *place = name;
    }
}

/// The name of a process, as much of it as the kernel keeps.
fn process_name(context: &mut Context<'_>, item: &Item<'_>) -> Option<String> {
    /// `TASK_COMM_LEN` less its NUL.
    const MOST: usize = 15;
    let name = item.text(context)?;
    let kept = (0..=MOST).rev().find_map(|end| name.get(..end))?;
    if kept.len() < name.len() {
        context.diagnostics.advise(
            Class::Warning,
            item.argument_span(0),
            format!("{} '{}' is too long", item.name(), quote(name.as_bytes())),
            format!("the kernel keeps {MOST} bytes: '{kept}' is used"),
        );
    }
    Some(kept.to_owned())
}

/// A count that cannot be zero.
pub(super) fn at_least_one(context: &mut Context<'_>, item: &Item<'_>) -> Option<u32> {
    let count = item.u32(context)?;
    if count == 0 {
        context.fault(
            item.argument_span(0),
            format!("{} must be greater than 0", item.name()),
            "1 is used",
        );
    }
    Some(count.max(1))
}

/// The pause between two gratuitous packets.
fn pause(context: &mut Context<'_>, item: &Item<'_>) -> Option<Duration> {
    let pause = item.duration(context);
    match pause {
        None if item.count() > 0 => {
            let message = format!(
                "{} '{}' is invalid",
                item.name(),
                quote(item.argument(0)?.bytes())
            );
            context.fault(
                item.argument_span(0),
                message,
                "no pause is the default: delete the line to have none",
            );
        }
        Some(long) if long >= Duration::from_secs(1) => {
            let message = format!(
                "The {} is very large - {} seconds",
                item.name(),
                long.as_secs_f64()
            );
            context.diagnostics.advise(
                Class::Note,
                item.argument_span(0),
                message,
                "it is given in seconds, usually a fraction of one",
            );
        }
        _ => {}
    }
    pause
}

fn script_user(context: &mut Context<'_>, item: &Item<'_>) {
    let Some(user) = item.required(context) else {
        return;
    };
    let account: Option<Account> =
        context.account(user.bytes(), item.argument(1).map(|word| word.bytes()));
    if account.is_none() {
        let help = format!(
            "user {} or its group does not exist on this host; scripts without a user of their own are not run",
            quote(user.bytes())
        );
        context.fault(
            item.argument_span(0),
            "Error setting global script uid/gid",
            help,
        );
    }
    context.set_script_user(account);
}

/// A number in any base, or permission bits by name.
fn umask(builder: &mut Builder, context: &mut Context<'_>, item: &Item<'_>) {
    const MOST: u32 = 0o777;
    let Some(first) = item.required(context) else {
        return;
    };
    let bit = |name: &str| {
        let shift = match name.as_bytes() {
            [b'I', _, b'U', b'S', b'R'] => 6,
            [b'I', _, b'G', b'R', b'P'] => 3,
            [b'I', _, b'O', b'T', b'H'] => 0,
            b"IRWXU" => return Some(0o700),
            b"IRWXG" => return Some(0o070),
            b"IRWXO" => return Some(0o007),
            _ => return None,
        };
        let right = match name.as_bytes().get(1) {
            Some(b'R') => 4,
            Some(b'W') => 2,
            Some(b'X') => 1,
            _ => return None,
        };
        Some(right << shift)
    };
    let text = first.text();
    let number = match text.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None if text.starts_with('0') => u32::from_str_radix(&text, 8).ok(),
        None => text.parse().ok(),
    };
    let words: Vec<_> = item
        .statement
        .arguments()
        .map(|word| word.text().into_owned())
        .collect();
    let named = || {
        words
            .iter()
            .flat_map(|word| word.split('|'))
            .filter(|name| !name.is_empty())
            .try_fold(0, |sum, name| Some(sum | bit(name)?))
    };
    match number.or_else(named).filter(|mask| *mask <= MOST) {
        Some(mask) => builder.model.global.umask = Some(mask),
        None => {
            let message = format!("invalid umask '{}'", quote(first.bytes()));
            context.fault(
                item.argument_span(0),
                message,
                "write an octal number such as 0177, or names such as IRWXG|IRWXO",
            );
        }
    }
}
