//! What may be said of an edge.

use crate::allow_list::AllowSpec;
use crate::said::OneOrMany;
use indexmap::IndexMap;
use model::process_graph::TlsVersion;
use model::scalar::{Domain, Duration, Size};
use schemars::JsonSchema;
use serde::Deserialize;

/// Where people and programs come in: TLS with a certificate for its names, routes to services,
/// limits on what may come. Everything else stays closed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct EdgeSpec {
    /// The name under which it is reached; the first name on the certificate.
    pub domain: Domain,
    /// More names on the certificate.
    #[serde(default)]
    pub also: Vec<Domain>,
    /// Who can reach it: the internet, or the network alone. On this machine always this machine alone.
    #[serde(default)]
    pub exposure: Exposure,
    /// The id of the hosted zone in which its names are made, as `Z0123456789ABCDEFGHIJ`. By default the
    /// zone of the account that holds the domain. Has no meaning on this machine.
    #[schemars(regex(pattern = r"^Z[0-9A-Z]{1,31}$"))]
    pub zone: Option<String>,
    /// Where requests go, by the beginning of their path; the longest that fits wins. A service's
    /// name, a list of names, or a mapping that says more.
    pub routes: IndexMap<String, RouteSaid>,
    /// Whether plain HTTP is answered with a redirect to HTTPS. Otherwise it is not answered at all.
    #[serde(default = "yes")]
    pub redirect: bool,
    /// The numbers of its ports on this machine. A number that is given is had, or `up` is refused and
    /// says who has it; without one, 8443 and 8080 or free ones are taken.
    #[serde(default)]
    pub ports: PortsSpec,
    /// Settings of TLS.
    #[serde(default)]
    pub tls: TlsSpec,
    /// Sizes and times.
    #[serde(default)]
    pub limits: LimitsSpec,
    /// Who may connect. Without it: everybody who reaches it.
    pub allow: Option<AllowSpec>,
}

fn yes() -> bool {
    true
}

/// Who can reach an edge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Exposure {
    /// The internet.
    Internet,
    /// The deployment's network alone.
    #[default]
    Internal,
}

/// Where requests go.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum RouteSaid {
    /// To one service.
    One(String),
    /// To several, in turn.
    Many(Vec<String>),
    /// With settings.
    Settings(RouteSpec),
}

/// Where requests go, with settings.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct RouteSpec {
    /// The service, or several.
    pub to: OneOrMany<String>,
    /// Whether a client stays with the service that answered first, by a cookie.
    #[serde(default)]
    pub sticky: bool,
    /// How a service shows that it can be used; others get no requests. By default, with several
    /// services, what each says of its own health.
    pub health: Option<RouteHealthSpec>,
}

/// How a service behind an edge shows that it can be used.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct RouteHealthSpec {
    /// The path to ask for.
    pub path: String,
    /// The statuses that count.
    #[serde(default = "ok")]
    pub status: OneOrMany<u16>,
    /// How often it is asked.
    #[serde(default = "five_seconds")]
    pub interval: Duration,
}

fn ok() -> OneOrMany<u16> {
    OneOrMany::One(200)
}

fn five_seconds() -> Duration {
    Duration::from_seconds(5)
}

/// The numbers of an edge's ports.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct PortsSpec {
    /// HTTPS; 8443 on this machine, 443 elsewhere.
    #[schemars(range(min = 1, max = 65535))]
    pub https: Option<u16>,
    /// Plain HTTP, which only redirects; 8080 on this machine, 80 elsewhere.
    #[schemars(range(min = 1, max = 65535))]
    pub http: Option<u16>,
}

/// Settings of TLS.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct TlsSpec {
    /// The lowest version offered, `"1.2"` or `"1.3"`. Older ones are broken and never offered.
    pub minimum: MinimumTls,
}

impl Default for TlsSpec {
    fn default() -> Self {
        Self { minimum: MinimumTls::V1_2 }
    }
}

/// A TLS version that may be offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub(crate) enum MinimumTls {
    /// RFC 5246.
    #[serde(rename = "1.2")]
    V1_2,
    /// RFC 8446.
    #[serde(rename = "1.3")]
    V1_3,
}

impl From<MinimumTls> for TlsVersion {
    fn from(said: MinimumTls) -> Self {
        match said {
            MinimumTls::V1_2 => Self::V1_2,
            MinimumTls::V1_3 => Self::V1_3,
        }
    }
}

/// Sizes and times of an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct LimitsSpec {
    /// The largest request body; more is answered with 413.
    pub request_body: Size,
    /// How long a client may take to send a request's header.
    pub header_timeout: Duration,
    /// How long nothing may move on a connection; also how long a service may think about an answer.
    pub idle_timeout: Duration,
    /// How long requests in flight get when it stops.
    pub drain: Duration,
}

impl Default for LimitsSpec {
    fn default() -> Self {
        Self {
            request_body: Size::from_bytes(10 << 20),
            header_timeout: Duration::from_seconds(10),
            idle_timeout: Duration::from_seconds(60),
            drain: Duration::from_seconds(10),
        }
    }
}
