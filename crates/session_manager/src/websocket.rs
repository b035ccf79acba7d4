//! The websocket under a channel.

use crate::error::End;
use crate::options::{Options, Proxy, Trust};
use crate::proxy;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::http::Uri;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

/// A TCP connection, with or without TLS.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Transport for T {}

pub(crate) type Socket = WebSocketStream<Box<dyn Transport>>;

/// How long a way to AWS may take to make.
const CONNECT: Duration = Duration::from_secs(20);
/// No message of a session is nearly as long.
const LONGEST: usize = 1 << 20;

/// Opens a websocket.
///
/// Errors that another attempt may not have are [`End::Lost`].
pub(crate) async fn open(url: &str, options: &Options) -> Result<Socket, End> {
    let host = url.parse::<Uri>().ok().and_then(|url| url.host().map(str::to_owned)).unwrap_or_default();
    match tokio::time::timeout(CONNECT, connect(url, options)).await {
        Ok(opened) => opened,
        Err(_) => Err(End::Lost(format!("{host} did not answer within {} s", CONNECT.as_secs()))),
    }
}

async fn connect(url: &str, options: &Options) -> Result<Socket, End> {
    let wrong = |what: &str| End::Address(format!("{what} in `{}`", without_query(url)));
    let uri: Uri = url.parse().map_err(|_| wrong("no URL"))?;
    let host = uri.host().ok_or_else(|| wrong("no host"))?.trim_matches(['[', ']']);
    let is_secure = match uri.scheme_str() {
        Some("wss") => true,
        Some("ws") => false,
        _ => return Err(wrong("neither wss:// nor ws://")),
    };
    let port = uri.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
    let unreachable = |error: io::Error| End::Lost(format!("{host}:{port} cannot be reached: {error}"));
    let proxy = match &options.proxy {
        Proxy::Environment => proxy::proxy_of(url, |name| std::env::var(name).ok()),
        Proxy::At(proxy) => Some(proxy.clone()),
    };
    let tcp = match &proxy {
        Some(proxy) => proxy::through(proxy, host, port).await?,
        None => TcpStream::connect((host, port)).await.map_err(unreachable)?,
    };
    // Keys that a person types must not wait for each other.
    tcp.set_nodelay(true).map_err(unreachable)?;
    let transport: Box<dyn Transport> =
        if is_secure { Box::new(secured(tcp, host, options).await?) } else { Box::new(tcp) };
    let config = WebSocketConfig::default().max_message_size(Some(LONGEST)).max_frame_size(Some(LONGEST));
    match client_async_with_config(url, transport, Some(config)).await {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::Error::Http(response)) => {
            let status = response.status();
            let said = response.body().as_deref().map(String::from_utf8_lossy).unwrap_or_default();
            let words = format!("HTTP status {status} {}", said.chars().take(200).collect::<String>());
            Err(if status.is_server_error() { End::Lost(words) } else { End::Refused(words.trim().to_owned()) })
        }
        Err(tungstenite::Error::Url(error)) => Err(End::Address(error.to_string())),
        Err(error) => Err(End::Lost(format!("{host} does not speak websocket: {error}"))),
    }
}

/// The query of a stream's address may hold what opens it.
fn without_query(url: &str) -> &str {
    url.split('?').next().unwrap_or_default()
}

async fn secured(tcp: TcpStream, host: &str, options: &Options) -> Result<impl Transport + use<>, End> {
    let untrusted = |cause: String| End::Untrusted { host: host.to_owned(), cause };
    let trust = options.trust.clone();
    // Reading the machine's authorities takes a while and reads files.
    let config = tokio::task::spawn_blocking(move || tls(&trust)).await.map_err(|e| untrusted(e.to_string()))?;
    let config = config.map_err(untrusted)?;
    let name = ServerName::try_from(host.to_owned()).map_err(|error| End::Address(error.to_string()))?;
    TlsConnector::from(Arc::new(config)).connect(name, tcp).await.map_err(|error| {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match inner {
            Some(rustls::Error::InvalidCertificate(_)) => untrusted(error.to_string()),
            _ => End::Lost(format!("no TLS with {host}: {error}")),
        }
    })
}

fn tls(trust: &Trust) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    let bundle =
        match trust {
            Trust::Pem(pem) => Some(pem.clone()),
            Trust::Environment => match std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty()) {
                Some(path) => {
                    let read = std::fs::read(&path);
                    Some(read.map_err(|error| {
                        format!("cannot read {}, which AWS_CA_BUNDLE names: {error}", path.display())
                    })?)
                }
                None => None,
            },
        };
    match bundle {
        None => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
            if roots.is_empty() {
                let why = found.errors.first().map(|error| format!(": {error}")).unwrap_or_default();
                return Err(format!("this machine has no trusted authorities{why}"));
            }
        }
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(&pem) {
                let certificate = certificate.map_err(|error| format!("an authority cannot be read: {error}"))?;
                roots.add(certificate).map_err(|error| format!("an authority cannot be used: {error}"))?;
            }
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Ok(builder.map_err(|error| error.to_string())?.with_root_certificates(roots).with_no_client_auth())
}
