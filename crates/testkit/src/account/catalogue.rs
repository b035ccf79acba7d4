//! What each type of resource is like: its id, its attributes, how long it takes, what must be unique, what blocks its deletion.
//!
//! Ids and attributes follow each type's page in the CloudFormation template reference ("Return values"), 2026-11. Durations are
//! of the usual order; only their order matters here.

use super::evaluate::as_text;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// Where something is made.
pub(super) struct Place<'a> {
    pub account: &'a str,
    pub region: &'a str,
    pub stack: &'a str,
    pub logical_id: &'a str,
    /// Another number for each thing that was ever made.
    pub serial: u64,
}

impl Place<'_> {
    /// So many hexadecimal digits that nothing else has.
    fn hex(&self, digits: usize) -> String {
        // FNV-1a: spread, the same on each machine, and no dependency.
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
        for byte in format!("{}/{}/{}/{}", self.account, self.stack, self.logical_id, self.serial).bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        format!("{hash:016x}{:016x}", hash.rotate_left(29) ^ self.serial)[..digits].to_owned()
    }

    /// As CloudFormation names what has no name of its own.
    fn name(&self, longest: usize) -> String {
        let suffix = self.hex(12).to_uppercase();
        let room = longest.saturating_sub(suffix.len() + 2) / 2;
        let cut = |text: &str| text.chars().take(room).collect::<String>();
        format!("{}-{}-{suffix}", cut(self.stack), cut(self.logical_id))
    }

    fn arn(&self, service: &str, rest: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{rest}", self.region, self.account)
    }
}

/// The id and the attributes of a new thing.
pub(super) fn identity(kind: &str, properties: &Json, place: &Place<'_>) -> (String, BTreeMap<String, Json>) {
    let given = |key: &str| properties.get(key).map(as_text).filter(|text| !text.is_empty());
    let id = |prefix: &str| format!("{prefix}-0{}", place.hex(16));
    let mut attributes = BTreeMap::new();
    let mut told = |name: &str, value: Json| _ = attributes.insert(name.to_owned(), value);
    let physical = match kind {
        "AWS::EC2::VPC" => {
            let vpc = id("vpc");
            told("VpcId", json!(vpc));
            told("CidrBlock", json!(given("CidrBlock")));
            told("DefaultSecurityGroup", json!(format!("sg-0{}", place.hex(16))));
            told("DefaultNetworkAcl", json!(format!("acl-0{}", place.hex(16))));
            told("Ipv6CidrBlocks", json!([format!("2600:1f14:{:x}:{:x}00::/56", place.serial % 0xffff, 1)]));
            vpc
        }
        "AWS::EC2::Subnet" => {
            let subnet = id("subnet");
            told("SubnetId", json!(subnet));
            told("VpcId", json!(given("VpcId")));
            told("CidrBlock", json!(given("CidrBlock")));
            told("AvailabilityZone", json!(given("AvailabilityZone")));
            subnet
        }
        "AWS::EC2::SecurityGroup" => {
            let group = id("sg");
            told("GroupId", json!(group));
            told("Id", json!(group));
            told("VpcId", json!(given("VpcId")));
            group
        }
        "AWS::EC2::SecurityGroupIngress" | "AWS::EC2::SecurityGroupEgress" => {
            let rule = id("sgr");
            told("Id", json!(rule));
            rule
        }
        "AWS::EC2::EIP" => {
            let address = format!("198.51.100.{}", place.serial % 250 + 1);
            told("AllocationId", json!(id("eipalloc")));
            told("PublicIp", json!(address));
            address
        }
        "AWS::EC2::NatGateway" => {
            let nat = id("nat");
            told("NatGatewayId", json!(nat));
            nat
        }
        "AWS::EC2::InternetGateway" => {
            let gateway = id("igw");
            told("InternetGatewayId", json!(gateway));
            gateway
        }
        "AWS::EC2::RouteTable" => {
            let table = id("rtb");
            told("RouteTableId", json!(table));
            table
        }
        "AWS::EC2::LaunchTemplate" => {
            let template = id("lt");
            told("LaunchTemplateId", json!(template));
            told("LatestVersionNumber", json!("1"));
            told("DefaultVersionNumber", json!("1"));
            template
        }
        "AWS::EC2::VPCEndpoint" => {
            let endpoint = id("vpce");
            told("Id", json!(endpoint));
            told("DnsEntries", json!([]));
            told("NetworkInterfaceIds", json!([]));
            endpoint
        }
        "AWS::EC2::FlowLog" => {
            let log = id("fl");
            told("Id", json!(log));
            log
        }
        "AWS::EC2::Route" => {
            let to = given("DestinationCidrBlock").or_else(|| given("DestinationIpv6CidrBlock")).unwrap_or_default();
            told("CidrBlock", json!(to));
            format!("{}|{to}", given("RouteTableId").unwrap_or_default())
        }
        "AWS::EC2::SubnetRouteTableAssociation" => {
            let association = id("rtbassoc");
            told("Id", json!(association));
            association
        }
        "AWS::EC2::VPCCidrBlock" => {
            let association = id("vpc-cidr-assoc");
            told("Id", json!(association));
            association
        }
        "AWS::EC2::VPCGatewayAttachment" => {
            told("AttachmentType", json!("IGW"));
            format!("IGW|{}", given("VpcId").unwrap_or_default())
        }
        "AWS::IAM::Role" => {
            let name = given("RoleName").unwrap_or_else(|| place.name(64));
            told("Arn", json!(format!("arn:aws:iam::{}:role/{name}", place.account)));
            told("RoleId", json!(format!("AROA{}", place.hex(16).to_uppercase())));
            name
        }
        "AWS::IAM::InstanceProfile" => {
            let name = given("InstanceProfileName").unwrap_or_else(|| place.name(128));
            told("Arn", json!(format!("arn:aws:iam::{}:instance-profile/{name}", place.account)));
            name
        }
        "AWS::KMS::Key" => {
            let hex = place.hex(32);
            let key = format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
            told("Arn", json!(place.arn("kms", &format!("key/{key}"))));
            told("KeyId", json!(key));
            key
        }
        "AWS::KMS::Alias" => given("AliasName").unwrap_or_default(),
        "AWS::Logs::LogGroup" => {
            let name = given("LogGroupName").unwrap_or_else(|| place.name(512));
            told("Arn", json!(place.arn("logs", &format!("log-group:{name}:*"))));
            name
        }
        "AWS::SNS::Topic" => {
            let name = given("TopicName").unwrap_or_else(|| place.name(256));
            let arn = place.arn("sns", &name);
            told("TopicArn", json!(arn));
            told("TopicName", json!(name));
            arn
        }
        "AWS::SNS::Subscription" => {
            let arn = format!("{}:{}", given("TopicArn").unwrap_or_default(), place.hex(12));
            told("Arn", json!(arn));
            arn
        }
        "AWS::S3::Bucket" => {
            let name = given("BucketName").unwrap_or_else(|| place.name(63).to_lowercase());
            told("Arn", json!(format!("arn:aws:s3:::{name}")));
            told("DomainName", json!(format!("{name}.s3.amazonaws.com")));
            told("RegionalDomainName", json!(format!("{name}.s3.{}.amazonaws.com", place.region)));
            name
        }
        "AWS::S3::BucketPolicy" => given("Bucket").unwrap_or_default(),
        "AWS::SecretsManager::Secret" => {
            let name = given("Name").unwrap_or_else(|| format!("{}-{}", place.logical_id, place.hex(12)));
            let arn = place.arn("secretsmanager", &format!("secret:{name}-{}", &place.hex(20)[14..]));
            told("Id", json!(arn));
            arn
        }
        "AWS::CloudWatch::Alarm" => {
            let name = given("AlarmName").unwrap_or_else(|| place.name(255));
            told("Arn", json!(place.arn("cloudwatch", &format!("alarm:{name}"))));
            name
        }
        "AWS::CertificateManager::Certificate" => {
            let arn = place.arn("acm", &format!("certificate/{}", place.hex(32)));
            told("CertificateArn", json!(arn));
            arn
        }
        "AWS::Route53::RecordSet" => given("Name").unwrap_or_default().trim_end_matches('.').to_owned(),
        "AWS::ElasticLoadBalancingV2::LoadBalancer" => {
            let name = given("Name").unwrap_or_else(|| place.name(32));
            let full = format!("app/{name}/{}", place.hex(16));
            let arn = place.arn("elasticloadbalancing", &format!("loadbalancer/{full}"));
            told("LoadBalancerArn", json!(arn));
            told("LoadBalancerFullName", json!(full));
            told("LoadBalancerName", json!(name));
            told("DNSName", json!(format!("{name}-{}.{}.elb.amazonaws.com", place.serial, place.region)));
            told("CanonicalHostedZoneID", json!("Z1H1FL5HABSF5"));
            arn
        }
        "AWS::ElasticLoadBalancingV2::TargetGroup" => {
            let name = given("Name").unwrap_or_else(|| place.name(32));
            let full = format!("targetgroup/{name}/{}", place.hex(16));
            let arn = place.arn("elasticloadbalancing", &full);
            told("TargetGroupArn", json!(arn));
            told("TargetGroupFullName", json!(full));
            told("TargetGroupName", json!(name));
            arn
        }
        "AWS::ElasticLoadBalancingV2::Listener" => {
            let balancer = given("LoadBalancerArn").unwrap_or_default();
            let arn = format!("{}/{}", balancer.replace(":loadbalancer/", ":listener/"), place.hex(16));
            told("ListenerArn", json!(arn));
            arn
        }
        "AWS::ElasticLoadBalancingV2::ListenerRule" => {
            let listener = given("ListenerArn").unwrap_or_default();
            let arn = format!("{}/{}", listener.replace(":listener/", ":listener-rule/"), place.hex(16));
            told("RuleArn", json!(arn));
            arn
        }
        "AWS::AutoScaling::AutoScalingGroup" => given("AutoScalingGroupName").unwrap_or_else(|| place.name(255)),
        "AWS::EC2::Instance" => id("i"),
        "AWS::RDS::DBInstance" | "AWS::RDS::DBCluster" => {
            let is_cluster = kind.ends_with("Cluster");
            let (word, section) = if is_cluster { ("DBCluster", "cluster") } else { ("DBInstance", "db") };
            let name = given(&format!("{word}Identifier")).unwrap_or_else(|| place.name(63)).to_lowercase();
            let cluster = if is_cluster { "cluster-" } else { "" };
            let host = format!("{name}.{cluster}{}.{}.rds.amazonaws.com", place.hex(12), place.region);
            let engine = given("Engine").unwrap_or_default();
            let port =
                given("Port").unwrap_or_else(|| if engine.contains("postgres") { "5432" } else { "3306" }.into());
            told("Endpoint.Address", json!(host));
            told("Endpoint.Port", json!(port));
            told(&format!("{word}Arn"), json!(place.arn("rds", &format!("{section}:{name}"))));
            name
        }
        "AWS::EC2::NetworkInterface" => id("eni"),
        _ => {
            let name = place.name(64);
            told("Arn", json!(place.arn("unknown", &name)));
            told("Id", json!(name));
            name
        }
    };
    (physical, attributes)
}

/// The ARN under which a thing is found by its tags; none for what cannot carry tags.
pub(super) fn tagged_arn(
    kind: &str,
    physical: &str,
    attributes: &BTreeMap<String, Json>,
    account: &str,
    region: &str,
) -> Option<String> {
    let attribute = |name: &str| attributes.get(name).map(as_text);
    let ec2 = |word: &str, id: &str| Some(format!("arn:aws:ec2:{region}:{account}:{word}/{id}"));
    match kind {
        "AWS::EC2::VPC" => ec2("vpc", physical),
        "AWS::EC2::Subnet" => ec2("subnet", physical),
        "AWS::EC2::SecurityGroup" => ec2("security-group", physical),
        "AWS::EC2::EIP" => ec2("elastic-ip", &attribute("AllocationId")?),
        "AWS::EC2::NatGateway" => ec2("natgateway", physical),
        "AWS::EC2::InternetGateway" => ec2("internet-gateway", physical),
        "AWS::EC2::RouteTable" => ec2("route-table", physical),
        "AWS::EC2::LaunchTemplate" => ec2("launch-template", physical),
        "AWS::EC2::VPCEndpoint" => ec2("vpc-endpoint", physical),
        "AWS::EC2::FlowLog" => ec2("vpc-flow-log", physical),
        "AWS::EC2::Instance" => ec2("instance", physical),
        "AWS::EC2::NetworkInterface" => ec2("network-interface", physical),
        "AWS::S3::Bucket" | "AWS::KMS::Key" | "AWS::CloudWatch::Alarm" => attribute("Arn"),
        "AWS::RDS::DBInstance" => attribute("DBInstanceArn"),
        "AWS::RDS::DBCluster" => attribute("DBClusterArn"),
        "AWS::Logs::LogGroup" => attribute("Arn").map(|arn| arn.trim_end_matches(":*").to_owned()),
        "AWS::SecretsManager::Secret"
        | "AWS::SNS::Topic"
        | "AWS::CertificateManager::Certificate"
        | "AWS::ElasticLoadBalancingV2::LoadBalancer"
        | "AWS::ElasticLoadBalancingV2::TargetGroup"
        | "AWS::ElasticLoadBalancingV2::Listener"
        | "AWS::ElasticLoadBalancingV2::ListenerRule" => Some(physical.to_owned()),
        // Roles, profiles, groups of hosts and rules are not answered by the tagging API.
        _ => None,
    }
}

/// Whether tags of a stack reach resources of the type.
pub(super) fn is_taggable(kind: &str) -> bool {
    !matches!(
        kind,
        "AWS::EC2::Route"
            | "AWS::EC2::SubnetRouteTableAssociation"
            | "AWS::EC2::VPCCidrBlock"
            | "AWS::EC2::VPCGatewayAttachment"
            | "AWS::EC2::SecurityGroupIngress"
            | "AWS::EC2::SecurityGroupEgress"
            | "AWS::IAM::InstanceProfile"
            | "AWS::KMS::Alias"
            | "AWS::Route53::RecordSet"
            | "AWS::S3::BucketPolicy"
            | "AWS::SNS::TopicPolicy"
            | "AWS::SNS::Subscription"
    )
}

/// Seconds to make, to change, to delete.
pub(super) fn seconds(kind: &str) -> [u64; 3] {
    match kind {
        "AWS::EC2::NatGateway" => [100, 5, 60],
        "AWS::ElasticLoadBalancingV2::LoadBalancer" => [150, 5, 20],
        "AWS::AutoScaling::AutoScalingGroup" => [20, 10, 90],
        "AWS::IAM::Role" => [18, 3, 2],
        "AWS::IAM::InstanceProfile" => [120, 3, 2],
        "AWS::KMS::Key" => [5, 3, 3],
        "AWS::EC2::VPCEndpoint" => [15, 5, 15],
        "AWS::EC2::VPC" => [12, 5, 3],
        "AWS::S3::Bucket" => [20, 5, 3],
        "AWS::RDS::DBInstance" => [600, 60, 300],
        "AWS::RDS::DBCluster" => [120, 60, 120],
        "AWS::Route53::RecordSet" => [35, 35, 35],
        "AWS::EC2::EIP" | "AWS::EC2::InternetGateway" => [16, 3, 2],
        "AWS::CertificateManager::Certificate" => [45, 3, 2],
        _ => [3, 3, 2],
    }
}

/// What must differ between two things of a type, and what the service says when it does not.
pub(super) fn unique(kind: &str) -> Option<(&'static [&'static str], &'static str)> {
    Some(match kind {
        "AWS::EC2::Subnet" => {
            (&["VpcId", "CidrBlock"], "The CIDR conflicts with another subnet (Service: Ec2, Status Code: 400)")
        }
        "AWS::EC2::Route" => (
            &["RouteTableId", "DestinationCidrBlock", "DestinationIpv6CidrBlock"],
            "The route already exists in the route table (Service: Ec2, Status Code: 400)",
        ),
        "AWS::EC2::SecurityGroupIngress" => (
            &["GroupId", "IpProtocol", "FromPort", "ToPort", "CidrIp", "CidrIpv6", "SourceSecurityGroupId"],
            "the specified rule already exists (Service: Ec2, Status Code: 400)",
        ),
        "AWS::EC2::SecurityGroupEgress" => (
            &["GroupId", "IpProtocol", "FromPort", "ToPort", "CidrIp", "CidrIpv6", "DestinationSecurityGroupId"],
            "the specified rule already exists (Service: Ec2, Status Code: 400)",
        ),
        "AWS::EC2::SubnetRouteTableAssociation" => (
            &["SubnetId"],
            "the specified association for the subnet conflicts with an existing association (Service: Ec2, Status Code: 400)",
        ),
        "AWS::EC2::VPCGatewayAttachment" => {
            (&["VpcId"], "Network vpc already has an internet gateway attached (Service: Ec2, Status Code: 400)")
        }
        "AWS::KMS::Alias" => {
            (&["AliasName"], "An alias with that name already exists (Service: Kms, Status Code: 400)")
        }
        "AWS::Route53::RecordSet" => (
            &["HostedZoneId", "Name", "Type"],
            "Tried to create resource record set but it already exists (Service: Route53, Status Code: 400)",
        ),
        "AWS::ElasticLoadBalancingV2::Listener" => (
            &["LoadBalancerArn", "Port"],
            "A listener already exists on this port for this load balancer (Service: ElasticLoadBalancingV2, Status Code: 400)",
        ),
        "AWS::ElasticLoadBalancingV2::ListenerRule" => (
            &["ListenerArn", "Priority"],
            "Priority is currently in use (Service: ElasticLoadBalancingV2, Status Code: 400)",
        ),
        _ => return None,
    })
}

/// Properties of other types that hold a thing of this type, so that it cannot be deleted before them.
pub(super) fn held_by(kind: &str) -> &'static [(&'static str, &'static str)] {
    match kind {
        "AWS::EC2::VPC" => &[
            ("AWS::EC2::Subnet", "VpcId"),
            ("AWS::EC2::SecurityGroup", "VpcId"),
            ("AWS::EC2::RouteTable", "VpcId"),
            ("AWS::EC2::VPCGatewayAttachment", "VpcId"),
            ("AWS::EC2::VPCEndpoint", "VpcId"),
        ],
        "AWS::EC2::Subnet" => &[
            ("AWS::EC2::NatGateway", "SubnetId"),
            ("AWS::EC2::NetworkInterface", "SubnetId"),
            ("AWS::ElasticLoadBalancingV2::LoadBalancer", "Subnets"),
        ],
        "AWS::EC2::SecurityGroup" => &[
            ("AWS::EC2::NetworkInterface", "GroupSet"),
            ("AWS::ElasticLoadBalancingV2::LoadBalancer", "SecurityGroups"),
            ("AWS::EC2::SecurityGroupIngress", "SourceSecurityGroupId"),
            ("AWS::EC2::SecurityGroupEgress", "DestinationSecurityGroupId"),
        ],
        "AWS::EC2::InternetGateway" => &[("AWS::EC2::VPCGatewayAttachment", "InternetGatewayId")],
        "AWS::EC2::RouteTable" => &[("AWS::EC2::SubnetRouteTableAssociation", "RouteTableId")],
        "AWS::EC2::EIP" => &[("AWS::EC2::NatGateway", "AllocationId")],
        "AWS::ElasticLoadBalancingV2::TargetGroup" => &[
            ("AWS::ElasticLoadBalancingV2::ListenerRule", "Actions"),
            ("AWS::ElasticLoadBalancingV2::Listener", "DefaultActions"),
        ],
        "AWS::CertificateManager::Certificate" => &[("AWS::ElasticLoadBalancingV2::Listener", "Certificates")],
        "AWS::IAM::Role" => &[("AWS::IAM::InstanceProfile", "Roles")],
        _ => &[],
    }
}

/// Types that CloudFormation does not compare with their template.
pub(super) const NOT_COMPARED: &[&str] = &[
    "AWS::EC2::VPCCidrBlock",
    "AWS::EC2::VPCGatewayAttachment",
    "AWS::EC2::SecurityGroupEgress",
    "AWS::EC2::SubnetRouteTableAssociation",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::TopicPolicy",
];
