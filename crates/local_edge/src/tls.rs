//! The TLS side: certificate and versions.

use crate::config::Certificate;
use crate::error::EdgeError;
use model::process_graph::TlsVersion;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::Path;
use std::sync::Arc;

/// A configuration for rustls that offers HTTP/2 before HTTP/1.1.
pub(crate) fn server_config(certificate: &Certificate, minimum: TlsVersion) -> Result<Arc<ServerConfig>, EdgeError> {
    let (chain, key) = match certificate {
        Certificate::Files { chain, key } => (read(chain)?, read(key)?),
        Certificate::Pem { chain, key } => (chain.clone(), key.clone()),
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&chain)
        .collect::<Result<_, _>>()
        .map_err(|error| EdgeError::Certificate(format!("the chain is no PEM: {error}")))?;
    if chain.is_empty() {
        return Err(EdgeError::Certificate("the chain holds no certificate".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|error| {
        EdgeError::Certificate(match error {
            pem::Error::NoItemsFound => "the key file holds no private key".to_owned(),
            other => format!("the key is no PEM: {other}"),
        })
    })?;
    let versions: &[&rustls::SupportedProtocolVersion] = match minimum {
        TlsVersion::V1_2 => &[&rustls::version::TLS13, &rustls::version::TLS12],
        TlsVersion::V1_3 => &[&rustls::version::TLS13],
    };
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| EdgeError::Certificate(error.to_string()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn read(path: &Path) -> Result<Vec<u8>, EdgeError> {
    std::fs::read(path).map_err(|source| EdgeError::CertificateFile { path: path.to_owned(), source })
}
