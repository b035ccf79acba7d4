//! A host in an account: a machine that is set up once and kept by a group of its own, whatever it is for.

pub(crate) mod access;
pub(crate) mod cloud_config;
mod role;
pub(crate) mod unit;
mod ways;

pub(crate) use role::allow;

use crate::aws_context::{AWS005, AlarmSpec, AwsContext, EgressInAws, NetworkInAws, list, object, tag_list};
use cloud_config::{HostFile, HostUser};
use model::cfn::types::{
    AutoScalingGroup, Bucket, InstanceProfile, LaunchTemplate, LogGroup, Secret, SecurityGroup, TargetGroup,
};
use model::cfn::{Kind, Layer, Ref, Value};
use model::process_graph::FileSpec;
use model::text::TemplateValue;
use model::{Atom, Digest, ManifestPath, NodeId};
use std::collections::BTreeSet;

/// Where what stays is.
pub(crate) const DATA: &str = "/var/lib/landfall";
/// The certificates of the authorities that sign those of database servers.
pub(crate) const DATABASE_AUTHORITIES: &str = "/etc/landfall/rds-ca.pem";
/// AWS's limit for user data, before base64.
const LARGEST_USER_DATA: usize = 16 << 10;
/// How long a host may take for its packages, on top of what it may take to start what it is for.
const SET_UP_SECONDS: u32 = 900;

/// A file with secrets in it: where it is kept, and where it goes on the host.
pub(crate) struct Sealed {
    pub(crate) place: Ref<Secret>,
    pub(crate) path: String,
    mode: u32,
    /// What it is made of, generations of secrets included: hosts with another one are made anew.
    content: Digest,
}

impl Sealed {
    /// Adds its place. `path`: where it goes.
    pub(crate) fn add(
        part: &str,
        origin: &ManifestPath,
        about: String,
        path: &str,
        file: FileSpec,
        cx: &mut AwsContext<'_>,
    ) -> Self {
        let nodes: BTreeSet<&NodeId> =
            file.context.values().flat_map(TemplateValue::atoms).filter_map(Atom::node).collect();
        let secrets: Vec<_> =
            nodes.into_iter().filter_map(|node| Some((node, &cx.processes.nodes.get(node)?.spec))).collect();
        let content = Digest::of(&(&file, secrets));
        let mode = file.mode;
        let place = cx.sealed_file(part, origin, about, file);
        Self { place, path: path.to_owned(), mode, content }
    }
}

/// A type of machine with its disk.
#[derive(Clone, Copy)]
pub(crate) struct Machine {
    instance_type: &'static str,
    image: &'static str,
    gibibytes: u32,
}

impl Machine {
    /// The smallest that runs the system and one small program.
    pub(crate) const SMALLEST: Self = Self { instance_type: "t4g.nano", image: ARM_IMAGE, gibibytes: 8 };

    /// A machine with a usual processor.
    pub(crate) fn of(instance_type: &'static str, gibibytes: u32) -> Self {
        Self { instance_type, image: IMAGE, gibibytes }
    }
}

/// Where Canonical says which image of Ubuntu 24.04 is the latest.
const IMAGE: &str = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id";
const ARM_IMAGE: &str = "/aws/service/canonical/ubuntu/server/24.04/stable/current/arm64/hvm/ebs-gp3/ami-id";

/// The type of a parameter that is looked up when a stack is made.
const IMAGE_PARAMETER: &str = "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>";

/// A group of hosts that are alike.
pub(crate) struct Hosts<'a> {
    /// Their stack.
    pub(crate) layer: Layer,
    /// What stands before the names of their resources.
    pub(crate) part: &'a str,
    /// What they are, for people.
    pub(crate) about: &'a str,
    /// Where it is told that they have too much text, and what to do about it.
    pub(crate) too_long: (ManifestPath, &'a str),
    /// Which machines.
    pub(crate) machine: Machine,
    /// In whose private subnets.
    pub(crate) network: &'a NetworkInAws,
    /// Their group of interfaces.
    pub(crate) group: &'a Ref<SecurityGroup>,
    /// Where their log goes.
    pub(crate) logs: &'a Ref<LogGroup>,
    /// The secrets that they may read.
    pub(crate) sealed: &'a [Sealed],
    /// Where their source folder is.
    pub(crate) releases: Option<&'a Ref<Bucket>>,
    /// What else they may ask of AWS: statements of a policy.
    pub(crate) rights: Vec<Value>,
    /// What is written on them.
    pub(crate) files: &'a [HostFile],
    /// Who may log in.
    pub(crate) people: &'a [HostUser],
    /// How many.
    pub(crate) count: u8,
    /// Whether a new one may run beside the one that it replaces.
    pub(crate) overlaps: bool,
    /// How long what they are for may take to start.
    pub(crate) start_seconds: u32,
    /// Where they are registered for a load balancer.
    pub(crate) targets: Option<&'a Ref<TargetGroup>>,
}

impl Hosts<'_> {
    fn part(&self, name: &str) -> String {
        if self.part.is_empty() { name.to_owned() } else { format!("{}-{name}", self.part) }
    }
}

/// Adds hosts with their role, and an alarm for when some are missing. Their rules to others are the caller's, but for the ways out that
/// the network states.
pub(crate) fn add(hosts: &Hosts<'_>, cx: &mut AwsContext<'_>) -> Ref<AutoScalingGroup> {
    ways::add(hosts, cx);
    let profile = role::add(hosts, cx);
    let text = cloud_config::user_data(hosts.about, hosts.files, hosts.people);
    let length = cloud_config::filled_length(&text);
    if length > LARGEST_USER_DATA {
        let name = cx.name;
        let summary = format!("what is written on a host of {name} has {length} bytes, AWS takes {LARGEST_USER_DATA}");
        let (at, help) = &hosts.too_long;
        cx.refuse(&AWS005, at, summary, help);
    }
    let template = launch_template(hosts, &text, &profile, cx);
    let group = scaling_group(hosts, &template, cx);
    let id = cx.interface(&group);
    ways::state(&id, hosts.network, cx);
    group
}

fn launch_template(
    hosts: &Hosts<'_>,
    user_data: &str,
    profile: &Ref<InstanceProfile>,
    cx: &mut AwsContext<'_>,
) -> Ref<LaunchTemplate> {
    let at = cx.at.clone();
    let image =
        cx.parameter(&crate::aws_context::pascal(&hosts.part("Image")), IMAGE_PARAMETER, Some(hosts.machine.image));
    let tags = cx.tags(&hosts.part("Host"));
    let of = |kind: &str| object! { "ResourceType": kind, "Tags": tag_list(&tags) };
    let data = object! {
        "ImageId": image,
        "InstanceType": hosts.machine.instance_type,
        "IamInstanceProfile": object! { "Arn": profile.attribute("Arn").unwrap_or_else(|| Value::text("")) },
        "SecurityGroupIds": list![hosts.group],
        "MetadataOptions": object! {
            "HttpEndpoint": "enabled",
            "HttpTokens": "required",
            "HttpPutResponseHopLimit": 1,
            "InstanceMetadataTags": "disabled",
        },
        "BlockDeviceMappings": list![object! {
            "DeviceName": "/dev/sda1",
            "Ebs": object! {
                "Encrypted": true, "DeleteOnTermination": true, "VolumeType": "gp3", "VolumeSize": hosts.machine.gibibytes,
            },
        }],
        "Monitoring": object! { "Enabled": true },
        "TagSpecifications": list![of("instance"), of("volume")],
        "UserData": Value::new(Kind::Base64(Box::new(Value::sub(user_data)))),
    };
    cx.add::<LaunchTemplate>(hosts.layer, &hosts.part("Template"), &at, object! { "LaunchTemplateData": data })
}

fn scaling_group(hosts: &Hosts<'_>, template: &Ref<LaunchTemplate>, cx: &mut AwsContext<'_>) -> Ref<AutoScalingGroup> {
    let at = cx.at.clone();
    let id = template.logical_id().unwrap_or_default();
    let grace = SET_UP_SECONDS + hosts.start_seconds;
    let mut properties = object! {
        "LaunchTemplate": object! {
            "LaunchTemplateId": Value::reference(id),
            "Version": Value::attribute(id, "LatestVersionNumber"),
        },
        "VPCZoneIdentifier": Value::list(&hosts.network.private),
        "MinSize": hosts.count,
        // One more for the time of a change: the new host is ready before the old one goes.
        "MaxSize": hosts.count + u8::from(hosts.overlaps),
        "DesiredCapacity": hosts.count,
        "HealthCheckType": if hosts.targets.is_some() { "ELB" } else { "EC2" },
        "HealthCheckGracePeriod": grace,
        "MetricsCollection": list![object! { "Granularity": "1Minute", "Metrics": list!["GroupInServiceInstances"] }],
    };
    if let (Some(targets), Kind::Map(entries)) = (hosts.targets, &mut properties.kind) {
        entries.insert("TargetGroupARNs".to_owned(), list![targets]);
    }
    let group = cx.add::<AutoScalingGroup>(hosts.layer, &hosts.part("Hosts"), &at, properties);
    let wait = format!("PT{}M", grace.div_ceil(60));
    // A host that reaches nothing cannot say that it is ready; then the load balancer alone knows.
    let says_ready = !matches!(hosts.network.egress, EgressInAws::Nothing);
    if says_ready {
        let signal = object! { "Count": hosts.count, "Timeout": wait.as_str() };
        cx.set(&group, "CreationPolicy", object! { "ResourceSignal": signal });
    }
    let rolling = object! {
        "MinInstancesInService": if hosts.overlaps { hosts.count } else { 0 },
        "MaxBatchSize": 1,
        "WaitOnResourceSignals": says_ready,
        "PauseTime": wait,
        "SuspendProcesses": list!["AlarmNotification", "AZRebalance", "HealthCheck", "ReplaceUnhealthy", "ScheduledActions"],
    };
    cx.set(&group, "UpdatePolicy", object! { "AutoScalingRollingUpdate": rolling });
    let name = cx.name;
    let alarm = AlarmSpec {
        about: format!("Fewer hosts of {name} run than should: look at the log group of {name} for the cause"),
        namespace: "AWS/AutoScaling",
        metric: "GroupInServiceInstances",
        dimensions: vec![("AutoScalingGroupName", group.value())],
        statistic: "Minimum",
        period_seconds: 60,
        periods: 15,
        threshold: u32::from(hosts.count),
        comparison: "LessThanThreshold",
    };
    cx.alarm(hosts.layer, &hosts.part("HostsMissing"), &at, &alarm);
    group
}
