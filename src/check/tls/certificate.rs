//! The certificate that a server shows: whether a known authority has signed it, for the right name and for now, and when it ends. What
//! is said in the handshake is not here.

use crate::config::diagnostic::quote;
use crate::config::model::PemFile;
use crate::config::pem;
use crate::time::Wall;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, RootCertStore};
use std::time::Duration;
use x509_cert::Certificate;
use x509_cert::der::{DateTime, Decode};
use x509_cert::time::Validity;

/// How many of the names in a certificate are shown.
const NAMES_SHOWN: usize = 4;

/// Whose signatures count.
#[derive(Debug)]
pub struct Authorities {
    /// The file that they come from.
    path: String,
    certificates: Vec<CertificateDer<'static>>,
    roots: RootCertStore,
    provider: CryptoProvider,
}

impl Authorities {
    /// Those in a file, as far as they are of use.
    pub fn new(file: &PemFile) -> Self {
        let trusted = pem::trusted(file.text.expose()).ok();
        let (certificates, roots) = trusted.map_or_else(
            || (Vec::new(), RootCertStore::empty()),
            |trusted| (trusted.certificates, trusted.roots),
        );
        Authorities {
            path: file.path.clone(),
            certificates,
            roots,
            provider: ring::default_provider(),
        }
    }

    /// Whether the server that shows this chain, its own certificate first, is the one of that name. The error says what is wrong, in
    /// words that can end a sentence.
    pub fn judge(
        &self,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: Wall,
    ) -> Result<(), String> {
        let (own, above) = chain
            .split_first()
            .ok_or("the server shows no certificate")?;
        let parsed = ParsedCertificate::try_from(own)
            .map_err(|error| format!("the certificate cannot be read: {error}"))?;
        let validity = validity(own);
        if let Some(validity) = &validity {
            in_time(validity, now)?;
        }
        // One that stands in the file itself needs nobody's word: so are servers trusted that have signed for themselves.
        let is_listed = validity.is_some() && self.certificates.contains(own);
        if !is_listed {
            rustls::client::verify_server_cert_signed_by_trust_anchor(
                &parsed,
                &self.roots,
                above,
                UnixTime::since_unix_epoch(since_epoch(now)),
                self.provider.signature_verification_algorithms.all,
            )
            .map_err(|error| self.distrust(own, &error))?;
        }
        rustls::client::verify_server_name(&parsed, name).map_err(|error| misnamed(name, &error))
    }

    fn distrust(&self, own: &CertificateDer<'_>, error: &Error) -> String {
        let Error::InvalidCertificate(error) = error else {
            return format!("the certificate is not to be trusted: {error}");
        };
        let own = Certificate::from_der(own).ok();
        let names = own.as_ref().map(|own| {
            let own = own.tbs_certificate();
            (own.issuer(), own.subject())
        });
        match error {
            _ if names.is_some_and(|(issuer, subject)| issuer == subject) => {
                let path = &self.path;
                format!("the certificate is signed by nobody but itself, and is not in {path}")
            }
            CertificateError::UnknownIssuer => {
                let issuer = names.map_or_else(String::new, |(issuer, _)| issuer.to_string());
                format!(
                    "the certificate is signed by nobody in {}, but by \"{}\"",
                    self.path,
                    quote(issuer.as_bytes())
                )
            }
            // Its own time was looked at before.
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "a certificate above the server's has expired".to_owned()
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "a certificate above the server's is not valid yet".to_owned()
            }
            error => format!("the certificate is not to be trusted: {error}"),
        }
    }
}

/// When a certificate ends; None when it does not say so in a way that can be read.
pub fn end(certificate: &CertificateDer<'_>) -> Option<Wall> {
    let end = validity(certificate)?.not_after.to_unix_duration();
    Some(Wall(u64::try_from(end.as_nanos()).unwrap_or(u64::MAX)))
}

/// A point in time as certificates have them: seconds, UTC (RFC 3339).
pub fn shown(time: Wall) -> String {
    let seconds = Duration::from_secs(since_epoch(time).as_secs());
    DateTime::from_unix_duration(seconds)
        .map_or_else(|_| "a far day".to_owned(), |date| date.to_string())
}

fn validity(certificate: &CertificateDer<'_>) -> Option<Validity> {
    let certificate = Certificate::from_der(certificate).ok()?;
    Some(*certificate.tbs_certificate().validity())
}

fn since_epoch(time: Wall) -> Duration {
    Duration::from_nanos(time.0)
}

fn in_time(validity: &Validity, now: Wall) -> Result<(), String> {
    let now = since_epoch(now);
    let (first, last) = (validity.not_before, validity.not_after);
    // RFC 5280 section 4.1.2.5: both ends are part of it.
    if now < first.to_unix_duration() {
        return Err(format!(
            "the certificate is not valid before {}",
            first.to_date_time()
        ));
    }
    if now.as_secs() > last.to_unix_duration().as_secs() {
        return Err(format!(
            "the certificate expired at {}",
            last.to_date_time()
        ));
    }
    Ok(())
}

fn misnamed(name: &ServerName<'_>, error: &Error) -> String {
    let name = name.to_str();
    let Error::InvalidCertificate(CertificateError::NotValidForNameContext { presented, .. }) =
        error
    else {
        return format!("the certificate is not for {name}: {error}");
    };
    let shown: Vec<String> = presented
        .iter()
        .take(NAMES_SHOWN)
        .map(|name| quote(bare(name).as_bytes()))
        .collect();
    match (shown.is_empty(), presented.len() > NAMES_SHOWN) {
        (true, _) => format!("the certificate is for no name, not for {name}"),
        (_, more) => format!(
            "the certificate is for {}{}, not for {name}",
            shown.join(", "),
            if more { " and others" } else { "" }
        ),
    }
}

/// A name without what the library says of its kind: `DnsName("a")`.
fn bare(name: &str) -> &str {
    let inner = name.split_once('(').map_or(name, |(_, inner)| inner);
    inner.trim_end_matches(')').trim_matches('"')
}
