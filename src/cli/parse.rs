//! Reading the command line: words to `Options`. Nothing here touches a file or the system.

use super::table::{self, Name, Row, Value};
use super::{Options, Request};
use lexopt::{Arg, Parser};
use std::ffi::OsString;
use std::path::PathBuf;
use syslog::Facility;

/// What the command line asks for, and remarks about it that stop nothing.
#[derive(Debug)]
pub struct Parsed {
    /// What is to be done.
    pub request: Request,
    /// With which settings.
    pub options: Options,
    /// Remarks, one line each.
    pub remarks: Vec<String>,
}

/// Reads the arguments, the program's own name not among them. The error is one line.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Parsed, String> {
    let mut parser = Parser::from_args(arguments);
    parser.set_short_equals(false);
    let mut parsed = Parsed {
        request: Request::Run,
        options: Options::default(),
        remarks: Vec::new(),
    };
    let mut first = true;
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        let (row, spelled) = match argument {
            Arg::Short(letter) => (table::by_letter(letter), format!("-{letter}")),
            Arg::Long(word) => (table::by_word(word), format!("--{word}")),
            Arg::Value(stray) => {
                parsed.remarks.push(format!(
                    "Argument '{}' is not an option and is ignored",
                    stray.to_string_lossy()
                ));
                continue;
            }
        };
        let row = row.ok_or_else(|| format!("Unknown option {spelled}; see --help"))?;
        let value = match row.value {
            // A value that nobody asked for (`--all=x`) is found out by the parser at the next argument.
            Value::No => None,
            Value::Optional(_) => parser.optional_value(),
            Value::Required(what) => Some(
                parser
                    .value()
                    .map_err(|_| format!("Option {spelled} needs a value: {what}"))?,
            ),
        };
        if row.name == Name::Genhash {
            // What is behind it is another program's; what is before it was for the daemon.
            let behind = parser.raw_args().map_err(|error| error.to_string())?;
            parsed.request = Request::Genhash(behind.collect());
            if !first {
                parsed.remarks.push(format!(
                    "{spelled} is not the first option: those before it are ignored"
                ));
            }
            return Ok(parsed);
        }
        first = false;
        parsed.take(row, value)?;
    }
    Ok(parsed)
}

impl Parsed {
    fn take(&mut self, row: &Row, value: Option<OsString>) -> Result<(), String> {
        let options = &mut self.options;
        let path = || PathBuf::from(value.clone().unwrap_or_default());
        let text = || {
            value
                .clone()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned()
        };
        match row.name {
            Name::UseFile => options.file = path(),
            Name::Vrrp => options.checker = false,
            Name::Check => options.vrrp = false,
            Name::NoBfd => options.bfd = false,
            Name::All => options.all_roles = true,
            Name::LogConsole => options.log_console = true,
            Name::LogDetail => options.log_detail = options.log_detail.saturating_add(1),
            Name::LogFacility => match facility(&text()) {
                Some(facility) => options.facility = facility,
                None => self.remarks.push(format!(
                    "Log facility '{}' is unknown and ignored; give 0 to 7, local0 to local7, user or daemon",
                    text()
                )),
            },
            Name::LogFile => options.log_file = Some(value.map(PathBuf::from)),
            // Every line is written as soon as the file takes it.
            Name::FlushLogFile => {}
            Name::NoSyslog => options.syslog = false,
            Name::Umask => match number(&text()).filter(|&mask| mask <= 0o777) {
                Some(mask) => options.umask = Some(mask),
                None => return Err(format!("Umask '{}' is not a number from 0 to 0777", text())),
            },
            Name::DontReleaseVrrp => options.release_vrrp = false,
            Name::DontReleaseIpvs => options.release_ipvs = false,
            Name::DontRespawn => options.respawn = false,
            Name::DontFork => options.foreground = true,
            Name::DumpConf => options.dump_configuration = true,
            Name::Pid => options.pid_file = Some(path()),
            Name::VrrpPid => options.vrrp_pid_file = Some(path()),
            Name::CheckersPid => options.checker_pid_file = Some(path()),
            Name::BfdPid => options.bfd_pid_file = Some(path()),
            Name::ConfigId => options.config_id = Some(text()),
            Name::Namespace => options.namespace = Some(text()),
            Name::CoreDump => options.core_dump = true,
            Name::Signum => self.request = Request::Signum(text()),
            Name::ConfigTest => self.request = Request::ConfigTest(value.map(PathBuf::from)),
            Name::IgnoreSigint => options.ignore_sigint = true,
            Name::Version => self.request = Request::Version,
            Name::Help => self.request = Request::Help,
            Name::Genhash => {}
            Name::ReleaseVips
            | Name::AddressMonitoring
            | Name::AllConfig
            | Name::Snmp
            | Name::SnmpAgentSocket
            | Name::CoreDumpPattern
            | Name::ConfigFd
            | Name::Perf
            | Name::Debug
            | Name::NoMemCheck
            | Name::MemErrCheck
            | Name::MemCheckLog => {
                self.remarks.push(format!("Option --{} is not implemented yet and does nothing", row.long));
            }
        }
        Ok(())
    }
}

/// A syslog facility by number or name.
fn facility(text: &str) -> Option<Facility> {
    const LOCAL: [Facility; 8] = [
        Facility::LOG_LOCAL0,
        Facility::LOG_LOCAL1,
        Facility::LOG_LOCAL2,
        Facility::LOG_LOCAL3,
        Facility::LOG_LOCAL4,
        Facility::LOG_LOCAL5,
        Facility::LOG_LOCAL6,
        Facility::LOG_LOCAL7,
    ];
    match text {
        "user" => Some(Facility::LOG_USER),
        "daemon" => Some(Facility::LOG_DAEMON),
        _ => LOCAL
            .get(
                text.strip_prefix("local")
                    .unwrap_or(text)
                    .parse::<usize>()
                    .ok()?,
            )
            .copied(),
    }
}

/// A number with C's prefixes for its base.
fn number(text: &str) -> Option<u32> {
    let text = text.trim();
    let lower = text.to_ascii_lowercase();
    if let Some(hex) = lower.strip_prefix("0x") {
        return u32::from_str_radix(hex, 16).ok();
    }
    match lower.strip_prefix('0') {
        Some(octal) if !octal.is_empty() => u32::from_str_radix(octal, 8).ok(),
        _ => lower.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn options(line: &str) -> Options {
        parsed(line).expect("a valid command line").options
    }

    fn parsed(line: &str) -> Result<Parsed, String> {
        parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn flags_combine_and_values_are_attached_or_apart() {
        let o = options("-D -d -S 0");
        assert!(
            o.log_detail == 1 && o.dump_configuration && matches!(o.facility, Facility::LOG_LOCAL0)
        );
        let o = options("-lnDDG -f/x/y -S3 -r /run/v.pid");
        assert!(o.log_console && o.foreground && o.log_detail == 2 && !o.syslog);
        assert_eq!(o.file, Path::new("/x/y"));
        assert!(matches!(o.facility, Facility::LOG_LOCAL3));
        assert_eq!(o.vrrp_pid_file.as_deref(), Some(Path::new("/run/v.pid")));
        let o = options("-B -b /run/b.pid");
        assert!(!o.bfd && o.bfd_pid_file.as_deref() == Some(Path::new("/run/b.pid")));
        assert_eq!(options("-nf /a").file, Path::new("/a"));
        assert_eq!(options("--use-file=/a").file, Path::new("/a"));
        assert_eq!(options("--use-file /a --dont-fork").file, Path::new("/a"));
        assert_eq!(options("-f /a -f /b").file, Path::new("/b"));
    }

    #[test]
    fn what_is_behind_genhash_is_not_ours() {
        let rows = [
            ("-T -s x -Z", 0),
            ("--genhash -s x -Z", 0),
            ("-D -T -s x -Z", 1),
        ];
        for (line, remarks) in rows {
            let parsed = parsed(line).expect("valid");
            let behind = ["-s", "x", "-Z"].map(OsString::from).to_vec();
            assert_eq!(parsed.request, Request::Genhash(behind), "{line}");
            assert_eq!(parsed.remarks.len(), remarks, "{line}");
        }
    }

    #[test]
    fn optional_values_are_only_taken_when_attached() {
        assert_eq!(
            options("-g/tmp/log").log_file,
            Some(Some(PathBuf::from("/tmp/log")))
        );
        let apart = parsed("-g /tmp/log").expect("valid");
        assert_eq!(apart.options.log_file, Some(None));
        assert_eq!(apart.remarks.len(), 1);
        assert_eq!(
            parsed("-t").expect("valid").request,
            Request::ConfigTest(None)
        );
        assert_eq!(
            parsed("-t/x").expect("valid").request,
            Request::ConfigTest(Some(PathBuf::from("/x")))
        );
        assert_eq!(
            parsed("--config-test=/x").expect("valid").request,
            Request::ConfigTest(Some(PathBuf::from("/x")))
        );
        assert_eq!(
            parsed("-t -f /a").expect("valid").options.file,
            Path::new("/a")
        );
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for line in [
            "-Z",
            "--nonsense",
            "-f",
            "--use-file",
            "-u bad",
            "-u 01000",
            "--a",
            "--all=yes",
            "--log-file-x",
        ] {
            assert!(parsed(line).is_err(), "{line}");
        }
        assert!(parsed("stray -n").expect("valid").options.foreground);
        assert_eq!(parsed("-S nine").expect("valid").remarks.len(), 1);
    }

    #[test]
    fn words_may_be_cut_short() {
        assert!(options("--dont-f").foreground);
        assert_eq!(options("--use /a").file, Path::new("/a"));
    }

    #[test]
    fn umasks_are_numbers_of_any_base() {
        for (text, value) in [("022", 0o22), ("0x12", 0x12), ("18", 18), ("0", 0)] {
            assert_eq!(options(&format!("-u {text}")).umask, Some(value));
        }
    }

    #[test]
    fn every_option_is_found_by_its_letter_and_word() {
        for row in table::OPTIONS {
            assert_eq!(
                table::by_word(row.long).map(|found| found.name),
                Some(row.name)
            );
            if let Some(letter) = row.short {
                assert_eq!(
                    table::by_letter(letter).map(|found| found.name),
                    Some(row.name)
                );
            }
        }
    }
}
