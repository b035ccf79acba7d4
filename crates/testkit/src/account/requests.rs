//! What CloudFormation answers. Words of refusals are AWS's own where they are documented or often quoted.

use super::machine::Machine;
use super::operation::Doing;
use super::stack::{Proposed, StackRecord, Wanted, read};
use indexmap::IndexMap;
use stacks::account::{
    CallError, CallErrorKind, Called, ChangeSet, ChangeSetKind, ChangeSetRequest, ChangeSetStatus, StackStatus,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// CloudFormation's words for a change set that changes nothing.
pub(super) const NOTHING: &str =
    "The submitted information didn't contain changes. Submit different information to create a change set.";

/// A refusal.
pub(super) fn refusal(operation: &str, kind: CallErrorKind, code: &str, message: impl Into<String>) -> CallError {
    CallError { operation: operation.to_owned(), kind, code: code.to_owned(), message: message.into() }
}

pub(super) fn invalid(operation: &str, message: impl Into<String>) -> CallError {
    refusal(operation, CallErrorKind::Refused, "ValidationError", message)
}

pub(super) fn wrong_state(operation: &str, message: impl Into<String>) -> CallError {
    refusal(operation, CallErrorKind::WrongState, "ValidationError", message)
}

/// States from which a stack can be changed.
fn is_changeable(status: StackStatus) -> bool {
    use StackStatus as S;
    matches!(
        status,
        S::CreateComplete
            | S::CreateFailed
            | S::UpdateComplete
            | S::UpdateFailed
            | S::UpdateRollbackComplete
            | S::ImportComplete
            | S::ImportRollbackComplete
    )
}

impl Machine {
    /// A stack by its name while it is there, or by its id.
    pub(super) fn find(&self, name_or_id: &str) -> Option<usize> {
        self.stacks.iter().position(|stack| stack.id == name_or_id || (stack.name == name_or_id && !stack.is_deleted()))
    }

    pub(super) fn found(&self, operation: &str, name_or_id: &str) -> Called<usize> {
        self.find(name_or_id).ok_or_else(|| invalid(operation, format!("Stack [{name_or_id}] does not exist")))
    }

    /// A repetition with a known token was done already; a token for something else is refused.
    fn is_repeated(&mut self, operation: &str, at: usize, token: &str, what: String) -> Called<bool> {
        match self.stacks[at].tokens.get(token) {
            Some(known) if *known == what => Ok(true),
            Some(_) => Err(refusal(
                operation,
                CallErrorKind::Refused,
                "TokenAlreadyExistsException",
                "A client request token already exists.",
            )),
            None => {
                self.stacks[at].tokens.insert(token.to_owned(), what);
                Ok(false)
            }
        }
    }

    fn forget_token(&mut self, at: usize, token: &str) {
        self.stacks[at].tokens.remove(token);
    }

    pub(super) fn create_change_set(&mut self, request: &ChangeSetRequest) -> Called<String> {
        const OPERATION: &str = "cloudformation:CreateChangeSet";
        let template = read(&request.template).map_err(|error| invalid(OPERATION, error))?;
        let graph = &template.graph;
        let names = |names: Vec<&String>| names.into_iter().cloned().collect::<Vec<_>>().join(", ");
        let unknown: Vec<&String> =
            request.parameters.keys().filter(|it| !graph.parameters.contains_key(*it)).collect();
        if !unknown.is_empty() {
            return Err(invalid(OPERATION, format!("Parameters: [{}] do not exist in the template", names(unknown))));
        }
        let missing: Vec<&String> = graph
            .parameters
            .iter()
            .filter(|(name, parameter)| parameter.default.is_none() && !request.parameters.contains_key(*name))
            .map(|(name, _)| name)
            .collect();
        if !missing.is_empty() {
            return Err(invalid(OPERATION, format!("Parameters: [{}] must have values", names(missing))));
        }
        let needs_iam = graph.resources.values().any(|resource| resource.kind.starts_with("AWS::IAM::"));
        if needs_iam && !request.capabilities.iter().any(|it| it.starts_with("CAPABILITY_")) {
            return Err(refusal(
                OPERATION,
                CallErrorKind::Refused,
                "InsufficientCapabilitiesException",
                "Requires capabilities : [CAPABILITY_IAM]",
            ));
        }
        let at = match (request.kind, self.find(&request.stack)) {
            (ChangeSetKind::Update, None) => {
                return Err(invalid(OPERATION, format!("Stack [{}] does not exist", request.stack)));
            }
            (ChangeSetKind::Update, Some(at)) => {
                let stack = &self.stacks[at];
                let is_known = stack.change_sets.get(&request.name).is_some_and(|set| set.token == request.token);
                if !is_changeable(stack.status) && !is_known {
                    let words = format!("Stack:{} is in {} state and can not be updated.", stack.id, stack.status);
                    return Err(wrong_state(OPERATION, words));
                }
                at
            }
            (ChangeSetKind::Create, Some(at)) => {
                let stack = &self.stacks[at];
                let is_known = stack.change_sets.get(&request.name).is_some_and(|set| set.token == request.token);
                if stack.status != StackStatus::ReviewInProgress && !is_known {
                    let words = format!(
                        "Stack [{}] already exists and cannot be created again with the changeSet [{}].",
                        request.stack, request.name
                    );
                    return Err(refusal(OPERATION, CallErrorKind::Exists, "ValidationError", words));
                }
                at
            }
            (ChangeSetKind::Create, None) => self.add_stack(&request.stack),
        };
        if let Some(known) = self.stacks[at].change_sets.get(&request.name) {
            return if known.token == request.token {
                Ok(known.set.id.clone())
            } else {
                let words = format!("ChangeSet {} already exists", request.name);
                Err(refusal(OPERATION, CallErrorKind::Exists, "AlreadyExistsException", words))
            };
        }
        let mut parameters = IndexMap::new();
        for (name, parameter) in &graph.parameters {
            let given = request.parameters.get(name).or(parameter.default.as_ref()).cloned();
            parameters.insert(name.clone(), given.unwrap_or_default());
        }
        let mut resolved = BTreeMap::new();
        let mut problem = None;
        for (name, parameter) in &graph.parameters {
            if parameter.is_looked_up() {
                let key = &parameters[name];
                let own = self.entries.get(key).map(|entry| entry.value.clone());
                match own.or_else(|| self.public_entries.get(key).cloned()) {
                    Some(value) => _ = resolved.insert(name.clone(), value),
                    None => {
                        problem =
                            Some(format!("Unable to fetch parameters [{key}] from parameter store for this account."));
                    }
                }
            } else if !self.is_valid_parameter(&parameter.kind, &parameters[name]) {
                problem = Some(format!(
                    "Parameter validation failed: parameter value {} for parameter name {name} does not exist",
                    parameters[name]
                ));
            }
        }
        let wanted = Wanted {
            template: Arc::clone(&template),
            parameters,
            resolved,
            tags: request.tags.iter().cloned().collect(),
        };
        let (changes, has_other_changes) = match problem {
            Some(_) => (Vec::new(), false),
            None => match self.foresee(at, &wanted) {
                Ok(changes) => changes,
                Err(error) => {
                    problem = Some(error);
                    (Vec::new(), false)
                }
            },
        };
        if problem.is_none() && changes.is_empty() && !has_other_changes {
            problem = Some(NOTHING.to_owned());
        }
        let serial = self.next();
        let id = format!(
            "arn:aws:cloudformation:{}:{}:changeSet/{}/{serial:08x}-0000-4000-8000-{serial:012x}",
            self.region, self.account, request.name
        );
        let is_good = problem.is_none();
        let set = ChangeSet {
            id: id.clone(),
            name: request.name.clone(),
            stack_id: self.stacks[at].id.clone(),
            status: if is_good { ChangeSetStatus::CreateComplete } else { ChangeSetStatus::Failed },
            reason: problem,
            is_executable: is_good,
            changes,
        };
        let proposed = Proposed {
            set,
            wanted: is_good.then_some(wanted),
            token: request.token.clone(),
            execution: if is_good { "AVAILABLE" } else { "UNAVAILABLE" },
            ready_at: self.now + 4_000,
        };
        self.stacks[at].change_sets.insert(request.name.clone(), proposed);
        Ok(id)
    }

    /// A stack that nobody has filled yet.
    fn add_stack(&mut self, name: &str) -> usize {
        let serial = self.next();
        let id = format!(
            "arn:aws:cloudformation:{}:{}:stack/{name}/{serial:08x}-0000-4000-8000-{serial:012x}",
            self.region, self.account
        );
        self.stacks.push(StackRecord {
            id,
            name: name.to_owned(),
            status: StackStatus::ReviewInProgress,
            reason: None,
            wanted: None,
            outputs: IndexMap::new(),
            is_protected: false,
            created_at: self.now,
            updated_at: None,
            records: IndexMap::new(),
            events: Vec::new(),
            change_sets: IndexMap::new(),
            operation: None,
            stable: None,
            leftovers: Vec::new(),
            tokens: BTreeMap::new(),
            failed: BTreeSet::new(),
            drifts: Vec::new(),
        });
        let at = self.stacks.len() - 1;
        self.turn(at, StackStatus::ReviewInProgress, Some("User Initiated".to_owned()));
        at
    }

    /// Whether an id that a parameter's type promises is there.
    fn is_valid_parameter(&self, kind: &str, value: &str) -> bool {
        let exists = |of: &str| self.things.values().any(|thing| thing.kind == of && thing.physical_id == value);
        match kind {
            "AWS::EC2::VPC::Id" => exists("AWS::EC2::VPC"),
            "AWS::EC2::Subnet::Id" => exists("AWS::EC2::Subnet"),
            "AWS::EC2::SecurityGroup::Id" => exists("AWS::EC2::SecurityGroup"),
            "AWS::Route53::HostedZone::Id" => self.zones.iter().any(|zone| zone.hosted.id == value),
            _ => true,
        }
    }

    /// The id of the stack of a change set that is named by its id.
    pub(super) fn stack_of_change_set(&self, id: &str) -> Option<String> {
        let holds = |stack: &&StackRecord| stack.change_sets.values().any(|it| it.set.id == id);
        self.stacks.iter().find(holds).map(|stack| stack.id.clone())
    }

    /// The index of a change set's stack and its name.
    fn proposed(&self, stack: &str, name_or_id: &str) -> Option<(usize, String)> {
        let at = self.find(stack)?;
        let found =
            self.stacks[at].change_sets.values().find(|it| it.set.name == name_or_id || it.set.id == name_or_id);
        found.map(|it| (at, it.set.name.clone()))
    }

    pub(super) fn change_set(&self, stack: &str, name_or_id: &str) -> Option<ChangeSet> {
        let (at, name) = self.proposed(stack, name_or_id)?;
        let proposed = &self.stacks[at].change_sets[&name];
        if self.now < proposed.ready_at {
            return Some(ChangeSet {
                status: ChangeSetStatus::CreateInProgress,
                reason: None,
                is_executable: false,
                changes: Vec::new(),
                ..proposed.set.clone()
            });
        }
        Some(ChangeSet { is_executable: proposed.execution == "AVAILABLE", ..proposed.set.clone() })
    }

    /// A change set's execution status.
    pub(super) fn execution(&self, stack: &str, name_or_id: &str) -> &'static str {
        match self.proposed(stack, name_or_id) {
            Some((at, name)) if self.now >= self.stacks[at].change_sets[&name].ready_at => {
                self.stacks[at].change_sets[&name].execution
            }
            _ => "UNAVAILABLE",
        }
    }

    pub(super) fn execute_change_set(
        &mut self,
        stack: &str,
        name_or_id: &str,
        token: &str,
        keep_failed: bool,
    ) -> Called<()> {
        const OPERATION: &str = "cloudformation:ExecuteChangeSet";
        let Some((at, name)) = self.proposed(stack, name_or_id) else {
            let words = format!("ChangeSet [{name_or_id}] does not exist");
            return Err(refusal(OPERATION, CallErrorKind::Refused, "ChangeSetNotFound", words));
        };
        let id = self.stacks[at].change_sets[&name].set.id.clone();
        if self.is_repeated(OPERATION, at, token, format!("execute {id}"))? {
            return Ok(());
        }
        let stack = &self.stacks[at];
        let proposed = &stack.change_sets[&name];
        let refused = if self.now < proposed.ready_at || proposed.execution != "AVAILABLE" {
            let words = format!(
                "ChangeSet [{id}] cannot be executed in its current execution status of [{}]",
                self.execution(&stack.id, &id)
            );
            Some(refusal(OPERATION, CallErrorKind::WrongState, "InvalidChangeSetStatus", words))
        } else if !is_changeable(stack.status) && stack.status != StackStatus::ReviewInProgress {
            let words = format!("Stack:{} is in {} state and can not be updated.", stack.id, stack.status);
            Some(wrong_state(OPERATION, words))
        } else {
            None
        };
        if let Some(refused) = refused {
            self.forget_token(at, token);
            return Err(refused);
        }
        let wanted = proposed.wanted.clone();
        // The others no longer fit.
        self.stacks[at].change_sets.retain(|other, _| *other == name);
        self.stacks[at].change_sets[&name].execution = "EXECUTE_COMPLETE";
        if let Some(wanted) = wanted {
            self.begin(at, wanted, Some(token.to_owned()), keep_failed);
        }
        Ok(())
    }

    pub(super) fn delete_change_set(&mut self, stack: &str, name_or_id: &str) {
        if let Some((at, name)) = self.proposed(stack, name_or_id) {
            self.stacks[at].change_sets.shift_remove(&name);
        }
    }

    pub(super) fn rollback_stack(&mut self, stack: &str, token: &str) -> Called<()> {
        const OPERATION: &str = "cloudformation:RollbackStack";
        let at = self.found(OPERATION, stack)?;
        if self.is_repeated(OPERATION, at, token, "rollback".to_owned())? {
            return Ok(());
        }
        match self.stacks[at].status {
            StackStatus::CreateFailed | StackStatus::UpdateFailed => {
                self.begin_restoration(at, Some(token.to_owned()), &[], Some("User Initiated".to_owned()));
                Ok(())
            }
            status => {
                self.forget_token(at, token);
                let words = format!("Stack:{} is in {status} state and can not be rolled back.", self.stacks[at].id);
                Err(wrong_state(OPERATION, words))
            }
        }
    }

    pub(super) fn cancel_update(&mut self, stack: &str, token: &str) -> Called<()> {
        const OPERATION: &str = "cloudformation:CancelUpdateStack";
        let at = self.found(OPERATION, stack)?;
        if self.is_repeated(OPERATION, at, token, "cancel".to_owned())? {
            return Ok(());
        }
        if self.stacks[at].status != StackStatus::UpdateInProgress {
            self.forget_token(at, token);
            return Err(wrong_state(OPERATION, "CancelUpdateStack cannot be called from current stack status"));
        }
        self.cancel(at);
        Ok(())
    }

    pub(super) fn continue_rollback(&mut self, stack: &str, token: &str, skip: &[String]) -> Called<()> {
        const OPERATION: &str = "cloudformation:ContinueUpdateRollback";
        let at = self.found(OPERATION, stack)?;
        if self.is_repeated(OPERATION, at, token, format!("continue without {skip:?}"))? {
            return Ok(());
        }
        let stack = &self.stacks[at];
        let refused = if stack.status != StackStatus::UpdateRollbackFailed {
            Some(format!("Stack:{} is in {} state and can not be rolled back.", stack.id, stack.status))
        } else {
            skip.iter()
                .find(|id| stack.records.get(*id).is_none_or(|record| record.status != "UPDATE_FAILED"))
                .map(|id| format!("Resource {id} is not in UPDATE_FAILED state and cannot be skipped."))
        };
        if let Some(words) = refused {
            self.forget_token(at, token);
            return Err(wrong_state(OPERATION, words));
        }
        self.begin_restoration(at, Some(token.to_owned()), skip, Some("User Initiated".to_owned()));
        Ok(())
    }

    pub(super) fn delete_stack(&mut self, stack: &str, token: &str, retain: &[String]) -> Called<()> {
        const OPERATION: &str = "cloudformation:DeleteStack";
        let Some(at) = self.find(stack) else { return Ok(()) };
        if self.stacks[at].is_deleted() {
            return Ok(());
        }
        if self.is_repeated(OPERATION, at, token, format!("delete without {retain:?}"))? {
            return Ok(());
        }
        use StackStatus as S;
        let stack = &self.stacks[at];
        let refused = if stack.is_protected {
            Some(format!("Stack [{}] cannot be deleted while TerminationProtection is enabled", stack.name))
        } else if !retain.is_empty() && stack.status != S::DeleteFailed {
            Some(
                "Invalid operation on stack. Specify RetainResources only when the stack is in DELETE_FAILED state"
                    .to_owned(),
            )
        } else if let Some(id) = retain.iter().find(|id| !stack.failed.contains(*id)) {
            Some(format!("The specified resources to retain must be in a valid state. Do not specify [{id}]"))
        } else if matches!(
            stack.status,
            S::UpdateInProgress
                | S::UpdateCompleteCleanupInProgress
                | S::UpdateRollbackInProgress
                | S::UpdateRollbackCompleteCleanupInProgress
        ) {
            Some(format!("Stack [{}] cannot be deleted while in status {}", stack.id, stack.status))
        } else {
            None
        };
        if let Some(words) = refused {
            self.forget_token(at, token);
            return Err(wrong_state(OPERATION, words));
        }
        if self.stacks[at].status == S::DeleteInProgress {
            return Ok(());
        }
        self.interrupt(at);
        self.begin_deletion(at, Doing::Delete, Some(token.to_owned()), retain, Some("User Initiated".to_owned()));
        Ok(())
    }
}
