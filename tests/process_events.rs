//! The process that counts processes, told of them by the kernel. That needs root in the first user, process and network namespaces
//! of the machine, which is where these cases run; they start nothing but copies of `sleep`. No daemon runs, and nothing is sent.

mod support;

use keepalived::config::model::{NetlinkBuffer, ParameterMatch, ProcessMatch};
use keepalived::os::processes;
use keepalived::role::runner::{
    Answer, Counted, ProcessRequest, Received, Request, ToRunner, start,
};
use keepalived::wire::process_event::{self, Event};
use libtest_mimic::{Arguments, Failed, Trial};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode};
use std::time::Duration;
use support::{must_run_all, secs, stays, wait_until};

/// What the kernel tells is heard at once, but the machine may be busy.
const BOUND: Duration = secs(10);
const ANY: (u32, u32) = (1, u32::MAX);

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // The runner is forked from here: there must be no other thread.
    arguments.test_threads = Some(1);
    let cases: [(&str, fn()); 2] = [
        ("the_kernel_tells_of_processes", told),
        ("a_burst_that_is_lost_is_made_up_for", burst),
    ];
    let obstacle = obstacle();
    let trials = cases.map(|(name, body)| match obstacle.clone() {
        None => Trial::test(name, move || {
            body();
            Ok(())
        }),
        Some(why) => {
            eprintln!("{name}: not run: {why}");
            Trial::test(name, move || Err(Failed::from(why))).with_ignored_flag(!must_run_all())
        }
    });
    libtest_mimic::run(&arguments, trials.into()).exit_code()
}

/// Why the kernel does not tell us, if so.
fn obstacle() -> Option<String> {
    let ask = || {
        let mut socket = processes::events(process_event::GROUP)?;
        socket.send(&process_event::request(true))?;
        let start = std::time::Instant::now();
        while start.elapsed() < secs(10) {
            if let keepalived::os::netlink::Received::Messages(bytes) = socket.receive()?
                && process_event::events(bytes).any(|event| event == Event::Acknowledged(0))
            {
                return Ok(());
            }
        }
        Err(std::io::Error::other("no answer"))
    };
    ask()
        .err()
        .map(|error| format!("the kernel does not tell of processes here: {error}"))
}

/// A runner, and what it said last.
struct Bench {
    line: ToRunner,
    count: Option<u32>,
    looked: bool,
}

impl Bench {
    fn new(matching: ProcessMatch, quorum: (u32, u32)) -> Self {
        let (_, line) = start().expect("a runner");
        let bench = Bench {
            line,
            count: None,
            looked: false,
        };
        bench.ask(ProcessRequest::Watch(1, matching, quorum));
        bench
    }

    fn ask(&self, request: ProcessRequest) {
        let request = Request::Process(request);
        self.line.send(&request).expect("room");
    }

    fn hear(&mut self) -> Option<u32> {
        loop {
            match self.line.receive() {
                Received::Packet(Answer::Process(Counted::Count(1, count))) => {
                    self.count = Some(count)
                }
                Received::Packet(Answer::Process(Counted::Looked(_))) => self.looked = true,
                Received::Packet(other) => panic!("{other:?}"),
                Received::Nothing => return self.count,
                Received::Gone => panic!("the runner has gone"),
            }
        }
    }

    #[track_caller]
    fn becomes(&mut self, count: u32) {
        wait_until(&format!("{count} are told"), BOUND, || {
            self.hear() == Some(count)
        });
        assert!(!self.looked, "the kernel tells");
    }
}

/// A program of a name that nobody else has.
struct Program(PathBuf);

impl Program {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("{name}{}", std::process::id()));
        std::fs::copy("/bin/sleep", &path).expect("a copy of sleep");
        Program(path)
    }
    fn name(&self) -> ProcessMatch {
        let name = self.0.file_name().expect("a name").to_str().expect("text");
        ProcessMatch::Name(name.into())
    }
    fn run(&self, arguments: &[&str]) -> Child {
        Command::new(&self.0)
            .args(arguments)
            .spawn()
            .expect("it runs")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn end(mut child: Child) {
    child.kill().expect("it runs");
    child.wait().expect("it has ended");
}

/// Begun, ended and not waited for, by name and by command line; at once, and not by looking.
fn told() {
    let program = Program::new("tug");
    let before = program.run(&["1000"]);
    let mut bench = Bench::new(program.name(), (2, 3));
    bench.becomes(1);
    let second = program.run(&["1001"]);
    bench.becomes(2);
    // What decides nothing is told within a second.
    let mut dead = program.run(&["3"]);
    bench.becomes(3);
    bench.becomes(2);
    dead.wait().expect("it has ended");
    end(before);
    bench.becomes(1);
    let command = ProcessMatch::Command {
        program: program.0.to_str().expect("text").into(),
        parameters: vec![b"1001".to_vec()],
        how: ParameterMatch::Exact,
    };
    let mut exact = Bench::new(command, ANY);
    exact.becomes(1);
    let other = program.run(&["1002"]);
    bench.becomes(2);
    stays("another is not meant", secs(1), || exact.hear() == Some(1));
    end(second);
    exact.becomes(0);
    end(other);
    bench.becomes(0);
}

/// More at once than the smallest buffer holds.
fn burst() {
    let program = Program::new("ferry");
    let mut bench = Bench::new(program.name(), ANY);
    let bytes = 1;
    bench.ask(ProcessRequest::Buffer(Some(NetlinkBuffer {
        bytes,
        force: false,
    })));
    bench.becomes(0);
    for _ in 0..3 {
        let many: Vec<Child> = (0..200).map(|_| program.run(&["1000"])).collect();
        bench.becomes(200);
        many.into_iter().for_each(end);
        bench.becomes(0);
    }
}
