//! Commands of scripts with the account that runs them.

use super::Item;
use crate::config::build::Context;
use crate::config::diagnostic::{Span, quote};
use crate::config::shell::{self, Shell};
use crate::config::source::directory;
use crate::config::world::{Account, Program};
use std::path::{Path, PathBuf};

/// A command and who runs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// The vector of arguments, the program first; never empty.
    pub arguments: Vec<Vec<u8>>,
    /// Who runs it.
    pub account: Account,
    /// Where relative paths count from: the directory of the file that names it.
    pub directory: PathBuf,
    /// Its place.
    pub span: Span,
}

impl Script {
    /// The program; none for `</path`, which only asks whether a file can be opened.
    pub fn program(&self) -> Option<&[u8]> {
        self.arguments
            .first()
            .map(Vec::as_slice)
            .filter(|program| !program.starts_with(b"<"))
    }
}

impl<'t> Item<'t> {
    /// The command alone, without a user: `None` when there is none or its quotes do not match, which is said.
    pub fn command(
        &self,
        context: &mut Context<'_>,
    ) -> Option<(Vec<Vec<u8>>, Vec<shell::ShellWord>)> {
        let words = match self.statement.shell_words() {
            Ok(words) => words,
            Err(diagnostic) => {
                context.diagnostics.push(diagnostic);
                return None;
            }
        };
        let Some(first) = words.first() else {
            self.required(context);
            return None;
        };
        let arguments = match shell::arguments(&first.bytes) {
            Ok(plain) => match shell::written_for(&first.bytes) {
                Some(shell) => self.by_shell(context, shell, &first.bytes)?,
                None => plain,
            },
            Err(error) => {
                context
                    .diagnostics
                    .push(error.diagnostic(self.statement.raw_span(first.at.clone())));
                return None;
            }
        };
        if arguments.is_empty() {
            context.fault(
                self.span(),
                format!("{} has an empty command", self.name()),
                "name the program to run, with its full path",
            );
            return None;
        }
        Some((arguments, words))
    }

    /// The vector of arguments that has a shell run a command; `None` when there is no such shell, which is said.
    fn by_shell(
        &self,
        context: &mut Context<'_>,
        shell: Shell,
        command: &[u8],
    ) -> Option<Vec<Vec<u8>>> {
        let path = shell.path();
        if context
            .world
            .program(Path::new(path), Path::new(""), Account::ROOT)
            == Program::Missing
        {
            let message = format!(
                "{} `{}` is written for a shell, but there is no {path}",
                self.name(),
                quote(command)
            );
            let help = "install it, or put the commands into a file that begins with #! and the shell there is, and name that";
            context.fault(self.span(), message, help);
            return None;
        }
        let text = shell::text_for_shell(command);
        Some(vec![path.into(), b"-c".to_vec(), text])
    }

    /// A command with the account that the line names, else the default one.
    pub fn script(&self, context: &mut Context<'_>) -> Option<Script> {
        let (arguments, words) = self.command(context)?;
        let word = |index: usize| words.get(index).map(|word| word.bytes.as_slice());
        let account = match word(1) {
            Some(user) => {
                let found = context.account(user, word(2));
                if found.is_none() {
                    self.no_such_account(context, user, arguments.first());
                }
                found?
            }
            None => context.default_account(self.span())?,
        };
        Some(self.make_script(arguments, account))
    }

    /// Puts a command and an account together.
    pub fn make_script(&self, arguments: Vec<Vec<u8>>, account: Account) -> Script {
        let directory = self
            .statement
            .path()
            .map_or(Path::new(""), directory)
            .to_owned();
        Script {
            arguments,
            account,
            directory,
            span: self.span(),
        }
    }

    /// The account of a `user` statement.
    pub fn user(&self, context: &mut Context<'_>) -> Option<Account> {
        let user = self.required(context)?.bytes();
        let found = context.account(user, self.argument(1).map(|word| word.bytes()));
        if found.is_none() {
            self.no_such_account(context, user, None);
        }
        found
    }

    fn no_such_account(&self, context: &mut Context<'_>, user: &[u8], program: Option<&Vec<u8>>) {
        let (name, user) = (self.name(), quote(user));
        let what = program.map_or(format!("{name} '{user}'"), |program| {
            format!("script '{}'", quote(program))
        });
        let message = format!("Unable to set uid/gid for {what}");
        context.fault(
            self.span(),
            message,
            format!("user {user} or its group does not exist on this host"),
        );
    }
}
