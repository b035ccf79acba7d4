//! What cannot be made again is not replaced or removed unless it is named.

use super::{Data, PlanRefusal, PlannedChange, ResourceAction};
use crate::{Account, Session};
use model::ComponentName;
use std::collections::BTreeSet;

impl<A: Account> Session<'_, A> {
    /// What may not be replaced or removed without being named.
    pub(crate) fn forbidden(&self, changes: &[PlannedChange], allowed: &BTreeSet<ComponentName>) -> Vec<PlanRefusal> {
        let goes = |change: &&PlannedChange| {
            matches!(change.action, ResourceAction::Replace | ResourceAction::MayReplace | ResourceAction::Delete)
                && change.meaning.data != Data::Safe
                && !change.component.as_ref().is_some_and(|component| allowed.contains(component))
        };
        changes
            .iter()
            .filter(goes)
            .map(|change| {
                let what = match change.action {
                    ResourceAction::Delete => "would be removed",
                    ResourceAction::MayReplace => "might be replaced by an empty one",
                    _ => "would be replaced by an empty one",
                };
                let because = match change.because.as_slice() {
                    [] => String::new(),
                    because => format!(", because of {}", because.join(", ")),
                };
                let fate = match change.meaning.data {
                    Data::Lost => "what it holds would be lost",
                    _ => "the old one would stay in the account, and nothing would use it",
                };
                let name = change.component.as_ref().map_or("COMPONENT", ComponentName::as_str);
                PlanRefusal {
                    component: change.component.clone(),
                    origin: change.origin.clone(),
                    cause: format!("{} ({}) {what}{because}; {fate}", change.logical_id, change.resource_type),
                    help: format!("if that is meant, name it: `--allow-replace {name}`"),
                }
            })
            .collect()
    }
}
