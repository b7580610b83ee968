//! Looking up a host name without waiting for it: the system's resolver knows no other way than to wait, so that a process of its own
//! does, and says what it found through a pipe. It finds what name servers, `/etc/hosts` and `/etc/resolv.conf` say at that time.

use super::process::{self, Fork, ProcessId};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use std::io::{self, ErrorKind, PipeReader, PipeWriter, Read, Write};
use std::net::{IpAddr, ToSocketAddrs};
use std::os::fd::{AsRawFd, RawFd};

/// So many addresses of one name are enough.
const ADDRESSES_MAX: usize = 16;
/// What the process says instead of addresses: why there are none.
const FAILED: char = '!';
/// A longer answer is none.
const ANSWER_MAX: usize = 4096;

/// A question under way. When it is dropped, nobody asks any more.
#[derive(Debug)]
pub struct Lookup {
    process: ProcessId,
    pipe: PipeReader,
    said: Vec<u8>,
}

impl Lookup {
    /// Asks for the addresses of a host. The descriptor is readable when there is something to be `read`. The process that asks is a
    /// child of this one, and has to be waited for as any other.
    pub fn start(host: &str) -> io::Result<Self> {
        let (pipe, answers) = io::pipe()?;
        fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        match process::fork()? {
            Fork::Parent(process) => Ok(Lookup {
                process,
                pipe,
                said: Vec::new(),
            }),
            Fork::Child(_held) => {
                process::close_all_but(answers.as_raw_fd());
                // Whoever hears of nothing knows enough.
                let _ = ask(host, answers);
                process::exit_at_once(0)
            }
        }
    }

    /// What was found; `None`: not yet.
    ///
    /// # Errors
    /// The name has no address, or that could not be found out; the message says why.
    pub fn read(&mut self) -> Option<io::Result<Vec<IpAddr>>> {
        let mut piece = [0; 512];
        loop {
            match self.pipe.read(&mut piece) {
                Ok(0) => return Some(understand(&self.said)),
                Ok(length) if self.said.len() < ANSWER_MAX => {
                    self.said
                        .extend_from_slice(piece.get(..length).unwrap_or_default());
                }
                Ok(_) => return Some(Err(ErrorKind::InvalidData.into())),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl Drop for Lookup {
    fn drop(&mut self) {
        // One that has ended already needs no end.
        let _ = process::kill_now(self.process);
    }
}

impl AsRawFd for Lookup {
    fn as_raw_fd(&self) -> RawFd {
        self.pipe.as_raw_fd()
    }
}

fn ask(host: &str, mut answers: PipeWriter) -> io::Result<()> {
    match (host, 0).to_socket_addrs() {
        Ok(addresses) => {
            for address in addresses.take(ADDRESSES_MAX) {
                writeln!(answers, "{}", address.ip())?;
            }
        }
        Err(error) => write!(answers, "{FAILED}{error}")?,
    }
    Ok(())
}

fn understand(said: &[u8]) -> io::Result<Vec<IpAddr>> {
    let said = String::from_utf8_lossy(said);
    if let Some(why) = said.strip_prefix(FAILED) {
        return Err(io::Error::other(why.to_owned()));
    }
    let mut found: Vec<IpAddr> = Vec::new();
    for address in said.lines().filter_map(|line| line.parse().ok()) {
        if !found.contains(&address) {
            found.push(address);
        }
    }
    match found.is_empty() {
        true => Err(io::Error::other("it has no address")),
        false => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_other_process_says() {
        let two: Vec<IpAddr> = vec!["10.0.0.1".parse().unwrap(), "fe80::1".parse().unwrap()];
        assert_eq!(
            understand(b"10.0.0.1\nfe80::1\n10.0.0.1\n").expect("addresses"),
            two
        );
        for (said, why) in [
            (
                &b"!failed to lookup address information: Name or service not known"[..],
                "Name or service",
            ),
            (b"", "no address"),
            (b"noise", "no address"),
        ] {
            let error = understand(said).expect_err("none");
            assert!(error.to_string().contains(why), "{error}");
        }
    }
}
