//! Comparing what is there with what a stack made.

use super::catalogue;
use super::difference::differences;
use super::evaluate::as_text;
use super::machine::Machine;
use super::requests::{invalid, wrong_state};
use serde_json::Value as Json;
use stacks::account::{Called, DriftDetection, DriftStatus, PropertyDifference, ResourceDrift, StackStatus};

impl Machine {
    pub(super) fn detect_drift(&mut self, stack: &str) -> Called<String> {
        const OPERATION: &str = "cloudformation:DetectStackDrift";
        let at = self.found(OPERATION, stack)?;
        let status = self.stacks[at].status;
        use StackStatus as S;
        if !matches!(
            status,
            S::CreateComplete | S::UpdateComplete | S::UpdateRollbackComplete | S::UpdateRollbackFailed
        ) {
            let words = format!("Stack:{} is in {status} state and drift can not be detected.", self.stacks[at].id);
            return Err(wrong_state(OPERATION, words));
        }
        let compared: Vec<ResourceDrift> = self.stacks[at]
            .records
            .iter()
            .filter(|(_, record)| record.thing.is_some())
            .map(|(id, record)| self.compared(id, record))
            .collect();
        self.stacks[at].drifts = compared;
        let id = format!("drift-{:08}", self.next());
        self.drift_checks.insert(id.clone(), (at, self.now + 20_000));
        Ok(id)
    }

    fn compared(&self, id: &str, record: &super::stack::Record) -> ResourceDrift {
        let mut drift = ResourceDrift {
            logical_id: id.to_owned(),
            physical_id: record.physical_id.clone(),
            resource_type: record.kind.clone(),
            status: DriftStatus::InSync,
            differences: Vec::new(),
        };
        if catalogue::NOT_COMPARED.contains(&record.kind.as_str()) {
            drift.status = DriftStatus::NotChecked;
            return drift;
        }
        let Some(thing) = record.thing.and_then(|serial| self.things.get(&serial)) else {
            drift.status = DriftStatus::Deleted;
            return drift;
        };
        let at = |value: &Json, path: &str| path.split('/').try_fold(value, |value, key| value.get(key)).map(as_text);
        for path in differences(&record.properties, &thing.properties) {
            let (expected, actual) = (at(&record.properties, &path), at(&thing.properties, &path));
            let kind = match (&expected, &actual) {
                (None, _) => "ADD",
                (_, None) => "REMOVE",
                _ => "NOT_EQUAL",
            };
            drift.status = DriftStatus::Modified;
            drift.differences.push(PropertyDifference {
                path: format!("/{path}"),
                expected: expected.unwrap_or_else(|| "null".to_owned()),
                actual: actual.unwrap_or_else(|| "null".to_owned()),
                kind: kind.to_owned(),
            });
        }
        drift
    }

    pub(super) fn drift_detection(&self, id: &str) -> Called<DriftDetection> {
        match self.drift_checks.get(id) {
            None => Err(invalid(
                "cloudformation:DescribeStackDriftDetectionStatus",
                format!("Stack drift detection [{id}] does not exist"),
            )),
            Some((_, ready)) if self.now < *ready => Ok(DriftDetection::InProgress),
            Some(_) => Ok(DriftDetection::Complete),
        }
    }
}
