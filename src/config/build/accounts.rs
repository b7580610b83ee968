//! Who runs scripts: `script_user`, `enable_script_security`, and whether the programs can be trusted.

use super::Context;
use crate::config::diagnostic::{Class, Span, quote};
use crate::config::model::Command;
use crate::config::read::Script;
use crate::config::source::path;
use crate::config::world::{Account, Flaw, Program};
use std::path::PathBuf;

/// The user that runs scripts when none is named and it exists.
const DEFAULT_USER: &str = "keepalived_script";

/// What is known so far of who runs scripts.
#[derive(Debug, Default)]
pub struct Accounts {
    /// `enable_script_security`.
    pub script_security: bool,
    /// `use_symlink_paths`.
    pub keep_links: bool,
    /// `set_supplementary_groups`.
    pub all_groups: bool,
    /// `script_user`: none, not usable, or an account.
    script_user: Option<Result<Account, ()>>,
    /// Whether the want of a default user was told.
    told_no_user: bool,
    /// Whether any script can run.
    scripts: bool,
    /// Whether any of them could be changed by others.
    insecure: bool,
}

impl Context<'_> {
    /// `script_user`, for the scripts that follow.
    pub fn set_script_user(&mut self, account: Option<Account>) {
        self.accounts.script_user = Some(account.ok_or(()));
    }

    /// Looks an account up: a user and perhaps a group; a `:` before it, or alone, asks for the user's other groups, too.
    pub fn account(&mut self, user: &[u8], group: Option<&[u8]>) -> Option<Account> {
        let account = self.world.user(std::str::from_utf8(user).ok()?)?;
        let named = group.map(|group| group.strip_prefix(b":").unwrap_or(group));
        let gid = match named.filter(|group| !group.is_empty()) {
            None => account.gid,
            Some(group) => self.world.group(std::str::from_utf8(group).ok()?)?,
        };
        Some(Account {
            gid,
            all_groups: group.is_some_and(|group| group.starts_with(b":")),
            ..account
        })
    }

    /// The account of scripts that name none; says when there is none.
    pub fn default_account(&mut self, span: Span) -> Option<Account> {
        match self.accounts.script_user {
            Some(Ok(account)) => return Some(account),
            Some(Err(())) => {}
            None => {
                if let Some(account) = self.world.user(DEFAULT_USER) {
                    return Some(account);
                }
                if !self.accounts.script_security {
                    return Some(self.world.own_account());
                }
            }
        }
        let message = format!("Unable to set default user {DEFAULT_USER} for script");
        let help = "name an existing user with script_user in global_defs, before the scripts";
        if !std::mem::replace(&mut self.accounts.told_no_user, true) {
            self.fault(span, message, help);
        }
        None
    }

    /// Judges a script and makes it a command of its account. None when it cannot or must not run, which is said.
    pub fn vouch(&mut self, mut script: Script) -> Option<Command> {
        script.account.all_groups |= self.accounts.all_groups;
        let program = match script.program() {
            Some(program) => self.program(&script, program)?,
            None => PathBuf::new(),
        };
        Some(Command {
            program,
            arguments: script.arguments,
            account: script.account,
            groups: match script.account.all_groups {
                true => self.world.groups(script.account),
                false => Vec::new(),
            },
            directory: script.directory,
        })
    }

    /// The path of a script's program, which is judged.
    fn program(&mut self, script: &Script, program: &[u8]) -> Option<PathBuf> {
        let shown = quote(program);
        let (found, real, flaw) =
            match self
                .world
                .program(path(program), &script.directory, script.account)
            {
                Program::Found { path, real, flaw } => (path, real, flaw),
                Program::Missing => {
                    self.fault(
                        script.span,
                        format!("Unable to access script `{shown}`"),
                        "it does not exist: give its full path; it is not run",
                    );
                    return None;
                }
                Program::NotExecutable => {
                    self.fault(
                        script.span,
                        format!("script `{shown}` is not executable"),
                        "make it executable (chmod +x); it is not run",
                    );
                    return None;
                }
            };
        if let Some(Flaw {
            component,
            reason,
            remedy,
        }) = flaw
        {
            self.accounts.insecure = true;
            let message = format!("script `{shown}` is insecure: {component} {reason}");
            if self.accounts.script_security {
                self.fault(script.span, message, format!("{remedy}; it is not run"));
                return None;
            }
            self.diagnostics
                .advise(Class::Warning, script.span, message, remedy);
        }
        self.accounts.scripts = true;
        Some(match self.accounts.keep_links {
            true => found,
            false => real,
        })
    }

    /// Says, once all is read, that scripts run without `enable_script_security`.
    pub fn report_security(&mut self) {
        if self.accounts.scripts && !self.accounts.script_security {
            let insecure = if self.accounts.insecure {
                " There are insecure scripts."
            } else {
                ""
            };
            let message = format!(
                "SECURITY VIOLATION - scripts are being executed but script_security not enabled.{insecure}"
            );
            let help = "add enable_script_security and script_user to global_defs";
            self.diagnostics
                .advise(Class::Security, None, message, help);
        }
    }
}
