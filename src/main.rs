//! The daemon's binary: does what the command line asks for. Everything else lives in the library.

use keepalived::cli::{self, Parsed, Request, VERSION, parse, signum};
use keepalived::role;
use std::process::ExitCode;

/// The exit status of a command line that cannot be read.
const EXIT_USAGE: u8 = 1;

/// Does what the command line asks for, and says how it went.
fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    let program = arguments
        .next()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    if role::genhash::is_meant(&program) {
        return exit_code(role::genhash::run(arguments));
    }
    let Parsed {
        request,
        options,
        remarks,
    } = match parse(arguments) {
        Ok(parsed) => parsed,
        Err(error) => {
            eprintln!("{program}: {error}");
            return ExitCode::from(EXIT_USAGE);
        }
    };
    for remark in &remarks {
        eprintln!("{program}: {remark}");
    }
    match request {
        Request::Help => eprint!("{}", cli::help(&program)),
        Request::Version => eprintln!("Keepalived v{VERSION}"),
        Request::Signum(function) => match signum::number(&function) {
            Some(number) => println!("{number}"),
            None => {
                eprintln!(
                    "{program}: no signal does '{function}'; there are {}",
                    signum::functions()
                );
                return ExitCode::from(EXIT_USAGE);
            }
        },
        Request::Genhash(arguments) => return exit_code(role::genhash::run(arguments)),
        Request::ConfigTest(file) => {
            return exit_code(role::config_test::run(&options, file.as_deref()));
        }
        Request::Run => return exit_code(role::start::run(options, &command_line())),
    }
    ExitCode::SUCCESS
}

fn exit_code(status: i32) -> ExitCode {
    ExitCode::from(u8::try_from(status).unwrap_or(EXIT_USAGE))
}

/// The command line as it was typed, each word in quotes.
fn command_line() -> String {
    std::env::args_os()
        .map(|word| format!("'{}'", word.to_string_lossy()))
        .collect::<Vec<_>>()
        .join(" ")
}
