//! Who may use what, as JSON.

use crate::access::{Access, What};
use serde_json::{Value, json};

/// One line of who may use what.
pub(crate) fn json(access: &Access) -> Value {
    let Access { who, is_person, component, what, way } = access;
    let kind = match what {
        What::Database { .. } => "database",
        What::Login { .. } => "login",
        What::Forwards(_) => "forwards",
        What::FarEnd => "far-end",
    };
    let (database, level) = match what {
        What::Database { name, level } => (Some(name), Some(level)),
        _ => (None, None),
    };
    json!({
        "who": who, "is_person": is_person, "component": component, "kind": kind, "database": database, "level": level,
        "what": what.describe(), "way": way,
    })
}
