//! Enters the namespaces: the test binary executes itself again, once to make them (`make`), once as their process 1 (`case`),
//! once a host (`host`, see `world`) and once a program started on a host (`enter`). Also the list of cases and its runner.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;

use super::{AWAITED, Binary, LONGEST_WAIT, case_limit, late, must_run_all};

/// What the re-executed binary is to do: `ROLE` or `ROLE:ARGUMENT`.
pub const STAGE: &str = "KEEPALIVED_TEST_STAGE";

/// Cases spend their time waiting for timers of seconds, so many run at once even on two processors.
const CASES_AT_ONCE: usize = 32;

/// A case that fails while the machine stands still is run again, but no more often than this in all.
pub(super) const RUNS: usize = 3;

/// Set to have each case say how long it took.
const TIMES: &str = "KEEPALIVED_TEST_TIMES";

/// Names a file that gets a line for each case that is run again (tests/check.sh shows them at the end).
const AGAIN: &str = "KEEPALIVED_TEST_AGAIN";

/// The status of a case that ran into its limit.
const HUNG: i32 = 102;

/// The name of the case that only finds out whether this machine lets us make hosts.
const PROBE: &str = "probe";

/// One case: its name, what it does, and the program it needs that not every machine has.
pub struct Case {
    name: String,
    body: Arc<dyn Fn() + Send + Sync>,
    program: Option<PathBuf>,
    outside: bool,
    privileged: bool,
    limit: Duration,
}

impl Case {
    /// It waits for something that takes longer than others wait for anything.
    pub fn within(self, longest: Duration) -> Self {
        let limit = case_limit(longest);
        Case { limit, ..self }
    }

    /// A case that also needs a program of this path.
    pub fn needing(self, program: impl Into<PathBuf>) -> Self {
        Case {
            program: Some(program.into()),
            ..self
        }
    }

    /// Whether the arguments of the run name it.
    pub fn is_meant(&self, arguments: &Arguments) -> bool {
        let name = &self.name;
        let is_named = |words: &String| match arguments.exact {
            true => name == words,
            false => name.contains(words),
        };
        arguments.filter.iter().all(is_named) && !arguments.skip.iter().any(is_named)
    }
}

/// A case whose hosts run our daemon.
pub fn case(name: &str, body: impl Fn() + Send + Sync + 'static) -> Case {
    Case {
        name: name.into(),
        body: Arc::new(body),
        program: None,
        outside: false,
        privileged: false,
        limit: case_limit(LONGEST_WAIT),
    }
}

/// A case whose hosts keep the privileges that root has here: they are in no user namespace of their own, unless we are not root.
pub fn privileged_case(name: &str, body: impl Fn() + Send + Sync + 'static) -> Case {
    privileged(case(name, body))
}

/// The same for a case of any kind.
pub fn privileged(case: Case) -> Case {
    Case {
        privileged: true,
        ..case
    }
}

/// A case that also needs the distribution's keepalived.
pub fn peer_case(name: &str, body: impl Fn() + Send + Sync + 'static) -> Case {
    program_case(name, Binary::Peer.path(), body)
}

/// A case that also needs a program of this path.
pub fn program_case(
    name: &str,
    program: impl Into<PathBuf>,
    body: impl Fn() + Send + Sync + 'static,
) -> Case {
    case(name, body).needing(program)
}

/// A case that runs a program which makes its own namespaces.
pub fn outside_case(name: &str, body: impl Fn() + Send + Sync + 'static) -> Case {
    Case {
        outside: true,
        ..case(name, body)
    }
}

/// The `main` of a test binary made of cases.
pub fn run(cases: Vec<Case>) -> ExitCode {
    if let Some(status) = act_stage(&cases) {
        return status;
    }
    let mut arguments = Arguments::from_args();
    let at_once = match super::guest::is_inside() {
        true => super::guest::CASES_AT_ONCE,
        false => CASES_AT_ONCE,
    };
    arguments.test_threads.get_or_insert(at_once);
    let obstacle = if arguments.list { None } else { obstacle() };
    run_unless(&cases, &arguments, obstacle.as_deref())
}

/// Runs the cases; if there is an obstacle, says of each that it did not run, or fails where all must run.
pub fn run_unless(cases: &[Case], arguments: &Arguments, obstacle: Option<&str>) -> ExitCode {
    late::watch();
    let trials = cases.iter().map(|case| trial(case, obstacle)).collect();
    libtest_mimic::run(arguments, trials).exit_code()
}

/// Runs one body in namespaces of its own from a program that is no test (the demonstration, the benchmark).
/// The process must not have started a thread yet.
pub fn run_single(body: impl Fn() + Send + Sync + 'static) -> ExitCode {
    run_alone("make", body)
}

/// The same with the privileges that root has here (`privileged_case`).
pub fn run_single_privileged(body: impl Fn() + Send + Sync + 'static) -> ExitCode {
    run_alone("make-as-root", body)
}

fn run_alone(stage: &str, body: impl Fn() + Send + Sync + 'static) -> ExitCode {
    let cases = vec![case("single", body)];
    if let Some(status) = act_stage(&cases) {
        return status;
    }
    let status = itself(&format!("{stage}:single"))
        .status()
        .expect("cannot execute this program again");
    ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1))
}

/// Why no hosts can be made here, if so.
pub fn obstacle() -> Option<String> {
    let (success, output) = run_staged("make", PROBE);
    (!success).then(|| format!("cannot make network namespaces here: {}", output.trim()))
}

fn trial(case: &Case, obstacle: Option<&str>) -> Trial {
    let (name, privileged) = (case.name.clone(), case.privileged);
    let mut obstacle = obstacle.map(str::to_owned);
    if let Some(program) = case.program.as_ref().filter(|program| !program.exists()) {
        obstacle = Some(format!("no {} here", program.display()));
    }
    match obstacle {
        Some(why) if must_run_all() => Trial::test(name, move || Err(Failed::from(why))),
        Some(why) => {
            eprintln!("{name}: not run: {why}");
            Trial::test(name, move || Err(Failed::from(why))).with_ignored_flag(true)
        }
        None if case.outside => {
            let body = Arc::clone(&case.body);
            Trial::test(name, move || {
                body();
                Ok(())
            })
        }
        None => Trial::test(name.clone(), move || {
            let stage = if privileged { "make-as-root" } else { "make" };
            run_fairly(stage, &name).map_err(Failed::from)
        }),
    }
}

/// Runs a case, and again if the machine stood still while it failed; what it printed when it failed for good.
fn run_fairly(stage: &str, name: &str) -> Result<(), String> {
    let mut run = 1;
    loop {
        let start = Instant::now();
        let (success, output) = run_staged(stage, name);
        if std::env::var_os(TIMES).is_some() {
            eprintln!("{name}: {:.1} s", start.elapsed().as_secs_f64());
        }
        match late::longest_since(start) {
            _ if success => return Ok(()),
            Some(standstill) if run < RUNS => {
                run += 1;
                let why = format!(
                    "{name}: failed while the machine stood still for {standstill:?}; once more"
                );
                eprintln!("{why}. It was:\n{output}");
                remember(&why);
            }
            _ => return Err(output),
        }
    }
}

/// Keeps a line for who summarises the run.
pub(super) fn remember(line: &str) {
    if let Some(path) = std::env::var_os(AGAIN) {
        let file = fs::OpenOptions::new().create(true).append(true).open(path);
        let written = file.and_then(|mut file| writeln!(file, "{line}"));
        written.unwrap_or_else(|error| eprintln!("{AGAIN}: {error}"));
    }
}

/// Runs a case in fresh namespaces; whether it passed, and all it printed.
fn run_staged(stage: &str, name: &str) -> (bool, String) {
    let (mut reader, writer) = io::pipe().expect("pipe");
    let mut command = itself(&format!("{stage}:{name}"));
    command
        .stdin(Stdio::null())
        .stdout(writer.try_clone().expect("pipe"))
        .stderr(writer);
    let mut child = command.spawn().expect("cannot execute this test again");
    // The command keeps the writing ends until it is dropped; the reader would never see the end.
    drop(command);
    let mut output = Vec::new();
    reader
        .read_to_end(&mut output)
        .expect("reading the case's output");
    let status = child.wait().expect("waiting for the case");
    let mut output = String::from_utf8_lossy(&output).into_owned();
    if !status.success() {
        output.push_str(&format!("\n(case ended with {status})"));
    }
    (status.success(), output)
}

/// This program again, as `stage`.
pub fn itself(stage: &str) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.env(STAGE, stage);
    command
}

/// Does what a re-executed binary is there for; `None` in the first process.
pub fn act_stage(cases: &[Case]) -> Option<ExitCode> {
    let stage = std::env::var(STAGE).ok()?;
    let (role, argument) = stage.split_once(':').unwrap_or((&stage, ""));
    // Whoever started us is gone: so are we.
    set_pdeathsig(Signal::SIGKILL).expect("PR_SET_PDEATHSIG");
    let result = match role {
        "make" => make(argument, true),
        "make-as-root" => make(argument, !nix::unistd::getuid().is_root()),
        "case" => be_case(cases, argument),
        "boot" => super::guest::be_first(),
        "host" => super::world::be_host().map(|()| 0),
        "enter" => Err(enter(argument)),
        other => Err(io::Error::other(format!("no such stage: {other}"))),
    };
    Some(match result {
        Ok(status) => ExitCode::from(u8::try_from(status).unwrap_or(1)),
        Err(error) => {
            eprintln!("{stage}: {error}");
            ExitCode::FAILURE
        }
    })
}

/// Makes the namespaces and starts the case as their process 1.
fn make(name: &str, own_users: bool) -> io::Result<i32> {
    let (user, group) = (nix::unistd::getuid(), nix::unistd::getgid());
    let spaces = CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWUTS;
    let users = if own_users {
        CloneFlags::CLONE_NEWUSER
    } else {
        CloneFlags::empty()
    };
    match unshare(spaces | users) {
        Ok(()) if !own_users => {}
        Ok(()) => {
            fs::write("/proc/self/setgroups", "deny")?;
            fs::write("/proc/self/uid_map", format!("0 {user} 1"))?;
            fs::write("/proc/self/gid_map", format!("0 {group} 1"))?;
        }
        // Root in a container may be refused user namespaces and still be allowed the others.
        Err(_) if user.is_root() => unshare(spaces)?,
        Err(error) => {
            return Err(io::Error::other(format!(
                "user namespaces are refused: {error}"
            )));
        }
    }
    let status = itself(&format!("case:{name}")).status()?;
    Ok(status
        .code()
        .unwrap_or_else(|| status.signal().unwrap_or(0) + 128))
}

/// Runs the case as process 1 of the namespaces.
fn be_case(cases: &[Case], name: &str) -> io::Result<i32> {
    private_mounts()?;
    mount(
        Some("proc"),
        "/proc",
        Some("proc"),
        MsFlags::empty(),
        None::<&str>,
    )?;
    mount(
        Some("sysfs"),
        "/sys",
        Some("sysfs"),
        MsFlags::empty(),
        None::<&str>,
    )?;
    if name == PROBE {
        super::world::World::new(&[super::world::HostSpec::numbered(1)]);
        return Ok(0);
    }
    let case = cases
        .iter()
        .find(|case| case.name == name)
        .ok_or_else(|| io::Error::other("no such case"))?;
    if name != "single" && name != super::guest::BOOT {
        let limit = case.limit;
        std::thread::spawn(move || {
            std::thread::sleep(limit);
            // Whoever holds it for long is not worth waiting for.
            let awaited = AWAITED.try_lock().ok().and_then(|what| what.clone());
            let awaited = awaited.unwrap_or_else(|| "nothing that it named".to_owned());
            eprintln!("the case did not end within {limit:?}; it waited for: {awaited}");
            std::process::exit(HUNG);
        });
    }
    (case.body)();
    Ok(0)
}

/// Keeps our mounts from the world outside.
pub fn private_mounts() -> io::Result<()> {
    Ok(mount(
        None::<&str>,
        "/",
        None::<&str>,
        MsFlags::MS_REC | MsFlags::MS_PRIVATE,
        None::<&str>,
    )?)
}

/// Goes to the host kept by process `holder` and becomes the program named by the arguments.
fn enter(holder: &str) -> io::Error {
    let go = || -> io::Result<()> {
        let spaces = Path::new("/proc").join(holder).join("ns");
        let (net, mounts) = (
            fs::File::open(spaces.join("net"))?,
            fs::File::open(spaces.join("mnt"))?,
        );
        setns(net, CloneFlags::CLONE_NEWNET)?;
        setns(mounts, CloneFlags::CLONE_NEWNS)?;
        // A daemon must be able to outlive the thread that started it.
        set_pdeathsig(None)?;
        Ok(())
    };
    if let Err(error) = go() {
        return error;
    }
    let mut arguments = std::env::args_os().skip(1);
    let Some(program) = arguments.next() else {
        return io::Error::other("no program to run");
    };
    let error = Command::new(&program)
        .args(arguments)
        .env_remove(STAGE)
        .exec();
    io::Error::new(error.kind(), format!("{}: {error}", program.display()))
}
