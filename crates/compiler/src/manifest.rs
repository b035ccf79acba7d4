//! What may be said at the top of a manifest, apart from components and probes. The doc comments
//! are the reference.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use components::people::Person;

/// The version of the manifest's language that this program knows.
pub(crate) const VERSION: u64 = 1;

/// A value that a deployment may be given.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ParameterDeclaration {
    /// What values it takes: `string`, `int`, `bool`, `domain`, `cidr`, `port`, `size`, `duration`, `secret`, or
    /// `list<...>` of one of them.
    pub(crate) r#type: String,
    /// Its value when none is given. May refer to other parameters: `${domain}`. Without it, the parameter must be given.
    pub(crate) default: Option<Value>,
    /// The allowed values; of a list the allowed items.
    pub(crate) one_of: Option<Vec<Value>>,
    /// A regular expression that texts (of a list each item) must match.
    pub(crate) pattern: Option<String>,
    /// The smallest number, size or duration; the shortest length of a text or list.
    pub(crate) min: Option<Value>,
    /// The largest number, size or duration; the longest length of a text or list.
    pub(crate) max: Option<Value>,
    /// Must be given when other parameters have these values (one, or a list of them); all conditions must hold.
    pub(crate) required_when: Option<IndexMap<String, Value>>,
    /// May not be given when other parameters have these values (one, or a list of them); all conditions must hold.
    pub(crate) forbidden_when: Option<IndexMap<String, Value>>,
    /// Whether its value is fixed: it may be seen but not given.
    #[serde(default)]
    pub(crate) locked: bool,
    /// Why it should not be given any more, and what to use instead.
    pub(crate) deprecated: Option<String>,
    /// What it is for, in one line.
    pub(crate) about: Option<String>,
}

/// A place where the deployment runs, and what is different there.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct EnvironmentDeclaration {
    /// `local` is this machine, `aws` an AWS account.
    pub(crate) target: Option<Target>,
    /// The AWS account, twelve digits in quotes. Commands refuse credentials of any other account.
    #[schemars(pattern(r"^[0-9]{12}$"))]
    pub(crate) account: Option<String>,
    /// The AWS region, as `eu-central-1`.
    #[schemars(pattern(r"^[a-z]{2}(-[a-z]+)+-[0-9]$"))]
    pub(crate) region: Option<String>,
    /// What it is for, in one line.
    #[expect(dead_code, reason = "read by people and by editors through the schema")]
    pub(crate) about: Option<String>,
    /// Values of parameters in this environment.
    #[expect(dead_code, reason = "read from the tree, where the places are known")]
    pub(crate) parameters: Option<IndexMap<String, Value>>,
    /// Settings of components in this environment, laid over those of the same names; a key without value is removed.
    #[expect(dead_code, reason = "read from the tree, where the places are known")]
    pub(crate) components: Option<IndexMap<String, IndexMap<String, Value>>>,
}

/// Where an environment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// This machine.
    Local,
    /// An AWS account.
    Aws,
}

/// A statement about who reaches whom, beyond the implicit one: exactly the stated edges and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Guarantee {
    /// No connection leads from these to what `reaches` names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nothing: Option<Parties>,
    /// Connections lead from these alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only: Option<Parties>,
    /// Each of these reaches each thing that `reaches` names; with `through`, over one of the components named there and
    /// not past them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<Parties>,
    /// What is reached: a component, with `:PORT` for one port; `internet`; a block of addresses; `service:NAME` for a
    /// service of the cloud.
    pub reaches: Parties,
    /// Every path goes through one of these components, however many hosts it goes over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub through: Option<Parties>,
}

/// One name or several: components, `internet` (`internet-v4`, `internet-v6`), a block of addresses, people.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Parties {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

impl Parties {
    /// The names.
    #[must_use]
    pub fn names(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Several(names) => names,
        }
    }
}
