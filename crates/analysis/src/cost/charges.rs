//! What is paid for a resource.

use model::cfn::{Kind, Resource, ResourceGraph, Value};

/// Metrics that AWS keeps of a host each minute instead of each five.
const METRICS_OF_A_HOST: u64 = 7;

/// Something that is paid for.
pub(super) enum Charge {
    /// So many of it, all the time.
    Fixed { what: &'static str, count: u64 },
    /// By what goes through it.
    ByUse(&'static str),
    /// It has a price, but which one cannot be told.
    Unknown(String),
}

/// Machines with a price.
const MACHINES: &[&str] = &[
    "t4g.nano",
    "t3.small",
    "t3.medium",
    "t3.large",
    "t3.xlarge",
    "t3.2xlarge",
    "r6i.2xlarge",
    "r6i.4xlarge",
    "r6i.8xlarge",
];

/// Types that cost nothing by themselves.
const FREE: &[&str] = &[
    "AWS::CertificateManager::Certificate",
    "AWS::EC2::FlowLog",
    "AWS::EC2::InternetGateway",
    "AWS::EC2::LaunchTemplate",
    "AWS::EC2::Route",
    "AWS::EC2::RouteTable",
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::SecurityGroupEgress",
    "AWS::EC2::SecurityGroupIngress",
    "AWS::EC2::Subnet",
    "AWS::EC2::SubnetRouteTableAssociation",
    "AWS::EC2::VPC",
    "AWS::EC2::VPCCidrBlock",
    "AWS::EC2::VPCGatewayAttachment",
    "AWS::ElasticLoadBalancingV2::Listener",
    "AWS::ElasticLoadBalancingV2::ListenerRule",
    "AWS::ElasticLoadBalancingV2::TargetGroup",
    "AWS::IAM::InstanceProfile",
    "AWS::IAM::Role",
    "AWS::KMS::Alias",
    "AWS::RDS::DBClusterParameterGroup",
    "AWS::RDS::DBParameterGroup",
    "AWS::RDS::DBSubnetGroup",
    "AWS::Route53::RecordSet",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::SNS::TopicPolicy",
];

pub(super) fn charges(graph: &ResourceGraph, id: &str, resource: &Resource) -> Vec<Charge> {
    let one = |what| Charge::Fixed { what, count: 1 };
    let properties = &resource.properties;
    match resource.kind.as_str() {
        "AWS::EC2::NatGateway" => vec![one("nat-gateway"), Charge::ByUse("data through NAT gateways, per GB")],
        "AWS::EC2::EIP" => vec![one("public-ipv4")],
        "AWS::RDS::DBInstance" => database(graph, resource, id),
        "AWS::RDS::DBCluster" => vec![
            Charge::ByUse("storage of Aurora clusters, per GB kept"),
            Charge::ByUse("reads and writes of Aurora clusters"),
            Charge::ByUse("backups of databases beyond their size, per GB kept"),
        ],
        "AWS::ElasticLoadBalancingV2::LoadBalancer" => {
            let is_network = text(properties.get("Type")) == Some("network");
            let what = if is_network { "network-balancer" } else { "load-balancer" };
            let mut charges = vec![one(what), Charge::ByUse("load balancer capacity units")];
            if text(properties.get("Scheme")) != Some("internal") {
                let subnets = length(properties.get("Subnets"));
                charges.push(Charge::Fixed { what: "public-ipv4", count: subnets });
                charges.push(Charge::ByUse("data to the internet, per GB"));
            }
            charges
        }
        "AWS::EC2::VPCEndpoint" if text(properties.get("VpcEndpointType")) == Some("Interface") => {
            let count = length(properties.get("SubnetIds"));
            vec![Charge::Fixed { what: "interface-endpoint", count }, Charge::ByUse("data through endpoints, per GB")]
        }
        "AWS::EC2::VPCEndpoint" => Vec::new(),
        "AWS::AutoScaling::AutoScalingGroup" => hosts(graph, id, resource),
        "AWS::SecretsManager::Secret" => vec![one("secret")],
        "AWS::KMS::Key" => vec![one("key"), Charge::ByUse("requests to the key")],
        "AWS::CloudWatch::Alarm" => vec![one("alarm")],
        "AWS::Logs::LogGroup" => vec![Charge::ByUse("logs, per GB written and kept")],
        "AWS::S3::Bucket" => vec![Charge::ByUse("objects, per GB kept")],
        kind if FREE.contains(&kind) => Vec::new(),
        kind => vec![Charge::Unknown(format!("{kind} ({id})"))],
    }
}

/// Database servers with a price, by themselves and in a cluster.
const DATABASES: &[(&str, &str)] =
    &[("db.t4g.small", ""), ("db.t4g.medium", "aurora db.t4g.medium"), ("db.t4g.large", "aurora db.t4g.large")];

/// A database server: the machine, twice with a standby, and its disk. RDS keeps a secret of its administrator.
fn database(graph: &ResourceGraph, resource: &Resource, id: &str) -> Vec<Charge> {
    let properties = &resource.properties;
    let is_member = properties.get("DBClusterIdentifier").is_some();
    let class = text(properties.get("DBInstanceClass"));
    let known = DATABASES.iter().find(|(class_known, _)| Some(*class_known) == class);
    let copies = if text(properties.get("MultiAZ")) == Some("true") { 2 } else { 1 };
    let what = known.map(|(alone, member)| if is_member { *member } else { *alone }).filter(|what| !what.is_empty());
    let mut charges = match what {
        Some(what) => vec![Charge::Fixed { what, count: copies }],
        None => vec![Charge::Unknown(format!("the class of {id}"))],
    };
    if is_member {
        // The cluster has one secret, however many members it has; it is counted with the first of them.
        let cluster = properties.get("DBClusterIdentifier").map(Value::mentions).unwrap_or_default();
        let mut members = graph.resources.iter().filter(|(_, other)| {
            other.properties.get("DBClusterIdentifier").is_some_and(|other| other.mentions() == cluster)
        });
        if members.next().is_some_and(|(first, _)| first == id) {
            charges.push(Charge::Fixed { what: "secret", count: 1 });
        }
        return charges;
    }
    match text(properties.get("AllocatedStorage")).and_then(|size| size.parse::<u64>().ok()) {
        Some(size) => charges.push(Charge::Fixed { what: "database-gibibyte", count: size * copies }),
        None => charges.push(Charge::Unknown(format!("the disk of {id}"))),
    }
    if text(properties.get("ManageMasterUserPassword")) == Some("true") {
        charges.push(Charge::Fixed { what: "secret", count: 1 });
    }
    charges.push(Charge::ByUse("backups of databases beyond their size, per GB kept"));
    charges
}

fn hosts(graph: &ResourceGraph, id: &str, resource: &Resource) -> Vec<Charge> {
    let unknown = |what: &str| vec![Charge::Unknown(format!("{what} of {id}"))];
    let said = ["DesiredCapacity", "MinSize"].iter().find_map(|key| text(resource.properties.get(key)));
    let Some(count) = said.and_then(|text| text.parse::<u64>().ok()) else { return unknown("the number of hosts") };
    let template = resource.properties.get("LaunchTemplate").and_then(|template| template.get("LaunchTemplateId"));
    let template = template.and_then(|id| graph.resources.get(*id.mentions().first()?));
    let Some(data) = template.and_then(|template| template.properties.get("LaunchTemplateData")) else {
        return unknown("the launch template");
    };
    let machine = text(data.get("InstanceType"));
    let Some(what) = MACHINES.iter().copied().find(|known| Some(*known) == machine) else {
        return unknown("the type of machine");
    };
    let mut charges = vec![Charge::Fixed { what, count }];
    for disk in data.get("BlockDeviceMappings").map(Value::children).unwrap_or_default() {
        let disk = disk.get("Ebs");
        let size = disk.and_then(|disk| text(disk.get("VolumeSize"))?.parse::<u64>().ok());
        match (size, disk.and_then(|disk| text(disk.get("VolumeType")))) {
            (Some(size), Some("gp3")) => charges.push(Charge::Fixed { what: "gp3-gibibyte", count: size * count }),
            _ => charges.push(Charge::Unknown(format!("a disk of {id}"))),
        }
    }
    if data.get("Monitoring").and_then(|monitoring| text(monitoring.get("Enabled"))) == Some("true") {
        charges.push(Charge::Fixed { what: "metric", count: METRICS_OF_A_HOST * count });
    }
    charges
}

fn text(value: Option<&Value>) -> Option<&str> {
    match value.map(|value| &value.kind) {
        Some(Kind::Text(text)) => Some(text),
        _ => None,
    }
}

fn length(value: Option<&Value>) -> u64 {
    match value.map(|value| &value.kind) {
        Some(Kind::List(items)) => u64::try_from(items.len()).unwrap_or(u64::MAX),
        _ => 1,
    }
}
