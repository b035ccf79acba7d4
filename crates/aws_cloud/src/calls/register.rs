//! The account's register of small texts: encrypted parameters of Systems Manager.

use super::{absent, code_is, text};
use crate::client::Client;
use crate::service::Service::Systems;
use serde_json::{Value, json};
use stacks::account::{Called, Entry};

const ABSENT: &[&str] = &["ParameterNotFound"];

pub(crate) async fn entry(client: &Client, name: &str) -> Called<Option<Entry>> {
    let called = client.json(Systems, "GetParameter", json!({ "Name": name, "WithDecryption": true })).await;
    Ok(absent(called, code_is(ABSENT))?.map(|answer| {
        let parameter = &answer["Parameter"];
        Entry { value: text(parameter, "Value"), version: version(parameter) }
    }))
}

pub(crate) async fn put(client: &Client, name: &str, value: &str, only_new: bool) -> Called<i64> {
    let body = json!({ "Name": name, "Value": value, "Type": "SecureString", "Overwrite": !only_new });
    Ok(version(&client.json(Systems, "PutParameter", body).await?))
}

pub(crate) async fn delete(client: &Client, name: &str) -> Called<()> {
    absent(client.json(Systems, "DeleteParameter", json!({ "Name": name })).await, code_is(ABSENT)).map(drop)
}

fn version(answer: &Value) -> i64 {
    answer.get("Version").and_then(Value::as_i64).unwrap_or_default()
}
