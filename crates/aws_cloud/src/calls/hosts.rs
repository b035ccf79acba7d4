//! Hosts.

use super::{absent, code_is};
use crate::client::Client;
use crate::request::Fields;
use crate::service::Service::{AutoScaling, Ec2};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use stacks::account::{Called, ConsoleOutput, Host};

pub(crate) async fn of_group(client: &Client, group: &str) -> Called<Vec<Host>> {
    let fields = Fields::new().members("AutoScalingGroupNames", [group]);
    let answer = client.query(AutoScaling, "DescribeAutoScalingGroups", fields).await?;
    let Some(group) = answer.list("AutoScalingGroups").first() else { return Ok(Vec::new()) };
    let host = |instance: &crate::xml::Element| Host {
        instance: instance.word("InstanceId"),
        lifecycle: instance.word("LifecycleState"),
        is_healthy: instance.word("HealthStatus").eq_ignore_ascii_case("healthy"),
    };
    Ok(group.list("Instances").iter().map(host).collect())
}

pub(crate) async fn console_output(client: &Client, instance: &str) -> Called<Option<ConsoleOutput>> {
    let fields = Fields::new().with("InstanceId", instance).with("Latest", "true");
    let called = match client.query(Ec2, "GetConsoleOutput", fields).await {
        // Older machines only have what was read when they last started or stopped.
        Err(error) if error.code == "UnsupportedOperation" => {
            client.query(Ec2, "GetConsoleOutput", Fields::new().with("InstanceId", instance)).await
        }
        called => called,
    };
    let absent = absent(called, code_is(&["InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed"]))?;
    Ok(absent.and_then(|answer| {
        let encoded: String = answer.text_of("output")?.split_whitespace().collect();
        let bytes = STANDARD.decode(encoded).ok()?;
        Some(ConsoleOutput { at: answer.value("timestamp"), text: String::from_utf8_lossy(&bytes).into_owned() })
    }))
}
