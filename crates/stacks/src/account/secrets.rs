//! Secrets as the account keeps them.

use model::Secret;

/// What is known of a secret without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretState {
    /// Its ARN.
    pub arn: String,
    /// Its tags.
    pub tags: Vec<(String, String)>,
    /// Whether it is on its way to deletion.
    pub is_deleted: bool,
}

/// A value of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretVersion {
    /// The version's id: the token with which it was put.
    pub version: String,
    /// The value.
    pub value: Secret,
}
