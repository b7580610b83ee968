//! What checks show, trust and demand in TLS: files as the configuration names them, and what each `SSL_GET` makes of them. What a page
//! has to be is `web`'s.

use crate::config::secret::Secret;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Everything that TLS checks share. Each file is here once, however many checks name it: there may be very many.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tls {
    /// Files with certificates of authorities.
    pub authorities: Vec<PemFile>,
    /// Whom checks say that they are.
    pub identities: Vec<Identity>,
    /// The settings that differ, each once.
    pub profiles: Vec<TlsProfile>,
}

/// Settings of connections, as places in `Tls`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TlsProfile {
    /// `verify` with `ca`: who has to have signed a server's certificate; None = any certificate will do.
    pub authorities: Option<u32>,
    /// `certificate` with `key`: shown to servers that want to see one.
    pub identity: Option<u32>,
    /// `alpn`: what is offered, the best first.
    pub protocols: Box<[Box<str>]>,
}

/// A certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// `certificate`, perhaps with those between it and an authority.
    pub certificate: PemFile,
    /// `key`; None = it is in the same file.
    pub key: Option<PemFile>,
    /// `password` of the key.
    pub password: Option<Secret>,
}

impl Identity {
    /// The file with the key.
    pub fn key_file(&self) -> &PemFile {
        self.key.as_ref().unwrap_or(&self.certificate)
    }
}

/// A file with certificates or keys. Its text is part of the configuration, so that a reload takes up a renewed one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PemFile {
    /// Where it is.
    pub path: String,
    /// All of it, which may hold a key.
    pub text: Secret,
}

/// What a `SSL_GET` is beyond a `HTTP_GET`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsProbe {
    /// Which of `Tls::profiles`.
    pub profile: u32,
    /// `enable_sni` and `sni_name`.
    pub server_name: ServerName,
    /// `verify_name`: a host or an address; None = the name told to the server, else its virtual host, else what is connected to.
    pub verify_name: Option<Box<str>>,
    /// `alpn_required`: the server has to choose one of `TlsProfile::protocols`.
    pub protocol_required: bool,
    /// `expiry_warning`: how long before its end a certificate is named in the log; None = never.
    pub expiry_warning: Option<Duration>,
}

/// The name told in a TLS handshake.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServerName {
    /// None.
    #[default]
    None,
    /// That of the Host header.
    VirtualHost,
    /// This one.
    Name(Box<str>),
}
