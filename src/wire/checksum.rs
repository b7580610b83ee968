//! The Internet checksum (RFC 1071): the one's complement of the one's complement sum of all 16-bit words.

use std::net::IpAddr;

/// The pseudo-header of a payload of so many bytes: for IPv6 that of RFC 8200 section 8.1, for IPv4 that of RFC 793 section 3.1.
/// Both addresses are of one family; of a mixed pair nothing is made, so that its checksum cannot be right.
pub fn pseudo_header(source: IpAddr, destination: IpAddr, protocol: u8, length: usize) -> Vec<u8> {
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let length = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
            [
                &source.octets()[..],
                &destination.octets(),
                &[0, protocol],
                &length,
            ]
            .concat()
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let length = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
            [
                &source.octets()[..],
                &destination.octets(),
                &length,
                &[0, 0, 0, protocol],
            ]
            .concat()
        }
        _ => Vec::new(),
    }
}

/// The checksum of `parts` taken as one run of bytes. Every part but the last must have an even length.
///
/// Over bytes that already hold a correct checksum the result is zero.
pub fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum: u64 = 0;
    for part in parts {
        let mut words = part.chunks_exact(2);
        for word in &mut words {
            if let [high, low] = *word {
                sum += u64::from(u16::from_be_bytes([high, low]));
            }
        }
        if let [last] = *words.remainder() {
            sum += u64::from(u16::from_be_bytes([last, 0]));
        }
    }
    while sum > u64::from(u16::MAX) {
        sum = (sum & u64::from(u16::MAX)) + (sum >> 16);
    }
    // The loop leaves at most 16 bits.
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::checksum;

    /// (what, bytes, checksum)
    const TABLE: &[(&str, &[u8], u16)] = &[
        ("nothing", &[], 0xffff),
        (
            "RFC 1071 section 3",
            &[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7],
            !0xddf2,
        ),
        (
            "an odd length is padded with zero",
            &[0x01, 0x02, 0x03],
            !(0x0102 + 0x0300),
        ),
        (
            "the carry is added back",
            &[0xff, 0xff, 0x00, 0x01],
            !0x0001,
        ),
        (
            "it can carry twice",
            &[0xff, 0xff, 0xff, 0xff, 0x00, 0x01],
            !0x0001,
        ),
    ];

    #[test]
    fn table() {
        for (what, bytes, expected) in TABLE {
            assert_eq!(checksum(&[bytes]), *expected, "{what}");
        }
    }

    #[test]
    fn parts_are_one_run() {
        assert_eq!(
            checksum(&[&[1, 2], &[3, 4, 5]]),
            checksum(&[&[1, 2, 3, 4, 5]])
        );
    }
}
