//! Networks.

use super::{absent, code_is};
use crate::client::Client;
use crate::request::Fields;
use crate::service::Service::Ec2;
use stacks::account::{CallError, CallErrorKind, Called};

pub(crate) async fn interfaces(client: &Client, subnet_or_group: &str) -> Called<Vec<String>> {
    let filter = if subnet_or_group.starts_with("sg-") { "group-id" } else { "subnet-id" };
    let fields = || Fields::new().filter(filter, [subnet_or_group]);
    let found = client.entries(Ec2, "DescribeNetworkInterfaces", "networkInterfaceSet", fields).await?;
    Ok(found.iter().filter_map(|interface| interface.value("networkInterfaceId")).collect())
}

pub(crate) async fn delete_interface(client: &Client, id: &str) -> Called<()> {
    let called = client.query(Ec2, "DeleteNetworkInterface", Fields::new().with("NetworkInterfaceId", id)).await;
    absent(called, code_is(&["InvalidNetworkInterfaceID.NotFound"])).map(drop)
}

pub(crate) async fn count(client: &Client, resource_type: &str) -> Called<usize> {
    let found = match resource_type {
        "AWS::EC2::VPC" => client.entries(Ec2, "DescribeVpcs", "vpcSet", Fields::new).await?,
        "AWS::EC2::EIP" => client.entries(Ec2, "DescribeAddresses", "addressesSet", Fields::new).await?,
        // Gateways that are gone stay visible for an hour and count no more.
        "AWS::EC2::NatGateway" => {
            let fields = || Fields::new().filter("state", ["pending", "available", "deleting"]);
            client.entries(Ec2, "DescribeNatGateways", "natGatewaySet", fields).await?
        }
        other => {
            return Err(CallError {
                operation: "ec2:Describe".to_owned(),
                kind: CallErrorKind::Refused,
                code: String::new(),
                message: format!("{other} cannot be counted"),
            });
        }
    };
    Ok(found.len())
}

pub(crate) async fn existing(client: &Client, ids: &[String]) -> Called<Vec<String>> {
    const KINDS: &[(&str, &str, &str, &str, &str)] = &[
        ("vpc-", "DescribeVpcs", "vpcSet", "vpc-id", "vpcId"),
        ("subnet-", "DescribeSubnets", "subnetSet", "subnet-id", "subnetId"),
        ("sg-", "DescribeSecurityGroups", "securityGroupInfo", "group-id", "groupId"),
    ];
    let mut found = Vec::new();
    for (prefix, action, list, filter, name) in KINDS {
        let asked: Vec<&String> = ids.iter().filter(|id| id.starts_with(prefix)).collect();
        if asked.is_empty() {
            continue;
        }
        // A filter, unlike a list of ids, does not fail at the first that is not there.
        let there = client.entries(Ec2, action, list, || Fields::new().filter(filter, &asked)).await?;
        found.extend(there.iter().filter_map(|entry| entry.value(name)));
    }
    Ok(found)
}
