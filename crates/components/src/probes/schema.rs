//! What may be said of a probe.

use crate::said::{OneOrMany, Scalar};
use indexmap::IndexMap;
use model::scalar::Duration;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// One thing that must be true of the running deployment: a request and what must come back.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ProbeSpec {
    /// What must be true, as a sentence without a period: `a wrong password is refused`.
    pub about: String,
    /// The probe is asked only when these parameters have these values (or one of a list of values).
    #[serde(default)]
    pub when: IndexMap<String, OneOrMany<Scalar>>,
    /// The request.
    pub http: HttpProbe,
    /// What must come back. Everything given must hold.
    pub expect: Expectation,
    /// What to do when it is not true.
    pub help: Option<String>,
    /// A finer diagnosis from another probe.
    pub contrast: Option<ContrastSpec>,
}

/// A request.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HttpProbe {
    /// To whom: an edge (through its TLS, by its domain), or a service (straight to its port).
    pub to: String,
    /// Which listener of an edge.
    pub scheme: Option<ProbeScheme>,
    /// The method.
    #[serde(default = "get")]
    pub method: String,
    /// The path, with a query where one is needed.
    #[serde(default = "root")]
    pub path: String,
    /// The user of HTTP Basic authentication.
    pub user: Option<String>,
    /// Its password; refer to it, as `${app.users.NAME.password}`, or write a wrong one.
    pub password: Option<String>,
    /// Headers. Secrets may stand here.
    #[serde(default)]
    pub headers: IndexMap<String, Scalar>,
    /// A JSON document to send.
    pub json: Option<Value>,
    /// A text to send.
    pub text: Option<String>,
    /// How long the whole exchange may take.
    #[serde(default = "ten_seconds")]
    pub timeout: Duration,
}

fn get() -> String {
    "GET".to_owned()
}

fn root() -> String {
    "/".to_owned()
}

fn ten_seconds() -> Duration {
    Duration::from_seconds(10)
}

/// Which listener of an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeScheme {
    /// The real one.
    Https,
    /// The one that redirects.
    Http,
}

/// What must come back.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Expectation {
    /// The status, or one of several.
    pub status: Option<OneOrMany<u16>>,
    /// Headers that must be there: the value must be equal, or contain what follows a leading `~`.
    #[serde(default)]
    pub headers: IndexMap<String, String>,
    /// JSON pointers and the values that they must lead to; the empty pointer is the whole document.
    #[serde(default)]
    pub json: IndexMap<String, Value>,
    /// JSON pointers that must lead to nothing.
    #[serde(default)]
    pub json_absent: Vec<String>,
    /// Texts that the body must contain.
    #[serde(default)]
    pub contains: Vec<String>,
}

/// A finer diagnosis: when this probe fails while another one passes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ContrastSpec {
    /// The other probe: one of the manifest, or a component's, as `app/alive`.
    pub passing: String,
    /// What that means together.
    pub means: String,
}
