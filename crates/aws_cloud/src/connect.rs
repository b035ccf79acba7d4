//! From options and the environment to an account.

use crate::client::Client;
use crate::transport::http_client;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use model::Secret;
use std::net::SocketAddr;
use std::path::PathBuf;

/// How to reach an account.
///
/// Everything else comes from the environment as for AWS's own tools: credentials (variables, profiles, SSO, assumed roles,
/// processes, web identities, the machine's role), `AWS_ENDPOINT_URL` and `AWS_ENDPOINT_URL_<SERVICE>`, `HTTPS_PROXY`,
/// `HTTP_PROXY`, `NO_PROXY`, `AWS_CA_BUNDLE`.
#[derive(Debug, Clone, Default)]
pub struct ConnectOptions {
    /// The region. It is never guessed.
    pub region: String,
    /// A profile of the AWS configuration. It wins over credentials in variables, as in AWS's tools.
    pub profile: Option<String>,
    /// A name server to ask instead of the machine's; also `LANDFALL_NAME_SERVER=ADDRESS:PORT`.
    pub name_server: Option<SocketAddr>,
    /// Where all services are, instead of what the environment says.
    pub endpoint_url: Option<String>,
    /// Keys instead of those of the environment.
    pub keys: Option<Keys>,
}

/// An access key and its secret.
#[derive(Debug, Clone)]
pub struct Keys {
    /// The key's id.
    pub id: String,
    /// Its secret.
    pub secret: Secret,
}

/// Why an account cannot be reached at all.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The file of `AWS_CA_BUNDLE` cannot be read.
    #[error("cannot read {path}, which AWS_CA_BUNDLE names: {cause}")]
    Authorities {
        /// The file.
        path: PathBuf,
        /// Why not.
        cause: String,
    },
    /// `LANDFALL_NAME_SERVER` is no address.
    #[error("LANDFALL_NAME_SERVER is `{0}`; it must be an address with a port, as 192.0.2.1:53")]
    NameServer(String),
    /// The authorities cannot be used.
    #[error("cannot use the certificates of trusted authorities: {0}")]
    Trust(String),
}

/// An account in one region, by HTTP.
#[derive(Debug)]
pub struct CloudAccount {
    pub(crate) client: Client,
    pub(crate) name_server: Option<SocketAddr>,
}

impl CloudAccount {
    /// Reads the configuration. Nothing is called and no credentials are looked for before the first call.
    pub async fn connect(options: ConnectOptions) -> Result<Self, ConnectError> {
        let http = http_client(authorities()?).map_err(ConnectError::Trust)?;
        let region = Region::new(options.region.clone());
        let mut loader =
            aws_config::defaults(BehaviorVersion::v2026_01_12()).region(region.clone()).http_client(http.clone());
        if let Some(profile) = &options.profile {
            let provider = ProviderConfig::without_region().with_region(Some(region)).with_http_client(http.clone());
            let credentials = ProfileFileCredentialsProvider::builder().configure(&provider).profile_name(profile);
            loader = loader.profile_name(profile).credentials_provider(credentials.build());
        }
        if let Some(url) = &options.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        if let Some(Keys { id, secret }) = &options.keys {
            loader = loader.credentials_provider(Credentials::new(id, secret.expose(), None, None, "options"));
        }
        let config = loader.load().await;
        let name_server = match options.name_server {
            None => name_server()?,
            given => given,
        };
        Ok(Self { client: Client::new(config, http, options.region, options.profile), name_server })
    }
}

/// The authorities of `AWS_CA_BUNDLE`, which the SDK for Rust does not read itself.
pub(crate) fn authorities() -> Result<Option<Vec<u8>>, ConnectError> {
    let Some(path) = std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty()).map(PathBuf::from) else {
        return Ok(None);
    };
    match std::fs::read(&path) {
        Ok(pem) => Ok(Some(pem)),
        Err(e) => Err(ConnectError::Authorities { path, cause: e.to_string() }),
    }
}

/// The name server of a network that lets only its own be asked.
fn name_server() -> Result<Option<SocketAddr>, ConnectError> {
    match std::env::var("LANDFALL_NAME_SERVER") {
        Ok(text) if !text.is_empty() => text.parse().map(Some).map_err(|_| ConnectError::NameServer(text)),
        _ => Ok(None),
    }
}
