//! Addresses and other results; secrets only where they were asked for.

use crate::views::style::{BOLD, DIM, paint};
use local_runtime::{FilledOutput, OutputValue};
use serde_json::{Value, json};

/// One block: name, value, what it is. `command` prints a single output: `landfall outputs tabpy`.
pub(crate) fn text(command: &str, outputs: &[FilledOutput]) -> String {
    let widest = outputs.iter().map(|output| output.name.len()).max().unwrap_or_default();
    let line = |output: &FilledOutput| {
        let value = match &output.value {
            OutputValue::Shown(value) => paint(BOLD, value),
            OutputValue::Secret(secret) => secret.expose().to_owned(),
            OutputValue::Withheld(_) => format!("{command} --only {} --reveal", output.name),
        };
        format!("  {:<widest$}  {value}\n  {:<widest$}  {}\n", output.name, "", paint(DIM, &output.about))
    };
    outputs.iter().map(line).collect()
}

/// As JSON; secrets that were not asked for are null.
pub(crate) fn json(outputs: &[FilledOutput]) -> Value {
    let value = |output: &FilledOutput| {
        let (value, is_secret) = match &output.value {
            OutputValue::Shown(value) => (json!(value), false),
            OutputValue::Secret(secret) => (json!(secret.expose()), true),
            OutputValue::Withheld(_) => (Value::Null, true),
        };
        json!({ "name": output.name, "about": output.about, "component": output.component, "value": value, "secret": is_secret })
    };
    outputs.iter().map(value).collect()
}
