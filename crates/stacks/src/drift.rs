//! What differs in the account from what was deployed, and what nobody can compare.

use crate::account::{CallError, CallErrorKind, DriftDetection, DriftStatus, PropertyDifference, Stack};
use crate::deployment::MANIFEST_TAG;
use crate::world::is_same_template;
use crate::{Account, ContentReport, Session, World};
use futures_util::future::try_join_all;
use model::cfn::Layer;
use model::{ComponentName, Fault, FaultKind, ManifestPath};
use serde::Serialize;
use std::time::Duration;

/// Between two looks at a comparison.
const PAUSE: Duration = Duration::from_secs(2);
/// Looks after which a comparison is given up: half an hour.
const MOST_LOOKS: u32 = 900;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DriftReport {
    /// How many resources could be compared.
    pub checked: usize,
    /// How many there are.
    pub resources: usize,
    /// Those that are not as their template says.
    pub changed: Vec<DriftedResource>,
    /// Those that are gone.
    pub missing: Vec<DriftedResource>,
    /// Those that nobody can compare.
    pub not_checkable: Vec<DriftedResource>,
    /// Secrets whose content is not what is wanted, with the line of the manifest.
    pub secrets: Vec<(String, ManifestPath)>,
    /// Stacks whose template, parameters, tags or protection are not the wanted ones.
    pub stacks: Vec<StackDrift>,
    /// What is inside of databases.
    pub databases: Vec<DatabaseDrift>,
}

/// What is inside of a database server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DatabaseDrift {
    /// The component.
    pub component: String,
    /// What `up` would do, each as a line for people.
    pub changes: Vec<String>,
    /// What somebody else made there.
    pub strange: Vec<String>,
    /// Why nobody could look; then nothing is known.
    pub cannot_look: Option<String>,
}

/// A resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DriftedResource {
    /// Its stack.
    pub stack: String,
    /// Its name in the template.
    pub logical_id: String,
    /// Its id in AWS.
    pub physical_id: Option<String>,
    /// Its type.
    pub resource_type: String,
    /// The component that it belongs to.
    pub component: Option<ComponentName>,
    /// The line of the manifest.
    pub origin: Option<ManifestPath>,
    /// What differs: where, as the template says, as it is.
    pub differences: Vec<Difference>,
    /// Why it could not be compared.
    pub reason: Option<String>,
}

/// A property that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Where, as `/Tags/0/Value`.
    pub path: String,
    /// As the template says; empty for what it does not say.
    pub expected: String,
    /// As it is; empty for what is gone.
    pub actual: String,
}

/// A stack that is not as wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StackDrift {
    /// Which.
    pub stack: String,
    /// What is not, in words.
    pub what: Vec<String>,
    /// Whether the manifest is still the one from which it was made: then it was changed by hand.
    pub by_hand: bool,
}

impl DriftReport {
    /// Whether everything that could be compared is as it should be.
    #[must_use]
    pub fn is_in_sync(&self) -> bool {
        self.changed.is_empty()
            && self.missing.is_empty()
            && self.stacks.is_empty()
            && self.secrets.is_empty()
            && self.databases.iter().all(|one| one.changes.is_empty() && one.strange.is_empty())
    }
}

impl<A: Account> Session<'_, A> {
    /// Compares what is there with what was deployed, and the stacks with what is wanted.
    ///
    /// # Errors
    /// When the account does not answer, or a stack is being changed.
    pub async fn drift(&self, world: &World) -> Result<DriftReport, Fault> {
        let mut report = DriftReport::default();
        for layer in Layer::ALL {
            match (world.stacks.get(&layer), self.deployment.wanted(layer)) {
                (None, Some(wanted)) => report.stacks.push(StackDrift {
                    stack: wanted.name.clone(),
                    what: vec!["it is not there".to_owned()],
                    by_hand: false,
                }),
                (Some(seen), _) => {
                    report.stacks.extend(self.stack_drift(world, layer, &seen.stack, seen.template.as_deref()));
                }
                (None, None) => {}
            }
        }
        if self.secret_layers().into_iter().all(|layer| world.stack(layer).is_some()) {
            report.secrets = self.wrong_secrets(world).await?;
        }
        for (component, looked) in self.look_at_contents(world).await {
            let component = component.to_string();
            report.databases.push(match looked {
                Ok(ContentReport { changes, strange }) => {
                    DatabaseDrift { component, changes, strange, cannot_look: None }
                }
                Err(fault) => DatabaseDrift {
                    component,
                    changes: Vec::new(),
                    strange: Vec::new(),
                    cannot_look: Some(fault.to_string()),
                },
            });
        }
        let ours = world.stacks.values().filter(|seen| {
            crate::situation::ownership(self.deployment, &seen.stack, &[]) == crate::situation::Ownership::Ours
        });
        for part in try_join_all(ours.map(|seen| self.resources_of(&seen.stack))).await? {
            report.checked += part.checked;
            report.resources += part.resources;
            report.changed.extend(part.changed);
            report.missing.extend(part.missing);
            report.not_checkable.extend(part.not_checkable);
        }
        Ok(report)
    }

    fn stack_drift(&self, world: &World, layer: Layer, stack: &Stack, template: Option<&str>) -> Option<StackDrift> {
        let mut what = Vec::new();
        match self.deployment.wanted(layer) {
            None => what.push("the manifest wants no such stack".to_owned()),
            Some(wanted) => {
                match template {
                    Some(text) if !is_same_template(text, &wanted.text) => {
                        what.push("its template is another one".to_owned());
                    }
                    Some(_) => {}
                    None => what.push(format!("it is {}", stack.status)),
                }
                for (name, value) in &world.parameters(self.deployment, wanted).given {
                    match stack.parameters.get(name) {
                        Some(there) if there == value => {}
                        Some(there) => what.push(format!("its parameter {name} is {there}, not {value}")),
                        None => what.push(format!("its parameter {name} is missing")),
                    }
                }
                for (key, value) in wanted.tags.iter().filter(|(key, _)| key != MANIFEST_TAG) {
                    match stack.tags.get(key) {
                        Some(there) if there == value => {}
                        Some(there) => what.push(format!("its tag {key} is {there}, not {value}")),
                        None => what.push(format!("its tag {key} is missing")),
                    }
                }
                if !stack.is_protected {
                    what.push("it is not protected from deletion".to_owned());
                }
            }
        }
        let by_hand = stack.tags.get(MANIFEST_TAG).map(String::as_str) == Some(self.deployment.digest.short());
        (!what.is_empty()).then(|| StackDrift { stack: stack.name.clone(), what, by_hand })
    }

    async fn resources_of(&self, stack: &Stack) -> Result<DriftReport, Fault> {
        let doing = || format!("comparing {} with its template", stack.name);
        let fault = |error: CallError| error.fault(doing());
        let problem = self.compare(stack).await?;
        let all = self.account.resources(&stack.id).await.map_err(fault)?;
        let compared = self.account.drifts(&stack.id).await.map_err(fault)?;
        let mut report = DriftReport::default();
        for resource in all.iter().filter(|one| one.status != "DELETE_COMPLETE") {
            report.resources += 1;
            let drift = compared.iter().find(|drift| drift.logical_id == resource.logical_id);
            let mut found = DriftedResource {
                stack: stack.name.clone(),
                logical_id: resource.logical_id.clone(),
                physical_id: resource.physical_id.clone(),
                resource_type: resource.resource_type.clone(),
                component: self.deployment.component(&resource.logical_id).cloned(),
                origin: self.deployment.origin(&resource.logical_id).cloned(),
                differences: Vec::new(),
                reason: None,
            };
            match drift.map(|drift| (drift.status, &drift.differences)) {
                Some((DriftStatus::InSync, _)) => report.checked += 1,
                Some((DriftStatus::Modified, differences)) => {
                    report.checked += 1;
                    found.differences = differences.iter().map(Difference::of).collect();
                    report.changed.push(found);
                }
                Some((DriftStatus::Deleted, _)) => {
                    report.checked += 1;
                    report.missing.push(found);
                }
                Some((DriftStatus::NotChecked, _)) | None => {
                    found.reason =
                        Some(problem.clone().unwrap_or_else(|| "CloudFormation cannot compare this type".to_owned()));
                    report.not_checkable.push(found);
                }
            }
        }
        Ok(report)
    }

    /// Lets CloudFormation compare. Returns why it could not compare all, where it says so.
    async fn compare(&self, stack: &Stack) -> Result<Option<String>, Fault> {
        let doing = || format!("comparing {} with its template", stack.name);
        for _ in 0..MOST_LOOKS {
            let id = match self.account.detect_drift(&stack.id).await {
                Ok(id) => id,
                // Somebody compares already (or our own call was done and its answer lost): theirs first, then ours.
                Err(error) if error.kind == CallErrorKind::WrongState => {
                    self.check_interrupt(&stack.name)?;
                    if !crate::world::is_good(stack.status) {
                        return Ok(Some(format!("the stack is {}: {error}", stack.status)));
                    }
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
                Err(error) => return Err(error.fault(doing())),
            };
            for _ in 0..MOST_LOOKS {
                match self.account.drift_detection(&id).await.map_err(|error| error.fault(doing()))? {
                    DriftDetection::Complete => return Ok(None),
                    DriftDetection::Failed { reason } => return Ok(Some(reason)),
                    DriftDetection::InProgress => {}
                }
                self.check_interrupt(&stack.name)?;
                tokio::time::sleep(PAUSE).await;
            }
        }
        Err(Fault::new(FaultKind::Timeout, doing(), "CloudFormation has not finished within half an hour")
            .help("run `landfall drift` again later"))
    }
}

impl Difference {
    fn of(difference: &PropertyDifference) -> Self {
        Self { path: difference.path.clone(), expected: difference.expected.clone(), actual: difference.actual.clone() }
    }
}
