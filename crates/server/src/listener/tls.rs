//! Certificates, keys and authorities: from PEM files to what a handshake needs.
//!
//! Not the handshake itself, which is in `connection.rs`. Everything is read and checked here, so that a reload
//! either has a complete replacement or an error to report.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    CertificateError, RootCertStore, ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
    server::{VerifierBuilderError, WebPkiClientVerifier, danger::ClientCertVerifier},
};
use tokio_rustls::TlsAcceptor;
use x509_parser::parse_x509_certificate;

use crate::config::{TlsConfig, read_file};

/// A certificate with its key, ready for handshakes.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ServerConfig>,
    expires_seconds: i64,
}

/// What the files of a listener hold, each read once.
pub(crate) struct TlsFiles {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    pub(crate) authority: Option<Vec<CertificateDer<'static>>>,
}

/// A certificate, key or authority can't be used. Names the file and what is wrong.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read.
    #[error("can't read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is no PEM.
    #[error("{} is not valid PEM: {source}", path.display())]
    NotPem {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// A file has no certificate in it.
    #[error("{} holds no certificate", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// A file has no private key in it.
    #[error("{} holds no private key (PKCS#8, PKCS#1 or SEC1)", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The private key needs a password.
    #[error("the private key in {} is encrypted; store it decrypted, readable by the gateway only", path.display())]
    EncryptedKey {
        /// The file.
        path: PathBuf,
    },
    /// The private key is damaged or of a kind that is not supported.
    #[error("the private key in {} can't be used: {source}", path.display())]
    BadKey {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// A certificate is damaged.
    #[error("a certificate in {} can't be used: {source}", path.display())]
    BadCertificate {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// The key is of another certificate.
    #[error("the private key in {} does not match the first certificate in {}", private_key.display(), certificate.display())]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        private_key: PathBuf,
    },
    /// The authority of client certificates can't be used.
    #[error("the authority in {} can't be used: {source}", path.display())]
    BadAuthority {
        /// The file.
        path: PathBuf,
        /// Why.
        source: VerifierBuilderError,
    },
}

// === impl Tls ===

impl Tls {
    /// Reads the PEM files. ALPN: `http/1.1` only. With a `client_ca`, a client may show a certificate, which then
    /// must be valid, but need not.
    ///
    /// # Errors
    ///
    /// When a file can't be read or used, or the key is not the certificate's. Blocks while it reads.
    pub fn load(config: &TlsConfig) -> Result<Self, TlsError> {
        Self::new(config, &TlsFiles::read(config)?)
    }

    /// The same of files that were read.
    pub(crate) fn new(config: &TlsConfig, files: &TlsFiles) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let expires_seconds =
            first_expiry(&files.chain).ok_or_else(|| TlsError::BadCertificate {
                path: config.certificate.clone(),
                source: CertificateError::BadEncoding.into(),
            })?;
        let verifier = match (&config.client_ca, &files.authority) {
            (Some(path), Some(authority)) => verifier(path, authority, &provider)?,
            _ => WebPkiClientVerifier::no_client_auth(),
        };
        let (chain, key) = (files.chain.clone(), files.key.clone_key());
        let mut server = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .expect("the provider supports TLS 1.2 and 1.3")
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .map_err(|source| explain(config, source))?;
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            config: Arc::new(server),
            expires_seconds,
        })
    }

    /// When the first certificate of the chain expires, in seconds since the Unix epoch.
    pub(crate) fn expires_seconds(&self) -> i64 {
        self.expires_seconds
    }

    /// What makes a socket a TLS stream.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.config.clone())
    }
}

// === impl TlsFiles ===

impl TlsFiles {
    pub(crate) fn read(config: &TlsConfig) -> Result<Self, TlsError> {
        let authority = config.client_ca.as_deref().map(read_certificates);
        Ok(Self {
            chain: read_certificates(&config.certificate)?,
            key: read_key(&config.private_key)?,
            authority: authority.transpose()?,
        })
    }
}

impl fmt::Debug for TlsFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsFiles")
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    read_file(path).map_err(|source| TlsError::Unreadable {
        path: path.to_owned(),
        source,
    })
}

/// The certificates of a PEM file, at least one.
pub(crate) fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&read(path)?)
        .collect::<Result<_, _>>()
        .map_err(|source| TlsError::NotPem {
            path: path.to_owned(),
            source,
        })?;
    if certificates.is_empty() {
        return Err(TlsError::NoCertificate {
            path: path.to_owned(),
        });
    }
    Ok(certificates)
}

/// `None` when one of them can't be read.
fn first_expiry(chain: &[CertificateDer<'_>]) -> Option<i64> {
    let expiries = chain.iter().map(|certificate| {
        let (_, certificate) = parse_x509_certificate(certificate).ok()?;
        Some(certificate.validity().not_after.timestamp())
    });
    let expiries: Option<Vec<i64>> = expiries.collect();
    expiries?.into_iter().min()
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = read(path)?;
    let path = path.to_owned();
    // PKCS#8 says so in its first line, the older kinds in a header.
    let is_encrypted = String::from_utf8_lossy(&text).lines().any(|line| {
        line.contains("BEGIN ENCRYPTED PRIVATE KEY") || line.starts_with("Proc-Type: 4,ENCRYPTED")
    });
    if is_encrypted {
        return Err(TlsError::EncryptedKey { path });
    }
    PrivateKeyDer::from_pem_slice(&text).map_err(|source| match source {
        pem::Error::NoItemsFound => TlsError::NoKey { path },
        source => TlsError::NotPem { path, source },
    })
}

fn verifier(
    path: &Path,
    authority: &[CertificateDer<'static>],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in authority {
        roots
            .add(certificate.clone())
            .map_err(|source| TlsError::BadCertificate {
                path: path.to_owned(),
                source,
            })?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .allow_unauthenticated()
        .build()
        .map_err(|source| TlsError::BadAuthority {
            path: path.to_owned(),
            source,
        })
}

fn explain(config: &TlsConfig, source: rustls::Error) -> TlsError {
    match source {
        rustls::Error::InconsistentKeys(_) => TlsError::Mismatch {
            certificate: config.certificate.clone(),
            private_key: config.private_key.clone(),
        },
        rustls::Error::InvalidCertificate(_) => TlsError::BadCertificate {
            path: config.certificate.clone(),
            source,
        },
        source => TlsError::BadKey {
            path: config.private_key.clone(),
            source,
        },
    }
}
