//! Settings of the kernel below /proc/sys, for those that netlink does not know.
//!
//! Reading and writing one takes microseconds: nothing stands behind the files but the kernel's memory. The network ones are those
//! of the network namespace of the process.

use std::fs;
use std::io;
use std::path::Path;

/// Where they are.
const ROOT: &str = "/proc/sys";

/// A whole number, by its path below /proc/sys.
pub fn read(path: &str) -> io::Result<u32> {
    let text = fs::read_to_string(Path::new(ROOT).join(path))?;
    text.trim()
        .parse()
        .map_err(|_| io::Error::from(io::ErrorKind::InvalidData))
}

/// Sets one.
pub fn write(path: &str, value: u32) -> io::Result<()> {
    fs::write(Path::new(ROOT).join(path), value.to_string())
}

/// Two whole numbers.
pub fn read_range(path: &str) -> io::Result<(u32, u32)> {
    let text = fs::read_to_string(Path::new(ROOT).join(path))?;
    let mut numbers = text.split_ascii_whitespace().map(str::parse);
    match (numbers.next(), numbers.next(), numbers.next()) {
        (Some(Ok(low)), Some(Ok(high)), None) => Ok((low, high)),
        _ => Err(io::Error::from(io::ErrorKind::InvalidData)),
    }
}

/// Sets two.
pub fn write_range(path: &str, (low, high): (u32, u32)) -> io::Result<()> {
    fs::write(Path::new(ROOT).join(path), format!("{low} {high}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_read_and_what_is_none_is_an_error() {
        assert!(read("net/ipv4/ip_default_ttl").is_ok_and(|ttl| ttl > 0));
        assert!(read("kernel/hostname").is_err() && read("net/none").is_err());
        assert!(write("net/none", 1).is_err());
        let ports = read_range("net/ipv4/ip_local_port_range");
        assert!(ports.is_ok_and(|(low, high)| 0 < low && low < high));
        assert!(read_range("net/ipv4/ip_default_ttl").is_err());
        assert!(write_range("net/none", (1, 2)).is_err());
    }
}
