//! What a file in PEM holds: certificates, and keys with and without a password. It is looked at when the configuration is read, to
//! refuse what cannot be used, and once more by the process that uses it. Reading the file is not done here.

use super::model::Identity;
use pkcs8::{EncryptedPrivateKeyInfoRef, SecretDocument};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, RootCertStore};

/// Where a certificate begins.
const CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----";
/// Where a key that needs a password begins and ends.
const ENCRYPTED: &[u8] = b"-----BEGIN ENCRYPTED PRIVATE KEY-----";
const ENCRYPTED_END: &[u8] = b"-----END ENCRYPTED PRIVATE KEY-----";
/// What stands in a key of the older kind that needs a password.
const ENCRYPTED_OLD: &[u8] = b"Proc-Type: 4,ENCRYPTED";

/// The certificates in a text, at least one. The error goes behind the file's name.
pub fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    match found {
        Ok(found) if found.is_empty() => Err("holds no certificate in PEM".to_owned()),
        Ok(found) => Ok(found),
        // The library's words would show what is there.
        Err(_) => Err("holds something that is no PEM".to_owned()),
    }
}

/// Certificates that others are to be judged by.
pub struct Trusted {
    /// All that are in the text.
    pub certificates: Vec<CertificateDer<'static>>,
    /// Those that are of use.
    pub roots: RootCertStore,
    /// Those that are not: the line that each begins at, and why.
    pub unusable: Vec<(usize, String)>,
}

/// What a text makes trusted; at least one certificate. The error goes behind the file's name.
pub fn trusted(text: &[u8]) -> Result<Trusted, String> {
    let certificates = certificates(text)?;
    let mut roots = RootCertStore::empty();
    let mut unusable = Vec::new();
    for (place, certificate) in certificates.iter().enumerate() {
        if let Err(why) = roots.add(certificate.clone()) {
            unusable.push((line(text, place), why.to_string()));
        }
    }
    match (roots.is_empty(), unusable.first()) {
        (true, Some((line, why))) => Err(format!(
            "holds no certificate that can be used; that at line {line}: {why}"
        )),
        _ => Ok(Trusted {
            certificates,
            roots,
            unusable,
        }),
    }
}

/// The line that a certificate begins at, 1 being the first.
fn line(text: &[u8], place: usize) -> usize {
    let at = memchr::memmem::find_iter(text, CERTIFICATE).nth(place);
    let before = at.and_then(|at| text.get(..at)).unwrap_or_default();
    memchr::memchr_iter(b'\n', before).count() + 1
}

/// Whether a text holds a key that a password opens.
pub fn has_locked_key(text: &[u8]) -> bool {
    let has = |what| memchr::memmem::find(text, what).is_some();
    has(ENCRYPTED) || has(ENCRYPTED_OLD)
}

/// A certificate, those above it, and the key that fits. The error ends a sentence.
pub fn identity(identity: &Identity) -> Result<CertifiedKey, String> {
    let (certificate, file) = (&identity.certificate, identity.key_file());
    let chain = certificates(certificate.text.expose())
        .map_err(|why| format!("{} {why}", certificate.path))?;
    let password = identity.password.as_ref().map(|password| password.expose());
    let key =
        private_key(file.text.expose(), password).map_err(|why| format!("{} {why}", file.path))?;
    CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(|error| match error {
        Error::InconsistentKeys(_) => format!(
            "the key in {} is not that of the certificate in {}",
            file.path, certificate.path
        ),
        error => format!("{}: {error}", certificate.path),
    })
}

/// The key in a text; the error goes behind the file's name.
fn private_key(text: &[u8], password: Option<&[u8]>) -> Result<PrivateKeyDer<'static>, String> {
    let find = |what: &[u8]| memchr::memmem::find(text, what);
    if find(ENCRYPTED_OLD).is_some() {
        return Err(
            "holds a key with a password in the old form; 'openssl pkcs8 -topk8 -in FILE' makes the new one"
                .to_owned(),
        );
    }
    if let Some(at) = find(ENCRYPTED) {
        let password = password.ok_or("holds a key that needs a password: add it")?;
        // Other sections may be before and behind it.
        let text = text
            .get(at..find(ENCRYPTED_END).map_or(text.len(), |end| end + ENCRYPTED_END.len()))
            .map(String::from_utf8_lossy)
            .unwrap_or_default();
        let (_, document) = SecretDocument::from_pem(&text)
            .map_err(|error| format!("holds a key that cannot be read: {error}"))?;
        let key = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes())
            .map_err(|error| format!("holds a key that cannot be read: {error}"))?
            .decrypt(password)
            .map_err(|_| "holds a key that does not open with the password")?;
        return Ok(PrivatePkcs8KeyDer::from(key.as_bytes().to_vec()).into());
    }
    PrivateKeyDer::from_pem_slice(text).map_err(|_| "holds no private key in PEM".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::PemFile;
    use crate::config::secret::Secret;

    const AUTHORITY: &[u8] = include_bytes!("../check/tls/pem/authority.crt");
    const CLIENT: &[u8] = include_bytes!("../check/tls/pem/client.crt");
    const KEY: &[u8] = include_bytes!("../check/tls/pem/client.key");
    const LOCKED: &[u8] = include_bytes!("../check/tls/pem/client-locked.key");
    const OLD: &[u8] = include_bytes!("../check/tls/pem/client-old.key");
    const OTHER_KEY: &[u8] = include_bytes!("../check/tls/pem/server.key");

    #[test]
    fn files_that_are_of_no_use_are_named() {
        type Row<'r> = (&'r [u8], &'r [u8], Option<&'r str>, &'r str);
        let file = |path: &str, text: &[u8]| PemFile {
            path: path.to_owned(),
            text: Secret::new(text),
        };
        let rows: [Row<'_>; 9] = [
            (CLIENT, KEY, None, ""),
            (CLIENT, LOCKED, Some("geheim"), ""),
            (b"", KEY, None, "/c holds no certificate in PEM"),
            (
                b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
                KEY,
                None,
                "/c holds something that is no PEM",
            ),
            (CLIENT, b"", None, "/k holds no private key in PEM"),
            (
                CLIENT,
                LOCKED,
                None,
                "/k holds a key that needs a password: add it",
            ),
            (
                CLIENT,
                LOCKED,
                Some("x"),
                "/k holds a key that does not open with the password",
            ),
            (
                CLIENT,
                OLD,
                Some("geheim"),
                "/k holds a key with a password in the old form; 'openssl pkcs8 -topk8 -in FILE' makes the new one",
            ),
            (
                CLIENT,
                OTHER_KEY,
                None,
                "the key in /k is not that of the certificate in /c",
            ),
        ];
        for (certificate, key, password, want) in rows {
            let found = identity(&Identity {
                certificate: file("/c", certificate),
                key: Some(file("/k", key)),
                password: password.map(Secret::new),
            });
            let found = found.map(|shown| shown.cert.len());
            match want {
                "" => assert_eq!(found, Ok(1)),
                want => assert_eq!(found, Err(want.to_owned())),
            }
        }
    }

    #[test]
    fn certificates_that_cannot_be_used_are_named_by_their_lines() {
        // The same framing, around something else.
        let broken = "-----BEGIN CERTIFICATE-----\nQUFB\n-----END CERTIFICATE-----\n";
        let sound = std::str::from_utf8(AUTHORITY).expect("text");
        let lines = sound.lines().count();
        let of = |text: &str| match trusted(text.as_bytes()) {
            Ok(found) => {
                let bad: Vec<usize> = found.unusable.iter().map(|(line, _)| *line).collect();
                Ok((found.certificates.len(), found.roots.len(), bad))
            }
            Err(why) => Err(why),
        };
        assert_eq!(of(sound), Ok((1, 1, vec![])));
        let both = format!("# ours\n{broken}\n{sound}{broken}");
        assert_eq!(of(&both), Ok((3, 1, vec![2, 2 + 3 + 1 + lines])));
        let why = of(&format!("\n{broken}")).expect_err("nothing of use");
        assert!(
            why.starts_with("holds no certificate that can be used; that at line 2: "),
            "{why}"
        );
        assert!(has_locked_key(LOCKED) && has_locked_key(OLD) && !has_locked_key(KEY));
    }
}
