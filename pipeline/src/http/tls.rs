//! TLS from a certificate file and a key file.

use std::{path::Path, sync::Arc};

use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    version::{TLS12, TLS13},
};
use tokio_rustls::TlsAcceptor;

use crate::config::Service;

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// One file without the other.
    #[error("TLS needs both `service.tls_cert_file` and `service.tls_key_file`; `{0}` is missing")]
    Half(&'static str),
    /// A file that holds nothing of the kind.
    #[error("{file} cannot be used as {what}: {source}")]
    Pem {
        /// The file.
        file: String,
        /// What it should be.
        what: &'static str,
        /// Why not.
        source: rustls::pki_types::pem::Error,
    },
    /// A file without a certificate.
    #[error("{file} holds no certificate (PEM)")]
    Empty {
        /// The file.
        file: String,
    },
    /// The two do not go together.
    #[error("the certificate of {cert} and the key of {key} cannot be used: {source}")]
    Unusable {
        /// The certificate's file.
        cert: String,
        /// The key's file.
        key: String,
        /// Why not.
        source: rustls::Error,
    },
}

/// What the settings ask for; none: plain HTTP.
pub fn tls(service: &Service) -> Result<Option<TlsAcceptor>, TlsError> {
    let files = (Service::path(&service.tls_cert_file), Service::path(&service.tls_key_file));
    let (cert, key) = match files {
        (None, None) => return Ok(None),
        (Some(_), None) => return Err(TlsError::Half("service.tls_key_file")),
        (None, Some(_)) => return Err(TlsError::Half("service.tls_cert_file")),
        (Some(cert), Some(key)) => (cert, key),
    };
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(|certificates| certificates.collect::<Result<Vec<_>, _>>())
        .map_err(|source| pem(cert, "a certificate chain", source))?;
    if chain.is_empty() {
        return Err(TlsError::Empty { file: cert.display().to_string() });
    }
    let secret =
        PrivateKeyDer::from_pem_file(key).map_err(|source| pem(key, "a private key", source))?;
    let unusable = |source| TlsError::Unusable {
        cert: cert.display().to_string(),
        key: key.display().to_string(),
        source,
    };
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, secret))
        .map_err(unusable)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

fn pem(file: &Path, what: &'static str, source: rustls::pki_types::pem::Error) -> TlsError {
    TlsError::Pem { file: file.display().to_string(), what, source }
}
