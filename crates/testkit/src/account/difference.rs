//! How two values differ, and what that means for a resource.

use analysis::resource_types::{Replaces, replaces};
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// Whether a change of properties makes another resource.
pub(super) fn is_replacement(kind: &str, old: &Json, new: &Json) -> bool {
    differences(old, new).iter().any(|path| replaces(kind, path) == Replaces::Always)
}

/// The paths at which two values differ, as deep as both are mappings.
pub(super) fn differences(old: &Json, new: &Json) -> Vec<String> {
    fn walk(path: &str, old: &Json, new: &Json, found: &mut Vec<String>) {
        if old == new {
            return;
        }
        match (old, new) {
            (Json::Object(a), Json::Object(b)) => {
                let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
                for key in keys {
                    let at = if path.is_empty() { key.clone() } else { format!("{path}/{key}") };
                    walk(&at, a.get(key).unwrap_or(&Json::Null), b.get(key).unwrap_or(&Json::Null), found);
                }
            }
            _ => found.push(path.to_owned()),
        }
    }
    let mut found = Vec::new();
    walk("", old, new, &mut found);
    found
}
