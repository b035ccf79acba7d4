//! Keys.

use crate::client::Client;
use crate::service::Service::Keys;
use serde_json::{Value, json};
use stacks::account::Called;

/// The shortest time after which AWS deletes a key. Source: KMS API reference, ScheduleKeyDeletion, 2026-11.
const SHORTEST_DAYS: u32 = 7;

pub(crate) async fn schedule_deletion(client: &Client, key: &str) -> Called<u32> {
    let body = json!({ "KeyId": key, "PendingWindowInDays": SHORTEST_DAYS });
    match client.json(Keys, "ScheduleKeyDeletion", body).await {
        Ok(answer) => {
            let days = answer.get("PendingWindowInDays").and_then(Value::as_u64);
            Ok(days.and_then(|days| u32::try_from(days).ok()).unwrap_or(SHORTEST_DAYS))
        }
        Err(error) if error.message.contains("pending deletion") => Ok(SHORTEST_DAYS),
        Err(error) if error.code == "NotFoundException" => Ok(0),
        Err(error) => Err(error),
    }
}
