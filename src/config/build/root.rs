//! Statements outside any block, and the order in which blocks are built: daemon-wide settings first, wherever they stand, then
//! the rest in the order of the text.

use super::state::Builder;
use super::{
    Context, finish, firewall, global, group, instance, ipvs, lvs, mail, statics, track_file,
    track_group, track_process, tracked,
};
use crate::config::diagnostic::{Class, Diagnostics, quote, status};
use crate::config::keywords::Block;
use crate::config::model::Model;
use crate::config::read::Item;
use crate::config::tree::Tree;
use crate::config::world::{Barred, World};

/// A model and how it came about.
#[derive(Clone, Debug)]
pub struct Built {
    /// What to run.
    pub model: Model,
    /// What was found wrong.
    pub diagnostics: Diagnostics,
    /// Whether there is any object that a daemon could run, whether this one can or not.
    pub runnable: bool,
}

/// Builds the model of a tree.
pub fn build(tree: &Tree, diagnostics: Diagnostics, world: &dyn World) -> Built {
    let mut context = Context::new(world, diagnostics);
    let mut builder = Builder::default();
    enter_network_namespace(&mut context, tree);
    let mut later: Vec<Item<'_>> = Vec::new();
    context.each_statement(Block::Root, tree.statements(), |context, item| {
        if !daemon_wide(&mut builder, context, &item) {
            later.push(item);
        }
    });
    builder.defaults.settle();
    mail::finish(&mut builder.model.global.mail, &mut context);
    let counters = builder.model.global.firewall.counters;
    let marking = builder.defaults.marking.finish(counters);
    let mut balancer = lvs::Builder::new(marking);
    balancer.early(&mut context, &later);
    for item in &later {
        context.inside(!item.keyword.acts, |context| {
            if !balancer.block(&mut builder, context, item) {
                block(&mut builder, context, item);
            }
        });
    }
    balancer.finish(&mut context, &mut builder.model);
    ipvs::finish(&mut builder, &mut context);
    group::finish_sync_groups(&mut builder, &mut context);
    tracked::finish(&mut builder, &mut context);
    statics::finish_link_delays(&mut builder, &mut context);
    statics::finish_linkbeats(&mut builder);
    track_group::finish(&mut builder, &mut context);
    finish::accept::report(&builder, &mut context);
    let fifos = std::mem::take(&mut builder.defaults.fifos);
    fifos.finish(&mut context, &mut builder.model);
    let lifecycle = std::mem::take(&mut builder.defaults.lifecycle);
    builder.model.global.lifecycle = lifecycle.finish(&mut context);
    context.report_security();
    context.report_pending();
    if builder.objects == 0 {
        nothing_to_run(&mut context);
    }
    Built {
        model: builder.model,
        diagnostics: context.diagnostics,
        runnable: builder.objects > 0,
    }
}

/// Goes over to `net_namespace` before anything is judged: the interfaces are those of that place. Whoever cannot go there knows none.
fn enter_network_namespace(context: &mut Context<'_>, tree: &Tree) {
    let mut statements = tree.statements();
    let word = statements
        .find(|statement| statement.keyword() == "net_namespace")
        .and_then(|statement| statement.word(1));
    let name = word.map(|word| word.text());
    let Err(barred) = context.world.enter_network_namespace(name.as_deref()) else {
        return;
    };
    let shown = name.map_or_else(String::new, |name| format!(" {}", quote(name.as_bytes())));
    let span = word.map(|word| word.span());
    let (class, message, help) = match barred {
        Barred::NotPermitted => (
            Class::Note,
            format!(
                "not permitted to go to network namespace{shown}: nothing is said of the interfaces there"
            ),
            "run the check as root, who runs the daemon",
        ),
        Barred::Impossible(error) => (
            Class::General,
            format!("cannot go to network namespace{shown}: {error}"),
            "the daemon does not start; 'ip netns' shows the namespaces there are",
        ),
    };
    context.knows_interfaces = false;
    context.diagnostics.advise(class, span, message, help);
}

/// There is not one object that a daemon could run: not a start, and a fault of its own when no other was found.
fn nothing_to_run(context: &mut Context<'_>) {
    if context.diagnostics.has(Class::NoConfiguration) {
        return;
    }
    let clean = context.diagnostics.exit_status() == status::CLEAN;
    let class = if clean {
        Class::NoConfiguration
    } else {
        Class::General
    };
    let help = "add a vrrp_instance or a virtual_server, or name another file with -f";
    context.diagnostics.advise(
        class,
        None,
        "there is nothing to run in this configuration",
        help,
    );
}

/// Acts on a statement about the whole daemon; false when it is another one.
fn daemon_wide(builder: &mut Builder, context: &mut Context<'_>, item: &Item<'_>) -> bool {
    let global = &mut builder.model.global;
    match item.name() {
        "global_defs" => global::global_defs(builder, context, item),
        "instance" => global.instance = item.text(context).map(str::to_owned),
        "net_namespace" => global.net_namespace = item.text(context).map(str::to_owned),
        "net_namespace_ipvs" => global.ipvs.namespace = ipvs::namespace(context, item),
        "namespace_with_ipsets" => firewall::no_ipsets(context, item),
        "linkbeat_use_polling" => builder.polls_all_links = true,
        "use_pid_dir" => global.use_pid_dir = true,
        "child_wait_time" => {
            global.child_wait_time = item.u32(context).unwrap_or(global.child_wait_time)
        }
        _ => return false,
    }
    true
}

/// Builds a block.
fn block(builder: &mut Builder, context: &mut Context<'_>, item: &Item<'_>) {
    match item.name() {
        "vrrp_instance" => instance::instance(builder, context, item),
        "vrrp_sync_group" => group::sync_group(builder, context, item),
        "vrrp_script" => tracked::script(builder, context, item),
        "vrrp_track_process" => track_process::read(builder, context, item),
        "track_file" => track_file::read(builder, context, item),
        "track_group" => track_group::read(builder, context, item),
        "garp_group" => group::garp_group(builder, context, item),
        "static_ipaddress" => statics::addresses(builder, context, item),
        "static_routes" | "static_rules" => statics::routes_and_rules(builder, context, item),
        "linkbeat_interfaces" | "interface_up_down_delays" => {
            statics::interfaces(builder, context, item)
        }
        _ => item.check(context),
    }
}
