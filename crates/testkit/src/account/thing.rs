//! What exists in the account.

use super::evaluate::as_text;
use model::Secret;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Who made a thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Maker {
    /// A stack, for a resource of its template.
    Stack {
        /// The stack's id.
        stack: String,
        /// The resource's name in the template.
        logical_id: String,
    },
    /// Another thing (a host by its group, an interface by its load balancer), by its number.
    Thing(u64),
    /// Somebody who has nothing to do with the deployment.
    Stranger,
}

/// Something that exists.
#[derive(Debug, Clone)]
pub struct Thing {
    /// Its number: unlike an id, never the same for two.
    pub serial: u64,
    /// Its type.
    pub kind: String,
    /// What `Ref` gives.
    pub physical_id: String,
    /// What it is made with; texts are as CloudFormation hands them on.
    pub properties: Json,
    /// What `Fn::GetAtt` gives.
    pub attributes: BTreeMap<String, Json>,
    /// Its tags, those of its stack and those that CloudFormation adds.
    pub tags: BTreeMap<String, String>,
    /// Who made it.
    pub maker: Maker,
    /// Whether its stack left it on purpose.
    pub is_retained: bool,
    /// What is in it.
    pub content: Content,
}

/// What is in a thing.
#[derive(Debug, Clone)]
pub enum Content {
    /// Nothing that is looked at.
    None,
    /// Versions of a secret, the oldest first, by their tokens.
    Secret(Vec<(String, Secret)>),
    /// Objects of a bucket: how many versions, and how long.
    Bucket(BTreeMap<String, (usize, usize)>),
    /// Streams of a log.
    Log(BTreeMap<String, Vec<String>>),
    /// A host: its place in the group's life, whether it is healthy, its console.
    Host {
        /// As `InService`.
        lifecycle: String,
        /// Whether it answers.
        is_healthy: bool,
        /// What it wrote.
        console: String,
    },
}

impl Thing {
    /// A property as text.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<String> {
        self.properties.get(name).map(as_text)
    }

    /// Whether a property's value mentions a text, however deep.
    #[must_use]
    pub fn mentions(&self, property: &str, text: &str) -> bool {
        self.properties.get(property).is_some_and(|value| contains(value, text))
    }
}

fn contains(value: &Json, text: &str) -> bool {
    match value {
        Json::String(own) => own == text,
        Json::Array(items) => items.iter().any(|item| contains(item, text)),
        Json::Object(entries) => entries.values().any(|value| contains(value, text)),
        _ => false,
    }
}
