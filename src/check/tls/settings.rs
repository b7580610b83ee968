//! What TLS checks present and trust, out of the text of files. Reading the files is not done here.

use crate::config::model::Tls;
use pkcs8::{EncryptedPrivateKeyInfoRef, SecretDocument};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, Resumption};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};
use std::sync::Arc;

/// Where a key that needs a password begins and ends.
const ENCRYPTED: &[u8] = b"-----BEGIN ENCRYPTED PRIVATE KEY-----";
const ENCRYPTED_END: &[u8] = b"-----END ENCRYPTED PRIVATE KEY-----";
/// What stands in a key of the older kind that needs a password.
const ENCRYPTED_OLD: &[u8] = b"Proc-Type: 4,ENCRYPTED";

/// Settings of TLS, shared by all checks.
#[derive(Clone, Debug)]
pub struct Settings(Arc<ClientConfig>);

/// Without a certificate to show.
impl Default for Settings {
    fn default() -> Self {
        Settings::finish(begin().with_no_client_auth())
    }
}

impl Settings {
    /// Those of a configuration. The error ends a sentence.
    pub fn new(tls: &Tls) -> Result<Self, String> {
        let Some(certificate) = &tls.certificate else {
            return Ok(Settings::default());
        };
        let text = certificate.text.expose();
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
        let chain = chain
            .ok()
            .filter(|chain| !chain.is_empty())
            .ok_or_else(|| format!("{} holds no certificate in PEM", certificate.path))?;
        // One file may hold both.
        let file = tls.key.as_ref().unwrap_or(certificate);
        let password = tls.password.as_ref().map(|password| password.expose());
        let key = private_key(file.text.expose(), password)
            .map_err(|why| format!("{} {why}", file.path))?;
        let config = begin()
            .with_client_auth_cert(chain, key)
            .map_err(|error| format!("{}: {error}", certificate.path))?;
        Ok(Settings::finish(config))
    }

    fn finish(mut config: ClientConfig) -> Self {
        // Each check finds out whether a whole handshake works, and nothing is remembered between them.
        config.resumption = Resumption::disabled();
        Settings(Arc::new(config))
    }

    pub(super) fn client(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.0)
    }
}

fn begin() -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Arc::new(AnyCertificate(Arc::clone(&provider)));
    // Versions that the provider was built with: there is nothing that could be missing.
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap_or_else(|_| ClientConfig::builder())
        .dangerous()
        .with_custom_certificate_verifier(verifier)
}

/// The key in a file; the error goes behind the file's name.
fn private_key(text: &[u8], password: Option<&[u8]>) -> Result<PrivateKeyDer<'static>, String> {
    let find = |what: &[u8]| memchr::memmem::find(text, what);
    if find(ENCRYPTED_OLD).is_some() {
        return Err(
            "holds a key with a password in the old form; 'openssl pkcs8 -topk8 -in FILE' makes the new one"
                .to_owned(),
        );
    }
    if let Some(at) = find(ENCRYPTED) {
        let password =
            password.ok_or("holds a key that needs a password: add it to the SSL block")?;
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
            .map_err(|_| "holds a key that does not open with the password of the SSL block")?;
        return Ok(PrivatePkcs8KeyDer::from(key.as_bytes().to_vec()).into());
    }
    PrivateKeyDer::from_pem_slice(text).map_err(|_| "holds no private key in PEM".to_owned())
}

/// Trusts any certificate, as keepalived does: a check asks whether a server serves, often by its address, and servers in a rack have
/// certificates of their own making. So signatures are not looked at either: they would prove nothing.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = self.0.signature_verification_algorithms.supported_schemes();
        // What old devices have.
        schemes.extend([
            SignatureScheme::RSA_PKCS1_SHA1,
            SignatureScheme::ECDSA_SHA1_Legacy,
        ]);
        schemes
    }
}
