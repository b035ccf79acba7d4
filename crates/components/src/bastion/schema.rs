//! What may be said of a bastion.

use crate::allow_list::AllowSpec;
use crate::said::{OneOrMany, PortSaid};
use schemars::JsonSchema;
use serde::Deserialize;

/// A door for people with SSH: an SSH server without a shell that lets forwards through to exactly what it names.
/// Everything that speaks SSH can use it: `ssh -L`, database clients with a tab for SSH, `landfall tunnel open`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct BastionSpec {
    /// What it leads to: a database or a service of this deployment, or a list of them. People name it as the manifest does.
    pub to: OneOrMany<String>,
    /// For whom: roles of `people`. Everybody with one of them logs in under their own name with their own key.
    pub people: OneOrMany<String>,
    /// Who may connect, by address. On this machine this machine always may.
    pub allow: Option<AllowSpec>,
    /// The port that it listens on: a number, or `any`. On this machine 2222 or another one by default.
    pub port: Option<PortSaid>,
}
