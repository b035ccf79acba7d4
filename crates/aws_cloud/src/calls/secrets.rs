//! Secrets.

use super::{absent, code_is, list, text};
use crate::client::Client;
use crate::service::Service::Secrets;
use model::Secret;
use serde_json::{Value, json};
use stacks::account::{CallError, Called, SecretState, SecretVersion};

const ABSENT: &[&str] = &["ResourceNotFoundException"];

pub(crate) async fn state(client: &Client, id: &str) -> Called<Option<SecretState>> {
    let called = client.json(Secrets, "DescribeSecret", json!({ "SecretId": id })).await;
    Ok(absent(called, code_is(ABSENT))?.map(|answer| SecretState {
        arn: text(&answer, "ARN"),
        tags: list(&answer, "Tags").iter().map(|tag| (text(tag, "Key"), text(tag, "Value"))).collect(),
        is_deleted: answer.get("DeletedDate").is_some_and(|date| !date.is_null()),
    }))
}

pub(crate) async fn value(client: &Client, id: &str) -> Called<Option<SecretVersion>> {
    let called = client.json(Secrets, "GetSecretValue", json!({ "SecretId": id })).await;
    let Some(mut answer) = absent(called, code_is(ABSENT))? else { return Ok(None) };
    let version = text(&answer, "VersionId");
    Ok(match answer.get_mut("SecretString").map(Value::take) {
        Some(Value::String(value)) => Some(SecretVersion { version, value: Secret::new(value) }),
        _ => None,
    })
}

pub(crate) async fn put(client: &Client, id: &str, value: &Secret, token: &str) -> Called<()> {
    let body = json!({ "SecretId": id, "SecretString": value.expose(), "ClientRequestToken": token });
    let called = client.json(Secrets, "PutSecretValue", body).await;
    called.map(drop).map_err(|error| without(value, error))
}

pub(crate) async fn tag(client: &Client, id: &str, tags: &[(String, String)]) -> Called<()> {
    let tags: Vec<Value> = tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    client.json(Secrets, "TagResource", json!({ "SecretId": id, "Tags": tags })).await.map(drop)
}

pub(crate) async fn delete(client: &Client, id: &str) -> Called<()> {
    let body = json!({ "SecretId": id, "ForceDeleteWithoutRecovery": true });
    absent(client.json(Secrets, "DeleteSecret", body).await, code_is(ABSENT)).map(drop)
}

/// A service may repeat what it refuses.
fn without(value: &Secret, mut error: CallError) -> CallError {
    if !value.expose().is_empty() && error.message.contains(value.expose()) {
        error.message = error.message.replace(value.expose(), "[redacted]");
    }
    error
}
