//! Quotas.

use super::{absent, code_is};
use crate::client::Client;
use crate::service::Service::Quotas;
use serde_json::{Value, json};
use stacks::account::Called;

pub(crate) async fn applied(client: &Client, service: &str, code: &str) -> Called<Option<f64>> {
    // What was never raised is listed only among the defaults.
    for action in ["GetServiceQuota", "GetAWSDefaultServiceQuota"] {
        let body = json!({ "ServiceCode": service, "QuotaCode": code });
        if let Some(answer) = absent(client.json(Quotas, action, body).await, code_is(&["NoSuchResourceException"]))? {
            return Ok(answer.get("Quota").and_then(|quota| quota.get("Value")).and_then(Value::as_f64));
        }
    }
    Ok(None)
}
