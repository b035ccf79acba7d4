//! What is known of resource types, as the command knows it.

use stacks::TypeFacts;
use stacks::account::Replacement;

/// What this project's tables know of resource types.
#[derive(Debug, Clone, Copy)]
pub struct Types;

impl TypeFacts for Types {
    fn is_stateful(&self, kind: &str) -> bool {
        analysis::resource_types::is_stateful(kind)
    }
    fn replaces(&self, kind: &str, property: &str) -> Replacement {
        match analysis::resource_types::replaces(kind, property) {
            analysis::resource_types::Replaces::Never => Replacement::False,
            analysis::resource_types::Replaces::Sometimes => Replacement::Conditional,
            analysis::resource_types::Replaces::Always => Replacement::True,
        }
    }
    fn seconds(&self, _: &str) -> u32 {
        60
    }
    fn permissions(&self, kinds: &[&str]) -> Vec<String> {
        analysis::resource_types::permissions(kinds.iter().copied()).into_iter().map(str::to_owned).collect()
    }
}
