//! What TLS checks present, trust and offer, out of the model. What is in the files of the model is `config::pem`'s to say, and what a
//! server shows `certificate`'s to judge.

use super::certificate::Authorities;
use crate::config::model::{Tls, TlsProfile};
use crate::config::pem;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, Resumption};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};
use std::rc::Rc;
use std::sync::Arc;

/// Settings of connections, shared by all checks that have the same.
#[derive(Clone, Debug)]
pub struct Settings {
    client: Arc<ClientConfig>,
    /// Who has to have signed a server's certificate; None = any will do.
    authorities: Option<Rc<Authorities>>,
}

/// Shows nothing, trusts everybody, offers no protocol.
impl Default for Settings {
    fn default() -> Self {
        Settings::build(None, None, &TlsProfile::default())
    }
}

/// Those of a configuration, by their places in it.
#[derive(Debug, Default)]
pub struct Profiles(Vec<Settings>);

impl Profiles {
    /// Makes all of them, so that no check has to. What cannot be shown, as the files were not looked at when they were read, is not.
    pub fn new(tls: &Tls) -> Self {
        let authorities = tls.authorities.iter().map(Authorities::new).map(Rc::new);
        let authorities: Vec<_> = authorities.collect();
        let identities = tls.identities.iter().map(pem::identity);
        let identities: Vec<_> = identities
            .map(|identity| identity.ok().map(Arc::new))
            .collect();
        let at = |place: u32| place as usize;
        let profiles = tls.profiles.iter().map(|profile| {
            let trusted = profile.authorities.and_then(|it| authorities.get(at(it)));
            let shown = profile.identity.and_then(|it| identities.get(at(it)));
            Settings::build(trusted.cloned(), shown.cloned().flatten(), profile)
        });
        Profiles(profiles.collect())
    }

    /// Those of a check.
    pub fn get(&self, profile: u32) -> Option<&Settings> {
        self.0.get(profile as usize)
    }
}

impl Settings {
    fn build(
        authorities: Option<Rc<Authorities>>,
        identity: Option<Arc<CertifiedKey>>,
        profile: &TlsProfile,
    ) -> Self {
        let provider = Arc::new(ring::default_provider());
        let verifier = Arc::new(Signatures {
            provider: Arc::clone(&provider),
            // What is trusted whoever signs it proves nothing by its signature either.
            count: authorities.is_some(),
        });
        // Versions that the provider was built with: there is nothing that could be missing.
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap_or_else(|_| ClientConfig::builder())
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut client = match identity {
            Some(identity) => {
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity)))
            }
            None => builder.with_no_client_auth(),
        };
        // Each check finds out whether a whole handshake works, and nothing is remembered between them.
        client.resumption = Resumption::disabled();
        let protocols = profile.protocols.iter();
        client.alpn_protocols = protocols.map(|it| it.as_bytes().to_vec()).collect();
        Settings {
            client: Arc::new(client),
            authorities,
        }
    }

    pub(super) fn client(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.client)
    }

    pub(super) fn authorities(&self) -> Option<&Rc<Authorities>> {
        self.authorities.as_ref()
    }
}

/// Looks at signatures of the handshake, if they count: that the server has the key of its certificate. The certificate itself is judged
/// when the handshake has come that far (`Secured`), with the name and the time of the check; where nothing was configured, any will
/// do, as keepalived has it: a check asks whether a server serves, often by its address, and servers in a rack have certificates of
/// their own making.
#[derive(Debug)]
struct Signatures {
    provider: Arc<CryptoProvider>,
    count: bool,
}

impl ServerCertVerifier for Signatures {
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
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.count {
            true => {
                let known = &self.provider.signature_verification_algorithms;
                verify_tls12_signature(message, certificate, signed, known)
            }
            false => Ok(HandshakeSignatureValid::assertion()),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.count {
            true => {
                let known = &self.provider.signature_verification_algorithms;
                verify_tls13_signature(message, certificate, signed, known)
            }
            false => Ok(HandshakeSignatureValid::assertion()),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = self
            .provider
            .signature_verification_algorithms
            .supported_schemes();
        if !self.count {
            // What old devices have.
            schemes.extend([
                SignatureScheme::RSA_PKCS1_SHA1,
                SignatureScheme::ECDSA_SHA1_Legacy,
            ]);
        }
        schemes
    }
}
