//! A kernel of the tests' own, for what the machine's may lack (encapsulations, ipvlan, VRF, dummy): Debian's user-mode Linux, an
//! ordinary program, booted in seconds without root. `tests/guest.sh` fetches it once into the target folder.
//!
//! Use: `guest::run(cases)` in place of `stage::run(cases)` as `main` of a test binary. The binary boots one kernel for each processor,
//! as each has but one itself, and runs itself in them with the same arguments, as root, each with a part of the cases, each of these
//! in fresh namespaces as ever; the files of the machine are there, changes to them stay in the guest's memory. What `MODULES` names
//! is loaded (add what a case needs: nothing loads itself). Starting a program takes 20-30 ms, so few programs a case. Not here: any
//! case.

use std::ffi::{CString, OsString};
use std::fs::{self, File};
use std::io::{self, Write};
use std::num::NonZero;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use libtest_mimic::Arguments;
use nix::kmod::{ModuleInitFlags, finit_module};
use nix::mount::{MsFlags, mount};
use nix::sys::reboot::{RebootMode, reboot};
use nix::unistd::{chdir, pivot_root};

use super::stage::{self, Case, itself};
use super::wait_for;

/// Modules of the guest, by file name, and what they need.
const MODULES: &[&str] = &[
    "nf_tables",
    "iptable_mangle",
    "xt_mark",
    "xt_tcpudp",
    "ipv6",
    "bridge",
    "veth",
    "dummy",
    "nlmon",
    "macvlan",
    "ipvlan",
    "vrf",
    "mpls_router",
    "mpls_iptunnel",
    "ila",
    "ip_tunnel",
    "ip_vs",
    "ip_vs_rr",
    "ip_vs_wrr",
    "ip_vs_lc",
    "ip_vs_wlc",
    "ip_vs_lblc",
    "ip_vs_lblcr",
    "ip_vs_dh",
    "ip_vs_sh",
    "ip_vs_mh",
    "ip_vs_sed",
    "ip_vs_nq",
    "ip_vs_fo",
    "ip_vs_ovf",
    "ip_vs_pe_sip",
];

/// Set for the processes that boot: where the run's folder is.
const FOLDER: &str = "KEEPALIVED_TEST_GUEST_FOLDER";

/// Set for this program in the guest: which part of the cases is its own, as `NUMBER/PARTS` (from 0).
const INSIDE: &str = "KEEPALIVED_TEST_INSIDE";

/// Test binaries, by name, that are run beside this run and not in it (tests/check.sh does so: they keep the processors busy, where
/// others wait).
const BESIDE: &str = "KEEPALIVED_TEST_BESIDE";

/// So much less important than what waits beside it for timers.
const NICE: &str = "10";

/// The name of the case that boots.
pub const BOOT: &str = "guest";

/// It has one processor, on which programs start slowly.
pub const CASES_AT_ONCE: usize = 3;

/// Memory of the guest; what it does not touch costs nothing.
const MEMORY: &str = "512M";

/// A whole guest may take this long, times the patience of `wait_for`.
const LIMIT: Duration = Duration::from_secs(300);

/// Files of the folder that the run and the guest share.
const ARGUMENTS: &str = "arguments";
const ENVIRONMENT: &str = "environment";
const OUTPUT: &str = "output";
const STATUS: &str = "status";
const CONSOLE: &str = "console";
/// How the kernel's own process ended, unless whoever waits for it was killed first.
const ENDED: &str = "ended";

/// A kernel says so when somebody outside stops its processes and lets them go on (job control, a debugger, a measurement on the same
/// machine): it takes the signal for a fault of its own, and dies. That is none of what is tested.
const DISTURBED: &str = "userspace - child stopped with signal";

/// So many lines of each file tell why a guest ended.
const LAST_LINES: usize = 120;

/// The `main` of a test binary whose cases need the guest's kernel.
pub fn run(mut cases: Vec<Case>) -> ExitCode {
    cases.push(boot_case());
    if let Some(status) = stage::act_stage(&cases) {
        return status;
    }
    cases.pop();
    let arguments = Arguments::from_args();
    if let Ok(part) = std::env::var(INSIDE) {
        return stage::run(part_of(cases, &arguments, &part));
    }
    if arguments.list {
        return stage::run(cases);
    }
    if runs_beside() {
        println!("run beside this, see {BESIDE}");
        return ExitCode::SUCCESS;
    }
    match stage::obstacle().or_else(|| fetch().err()) {
        Some(obstacle) => stage::run_unless(&cases, &arguments, Some(&obstacle)),
        None => run_inside(
            cases
                .iter()
                .filter(|case| case.is_meant(&arguments))
                .count(),
        ),
    }
}

/// The case that boots, for a program that is no test.
pub fn boot_case() -> Case {
    stage::case(BOOT, boot)
}

/// Runs this program, which is no test, in the guest with the arguments it was called with; or says why it cannot.
pub fn run_this_program() -> Result<ExitCode, String> {
    fetch()?;
    Ok(run_inside(1))
}

/// Whether this process runs in the guest.
pub fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Whether somebody else runs this binary.
fn runs_beside() -> bool {
    let program = std::env::current_exe().expect("this program's path");
    let file = program.file_name().unwrap_or_default().to_string_lossy();
    // Cargo adds a hash.
    let name = file.rsplit_once('-').map_or(&*file, |(name, _)| name);
    std::env::var(BESIDE).is_ok_and(|beside| beside.split_whitespace().any(|one| one == name))
}

/// Every so-manieth of the cases that are meant at all.
fn part_of(cases: Vec<Case>, arguments: &Arguments, part: &str) -> Vec<Case> {
    let (number, parts) = part.split_once('/').expect("NUMBER/PARTS");
    let (number, parts) = (number.parse(), parts.parse());
    let (number, parts): (usize, usize) = (number.expect("a number"), parts.expect("a number"));
    let meant = cases.into_iter().filter(|case| case.is_meant(arguments));
    meant.skip(number).step_by(parts).collect()
}

/// Where the kernel lies, in the folder that Cargo keeps for tests.
fn kernel() -> PathBuf {
    Path::new(option_env!("CARGO_TARGET_TMPDIR").unwrap_or("target/tmp")).join("guest-kernel")
}

/// Gets the kernel, if it is not there yet; or says why not.
fn fetch() -> Result<(), String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/guest.sh");
    let output = Command::new("sh")
        .arg(script)
        .arg(kernel())
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot run {script}: {error}"))?;
    output.status.success().then_some(()).ok_or_else(|| {
        let why = String::from_utf8_lossy(&output.stderr);
        format!("no kernel for the guest: {}", why.trim())
    })
}

/// Boots guests for so many cases, and gives what this program says and answers in each.
fn run_inside(cases: usize) -> ExitCode {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let parts = processors.min(cases).max(1);
    let succeeded = std::thread::scope(|scope| {
        let guests: Vec<_> = (0..parts)
            .map(|number| scope.spawn(move || run_part(&format!("{number}/{parts}"))))
            .collect();
        let ended = guests
            .into_iter()
            .map(|guest| guest.join().expect("a guest"));
        ended.filter(|succeeded| !succeeded).count() == 0
    });
    if succeeded {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Boots a guest, and again if it was disturbed from outside; whether all went well in it.
fn run_part(part: &str) -> bool {
    let mut run = 1;
    loop {
        match boot_once(part) {
            Ok(status) => return status == "0",
            Err(why) if why.contains(DISTURBED) && run < stage::RUNS => {
                eprintln!("{why}");
                stage::remember(&format!(
                    "guest {part}: its processes were stopped from outside; once more"
                ));
            }
            Err(why) => {
                eprintln!("{why}");
                return false;
            }
        }
        run += 1;
    }
}

/// Boots one guest; the answer of this program in it, or why there is none.
fn boot_once(part: &str) -> Result<String, String> {
    let run = format!("{}-{}", std::process::id(), part.replace('/', "of"));
    let folder = kernel().with_extension(run);
    fs::create_dir_all(&folder).expect("a folder for the run");
    let environment = std::env::vars_os().chain([(INSIDE.into(), part.into())]);
    let environment = environment.map(|(name, value)| [name, value].join("=".as_ref()));
    write_words(&folder.join(ENVIRONMENT), environment);
    write_words(&folder.join(ARGUMENTS), std::env::args_os().skip(1));
    let booted = itself(&format!("make:{BOOT}"))
        .env(FOLDER, &folder)
        .stdin(Stdio::null())
        .status()
        .expect("cannot execute this program again");
    let status = fs::read_to_string(folder.join(STATUS));
    let answer = status.map_err(|_| obituary(&folder, &booted.to_string()));
    if answer.is_ok() {
        let said = fs::read(folder.join(OUTPUT)).unwrap_or_default();
        let _ = io::stdout().lock().write_all(&said);
    }
    fs::remove_dir_all(&folder).expect("removing the run's folder");
    answer
}

/// All that is known of a guest that ended without an answer; `booted`: how the process ended that booted it.
fn obituary(folder: &Path, booted: &str) -> String {
    let read = |file: &str| fs::read(folder.join(file)).unwrap_or_default();
    let last = |file: &str| {
        let text = String::from_utf8_lossy(&read(file)).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
    };
    let ended = match last(ENDED) {
        nothing if nothing.is_empty() => "nobody heard the end of its kernel".to_owned(),
        ended => format!("its kernel: {ended}"),
    };
    // What kills a guest unheard is mostly a machine that has no memory left, or a full folder in it.
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let left = memory.lines().find(|line| line.starts_with("MemAvailable"));
    format!(
        "the guest ended without an answer ({booted}; {ended}; {})\n--- its console\n{}\n--- what the tests in it said last\n{}\n---",
        left.unwrap_or("memory unknown"),
        last(CONSOLE),
        last(OUTPUT)
    )
}

/// Words with a NUL after each.
fn write_words(file: &Path, words: impl Iterator<Item = OsString>) {
    let bytes: Vec<u8> = words
        .flat_map(|word| [word.as_bytes(), b"\0"].concat())
        .collect();
    fs::write(file, bytes).expect("writing for the guest");
}

fn read_words(file: &Path) -> io::Result<Vec<OsString>> {
    let bytes = fs::read(file)?;
    let words = bytes.split_inclusive(|byte| *byte == 0);
    Ok(words
        .map(|word| OsString::from_vec(word[..word.len() - 1].to_vec()))
        .collect())
}

/// Process 1 of the namespaces that go, and take the guest with them, when it ends.
fn boot() {
    let folder = PathBuf::from(std::env::var_os(FOLDER).expect("the run's folder"));
    let console = File::create(folder.join(CONSOLE)).expect("the console");
    // The guest's memory is a file: best where files are memory anyway, if programs may run from there.
    let memory = ["/dev/shm", "/tmp"]
        .into_iter()
        .find(|place| may_execute(Path::new(place)))
        .map_or_else(|| folder.clone(), PathBuf::from);
    let program = std::env::current_exe().expect("this program's path");
    let linux = kernel().join("linux");
    let mut kernel = Command::new("nice");
    kernel
        .args(["-n", NICE])
        .arg(linux)
        .arg(format!("mem={MEMORY}"))
        .args(["rootfstype=hostfs", "rootflags=/", "ro"])
        .args([
            "quiet",
            "noreboot",
            "panic=-1",
            "con=null",
            "con0=null,fd:1",
        ])
        .arg(format!("uml_dir={}/", folder.display()))
        .arg(format!("init={}", program.display()))
        .arg(format!("{}=boot", stage::STAGE))
        .arg(format!("{FOLDER}={}", folder.display()))
        .env("TMPDIR", memory)
        .env_remove(stage::STAGE)
        .stdin(Stdio::null())
        .stdout(console.try_clone().expect("the console"))
        .stderr(console);
    let mut guest = kernel.spawn().expect("cannot start the guest's kernel");
    let status = wait_for("the guest ends", LIMIT, || {
        guest.try_wait().expect("waiting")
    });
    fs::write(folder.join(ENDED), status.to_string()).expect("telling how it ended");
}

/// Whether files in a folder may be mapped for execution (containers often forbid it for `/dev/shm`) and are in memory.
fn may_execute(folder: &Path) -> bool {
    let denied = nix::sys::statvfs::FsFlags::ST_NOEXEC | nix::sys::statvfs::FsFlags::ST_RDONLY;
    nix::sys::statvfs::statvfs(folder).is_ok_and(|about| !about.flags().intersects(denied))
}

// ---- in the guest

/// The life of the guest's process 1: makes a system of the machine's files, runs this program in it, tells how it ended.
pub fn be_first() -> io::Result<i32> {
    let folder = PathBuf::from(std::env::var_os(FOLDER).expect("the run's folder"));
    let answer = system(&folder).and_then(|()| tests(&folder));
    let status = answer.unwrap_or_else(|error| {
        eprintln!("guest: {error}");
        1
    });
    fs::write(folder.join("status.new"), status.to_string())?;
    fs::rename(folder.join("status.new"), folder.join(STATUS))?;
    reboot(RebootMode::RB_POWER_OFF)?;
    Ok(status)
}

fn special(kind: &str, place: &str, options: &str) -> io::Result<()> {
    let flags = if options == "ro" {
        MsFlags::MS_RDONLY
    } else {
        MsFlags::empty()
    };
    let options = (options != "ro").then_some(options);
    mount(Some(kind), place, Some(kind), flags, options)
        .map_err(|error| io::Error::other(format!("mounting {kind} on {place}: {error}")))
}

/// The machine's files below a layer of memory, the folder of the run as it is, and the kernel's own file systems.
fn system(folder: &Path) -> io::Result<()> {
    special("proc", "/proc", "")?;
    let modules = Modules::of(&kernel())?;
    modules.load("overlay")?;
    special("tmpfs", "/mnt", "mode=755")?;
    for place in ["upper", "work", "root"] {
        fs::create_dir(Path::new("/mnt").join(place))?;
    }
    special(
        "overlay",
        "/mnt/root",
        "lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work",
    )?;
    for name in MODULES {
        modules.load(name)?;
    }
    let shared = format!("/mnt/root{}", folder.display());
    special("hostfs", &shared, &folder.display().to_string())?;
    special("proc", "/mnt/root/proc", "")?;
    special("sysfs", "/mnt/root/sys", "")?;
    special("devtmpfs", "/mnt/root/dev", "")?;
    fs::create_dir_all("/mnt/root/dev/shm")?;
    for place in ["/mnt/root/run", "/mnt/root/dev/shm"] {
        special("tmpfs", place, "mode=755")?;
    }
    chdir("/mnt/root")?;
    pivot_root(".", "mnt")?;
    chdir("/")?;
    Ok(())
}

/// This program, with the arguments it was called with outside; its exit status.
fn tests(folder: &Path) -> io::Result<i32> {
    let output = File::create(folder.join(OUTPUT))?;
    let environment = read_words(&folder.join(ENVIRONMENT))?;
    let environment = environment.iter().filter_map(|variable| {
        let (name, value) = variable.to_str()?.split_once('=')?;
        Some((name, value))
    });
    let status = Command::new(std::env::current_exe()?)
        .args(read_words(&folder.join(ARGUMENTS))?)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_clear()
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .status()?;
    Ok(status
        .code()
        .unwrap_or_else(|| status.signal().unwrap_or(0) + 128))
}

/// The kernel's modules, as `modules.dep` lists them: `FILE: FILES THAT IT NEEDS, THE LAST FIRST`.
struct Modules {
    folder: PathBuf,
    list: String,
}

impl Modules {
    fn of(kernel: &Path) -> io::Result<Self> {
        let folder = kernel.join("modules");
        let list = fs::read_to_string(folder.join("modules.dep"))?;
        Ok(Modules { folder, list })
    }

    fn load(&self, name: &str) -> io::Result<()> {
        let file = format!("/{name}.ko");
        let line = self.list.lines().find_map(|line| {
            let (module, needs) = line.split_once(':')?;
            module.ends_with(&file).then_some((module, needs))
        });
        let (module, needs) = line.ok_or_else(|| io::Error::other(format!("no module {name}")))?;
        for file in needs.split_whitespace().rev().chain([module]) {
            let loaded = finit_module(
                File::open(self.folder.join(file))?,
                &CString::default(),
                ModuleInitFlags::empty(),
            );
            match loaded {
                Ok(()) | Err(nix::errno::Errno::EEXIST) => {}
                Err(error) => return Err(io::Error::other(format!("module {file}: {error}"))),
            }
        }
        Ok(())
    }
}
