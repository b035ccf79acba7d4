//! A network in an account: a VPC in three parts, or one that is there already.

use super::carve::{PREFIXES, carve};
use super::{Egress, ExistingSpec, ValidNetwork};
use crate::aws_context::{AWS004, AwsContext, EgressInAws, NetworkInAws, list, object};
use ipnet::{IpNet, Ipv4Net};
use model::cfn::types::{
    Eip, FlowLog, GatewayAttachment, InternetGateway, Ipv6Block, NatGateway, Role, Route, RouteTable,
    RouteTableAssociation, Subnet, Vpc, VpcEndpoint,
};
use model::cfn::{Kind, Layer, Ref, Value};
use model::process_graph::NodeSpec;
use std::net::Ipv4Addr;

const LAYER: Layer = Layer::Network;
/// Rarely taken by others, so that the network can be joined with them later.
const USUAL_BLOCK: (Ipv4Addr, u8) = (Ipv4Addr::new(10, 64, 0, 0), 16);
/// What hosts ask when they may reach services of AWS alone, and of whose own account.
const ENDPOINTS: &[Endpoint] = &[
    Endpoint::new("cloudformation", &["cloudformation:SignalResource"]),
    Endpoint::new("logs", &["logs:CreateLogStream", "logs:PutLogEvents"]),
    Endpoint { has_owner: true, ..Endpoint::new("secretsmanager", &["secretsmanager:GetSecretValue"]) },
    Endpoint::new("ssm", &["ssm:UpdateInstanceInformation"]),
    Endpoint::new(
        "ssmmessages",
        &[
            "ssmmessages:CreateControlChannel",
            "ssmmessages:CreateDataChannel",
            "ssmmessages:OpenControlChannel",
            "ssmmessages:OpenDataChannel",
        ],
    ),
];
/// Where source folders are kept. The gateway that every network has is a route to addresses that no rule can name without a list of AWS's
/// own in each region; an interface is let in by its group.
const STORAGE: Endpoint = Endpoint { has_owner: true, ..Endpoint::new("s3", &["s3:GetObject"]) };

/// A service of AWS that hosts reach through an interface of the network.
struct Endpoint {
    service: &'static str,
    /// All that is asked of it.
    actions: &'static [&'static str],
    /// Whether what is asked for belongs to an account, which must be this one.
    has_owner: bool,
}

impl Endpoint {
    const fn new(service: &'static str, actions: &'static [&'static str]) -> Self {
        Self { service, actions, has_owner: false }
    }

    /// What goes through it: its actions, asked by roles of this account.
    fn policy(&self) -> Value {
        let account = || Value::reference("AWS::AccountId");
        let mut only = vec![("aws:PrincipalAccount".to_owned(), account())];
        if self.has_owner {
            only.push(("aws:ResourceAccount".to_owned(), account()));
        }
        let only = Value::new(Kind::Map(only.into_iter().collect()));
        object! {
            "Version": "2012-10-17",
            "Statement": list![object! {
                "Sid": "HostsOfThisAccount",
                "Effect": "Allow",
                "Principal": "*",
                "Action": Value::list(self.actions.iter().copied()),
                "Resource": "*",
                "Condition": object! { "StringEquals": only },
            }],
        }
    }
}

/// Adds the network.
pub(super) fn lower(valid: &ValidNetwork, cx: &mut AwsContext<'_>) {
    if let Some(existing) = &valid.existing {
        adopt(existing, valid, cx);
        return;
    }
    let at = &valid.at;
    let block = match valid.block.map(|block| (block, block.net())) {
        None => Ipv4Net::new(USUAL_BLOCK.0, USUAL_BLOCK.1).ok(),
        Some((_, IpNet::V4(block))) => Some(block),
        Some((_, IpNet::V6(_))) => None,
    };
    let divided = block.and_then(|block| Some((block, carve(block, usize::from(valid.zones))?)));
    let Some((block, [public, private, isolated])) = divided else {
        let summary = format!("a network needs a private IPv4 block from /{} to /{}", PREFIXES.start(), PREFIXES.end());
        cx.refuse(&AWS004, &at.key("block"), summary, "write `block: 10.64.0.0/16`, or remove it");
        return;
    };
    let vpc = cx.add::<Vpc>(
        LAYER,
        "Vpc",
        at,
        object! { "CidrBlock": block.to_string(), "EnableDnsHostnames": true, "EnableDnsSupport": true },
    );
    flow_logs(&vpc, cx);
    let ipv6 = cx.add::<Ipv6Block>(LAYER, "Ipv6", at, object! { "VpcId": &vpc, "AmazonProvidedIpv6CidrBlock": true });
    let gateway = cx.add::<InternetGateway>(LAYER, "InternetGateway", at, object! {});
    let attachment = cx.add::<GatewayAttachment>(
        LAYER,
        "InternetGatewayAttachment",
        at,
        object! { "VpcId": &vpc, "InternetGatewayId": &gateway },
    );

    let public_table = table("Public", &vpc, cx);
    for (part, key, everywhere) in [
        ("PublicToInternet", "DestinationCidrBlock", "0.0.0.0/0"),
        ("PublicToInternetV6", "DestinationIpv6CidrBlock", "::/0"),
    ] {
        let mut properties = object! { "RouteTableId": &public_table };
        put(&mut properties, key, everywhere);
        put(&mut properties, "GatewayId", &gateway);
        let route = cx.add::<Route>(LAYER, part, at, properties);
        cx.after(&route, &attachment);
    }
    let public: Vec<Ref<Subnet>> = (0..)
        .zip(public)
        .map(|(zone, block)| {
            let six = Value::new(Kind::Select(
                Box::new(Value::from(zone)),
                Box::new(Value::new(Kind::Cidr(
                    Box::new(Value::new(Kind::Select(
                        Box::new(Value::from(0_u8)),
                        Box::new(Value::attribute(vpc.logical_id().unwrap_or_default(), "Ipv6CidrBlocks")),
                    ))),
                    Box::new(Value::from(8_u8)),
                    Some(Box::new(Value::from(64_u8))),
                ))),
            ));
            let subnet = subnet("Public", zone, block, &vpc, &public_table, Some(six), cx);
            cx.after(&subnet, &ipv6);
            subnet
        })
        .collect();

    let gateways = nat_gateways(valid.egress, &public, &attachment, cx);
    let mut tables = Vec::new();
    let mut privates = Vec::new();
    for (zone, block) in (0_u8..).zip(private) {
        let table = table(&format!("Private{}", letter(zone)), &vpc, cx);
        if let Some(nat) = gateways.get(usize::from(zone)).or(gateways.first()) {
            let properties =
                object! { "RouteTableId": &table, "DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": nat };
            cx.add::<Route>(LAYER, &format!("Private{}ToInternet", letter(zone)), &at.key("egress"), properties);
        }
        privates.push(subnet("Private", zone, block, &vpc, &table, None, cx));
        tables.push(table);
    }
    let isolated_table = table("Isolated", &vpc, cx);
    let isolated: Vec<Ref<Subnet>> = (0..)
        .zip(isolated)
        .map(|(zone, block)| subnet("Isolated", zone, block, &vpc, &isolated_table, None, cx))
        .collect();
    tables.push(isolated_table);

    storage_endpoint(&vpc, &tables, cx);
    let egress = match valid.egress {
        Egress::Nat | Egress::NatPerZone => EgressInAws::Internet,
        Egress::Endpoints => service_endpoints(&vpc, &privates, cx),
        Egress::None => EgressInAws::Nothing,
    };
    cx.output(LAYER, "VpcId", "The network", vpc.value());
    cx.export_network(NetworkInAws {
        at: at.clone(),
        block: Value::text(block.to_string()),
        vpc,
        public,
        private: privates,
        isolated,
        has_ipv6: true,
        has_storage_endpoint: true,
        egress,
    });
}

/// A network of somebody else: nothing is added, its subnets are taken as they are said to be.
fn adopt(existing: &ExistingSpec, valid: &ValidNetwork, cx: &mut AwsContext<'_>) {
    let subnets = |ids: &[String]| ids.iter().map(Ref::existing).collect::<Vec<Ref<Subnet>>>();
    let vpc = Ref::<Vpc>::existing(&existing.vpc);
    let private = subnets(&existing.private);
    let egress = match valid.egress {
        Egress::Nat | Egress::NatPerZone => EgressInAws::Internet,
        Egress::Endpoints => service_endpoints(&vpc, &private, cx),
        Egress::None => EgressInAws::Nothing,
    };
    cx.export_network(NetworkInAws {
        at: valid.at.clone(),
        vpc,
        block: Value::text(existing.block.to_string()),
        public: subnets(&existing.public),
        isolated: private.clone(),
        private,
        has_ipv6: false,
        has_storage_endpoint: false,
        egress,
    });
}

fn put(properties: &mut Value, key: &str, value: impl Into<Value>) {
    if let Kind::Map(entries) = &mut properties.kind {
        entries.insert(key.to_owned(), value.into());
    }
}

/// `A` for the first zone.
fn letter(zone: u8) -> char {
    char::from(b'A' + zone)
}

fn table(part: &str, vpc: &Ref<Vpc>, cx: &mut AwsContext<'_>) -> Ref<RouteTable> {
    let at = cx.at.clone();
    cx.add::<RouteTable>(LAYER, &format!("{part}Routes"), &at, object! { "VpcId": vpc })
}

fn subnet(
    part: &str,
    zone: u8,
    block: Ipv4Net,
    vpc: &Ref<Vpc>,
    table: &Ref<RouteTable>,
    ipv6: Option<Value>,
    cx: &mut AwsContext<'_>,
) -> Ref<Subnet> {
    let at = cx.at.key("zones");
    let zones = Value::new(Kind::GetAzs(Box::new(Value::text(""))));
    let mut properties = object! {
        "VpcId": vpc,
        "AvailabilityZone": Value::new(Kind::Select(Box::new(Value::from(zone)), Box::new(zones))),
        "CidrBlock": block.to_string(),
        "MapPublicIpOnLaunch": false,
    };
    if let Some(ipv6) = ipv6 {
        put(&mut properties, "Ipv6CidrBlock", ipv6);
    }
    let name = format!("{part}{}", letter(zone));
    let subnet = cx.add::<Subnet>(LAYER, &name, &at, properties);
    let properties = object! { "SubnetId": &subnet, "RouteTableId": table };
    cx.add::<RouteTableAssociation>(LAYER, &format!("{name}RoutesAssociation"), &at, properties);
    subnet
}

fn nat_gateways(
    egress: Egress,
    public: &[Ref<Subnet>],
    attachment: &Ref<GatewayAttachment>,
    cx: &mut AwsContext<'_>,
) -> Vec<Ref<NatGateway>> {
    let at = cx.at.key("egress");
    let count = match egress {
        Egress::Nat => 1,
        Egress::NatPerZone => public.len(),
        Egress::Endpoints | Egress::None => 0,
    };
    let gateway = |(zone, subnet): (u8, &Ref<Subnet>)| {
        let name = format!("Nat{}", letter(zone));
        let address = cx.add::<Eip>(LAYER, &format!("{name}Address"), &at, object! { "Domain": "vpc" });
        cx.after(&address, attachment);
        let properties = object! { "AllocationId": &address, "SubnetId": subnet };
        cx.add::<NatGateway>(LAYER, &name, &at, properties)
    };
    (0..).zip(public.iter().take(count)).map(gateway).collect()
}

/// Storage is reached without leaving the network, at no cost. Objects are written in this account alone.
fn storage_endpoint(vpc: &Ref<Vpc>, tables: &[Ref<RouteTable>], cx: &mut AwsContext<'_>) {
    let at = cx.at.clone();
    let policy = object! {
        "Version": "2012-10-17",
        "Statement": list![
            object! {
                "Sid": "ReadAnywhere",
                "Effect": "Allow",
                "Principal": "*",
                "Action": list!["s3:GetObject", "s3:ListBucket"],
                "Resource": "*",
            },
            object! {
                "Sid": "WriteInThisAccount",
                "Effect": "Allow",
                "Principal": "*",
                "Action": list!["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:PutObject"],
                "Resource": "*",
                "Condition": object! {
                    "StringEquals": object! { "aws:ResourceAccount": Value::reference("AWS::AccountId") },
                },
            },
        ],
    };
    cx.add::<VpcEndpoint>(
        LAYER,
        "StorageEndpoint",
        &at,
        object! {
            "VpcId": vpc,
            "VpcEndpointType": "Gateway",
            "ServiceName": Value::sub("com.amazonaws.${AWS::Region}.s3"),
            "RouteTableIds": Value::list(tables),
            "PolicyDocument": policy,
        },
    );
}

/// Interfaces through which hosts reach services of AWS without a way to the internet.
fn service_endpoints(vpc: &Ref<Vpc>, subnets: &[Ref<Subnet>], cx: &mut AwsContext<'_>) -> EgressInAws {
    let at = cx.at.key("egress");
    let mut services = Vec::new();
    let group = cx.group(LAYER, "Endpoints", &at, "Interfaces of services of AWS", vpc);
    let has_sources = cx.processes.nodes.values().any(|node| matches!(node.spec, NodeSpec::Source(_)));
    for endpoint in ENDPOINTS.iter().chain(has_sources.then_some(&STORAGE)) {
        let service = endpoint.service;
        let mut properties = object! {
            "VpcId": vpc,
            "VpcEndpointType": "Interface",
            "ServiceName": Value::sub(&format!("com.amazonaws.${{AWS::Region}}.{service}")),
            "SubnetIds": Value::list(subnets),
            "SecurityGroupIds": list![&group],
            "PrivateDnsEnabled": true,
            "PolicyDocument": endpoint.policy(),
        };
        if service == STORAGE.service {
            // Otherwise names lead to the interface for those alone who ask from outside.
            put(&mut properties, "DnsOptions", object! { "PrivateDnsOnlyForInboundResolverEndpoint": "AllResolvers" });
        }
        let endpoint = cx.add::<VpcEndpoint>(LAYER, &format!("{service}-endpoint"), &at, properties);
        services.push((cx.interface(&endpoint), service.to_owned()));
    }
    EgressInAws::Endpoints { group, services }
}

/// Which connections were made and which refused, for the one who looks for a cause later.
fn flow_logs(vpc: &Ref<Vpc>, cx: &mut AwsContext<'_>) {
    let at = cx.at.clone();
    let logs = cx.log_group(LAYER, "FlowLogs", &at);
    let logs_arn = logs.attribute("Arn").unwrap_or_else(|| Value::text(""));
    let trust = object! {
        "Version": "2012-10-17",
        "Statement": list![object! {
            "Effect": "Allow",
            "Principal": object! { "Service": "vpc-flow-logs.amazonaws.com" },
            "Action": "sts:AssumeRole",
            "Condition": object! {
                "StringEquals": object! { "aws:SourceAccount": Value::reference("AWS::AccountId") },
            },
        }],
    };
    let policy = object! {
        "Version": "2012-10-17",
        "Statement": list![object! {
            "Effect": "Allow",
            "Action": list!["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            "Resource": logs_arn,
        }],
    };
    let role = cx.add::<Role>(
        LAYER,
        "FlowLogsRole",
        &at,
        object! {
            "AssumeRolePolicyDocument": trust,
            "Policies": list![object! { "PolicyName": "WriteFlowLogs", "PolicyDocument": policy }],
        },
    );
    cx.add::<FlowLog>(
        LAYER,
        "FlowLog",
        &at,
        object! {
            "ResourceId": vpc,
            "ResourceType": "VPC",
            "TrafficType": "ALL",
            "LogDestinationType": "cloud-watch-logs",
            "LogGroupName": logs.value(),
            "DeliverLogsPermissionArn": role.attribute("Arn").unwrap_or_else(|| Value::text("")),
            "MaxAggregationInterval": 60,
        },
    );
}
