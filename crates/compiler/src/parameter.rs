//! Parameters: what may be given to a deployment, what was given, which source won.

mod condition;
mod declaration;
mod source;
mod types;
mod value;

pub(crate) use declaration::{Declarations, declarations};
pub(crate) use source::candidates;
pub use source::{ValueSource, ValuesFile};
pub use types::ParameterType;
pub(crate) use types::is_secret_reference;
pub(crate) use value::resolve;

use model::Place;
use serde::Serialize;
use serde_json::Value;

/// The value that a parameter has, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterValue {
    /// Its declared type.
    pub r#type: ParameterType,
    /// The value in its canonical form; of a secret the reference to where it is.
    pub value: Value,
    /// Which source won.
    pub source: ValueSource,
    /// Where the value was said.
    pub place: Place,
}

/// Which source won for a parameter, and what it overrode. Secrets are redacted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ValueExplanation {
    /// The parameter.
    pub parameter: String,
    /// Its type as it is written.
    pub r#type: String,
    /// What it is for.
    pub about: Option<String>,
    /// The value; `None` when it has none, or none that can be used.
    pub value: Option<Value>,
    /// Which source won; `None` when none gave a value.
    pub source: Option<ValueSource>,
    /// The other sources that gave a value, strongest first.
    pub overridden: Vec<Overridden>,
}

/// A value that did not win.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Overridden {
    /// Who gave it.
    pub source: ValueSource,
    /// As it was given.
    pub value: Value,
}

/// What is shown of a value: secrets only as the place where they are.
fn redacted(r#type: &ParameterType, value: Value) -> Value {
    match (r#type, &value) {
        (ParameterType::Secret, Value::String(text)) if is_secret_reference(text) => value,
        (ParameterType::Secret, _) => Value::String("[redacted]".to_owned()),
        _ => value,
    }
}
