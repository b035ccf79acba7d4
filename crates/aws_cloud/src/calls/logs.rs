//! Logs.

use super::{absent, code_is, list, text};
use crate::client::Client;
use crate::service::Service::Logs;
use serde_json::{Value, json};
use stacks::account::{Called, LogTail};

const ABSENT: &[&str] = &["ResourceNotFoundException"];
/// The most that one call returns.
const MOST: usize = 10_000;

pub(crate) async fn tail(client: &Client, group: &str, prefix: &str, lines: usize) -> Called<Option<LogTail>> {
    let body = if prefix.is_empty() {
        json!({ "logGroupName": group, "orderBy": "LastEventTime", "descending": true, "limit": 50 })
    } else {
        json!({ "logGroupName": group, "logStreamNamePrefix": prefix, "limit": 50 })
    };
    let Some(answer) = absent(client.json(Logs, "DescribeLogStreams", body).await, code_is(ABSENT))? else {
        return Ok(None);
    };
    let latest = |stream: &&Value| {
        let time = |name: &str| stream.get(name).and_then(Value::as_i64).unwrap_or_default();
        time("lastEventTimestamp").max(time("lastIngestionTime")).max(time("creationTime"))
    };
    let Some(stream) = list(&answer, "logStreams").iter().max_by_key(latest) else { return Ok(None) };
    let stream = text(stream, "logStreamName");
    let limit = lines.clamp(1, MOST);
    let body = json!({ "logGroupName": group, "logStreamName": stream, "limit": limit, "startFromHead": false });
    let Some(answer) = absent(client.json(Logs, "GetLogEvents", body).await, code_is(ABSENT))? else {
        return Ok(None);
    };
    let mut all: Vec<String> = list(&answer, "events")
        .iter()
        .flat_map(|event| text(event, "message").lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    all.drain(..all.len().saturating_sub(lines));
    Ok(Some(LogTail { stream, lines: all }))
}

pub(crate) async fn delete_group(client: &Client, name: &str) -> Called<()> {
    let called = client.json(Logs, "DeleteLogGroup", json!({ "logGroupName": name })).await;
    absent(called, code_is(ABSENT)).map(drop)
}
