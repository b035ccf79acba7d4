//! A database server in an account.

use super::valid::ValidDatabase;
use crate::aws_context::AwsContext;

/// Adds the database server to the account.
pub(super) fn lower(_valid: &ValidDatabase, _cx: &mut AwsContext<'_>) {}
