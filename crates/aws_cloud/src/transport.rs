//! The SDK's HTTP client with the proxies and authorities of the environment, made when it is first needed.

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// How long a connection may take, and an answer.
type TimeLimits = (Option<Duration>, Option<Duration>);

/// One client for the calls and for the sources of credentials. Reading the machine's authorities costs more time than a call, so it is done
/// when an address begins with `https`, not before and not twice.
#[derive(Debug)]
struct Transport {
    tls: TlsContext,
    connectors: Mutex<Vec<(TimeLimits, SharedHttpConnector)>>,
}

/// A client that trusts the authorities of the machine, or those of `bundle` alone (PEM).
pub(crate) fn http_client(bundle: Option<Vec<u8>>) -> Result<SharedHttpClient, String> {
    let mut context = TlsContext::builder();
    if let Some(pem) = bundle {
        context = context.with_trust_store(TrustStore::empty().with_pem_certificate(pem));
    }
    let tls = context.build().map_err(|e| e.to_string())?;
    Ok(SharedHttpClient::new(Transport { tls, connectors: Mutex::default() }))
}

impl HttpClient for Transport {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        let times = (settings.connect_timeout(), settings.read_timeout());
        let mut connectors = self.connectors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, connector)) = connectors.iter().find(|(known, _)| *known == times) {
            return connector.clone();
        }
        let connector = SharedHttpConnector::new(ByScheme {
            settings: settings.clone(),
            tls: self.tls.clone(),
            plain: OnceLock::new(),
            secure: OnceLock::new(),
        });
        connectors.push((times, connector.clone()));
        connector
    }
}

#[derive(Debug)]
struct ByScheme {
    settings: HttpConnectorSettings,
    tls: TlsContext,
    plain: OnceLock<Connector>,
    secure: OnceLock<Connector>,
}

impl HttpConnector for ByScheme {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let builder =
            || Connector::builder().connector_settings(self.settings.clone()).proxy_config(ProxyConfig::from_env());
        let connector = if request.uri().starts_with("http:") {
            self.plain.get_or_init(|| builder().build_http())
        } else {
            self.secure.get_or_init(|| {
                builder().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).tls_context(self.tls.clone()).build()
            })
        };
        connector.call(request)
    }
}
