//! Comparison of stacks with their templates.

use super::{absent, code_is, no_stack, unknown_word};
use crate::client::Client;
use crate::request::Fields;
use crate::service::Service::CloudFormation;
use stacks::account::{Called, DriftDetection, DriftStatus, PropertyDifference, ResourceDrift};

pub(crate) async fn detect(client: &Client, stack: &str) -> Called<String> {
    let fields = Fields::new().with("StackName", stack);
    Ok(client.query(CloudFormation, "DetectStackDrift", fields).await?.word("StackDriftDetectionId"))
}

pub(crate) async fn detection(client: &Client, id: &str) -> Called<DriftDetection> {
    let fields = Fields::new().with("StackDriftDetectionId", id);
    let answer = client.query(CloudFormation, "DescribeStackDriftDetectionStatus", fields).await?;
    match answer.word("DetectionStatus").as_str() {
        "DETECTION_IN_PROGRESS" => Ok(DriftDetection::InProgress),
        "DETECTION_COMPLETE" => Ok(DriftDetection::Complete),
        "DETECTION_FAILED" => Ok(DriftDetection::Failed { reason: answer.word("DetectionStatusReason") }),
        word => Err(unknown_word(
            "cloudformation:DescribeStackDriftDetectionStatus",
            "the status of a drift detection",
            word,
        )),
    }
}

pub(crate) async fn found(client: &Client, stack: &str) -> Called<Vec<ResourceDrift>> {
    let mut drifts = Vec::new();
    let mut page: Option<String> = None;
    let gone = |error: &_| no_stack(error) || code_is(&["StackResourceDriftNotFound"])(error);
    loop {
        let fields =
            Fields::new().with("StackName", stack).with("MaxResults", "100").maybe("NextToken", page.as_deref());
        let Some(answer) = absent(client.query(CloudFormation, "DescribeStackResourceDrifts", fields).await, gone)?
        else {
            return Ok(drifts);
        };
        drifts.extend(answer.list("StackResourceDrifts").iter().map(|drift| {
            ResourceDrift {
                logical_id: drift.word("LogicalResourceId"),
                physical_id: drift.value("PhysicalResourceId"),
                resource_type: drift.word("ResourceType"),
                // A word that is not known (`UNKNOWN`, `UNSUPPORTED`) says that nothing was compared.
                status: DriftStatus::from_word(&drift.word("StackResourceDriftStatus"))
                    .unwrap_or(DriftStatus::NotChecked),
                differences: drift
                    .list("PropertyDifferences")
                    .iter()
                    .map(|difference| PropertyDifference {
                        path: difference.word("PropertyPath"),
                        expected: difference.word("ExpectedValue"),
                        actual: difference.word("ActualValue"),
                        kind: difference.word("DifferenceType"),
                    })
                    .collect(),
            }
        }));
        page = answer.value("NextToken");
        if page.is_none() {
            return Ok(drifts);
        }
    }
}
