//! The query protocol of the other services.

use super::super::FakeAccount;
use super::xml::{element, list, maybe, result, text};
use super::{Answer, members, unknown};
use base64::Engine as _;
use stacks::account::{Account as _, Sessions as _};
use std::collections::BTreeMap;

pub(super) async fn answer(account: &FakeAccount, service: &str, fields: &BTreeMap<String, String>) -> Answer {
    let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
    let action = field("Action");
    let flat = |inside: &str| Ok((200, "text/xml", element(&format!("{action}Response"), inside)));
    let set = |name: &str, items: Vec<String>| {
        element(name, &items.iter().map(|item| element("item", item)).collect::<String>())
    };
    let inside = match (service, action) {
        ("sts", "GetCallerIdentity") => {
            let who = account.identity().await?;
            text("Account", &who.account) + &text("Arn", &who.arn) + &text("UserId", "AIDAEXAMPLE")
        }
        ("autoscaling", "DescribeAutoScalingGroups") => {
            let group = members(fields, "AutoScalingGroupNames").into_iter().next().unwrap_or_default();
            let hosts = account.hosts(&group).await?;
            let host = |host: &stacks::account::Host| {
                text("InstanceId", &host.instance)
                    + &text("LifecycleState", &host.lifecycle)
                    + &text("HealthStatus", if host.is_healthy { "Healthy" } else { "Unhealthy" })
            };
            let instances = list("Instances", hosts.iter().map(host));
            list("AutoScalingGroups", [text("AutoScalingGroupName", &group) + &instances])
        }
        ("iam", "SimulatePrincipalPolicy") => {
            let actions = members(fields, "ActionNames");
            let names: Vec<&str> = actions.iter().map(String::as_str).collect();
            let denied = account.denied_actions(field("PolicySourceArn"), &names).await?.unwrap_or_default();
            let one = |action: &String| {
                let decision = if denied.contains(action) { "implicitDeny" } else { "allowed" };
                text("EvalActionName", action) + &text("EvalDecision", decision)
            };
            list("EvaluationResults", actions.iter().map(one)) + &text("IsTruncated", "false")
        }
        ("elasticloadbalancing", "ModifyLoadBalancerAttributes") => {
            account.unprotect("AWS::ElasticLoadBalancingV2::LoadBalancer", field("LoadBalancerArn")).await?;
            String::new()
        }
        ("ec2", "GetConsoleOutput") => {
            let output = account.console_output(field("InstanceId")).await?;
            let encoded =
                output.map(|it| base64::engine::general_purpose::STANDARD.encode(it.text)).unwrap_or_default();
            return flat(&(text("instanceId", field("InstanceId")) + &text("output", &encoded)));
        }
        ("ec2", "DescribeNetworkInterfaces") => {
            let place = members(fields, "Filter.1.Value").into_iter().next().unwrap_or_default();
            let found = account.network_interfaces(&place).await?;
            return flat(&set("networkInterfaceSet", found.iter().map(|id| text("networkInterfaceId", id)).collect()));
        }
        ("ec2", "DescribeInstances") => {
            let filters =
                (1..).map_while(|index| fields.get(&format!("Filter.{index}.Name")).map(|name| (index, name)));
            let tags = filters.filter_map(|(index, name)| {
                let value = fields.get(&format!("Filter.{index}.Value.1")).cloned().unwrap_or_default();
                name.strip_prefix("tag:").map(|key| (key.to_owned(), value))
            });
            let found = account.machines(&tags.collect::<Vec<_>>()).await?;
            let one = |one: &stacks::account::Machine| {
                text("instanceId", &one.instance)
                    + &element("instanceState", &text("name", &one.state))
                    + &element("placement", &text("availabilityZone", &one.zone))
                    + &maybe("privateIpAddress", one.private_address.as_deref())
            };
            let reservation = set("instancesSet", found.iter().map(one).collect());
            return flat(&set("reservationSet", vec![reservation]));
        }
        ("ec2", "DeleteNetworkInterface") => {
            account.delete_network_interface(field("NetworkInterfaceId")).await?;
            return flat(&text("return", "true"));
        }
        (
            "ec2",
            "DescribeVpcs" | "DescribeSubnets" | "DescribeSecurityGroups" | "DescribeAddresses" | "DescribeNatGateways",
        ) => {
            let (kind, list, id) = match action {
                "DescribeVpcs" => ("AWS::EC2::VPC", "vpcSet", "vpcId"),
                "DescribeSubnets" => ("AWS::EC2::Subnet", "subnetSet", "subnetId"),
                "DescribeSecurityGroups" => ("AWS::EC2::SecurityGroup", "securityGroupInfo", "groupId"),
                "DescribeAddresses" => ("AWS::EC2::EIP", "addressesSet", "publicIp"),
                _ => ("AWS::EC2::NatGateway", "natGatewaySet", "natGatewayId"),
            };
            account.count(kind).await?;
            let is_by_id = field("Filter.1.Name").ends_with("-id");
            let asked = members(fields, "Filter.1.Value");
            let found: Vec<String> = account.with(|machine| {
                let here = machine.things().filter(|thing| thing.kind == kind);
                here.filter(|thing| !is_by_id || asked.contains(&thing.physical_id))
                    .map(|it| it.physical_id.clone())
                    .collect()
            });
            return flat(&set(list, found.iter().map(|it| text(id, it)).collect()));
        }
        _ => return Err(unknown(service, action)),
    };
    Ok((200, "text/xml", result(action, &inside)))
}
