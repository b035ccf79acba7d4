//! The calls, by what they are about.

pub(crate) mod buckets;
pub(crate) mod change_sets;
pub(crate) mod databases;
pub(crate) mod drift;
pub(crate) mod events;
pub(crate) mod hosts;
pub(crate) mod keys;
pub(crate) mod logs;
pub(crate) mod names;
pub(crate) mod permissions;
pub(crate) mod protection;
pub(crate) mod quotas;
pub(crate) mod register;
pub(crate) mod secrets;
pub(crate) mod sessions;
pub(crate) mod stacks;
pub(crate) mod tags;
pub(crate) mod vpc;

use ::stacks::account::{CallError, CallErrorKind, Called};
use serde_json::Value;

/// `None` where the error says that there is no such thing.
fn absent<T>(called: Called<T>, is_absence: impl Fn(&CallError) -> bool) -> Called<Option<T>> {
    match called {
        Ok(value) => Ok(Some(value)),
        Err(error) if is_absence(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the service's code is one of these.
fn code_is(codes: &'static [&'static str]) -> impl Fn(&CallError) -> bool {
    move |error| codes.contains(&error.code.as_str())
}

/// CloudFormation says `ValidationError` for most things; only its words tell that there is no such stack.
fn no_stack(error: &CallError) -> bool {
    error.code == "ValidationError" && error.message.contains("does not exist")
        || error.code == "StackNotFoundException"
}

/// An answer in a word that is not known here.
fn unknown_word(operation: &str, what: &str, word: &str) -> CallError {
    CallError {
        operation: operation.to_owned(),
        kind: CallErrorKind::Refused,
        code: String::new(),
        message: format!("{what} is `{word}`, which this version does not know"),
    }
}

/// A text of a JSON answer.
fn text(value: &Value, name: &str) -> String {
    maybe_text(value, name).unwrap_or_default()
}

fn maybe_text(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(Value::as_str).map(str::to_owned)
}

/// The entries of a list of a JSON answer.
fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
