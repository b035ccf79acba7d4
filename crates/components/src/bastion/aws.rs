//! A bastion in an account.

use super::validate::ValidBastion;
use crate::aws_context::AwsContext;

/// Adds the bastion.
pub(super) fn lower(_valid: &ValidBastion, _cx: &mut AwsContext<'_>) {}
