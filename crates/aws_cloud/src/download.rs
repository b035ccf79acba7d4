//! What AWS publishes for everybody, fetched as calls are: through the same proxies, with the same authorities.

use crate::connect::authorities;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::byte_stream::ByteStream;
use model::{Fault, FaultKind};
use std::time::Duration;

/// Nothing that is fetched is large.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where RDS publishes the certificates of the authorities that sign those of its servers in a region.
#[must_use]
pub fn database_authorities_url(region: &str) -> String {
    // Source: "Using SSL/TLS to encrypt a connection" in the user guide of Amazon RDS, as public projects quote it, 2026-11.
    // No digest is pinned: RDS adds to these files when it makes another authority, and a product that knew them by digest would refuse
    // the new ones. They come over TLS, signed by public authorities; `authorities` of a database names a file of one's own instead.
    let host = if region.starts_with("us-gov-") {
        "truststore.pki.us-gov-west-1.rds.amazonaws.com"
    } else if region.starts_with("cn-") {
        "rds-truststore.s3.cn-north-1.amazonaws.com.cn"
    } else {
        "truststore.pki.rds.amazonaws.com"
    };
    format!("https://{host}/{region}/{region}-bundle.pem")
}

/// Fetches a text.
///
/// # Errors
/// When nobody answers, or with something else than the text.
pub async fn download(url: &str) -> Result<String, Fault> {
    let doing = format!("fetching {url}");
    let failed = |cause: String| Fault::new(FaultKind::Transient, doing.as_str(), cause);
    let mut context = TlsContext::builder();
    if let Some(pem) = authorities().map_err(|error| failed(error.to_string()))? {
        context = context.with_trust_store(TrustStore::empty().with_pem_certificate(pem));
    }
    let context = context.build().map_err(|error| failed(error.to_string()))?;
    let connector = Connector::builder()
        .proxy_config(ProxyConfig::from_env())
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .tls_context(context)
        .build();
    let request = HttpRequest::get(url).map_err(|error| failed(error.to_string()))?;
    let fetch = async {
        let answer = connector.call(request).await.map_err(|error| failed(format!("{error:?}")))?;
        if !answer.status().is_success() {
            return Err(failed(format!("the answer is {}", answer.status())));
        }
        let bytes = ByteStream::new(answer.into_body()).collect().await.map_err(|error| failed(error.to_string()))?;
        String::from_utf8(bytes.to_vec()).map_err(|_| failed("the answer is no text".to_owned()))
    };
    tokio::time::timeout(PATIENCE, fetch)
        .await
        .map_err(|_| failed(format!("no answer after {} s", PATIENCE.as_secs())))?
}

#[cfg(test)]
mod tests {
    use super::database_authorities_url;

    #[test]
    fn authorities_are_those_of_the_region() {
        assert_eq!(
            database_authorities_url("eu-west-1"),
            "https://truststore.pki.rds.amazonaws.com/eu-west-1/eu-west-1-bundle.pem"
        );
        assert_eq!(
            database_authorities_url("us-gov-east-1"),
            "https://truststore.pki.us-gov-west-1.rds.amazonaws.com/us-gov-east-1/us-gov-east-1-bundle.pem"
        );
        assert_eq!(
            database_authorities_url("cn-northwest-1"),
            "https://rds-truststore.s3.cn-north-1.amazonaws.com.cn/cn-northwest-1/cn-northwest-1-bundle.pem"
        );
    }
}
