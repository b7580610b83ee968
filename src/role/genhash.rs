//! genhash at work: one connection, one page. What is asked for and what is printed is `cli::genhash`'s.

use super::flight::{Flight, READ_SIZE};
use crate::check::dialogue::{Dialogue, Failure, Verdict};
use crate::cli::genhash::{self, Request};
use crate::os::check_socket::{Origin, Refusal, Transport};
use crate::os::clock;
use crate::os::poll::{Loop, Want};
use crate::wheel::Wheel;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;

/// The name under which the daemon is genhash.
const NAME: &str = "genhash";
/// The status for a command line that cannot be used, and for the help.
const EXIT_USAGE: i32 = 1;

/// Whether a program of this name is genhash.
pub fn is_meant(program: &str) -> bool {
    Path::new(program)
        .file_name()
        .is_some_and(|name| name == NAME)
}

/// Fetches the page and prints its digest; the exit status.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> i32 {
    let request = match genhash::parse(arguments) {
        Ok(request) => request,
        Err(message) => {
            if let Some(message) = message {
                eprintln!("{NAME}: {message}");
            }
            eprint!("{}", genhash::help());
            return EXIT_USAGE;
        }
    };
    let begun = clock::now();
    let mut text = String::new();
    let fetched = genhash::dialogue(&request).and_then(|(dialogue, page)| {
        fetch(&request, dialogue)?;
        Ok(page)
    });
    let page = match fetched {
        Ok(page) => Some(page),
        Err(failure) => {
            text.push_str(&genhash::failed(&failure));
            None
        }
    };
    let page = page.as_ref().map(|page| page.borrow());
    let took = clock::now().since(begun);
    text.push_str(&genhash::report(
        page.as_deref(),
        &request.path,
        request.verbose,
        took,
    ));
    // Who does not read on needs no message.
    let _ = io::stdout().write_all(text.as_bytes());
    0
}

/// Has the dialogue with the server.
fn fetch(request: &Request, dialogue: Box<dyn Dialogue>) -> Verdict {
    let ends = (
        request.server,
        Origin {
            mark: request.mark,
            ..Origin::default()
        },
    );
    let begun = Flight::begin(
        Transport::Stream,
        ends,
        dialogue,
        request.timeout,
        clock::now(),
    );
    let mut flight = match begun {
        Ok((_, Some(verdict))) => return verdict,
        Ok((flight, None)) => flight,
        Err(Refusal::Ours(error) | Refusal::Theirs(error)) => return Err(failure(&error)),
    };
    wait(&mut flight).unwrap_or_else(|error| Err(failure(&error)))
}

fn failure(error: &io::Error) -> Failure {
    Failure::NotConnected(error.raw_os_error().unwrap_or(libc::EINVAL))
}

fn wait(flight: &mut Flight) -> io::Result<Verdict> {
    let mut events: Loop<()> = Loop::new()?;
    events.add(flight.socket(), (), Want::ReadWrite)?;
    let mut wheel = Wheel::new(clock::now());
    wheel.arm((), flight.deadline(clock::now()));
    let mut ready = Vec::new();
    let mut buffer = vec![0; READ_SIZE];
    loop {
        events.wait(&wheel, &mut ready)?;
        let now = clock::now();
        for event in ready.drain(..) {
            let seen = flight.ready(now, &event, &mut buffer);
            if let Some(verdict) = seen.verdict {
                return Ok(verdict);
            }
            if seen.heard {
                wheel.arm((), flight.deadline(now));
            }
            if seen.more {
                events.again(event);
            }
        }
        if wheel.pop_expired(now).is_some() {
            return Ok(flight.expired());
        }
    }
}
