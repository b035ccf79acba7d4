//! The closed list of component kinds.

use crate::bastion::Bastion;
use crate::component::{Erased, ErasedComponent};
use crate::database::Database;
use crate::edge::Edge;
use crate::network::Network;
use crate::secret::SecretComponent;
use crate::service::Service;
use crate::tunnel::Tunnel;
use crate::{probes, together};
use model::FindingCode;
use std::marker::PhantomData;

/// All kinds, sorted by name.
pub const KINDS: &[&dyn ErasedComponent] = &[
    &Erased::<Bastion>(PhantomData),
    &Erased::<Database>(PhantomData),
    &Erased::<Edge>(PhantomData),
    &Erased::<Network>(PhantomData),
    &Erased::<SecretComponent>(PhantomData),
    &Erased::<Service>(PhantomData),
    &Erased::<Tunnel>(PhantomData),
];

/// The kind of that name.
#[must_use]
pub fn find(kind: &str) -> Option<&'static dyn ErasedComponent> {
    KINDS.iter().copied().find(|known| known.kind() == kind)
}

/// The codes of all findings that this crate reports, sorted.
#[must_use]
pub fn codes() -> Vec<&'static FindingCode> {
    let mut codes: Vec<_> = KINDS.iter().flat_map(|kind| kind.codes()).copied().collect();
    codes.extend(probes::CODES);
    codes.extend(together::CODES);
    codes.extend(crate::aws_context::CODES);
    codes.sort_unstable_by_key(|code| code.code);
    codes
}
