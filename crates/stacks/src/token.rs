//! Names and tokens made from content: the same wish in the same state always gives the same, so that a call that is made
//! again, by this run or by the next one, is known to be the same call.

use crate::account::Stack;
use model::Digest;
use model::cfn::StackTemplate;

/// The beginning of all that is ours.
pub(crate) const PREFIX: &str = "landfall-";

/// A token of one call in one state. AWS takes at most 128 characters of `[A-Za-z0-9-]`.
pub(crate) fn token(operation: &str, parts: &[&str]) -> String {
    let digest = Digest::of(&(operation, parts));
    format!("{PREFIX}{operation}-{}", digest.as_str().get(..32).unwrap_or_default())
}

/// What marks the state of a stack: it changes whenever the stack is changed.
pub(crate) fn state(stack: Option<&Stack>) -> String {
    stack.map_or_else(String::new, |stack| {
        format!("{} {} {}", stack.id, stack.status, stack.updated_at.as_deref().unwrap_or(&stack.created_at))
    })
}

/// The name of the change set that brings a stack to its template. For a stack that does not exist yet, or only awaits its
/// first change set, nothing but the content counts.
pub(crate) fn change_set_name(
    template: &StackTemplate,
    parameters: &indexmap::IndexMap<String, String>,
    stack: Option<&Stack>,
) -> String {
    let is_new = stack.is_none_or(|stack| stack.status == crate::account::StackStatus::ReviewInProgress);
    let state = if is_new { String::new() } else { state(stack) };
    let digest = Digest::of(&(template.digest.as_str(), parameters, &template.tags, state));
    format!("{PREFIX}{}", digest.as_str().get(..32).unwrap_or_default())
}
