//! Making a plan: change sets for all stacks at once, then what the changes of one stack mean for the next.

use super::changes::Known;
use super::{
    ACCOUNT_PLAN_VERSION, AccountPlan, ComponentPlan, Meaning, PlanOptions, PlanRefusal, PlannedChange, ResourceAction,
    StackAction, StackPlan, planned,
};
use crate::account::{ChangeSet, Replacement, Stack, StackStatus};
use crate::situation::{ChangeSetSituation, Ownership, ownership};
use crate::world::{Parameters, is_as_wanted, is_good};
use crate::{Account, Session, World, change_set, token};
use futures_util::future::try_join_all;
use indexmap::IndexMap;
use model::cfn::{self, Layer, ParameterSource, ResourceGraph, StackTemplate};
use model::{ComponentName, Fault, FaultKind, Findings};

/// What became of a stack's question for changes.
enum Asked {
    /// It is as wanted.
    AsWanted,
    /// It is not known: there is no stack, or it is in no state in which one can ask.
    Unknown,
    /// What would change.
    Changes(ChangeSet),
}

impl<A: Account> Session<'_, A> {
    /// What would be done. Makes change sets, which change nothing; [`Session::discard`] removes them again.
    ///
    /// # Errors
    /// When the account does not answer or CloudFormation does not take a template.
    pub async fn plan(&self, world: &World, account: &str, options: &PlanOptions) -> Result<AccountPlan, Fault> {
        let asked: IndexMap<Layer, Asked> =
            try_join_all(self.deployment.templates.stacks.iter().map(async |wanted| self.ask(world, wanted).await))
                .await?
                .into_iter()
                .collect();
        let mut plan = AccountPlan {
            version: ACCOUNT_PLAN_VERSION,
            deployment: self.deployment.name.clone(),
            account: account.to_owned(),
            region: self.account.region().to_owned(),
            manifest: self.deployment.digest.clone(),
            stacks: Vec::new(),
            components: Vec::new(),
            refusals: Vec::new(),
            allow_replace: options.allow_replace.clone(),
        };
        for layer in Layer::ALL {
            let seen = world.stacks.get(&layer);
            if let Some(seen) = seen
                && let Some(refusal) = self.name_taken(&seen.stack).await?
            {
                plan.refusals.push(refusal);
                continue;
            }
            let stack = match self.deployment.wanted(layer) {
                Some(wanted) => self.wanted_stack(world, wanted, asked.get(&layer), &plan),
                None => match seen {
                    Some(seen) => self.unwanted_stack(layer, &seen.stack).await?,
                    None => continue,
                },
            };
            plan.stacks.push(stack);
        }
        plan.components = components(&plan);
        let changes: Vec<PlannedChange> = plan.changes().cloned().collect();
        plan.refusals.extend(self.forbidden(&changes, &options.allow_replace));
        Ok(plan)
    }

    /// Removes the change sets of a plan that nobody keeps.
    ///
    /// # Errors
    /// When the account does not answer.
    pub async fn discard(&self, plan: &AccountPlan) -> Result<(), Fault> {
        try_join_all(plan.stacks.iter().filter_map(|stack| Some((stack, stack.change_set.as_ref()?))).map(
            async |(stack, change_set)| {
                self.account
                    .delete_change_set(&stack.stack, change_set)
                    .await
                    .map_err(|error| error.fault(format!("removing the change set of {}", stack.stack)))
            },
        ))
        .await
        .map(drop)
    }

    async fn ask(&self, world: &World, wanted: &StackTemplate) -> Result<(Layer, Asked), Fault> {
        let Some(seen) = world.stacks.get(&wanted.layer) else { return Ok((wanted.layer, Asked::Unknown)) };
        let mut parameters = world.parameters(self.deployment, wanted);
        let stack = &seen.stack;
        if ownership(self.deployment, stack, &[]) != Ownership::Ours || !is_good(stack.status) {
            return Ok((wanted.layer, Asked::Unknown));
        }
        if is_as_wanted(self.deployment, stack, seen.template.as_deref(), wanted, &parameters) {
            return Ok((wanted.layer, Asked::AsWanted));
        }
        // What is not known yet is asked for with the value that it has; the plan names it.
        for (name, _) in std::mem::take(&mut parameters.unknown) {
            match stack.parameters.get(&name) {
                Some(value) => drop(parameters.given.insert(name, value.clone())),
                None => return Ok((wanted.layer, Asked::Unknown)),
            }
        }
        let change_set = self.computed_change_set(wanted, &parameters.given, stack).await?;
        match ChangeSetSituation::of(Some(&change_set), true) {
            ChangeSetSituation::Empty => {
                let removed = self.account.delete_change_set(&stack.name, &change_set.name).await;
                removed.map_err(|error| error.fault(format!("asking what would change in {}", stack.name)))?;
                Ok((wanted.layer, Asked::AsWanted))
            }
            ChangeSetSituation::Ready => Ok((wanted.layer, Asked::Changes(change_set))),
            _ => Err(change_set::refused(&stack.name, &change_set)),
        }
    }

    async fn name_taken(&self, stack: &Stack) -> Result<Option<PlanRefusal>, Fault> {
        let change_sets = match stack.status {
            StackStatus::ReviewInProgress => self
                .account
                .change_sets(&stack.name)
                .await
                .map_err(|error| error.fault(format!("looking at {}", stack.name)))?,
            _ => Vec::new(),
        };
        Ok(match ownership(self.deployment, stack, &change_sets) {
            Ownership::Ours | Ownership::Unclaimed => None,
            Ownership::Foreign(why) => Some(PlanRefusal {
                component: None,
                origin: None,
                cause: format!("the name {} is taken: {why}", stack.name),
                help: format!(
                    "choose another name for the deployment or the environment, or remove that stack ({})",
                    stack.id
                ),
            }),
        })
    }

    fn wanted_stack(
        &self,
        world: &World,
        wanted: &StackTemplate,
        asked: Option<&Asked>,
        before: &AccountPlan,
    ) -> StackPlan {
        let seen = world.stacks.get(&wanted.layer);
        let there = seen.and_then(|seen| seen.template.as_deref()).and_then(|text| read(&wanted.name, text));
        let known = Known { deployment: self.deployment, there: there.as_ref(), types: self.types };
        let mut unknown = self.unknown_parameters(wanted, before);
        let (mut action, mut changes, mut tags_only, mut change_set) = (StackAction::Keep, Vec::new(), 0, None);
        match asked {
            Some(Asked::Changes(made)) => {
                action = StackAction::Update;
                (changes, tags_only) = planned(&made.changes, &known);
                change_set = Some(made.id.clone());
            }
            Some(Asked::Unknown) | None => {
                let status = seen.map(|seen| seen.stack.status);
                // Nothing is in it, or nothing of it stays: it is made anew.
                let is_empty = status.is_none_or(|status| {
                    matches!(
                        status,
                        StackStatus::ReviewInProgress
                            | StackStatus::CreateFailed
                            | StackStatus::RollbackInProgress
                            | StackStatus::RollbackFailed
                            | StackStatus::RollbackComplete
                            | StackStatus::DeleteInProgress
                            | StackStatus::DeleteFailed
                            | StackStatus::DeleteComplete
                    )
                });
                if is_empty {
                    changes = self.all_created(wanted.layer, &known);
                } else if let Some(status) = status.filter(|status| !is_good(*status)) {
                    unknown.push((wanted.name.clone(), format!("it is {status}; what changes is known when it rests")));
                }
                action = match status {
                    None => StackAction::Create,
                    Some(status) if is_good(status) => StackAction::Update,
                    Some(_) => StackAction::Recover,
                };
            }
            Some(Asked::AsWanted) => {}
        }
        let handed_on = self.handed_on(wanted.layer, before, &known);
        if !handed_on.is_empty() && action == StackAction::Keep {
            action = StackAction::Update;
        }
        for change in handed_on {
            match changes.iter_mut().find(|other| other.logical_id == change.logical_id) {
                Some(other) if other.action < change.action && other.action != ResourceAction::Create => {
                    *other = change;
                }
                Some(_) => {}
                None => changes.push(change),
            }
        }
        StackPlan {
            layer: wanted.layer,
            stack: wanted.name.clone(),
            action,
            template: Some(wanted.digest.clone()),
            state: token::state(seen.map(|seen| &seen.stack)),
            change_set,
            changes,
            tags_only,
            unknown_parameters: unknown,
        }
    }

    /// All resources of a layer, made.
    fn all_created(&self, layer: Layer, known: &Known<'_>) -> Vec<PlannedChange> {
        let of_layer = self.deployment.graph.resources.iter().filter(|(_, resource)| resource.layer == Some(layer));
        of_layer.map(|(id, resource)| known.resource(id, &resource.kind, ResourceAction::Create)).collect()
    }

    /// Parameters whose value an earlier stack tells only when it is done.
    fn unknown_parameters(&self, wanted: &StackTemplate, before: &AccountPlan) -> Vec<(String, String)> {
        let mut unknown = Vec::new();
        for (name, source) in &wanted.parameters {
            let ParameterSource::Output { layer, name: output } = source else { continue };
            let Some(earlier) = before.stack(*layer) else { continue };
            let resource = self.resource_of_output(*layer, output);
            let change = earlier.changes.iter().find(|change| Some(change.logical_id.as_str()) == resource);
            if change.is_some_and(|change| change.action != ResourceAction::Update) {
                unknown.push((name.clone(), format!("{} tells it when it is done", earlier.stack)));
            }
        }
        unknown
    }

    /// The resource that an output tells of: the name of an output is the resource's, with the attribute's behind it.
    fn resource_of_output(&self, layer: Layer, output: &str) -> Option<&str> {
        let resources = self.deployment.graph.resources.iter();
        resources
            .filter(|(id, resource)| resource.layer == Some(layer) && output.starts_with(id.as_str()))
            .map(|(id, _)| id.as_str())
            .max_by_key(|id| id.len())
    }

    /// What becomes of this layer's resources because those of earlier ones are replaced.
    fn handed_on(&self, layer: Layer, before: &AccountPlan, known: &Known<'_>) -> Vec<PlannedChange> {
        let replaced: Vec<&str> = before
            .changes()
            .filter(|change| matches!(change.action, ResourceAction::Replace | ResourceAction::MayReplace))
            .map(|change| change.logical_id.as_str())
            .collect();
        if replaced.is_empty() {
            return Vec::new();
        }
        let mut found = Vec::new();
        let of_layer = self.deployment.graph.resources.iter().filter(|(_, resource)| resource.layer == Some(layer));
        for (id, resource) in of_layer {
            let model::cfn::Kind::Map(properties) = &resource.properties.kind else { continue };
            let touched = properties.iter().filter_map(|(property, value)| {
                let source = value.mentions().into_iter().find(|name| replaced.contains(name))?;
                Some((property, source))
            });
            let touched: Vec<_> = touched.collect();
            let Some(worst) = touched
                .iter()
                .map(|(property, _)| match self.types.replaces(&resource.kind, property) {
                    Replacement::True => ResourceAction::Replace,
                    Replacement::Conditional => ResourceAction::MayReplace,
                    Replacement::False => ResourceAction::Update,
                })
                .max()
            else {
                continue;
            };
            let mut change = known.resource(id, &resource.kind, worst);
            change.because = touched.iter().map(|(property, source)| format!("{property} (by {source})")).collect();
            found.push(change);
        }
        found
    }

    async fn unwanted_stack(&self, layer: Layer, stack: &Stack) -> Result<StackPlan, Fault> {
        let doing = || format!("looking at {}", stack.name);
        let text = self.account.template(&stack.id).await.map_err(|error| error.fault(doing()))?;
        let there = text.and_then(|text| read(&stack.name, &text));
        let known = Known { deployment: self.deployment, there: there.as_ref(), types: self.types };
        let resources = there.iter().flat_map(|graph| &graph.resources);
        Ok(StackPlan {
            layer,
            stack: stack.name.clone(),
            action: StackAction::Delete,
            template: None,
            state: token::state(Some(stack)),
            change_set: None,
            changes: resources.map(|(id, one)| known.resource(id, &one.kind, ResourceAction::Delete)).collect(),
            tags_only: 0,
            unknown_parameters: Vec::new(),
        })
    }

    /// The change set that would bring a stack to its template, made when there is none.
    async fn computed_change_set(
        &self,
        wanted: &StackTemplate,
        parameters: &IndexMap<String, String>,
        stack: &Stack,
    ) -> Result<ChangeSet, Fault> {
        let name = token::change_set_name(wanted, parameters, Some(stack));
        let mut is_ours = false;
        loop {
            let there = change_set::look(self.account, &stack.name, &name).await?;
            match ChangeSetSituation::of(there.as_ref(), is_ours) {
                ChangeSetSituation::InTheMaking => change_set::pause().await,
                ChangeSetSituation::Absent => {
                    is_ours = true;
                    change_set::create(self.account, wanted, parameters, &name, Some(stack)).await?;
                }
                ChangeSetSituation::Failed { made_now: false } => {
                    let removed = self.account.delete_change_set(&stack.name, &name).await;
                    removed.map_err(|error| error.fault(format!("asking what would change in {}", stack.name)))?;
                }
                _ => {
                    return there.ok_or_else(|| {
                        Fault::new(FaultKind::Bug, format!("asking what would change in {}", stack.name), "no answer")
                    });
                }
            }
            self.check_interrupt(&stack.name)?;
        }
    }
}

/// Reads a deployed template.
pub(crate) fn read(name: &str, text: &str) -> Option<ResourceGraph> {
    cfn::read(name, text, &mut Findings::default()).map(|template| template.graph)
}

fn components(plan: &AccountPlan) -> Vec<ComponentPlan> {
    let mut all: IndexMap<Option<ComponentName>, ComponentPlan> = IndexMap::new();
    for change in plan.changes() {
        let entry = all.entry(change.component.clone()).or_insert_with(|| ComponentPlan {
            component: change.component.clone(),
            create: 0,
            update: 0,
            replace: 0,
            delete: 0,
            meaning: Meaning::none(),
        });
        match change.action {
            ResourceAction::Create => entry.create += 1,
            ResourceAction::Update => entry.update += 1,
            ResourceAction::MayReplace | ResourceAction::Replace => entry.replace += 1,
            ResourceAction::Delete => entry.delete += 1,
        }
        let meaning = std::mem::replace(&mut entry.meaning, Meaning::none());
        entry.meaning = meaning.and(&change.meaning);
    }
    all.into_values().collect()
}

/// Whether all parameters of a stack are known.
pub(crate) fn all_known(stack: &str, parameters: &Parameters) -> Result<(), Fault> {
    match parameters.unknown.first() {
        None => Ok(()),
        Some((name, why)) => Err(Fault::new(
            FaultKind::NeedsPerson,
            format!("preparing the stack {stack}"),
            format!("nobody knows a value for its parameter {name}: {why}"),
        )),
    }
}
