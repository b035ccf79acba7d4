//! A tunnel in an account.

use super::validate::ValidTunnel;
use crate::aws_context::AwsContext;

/// Adds the tunnel.
pub(super) fn lower(_valid: &ValidTunnel, _cx: &mut AwsContext<'_>) {}
