//! How an operation of a stack ends: whole, rolled back, or stuck.

use super::{Doing, Operation, State, deletions};
use crate::account::machine::Machine;
use crate::account::stack::{Record, Stable};
use crate::account::{evaluate, scope};
use indexmap::IndexMap;
use stacks::account::StackStatus;
use std::collections::BTreeSet;

impl Machine {
    /// All tasks are done, or no more can be.
    pub(super) fn finish(&mut self, at: usize) {
        let Some(operation) = self.stacks[at].operation.take() else { return };
        let is_whole = !operation.cancelled && operation.tasks.values().all(|task| task.state == State::Done);
        let named = operation.failed.iter().cloned().collect::<Vec<_>>().join(", ");
        let failed_to = |word: &str| format!("The following resource(s) failed to {word}: [{named}]. ");
        self.stacks[at].failed = operation.failed.clone();
        // Events of this operation carry its token, also the last one.
        let token = operation.token.clone();
        let last = |doing| Operation {
            doing,
            token: token.clone(),
            keep_failed: false,
            wanted: None,
            tasks: IndexMap::new(),
            failed: BTreeSet::new(),
            retain: BTreeSet::new(),
            cancelled: false,
        };
        self.stacks[at].operation = Some(last(operation.doing));
        let end = |machine: &mut Self, status, reason| {
            machine.turn(at, status, reason);
            machine.stacks[at].operation = None;
        };
        match operation.doing {
            Doing::Create if is_whole => match self.told_outputs(at) {
                Ok(()) => {
                    self.settle(at);
                    end(self, StackStatus::CreateComplete, None);
                }
                Err(reason) => self.begin_deletion(at, Doing::RollbackCreate, token.clone(), &[], Some(reason)),
            },
            Doing::Create if operation.keep_failed => {
                end(self, StackStatus::CreateFailed, Some(failed_to("create")));
            }
            Doing::Create => {
                let reason = format!("{}Rollback requested by user.", failed_to("create"));
                self.begin_deletion(at, Doing::RollbackCreate, token.clone(), &[], Some(reason));
            }
            Doing::RollbackCreate => {
                if is_whole {
                    end(self, StackStatus::RollbackComplete, None);
                } else {
                    end(self, StackStatus::RollbackFailed, Some(failed_to("delete")));
                }
            }
            Doing::Update if is_whole => match self.told_outputs(at) {
                Ok(()) => {
                    let dropped: Vec<String> = {
                        let stack = &self.stacks[at];
                        stack.records.keys().filter(|id| !operation.tasks.contains_key(*id)).cloned().collect()
                    };
                    for id in dropped {
                        if let Some(record) = self.stacks[at].records.shift_remove(&id) {
                            self.stacks[at].leftovers.push((id, record));
                        }
                    }
                    self.turn(at, StackStatus::UpdateCompleteCleanupInProgress, None);
                    self.begin_cleanup(at, Doing::UpdateCleanup, token.clone());
                }
                Err(reason) => self.begin_restoration(at, token.clone(), &[], Some(reason)),
            },
            Doing::Update if operation.keep_failed && !operation.cancelled => {
                end(self, StackStatus::UpdateFailed, Some(failed_to("update")));
            }
            Doing::Update => {
                let reason = if operation.cancelled { "User Initiated".to_owned() } else { failed_to("update") };
                self.begin_restoration(at, token.clone(), &[], Some(reason));
            }
            Doing::UpdateCleanup | Doing::RollbackCleanup => {
                // What could not be deleted is forgotten: CloudFormation tries no longer.
                let reason =
                    (!is_whole).then(|| "Update successful. One or more resources could not be deleted.".to_owned());
                self.settle(at);
                let status = if operation.doing == Doing::UpdateCleanup {
                    StackStatus::UpdateComplete
                } else {
                    StackStatus::UpdateRollbackComplete
                };
                end(self, status, reason);
            }
            Doing::RollbackUpdate if is_whole => {
                if let Some(stable) = self.stacks[at].stable.clone() {
                    self.stacks[at].wanted = Some(stable.wanted);
                    self.stacks[at].outputs = stable.outputs;
                }
                self.turn(at, StackStatus::UpdateRollbackCompleteCleanupInProgress, None);
                self.begin_cleanup(at, Doing::RollbackCleanup, token.clone());
            }
            Doing::RollbackUpdate => {
                end(self, StackStatus::UpdateRollbackFailed, Some(failed_to("update")));
            }
            Doing::Delete if is_whole => {
                self.stacks[at].stable = None;
                self.stacks[at].is_protected = false;
                self.stacks[at].change_sets.clear();
                end(self, StackStatus::DeleteComplete, None);
            }
            Doing::Delete => end(self, StackStatus::DeleteFailed, Some(failed_to("delete"))),
        }
    }

    fn begin_cleanup(&mut self, at: usize, doing: Doing, token: Option<String>) {
        let stack = &mut self.stacks[at];
        let current: BTreeSet<u64> = stack.records.values().filter_map(|record| record.thing).collect();
        let leftovers: Vec<(String, Record)> = std::mem::take(&mut stack.leftovers)
            .into_iter()
            .filter(|(_, record)| record.thing.is_some_and(|thing| !current.contains(&thing)))
            .collect();
        stack.operation = Some(Operation {
            doing,
            token,
            keep_failed: false,
            wanted: None,
            tasks: deletions(leftovers),
            failed: BTreeSet::new(),
            retain: BTreeSet::new(),
            cancelled: false,
        });
    }

    /// The state that is there now is whole.
    fn settle(&mut self, at: usize) {
        let stack = &mut self.stacks[at];
        if let Some(wanted) = stack.wanted.clone() {
            stack.stable = Some(Stable { wanted, records: stack.records.clone(), outputs: stack.outputs.clone() });
        }
    }

    fn told_outputs(&mut self, at: usize) -> Result<(), String> {
        let Some(wanted) = self.stacks[at].wanted.clone() else { return Ok(()) };
        let scope = scope::Scope::new(self, &self.stacks[at], &wanted, false);
        let mut outputs = IndexMap::new();
        for (name, value) in &wanted.template.outputs {
            outputs.insert(name.clone(), evaluate::as_text(&evaluate::evaluate(value, &scope)?));
        }
        self.stacks[at].outputs = outputs;
        Ok(())
    }
}
