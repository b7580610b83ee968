//! `SSL`.

use super::Context;
use crate::config::keywords::Block;
use crate::config::model::Tls;
use crate::config::read::Item;
use crate::config::secret::Secret;

/// Reads the block. Files are opened when they are needed, not here.
pub(super) fn read(context: &mut Context<'_>, item: &Item<'_>) -> Tls {
    let mut tls = Tls::default();
    let Some(children) = item.open(context) else {
        return tls;
    };
    context.each_statement(Block::Ssl, children, |context, item| {
        let text = || item.argument(0).map(|word| word.text().into_owned());
        match item.name() {
            // Not `text()`: a password need not be UTF-8, and must not be quoted in a message.
            "password" => {
                tls.password = item.required(context).map(|word| Secret::new(word.bytes()))
            }
            "ca" => tls.ca = item.required(context).and_then(|_| text()),
            "certificate" => tls.certificate = item.required(context).and_then(|_| text()),
            "key" => tls.key = item.required(context).and_then(|_| text()),
            _ => {}
        }
    });
    tls
}
