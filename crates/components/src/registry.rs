//! The closed list of component kinds.

use crate::component::ErasedComponent;

/// All kinds, sorted by name.
pub const KINDS: &[&dyn ErasedComponent] = &[];

/// The kind of that name.
#[must_use]
pub fn find(kind: &str) -> Option<&'static dyn ErasedComponent> {
    KINDS.iter().copied().find(|known| known.kind() == kind)
}
