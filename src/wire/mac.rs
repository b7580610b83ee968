//! Keyed digests (HMAC, RFC 2104) over a packet in parts. Which parts, and how much of the digest travels, is for `ah` and
//! `vrrp::hmac` to say.

use hmac::digest::Output;
use hmac::digest::common::Key;
use hmac::{EagerHash, Hmac, KeyInit, Mac};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// The longest key, in bytes: that of a block of MD5 and SHA-256. A longer one would have to be hashed first.
pub const KEY_MAX: usize = 64;

/// The digest of `parts` taken as one run of bytes; of a key longer than `KEY_MAX` the rest does not count.
pub(super) fn digest<D: EagerHash>(key: &[u8], parts: &[&[u8]]) -> Output<Hmac<D>> {
    // A key as long as a block needs no case for a wrong length, and zeros at its end change nothing.
    let mut block = Key::<Hmac<D>>::default();
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    let mut mac = Hmac::<D>::new(&block);
    block.as_mut_slice().zeroize();
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes()
}

/// Whether `tag` is the beginning of `digest`; how long that takes depends on the lengths alone.
pub(super) fn begins_with(digest: &[u8], tag: &[u8]) -> bool {
    digest
        .get(..tag.len())
        .is_some_and(|start| start.ct_eq(tag).into())
}

#[cfg(test)]
mod tests {
    use super::{begins_with, digest};
    use md5::Md5;
    use sha2::Sha256;

    fn hex(text: &str) -> Vec<u8> {
        let digits = text.as_bytes().as_chunks::<2>().0;
        let byte = |pair: &[u8; 2]| {
            u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hex")
        };
        digits.iter().map(byte).collect()
    }

    /// (key, data, digest): RFC 2202 section 2, test cases 1 to 5; keys of more than a block are never ours.
    #[test]
    fn hmac_md5_rfc_2202() {
        let table: [(Vec<u8>, Vec<u8>, &str); 5] = [
            (
                vec![0x0b; 16],
                b"Hi There".into(),
                "9294727a3638bb1c13f48ef8158bfc9d",
            ),
            (
                b"Jefe".into(),
                b"what do ya want for nothing?".into(),
                "750c783e6ab0b503eaa86e310a5db738",
            ),
            (
                vec![0xaa; 16],
                vec![0xdd; 50],
                "56be34521d144c88dbb8c733f0e8b3f6",
            ),
            (
                (1..=25).collect(),
                vec![0xcd; 50],
                "697eaf0aca3a3aea3a75164746ffaa79",
            ),
            (
                vec![0x0c; 16],
                b"Test With Truncation".into(),
                "56461ef2342edc00f9bab995690efd4c",
            ),
        ];
        for (key, data, expected) in table {
            let (front, back) = data.split_at(data.len() / 3);
            assert_eq!(
                digest::<Md5>(&key, &[front, back])[..],
                hex(expected),
                "{expected}"
            );
        }
    }

    /// The same of RFC 4231 section 4, test cases 1 to 5 (the fifth is given truncated).
    #[test]
    fn hmac_sha256_rfc_4231() {
        let table: [(Vec<u8>, Vec<u8>, &str); 5] = [
            (
                vec![0x0b; 20],
                b"Hi There".into(),
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe".into(),
                b"what do ya want for nothing?".into(),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                vec![0xaa; 20],
                vec![0xdd; 50],
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
            ),
            (
                (1..=25).collect(),
                vec![0xcd; 50],
                "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
            ),
            (
                vec![0x0c; 20],
                b"Test With Truncation".into(),
                "a3b6167473100ee06e0c796c2955552b",
            ),
        ];
        for (key, data, expected) in table {
            let expected = hex(expected);
            let digest = digest::<Sha256>(&key, &[&data]);
            assert!(begins_with(&digest, &expected));
            for at in 0..expected.len() {
                let mut other = expected.clone();
                other[at] ^= 1;
                assert!(!begins_with(&digest, &other), "byte {at} counts");
            }
        }
    }

    #[test]
    fn a_tag_longer_than_the_digest_is_no_beginning_of_it() {
        assert!(!begins_with(&[1, 2], &[1, 2, 3]));
    }
}
