//! A secret in an account: its place, encrypted by the deployment's key.

use super::ValidSecret;
use crate::aws_context::AwsContext;
use model::NodeId;

/// Adds the secret's place.
pub(super) fn lower(valid: &ValidSecret, cx: &mut AwsContext<'_>) {
    let node = NodeId::new(format!("{}/value", cx.name));
    let at = cx.at.clone();
    let about = format!("The secret {} of {} ({})", cx.name, cx.processes.deployment, cx.environment);
    cx.secret("Value", &at, about, &node, &valid.0);
}
