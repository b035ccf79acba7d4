//! What is known of resource types, as the command hands it to the stacks.

use analysis::resource_types;
use stacks::TypeFacts;
use stacks::account::Replacement;

/// Resource types as the command knows them.
#[derive(Debug, Clone, Copy)]
pub struct Facts;

impl TypeFacts for Facts {
    fn is_stateful(&self, kind: &str) -> bool {
        resource_types::is_stateful(kind)
    }
    fn replaces(&self, kind: &str, property: &str) -> Replacement {
        match resource_types::replaces(kind, property) {
            resource_types::Replaces::Never => Replacement::False,
            resource_types::Replaces::Sometimes => Replacement::Conditional,
            resource_types::Replaces::Always => Replacement::True,
        }
    }
    fn seconds(&self, _: &str) -> u32 {
        10
    }
    fn permissions(&self, kinds: &[&str]) -> Vec<String> {
        resource_types::permissions(kinds.iter().copied()).into_iter().map(str::to_owned).collect()
    }
}
