//! `SSL`.

use super::Context;
use crate::config::diagnostic::quote;
use crate::config::keywords::Block;
use crate::config::model::{PemFile, Tls};
use crate::config::read::Item;
use crate::config::secret::Secret;
use crate::config::world::KeyFile;
use std::path::Path;

/// A longer file, in bytes, is a mistake: all certificates of a distribution's bundle take a quarter of it.
const PEM_FILE_MAX: u64 = 1024 * 1024;

/// Reads the block and the files that it names: whether they hold what they have to is seen when they are used.
pub(super) fn read(context: &mut Context<'_>, item: &Item<'_>) -> Tls {
    let mut tls = Tls::default();
    let Some(children) = item.open(context) else {
        return tls;
    };
    context.each_statement(Block::Ssl, children, |context, item| {
        match item.name() {
            // Not `text()`: a password need not be UTF-8, and must not be quoted in a message.
            "password" => {
                tls.password = item.required(context).map(|word| Secret::new(word.bytes()))
            }
            "ca" => tls.ca = file(context, &item),
            "certificate" => tls.certificate = file(context, &item),
            "key" => tls.key = file(context, &item),
            _ => {}
        }
    });
    tls
}

fn file(context: &mut Context<'_>, item: &Item<'_>) -> Option<PemFile> {
    let word = item.required(context)?;
    let path = word.text().into_owned();
    match context.world.key_file(Path::new(&path), PEM_FILE_MAX) {
        KeyFile::Read { text, .. } => Some(PemFile { path, text }),
        KeyFile::Refused(why) => {
            let message = format!(
                "SSL {} {} cannot be read: {why}",
                item.name(),
                quote(word.bytes())
            );
            context.fault(
                word.span(),
                message,
                "name a file in PEM; the line is ignored",
            );
            None
        }
    }
}
