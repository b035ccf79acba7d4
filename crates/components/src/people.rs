//! The people of a manifest: one entry says what a person is everywhere.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A person, on hosts, in databases and applications alike.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Person {
    /// What the person may do.
    #[serde(default)]
    #[schemars(inner(length(min = 1)))]
    pub roles: Vec<String>,
    /// The public half of the person's SSH key, one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssh_key: Option<String>,
    /// Where the person is reached. In an account, people with the role `admin` are told of alarms.
    #[schemars(pattern(r"^[^@\s]+@[^@\s]+$"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// The role of those who may do everything, and are told when somebody should look.
pub const ADMINISTRATOR: &str = "admin";

/// The people by name.
pub type People = IndexMap<String, Person>;

/// The names of the people who have one of these roles, in the manifest's order.
pub fn with_roles<'p>(people: &'p People, roles: &[String]) -> impl Iterator<Item = &'p str> {
    people
        .iter()
        .filter(|(_, person)| person.roles.iter().any(|role| roles.contains(role)))
        .map(|(name, _)| name.as_str())
}
