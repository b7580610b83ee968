//! Statements outside any block, and the order in which blocks are built: daemon-wide settings first, wherever they stand, then
//! the rest in the order of the text.

use super::Context;
use crate::config::diagnostic::Diagnostics;
use crate::config::keywords::Block;
use crate::config::model::Model;
use crate::config::read::Item;
use crate::config::tree::Tree;
use crate::config::world::World;

/// Builds the model of a tree.
pub fn build(tree: &Tree, diagnostics: Diagnostics, world: &dyn World) -> (Model, Diagnostics) {
    let mut context = Context::new(world, diagnostics);
    let mut model = Model::default();
    let mut later: Vec<Item<'_>> = Vec::new();
    context.each_statement(Block::Root, tree.statements(), |context, item| {
        if !daemon_wide(&mut model, context, &item) {
            later.push(item);
        }
    });
    for item in &later {
        context.inside(!item.keyword.acts, |context| {
            block(&mut model, context, item)
        });
    }
    context.report_security();
    context.report_pending();
    (model, context.diagnostics)
}

/// Acts on a statement about the whole daemon; false when it is another one.
fn daemon_wide(model: &mut Model, context: &mut Context<'_>, item: &Item<'_>) -> bool {
    match item.name() {
        "global_defs" => item.check(context),
        "instance" => model.global.instance = item.text(context).map(str::to_owned),
        "use_pid_dir" => model.global.use_pid_dir = true,
        "child_wait_time" => {
            model.global.child_wait_time = item.u32(context).unwrap_or(model.global.child_wait_time)
        }
        _ => return false,
    }
    true
}

/// Builds a block.
fn block(_model: &mut Model, context: &mut Context<'_>, item: &Item<'_>) {
    match item.name() {
        // The checker's half: virtual_server, virtual_server_group, SSL, bfd_instance.
        _ => item.check(context),
    }
}
