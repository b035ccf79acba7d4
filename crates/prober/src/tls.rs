//! TLS as a client that trusts the deployment's authorities and nobody else.

use crate::answer::Answer;
use crate::tcp::Peer;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

/// How long a handshake may take.
pub(crate) const HANDSHAKE: Duration = Duration::from_secs(5);

/// The one authority that counts.
#[derive(Clone)]
pub(crate) struct Trust {
    verifier: Arc<WebPkiServerVerifier>,
    provider: Arc<CryptoProvider>,
}

impl Trust {
    /// Trusts the certificates in this PEM text only.
    pub(crate) fn only(pem: &str) -> Result<Self, String> {
        let unusable = |why: String| format!("the certificate of the deployment's authority cannot be used: {why}");
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
            roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let verifier = builder.build().map_err(|error| unusable(error.to_string()))?;
        Ok(Self { verifier, provider })
    }

    /// Shakes hands with whoever is at the other end, under a name.
    pub(crate) async fn connect(&self, tcp: TcpStream, name: &str) -> Result<TlsStream<TcpStream>, String> {
        let witness = Arc::new(Witness { judge: Arc::clone(&self.verifier), leaf: Mutex::default() });
        let verifier: Arc<dyn ServerCertVerifier> = witness.clone();
        let stream = handshake(tcp, name, verifier, &self.provider).await;
        stream.map_err(|error| explain(&error, witness.leaf.lock().ok().and_then(|leaf| leaf.clone()).as_deref()))
    }
}

/// A handshake with any server, whatever its certificate.
pub(crate) async fn connect_to_anyone(tcp: TcpStream, name: &str) -> Result<(), String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = Arc::new(Anyone { provider: Arc::clone(&provider) });
    handshake(tcp, name, verifier, &provider).await.map(drop).map_err(|error| explain(&error, None))
}

async fn handshake(
    tcp: TcpStream,
    name: &str,
    verifier: Arc<dyn ServerCertVerifier>,
    provider: &Arc<CryptoProvider>,
) -> Result<TlsStream<TcpStream>, std::io::Error> {
    let config = ClientConfig::builder_with_provider(Arc::clone(provider)).with_safe_default_protocol_versions();
    let config = config.map_err(std::io::Error::other)?;
    let mut config = config.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = Resumption::disabled();
    let name = ServerName::try_from(name.to_owned()).map_err(std::io::Error::other)?;
    let connecting = TlsConnector::from(Arc::new(config)).connect(name, tcp);
    let late = || std::io::Error::other(format!("no end of the TLS handshake within {} s", HANDSHAKE.as_secs()));
    tokio::time::timeout(HANDSHAKE, connecting).await.map_err(|_| late())?
}

/// Asks whether the chain leads to the authority, the name is on the certificate and it lasts.
pub(crate) async fn trusted(trust: &Result<Trust, String>, peer: &Peer, name: &str, minimum_days: u32) -> Answer {
    let expected = format!(
        "a TLS handshake with a certificate for {name} from the deployment's authority, valid for {minimum_days} more days"
    );
    let trust = match trust {
        Ok(trust) => trust,
        Err(why) => return Answer::fails(expected, why.clone()),
    };
    let stream = match peer.connect().await {
        Ok(tcp) => trust.connect(tcp, name).await,
        Err(trouble) => Err(trouble),
    };
    let stream = match stream {
        Ok(stream) => stream,
        Err(trouble) => return Answer::fails(expected, trouble),
    };
    let connection = stream.get_ref().1;
    let version = connection.protocol_version().map_or("TLS", |version| version.as_str().unwrap_or("TLS"));
    let leaf = connection.peer_certificates().and_then(<[_]>::first);
    let Some(days) = leaf.and_then(|leaf| days_left(leaf)) else {
        return Answer::fails(expected, "a certificate whose dates cannot be read");
    };
    let seen =
        format!("{}, certificate for {name}, {days} days left", version.replace('_', ".").replace("TLSv", "TLS "));
    if days >= i64::from(minimum_days) { Answer::holds(seen) } else { Answer::fails(expected, seen) }
}

fn days_left(leaf: &[u8]) -> Option<i64> {
    let (_, certificate) = X509Certificate::from_der(leaf).ok()?;
    let seconds = certificate.validity().not_after.timestamp() - jiff::Timestamp::now().as_second();
    Some(seconds.div_euclid(24 * 60 * 60))
}

/// In words, why a handshake failed; `leaf` is the certificate that was shown, if any.
fn explain(error: &std::io::Error, leaf: Option<&[u8]>) -> String {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    let shown = leaf.and_then(|leaf| X509Certificate::from_der(leaf).ok()).map(|(_, certificate)| certificate);
    let date = |time: UnixTime| {
        let time = i64::try_from(time.as_secs()).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
        time.map_or_else(|| "an unknown time".to_owned(), |time| time.to_string())
    };
    match tls {
        Some(Error::InvalidCertificate(problem)) => match problem {
            CertificateError::Expired => "the certificate has expired".into(),
            CertificateError::ExpiredContext { not_after, .. } => {
                format!("the certificate expired at {}", date(*not_after))
            }
            CertificateError::NotValidYet => "the certificate is not valid yet".into(),
            CertificateError::NotValidYetContext { not_before, .. } => {
                format!("the certificate is valid only from {}", date(*not_before))
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                let names = shown.as_ref().map(names_of).filter(|names| !names.is_empty());
                format!("the certificate is for {}", names.unwrap_or_else(|| "other names".into()))
            }
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                let issuer = shown.as_ref().map_or_else(|| "somebody else".into(), |shown| shown.issuer().to_string());
                format!("the certificate was signed by another authority ({issuer})")
            }
            other => format!("the certificate is refused: {other}"),
        },
        Some(Error::InvalidMessage(_)) => "it does not speak TLS on this port".into(),
        Some(other) => format!("the TLS handshake failed: {other}"),
        None => match error.kind() {
            std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::ConnectionReset => {
                "it closed the connection during the TLS handshake".into()
            }
            _ => error.to_string(),
        },
    }
}

fn names_of(certificate: &X509Certificate<'_>) -> String {
    let names = certificate.subject_alternative_name().ok().flatten();
    let names = names.iter().flat_map(|names| &names.value.general_names).map(|name| match name {
        GeneralName::DNSName(name) => (*name).to_owned(),
        other => other.to_string(),
    });
    names.collect::<Vec<_>>().join(", ")
}

/// Judges as the one authority demands and remembers the certificate, for the explanation.
#[derive(Debug)]
struct Witness {
    judge: Arc<WebPkiServerVerifier>,
    leaf: Mutex<Option<Vec<u8>>>,
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Ok(mut leaf) = self.leaf.lock() {
            *leaf = Some(end_entity.to_vec());
        }
        self.judge.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.supported_verify_schemes()
    }
}

/// Accepts every certificate: only for the question whether somebody speaks modern TLS at all.
#[derive(Debug)]
struct Anyone {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Anyone {
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
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
