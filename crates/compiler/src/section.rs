//! Sections of the manifest as values of a type: what has not its shape is reported and left out.

use crate::codes;
use crate::schema::Schemas;
use crate::shape::Shape;
use crate::substitute::Uses;
use indexmap::IndexMap;
use model::{Finding, Findings, ManifestPath, Place};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

pub(crate) fn entries(value: Option<Value>) -> Map<String, Value> {
    match value {
        Some(Value::Object(entries)) => entries,
        _ => Map::new(),
    }
}

/// The entries of a section that have the shape of a type.
pub(crate) fn shaped_entries<T: JsonSchema>(
    entries: Map<String, Value>,
    at: &ManifestPath,
    schemas: &mut Schemas,
    uses: &Uses,
    findings: &mut Findings,
) -> IndexMap<String, Value> {
    if entries.is_empty() {
        return IndexMap::new();
    }
    let schema = schemas.of::<T>();
    let definitions = schemas.definitions();
    let mut shaped = IndexMap::new();
    for (name, mut value) in entries {
        let at = at.key(&name);
        if Shape::new(&definitions, uses, findings).check(&mut value, &schema, &at) && !uses.has_lost(&at) {
            shaped.insert(name, value);
        }
    }
    shaped
}

pub(crate) fn typed_entries<T: JsonSchema + DeserializeOwned>(
    section: Option<Value>,
    at: &ManifestPath,
    schemas: &mut Schemas,
    uses: &Uses,
    findings: &mut Findings,
) -> IndexMap<String, T> {
    let shaped = shaped_entries::<T>(entries(section), at, schemas, uses, findings);
    let read = |(name, value)| typed(value, &at.key(&name), findings).map(|value| (name, value));
    shaped.into_iter().filter_map(read).collect()
}

pub(crate) fn typed_items<T: JsonSchema + DeserializeOwned>(
    section: Option<Value>,
    at: &ManifestPath,
    schemas: &mut Schemas,
    uses: &Uses,
    findings: &mut Findings,
) -> Vec<T> {
    let Some(Value::Array(items)) = section else { return Vec::new() };
    let schema = schemas.of::<T>();
    let definitions = schemas.definitions();
    let mut read = Vec::new();
    for (index, mut item) in items.into_iter().enumerate() {
        let at = at.index(index);
        if Shape::new(&definitions, uses, findings).check(&mut item, &schema, &at) && !uses.has_lost(&at) {
            read.extend(typed(item, &at, findings));
        }
    }
    read
}

/// What has the right shape can nearly always be read; the rest is reported at its place.
pub(crate) fn typed<T: DeserializeOwned>(value: Value, at: &ManifestPath, findings: &mut Findings) -> Option<T> {
    match serde_path_to_error::deserialize(value) {
        Ok(value) => Some(value),
        Err(error) => {
            findings.push(unreadable(&error, at));
            None
        }
    }
}

pub(crate) fn unreadable(error: &serde_path_to_error::Error<serde_json::Error>, at: &ManifestPath) -> Finding {
    use serde_path_to_error::Segment;
    let mut at = at.clone();
    for segment in error.path() {
        at = match segment {
            Segment::Seq { index } => at.index(*index),
            Segment::Map { key } => at.key(key),
            Segment::Enum { variant } => at.key(variant),
            Segment::Unknown => break,
        };
    }
    Finding::new(&codes::UNREADABLE_VALUE, Place::Value(at), error.inner().to_string())
}
