//! What can be wrong with a database.

use model::FindingCode;

pub(super) const ALL: &[&FindingCode] = &[];
