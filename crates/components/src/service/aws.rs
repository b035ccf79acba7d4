//! A service in an account: hosts that AWS keeps running, in the private subnets, reached by what routes to them alone.

mod cloud_config;
mod layout;
mod machine;
mod role;
mod target_group;
mod unit;

use super::valid::ValidService;
use crate::aws_context::{
    AWS002, AWS003, AWS005, AlarmSpec, AwsContext, BackendInAws, EgressInAws, IpVersion, NetworkInAws, Other, Party,
    Rule, list, object, tag_list,
};
use cloud_config::{Content, HostFile};
use indexmap::IndexMap;
use layout::Layout;
use model::cfn::types::{AutoScalingGroup, InstanceProfile, LaunchTemplate, LogGroup, Secret, SecurityGroup};
use model::cfn::{Kind, Layer, Ref, Release, Value};
use model::process_graph::{FileSpec, Node, NodeSpec, ProgramSpec, ReadinessCheck};
use model::text::TemplateValue;
use model::{Atom, Text};

const LAYER: Layer = Layer::Service;
/// Where Canonical says which image of Ubuntu 24.04 is the latest.
const IMAGE: &str = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id";
/// AWS's limit for user data, before base64.
const LARGEST_USER_DATA: usize = 16 << 10;
/// AWS's limit for a secret.
const LARGEST_SECRET: usize = 64 << 10;
/// How long a host may take for its packages, on top of what the service itself may take to start.
const SET_UP_SECONDS: u32 = 900;

/// A file with secrets in it: where it is kept, and where it goes on the host.
struct Sealed {
    place: Ref<Secret>,
    path: String,
    mode: u32,
}

/// Adds the service's hosts and what they need.
pub(super) fn lower(valid: &ValidService, cx: &mut AwsContext<'_>) {
    let processes = cx.processes;
    let name = cx.name;
    let nodes: Vec<(&model::NodeId, &Node)> =
        processes.nodes.iter().filter(|(_, node)| node.component == *name).collect();
    let program = nodes.iter().find_map(|(_, node)| match &node.spec {
        NodeSpec::Program(program) => Some(program),
        _ => None,
    });
    let (Some(network), Some(program)) = (cx.network(), program) else { return };
    let layout = Layout::new(processes, name);
    if !can_run(valid, &nodes, program, &network, &layout, cx) {
        return;
    }
    for (id, node) in &nodes {
        if let NodeSpec::Secret(spec) = &node.spec {
            let part = id.as_str().trim_start_matches(name.as_str());
            let about = format!("{} of {}", part.trim_start_matches('/'), name);
            cx.secret(part, &node.origin, about, id, spec);
        }
    }
    let sealed = sealed_files(valid, &nodes, program, &layout, cx);
    let group = cx.group(LAYER, "Group", cx.at, &format!("Hosts of {name}"), &network.vpc);
    ways_out(&group, &network, cx);
    let logs = cx.log_group(LAYER, "Logs", cx.at);
    let release = valid.source.as_ref().map(|source| cx.release(&valid.at.key("source"), source));
    let profile = role::add(&sealed, release.as_ref().map(|(bucket, _)| bucket), &logs, cx);
    let targets = target_group::add(program, &network, &layout, cx);

    let hosts = cx.next_id("Hosts", cx.at);
    let about = format!("{name} of {} ({})", cx.processes.deployment, cx.environment);
    let host = Host {
        about: &about,
        program,
        sealed: &sealed,
        release: release.as_ref().map(|(_, release)| release),
        logs: &logs,
        group: &hosts,
        layout: &layout,
    };
    let text = cloud_config::user_data(&about, &host_files(&nodes, &host));
    let length = cloud_config::filled_length(&text);
    if length > LARGEST_USER_DATA {
        let summary = format!("what is written on a host of {name} has {length} bytes, AWS takes {LARGEST_USER_DATA}");
        cx.refuse(
            &AWS005,
            &valid.at.key("files"),
            summary,
            "make its files smaller, or put them into a Python package",
        );
    }
    let template = launch_template(&text, &group, &profile, program, cx);
    let hosts = scaling_group(valid, &template, targets.as_ref().map(|(targets, _)| targets), program, &network, cx);
    let hosts = cx.interface(&hosts);
    states_ways_out(&hosts, &network, cx);
    if let Some((targets, port)) = targets {
        let port = layout.port(&port);
        cx.export_backend(BackendInAws { component: name.clone(), group, hosts, targets, port });
    }
}

/// Whether hosts can run it; reports each reason why not.
fn can_run(
    valid: &ValidService,
    nodes: &[(&model::NodeId, &Node)],
    program: &ProgramSpec,
    network: &NetworkInAws,
    layout: &Layout<'_>,
    cx: &mut AwsContext<'_>,
) -> bool {
    let before = cx.findings.error_count();
    let name = cx.name;
    let asks_aws = nodes.iter().any(|(_, node)| matches!(node.spec, NodeSpec::Secret(_))) || !layout.sealed.is_empty();
    match &network.egress {
        EgressInAws::Internet => {}
        _ if valid.python.is_some() => {
            let summary = format!("{name} installs Python packages, and its network has no way to the internet");
            cx.refuse(&AWS002, &valid.at.key("python"), summary, "write `egress: nat` at the network");
        }
        _ if valid.source.is_some() => {
            let summary = format!("{name} has a source folder, and its network has no way to storage");
            cx.refuse(&AWS002, &valid.at.key("source"), summary, "write `egress: nat` at the network");
        }
        EgressInAws::Nothing if asks_aws => {
            let summary = format!("{name} has secrets, and its network has no way to the service that keeps them");
            cx.refuse(&AWS002, &valid.at, summary, "write `egress: endpoints` or `egress: nat` at the network");
        }
        EgressInAws::Endpoints { .. } | EgressInAws::Nothing => {}
    }
    let mut atoms: Vec<(&Atom, &model::ManifestPath)> = Vec::new();
    let at = valid.at.key("command");
    let texts = program.command.iter().chain(program.environment.values()).chain(&program.working_directory);
    atoms.extend(texts.flat_map(Text::atoms).map(|atom| (atom, &at)));
    for (_, node) in nodes {
        if let NodeSpec::File(file) = &node.spec {
            atoms.extend(file.context.values().flat_map(TemplateValue::atoms).map(|atom| (atom, &node.origin)));
        }
    }
    for (atom, at) in atoms.into_iter().filter(|(atom, _)| layout.is_elsewhere(atom)) {
        let summary = format!("{name} refers to {atom}, which is on another host");
        cx.refuse(&AWS003, at, summary, "let it go through an edge: refer to the edge's `url`");
    }
    if program.command.iter().chain(&program.working_directory).any(layout::is_sealed) {
        let summary = format!("the command of {name} holds half of a key pair that is made later");
        cx.refuse(&AWS003, &at, summary, "put it into a file among `files`, and name the file in the command");
    }
    cx.findings.error_count() == before
}

/// Adds a place for each file with secrets in it, and for the environment when it has some.
fn sealed_files(
    valid: &ValidService,
    nodes: &[(&model::NodeId, &Node)],
    program: &ProgramSpec,
    layout: &Layout<'_>,
    cx: &mut AwsContext<'_>,
) -> Vec<Sealed> {
    let mut sealed = Vec::new();
    for (id, node) in nodes {
        let NodeSpec::File(file) = &node.spec else { continue };
        if !layout.sealed.contains(id) {
            continue;
        }
        if file.template.len() > LARGEST_SECRET {
            let summary = format!("{} has {} bytes, a secret takes {LARGEST_SECRET}", file.name, file.template.len());
            cx.refuse(&AWS005, &node.origin, summary, "move what is no secret into another file");
        }
        let context = file.context.iter().map(|(name, value)| (name.clone(), layout.settle_value(value))).collect();
        let about = format!("The file {} of {}", file.name, cx.name);
        let part = format!("file-{}", file.name);
        let place = cx.sealed_file(&part, &node.origin, about, FileSpec { context, ..file.clone() });
        sealed.push(Sealed { place, path: layout.file(id), mode: file.mode });
    }
    let secret: Vec<(&String, &Text)> =
        program.environment.iter().filter(|(_, text)| layout::is_sealed(text)).collect();
    if !secret.is_empty() {
        // One line a variable, quoted as a shell would; that is what systemd reads.
        let template = secret.iter().map(|(name, _)| format!("{name}={{{{ {name} | shell }}}}\n")).collect();
        let context: IndexMap<String, TemplateValue> =
            secret.iter().map(|(name, text)| ((*name).clone(), TemplateValue::Text(layout.settle(text)))).collect();
        let name = "environment".to_owned();
        let file = FileSpec { name: name.clone(), template_name: name, template, context, mode: 0o600 };
        let about = format!("Environment variables of {}", cx.name);
        let place = cx.sealed_file("Environment", &valid.at.key("environment"), about, file);
        sealed.push(Sealed { place, path: layout::SEALED_ENVIRONMENT.to_owned(), mode: 0o600 });
    }
    sealed
}

/// Lets hosts reach what the network lets them reach.
fn ways_out(group: &Ref<SecurityGroup>, network: &NetworkInAws, cx: &mut AwsContext<'_>) {
    let because = network.at.key("egress");
    let name = cx.name;
    match &network.egress {
        EgressInAws::Internet => {
            let about = format!("{name} to packages and services of AWS");
            let other = Other::Block(Value::text("0.0.0.0/0"), IpVersion::V4);
            cx.let_out(LAYER, "ToInternet", &Rule { group, other, port: 443, about, because: &because });
        }
        EgressInAws::Endpoints { group: endpoints, .. } => {
            let about = format!("{name} to services of AWS");
            let rule =
                Rule { group, other: Other::Group(endpoints), port: 443, about: about.clone(), because: &because };
            cx.let_out(LAYER, "ToEndpoints", &rule);
            let rule = Rule { group: endpoints, other: Other::Group(group), port: 443, about, because: &because };
            cx.let_in(LAYER, "IntoEndpoints", &rule);
        }
        EgressInAws::Nothing => {}
    }
}

/// What the manifest says by the network's `egress`.
fn states_ways_out(hosts: &str, network: &NetworkInAws, cx: &mut AwsContext<'_>) {
    let because = network.at.key("egress");
    let mut way = |to: String| cx.way(Party::Resource(hosts.to_owned()), to, &because);
    match &network.egress {
        EgressInAws::Internet => {
            way("internet-v4:443".to_owned());
            if network.has_storage_endpoint {
                way("service:s3".to_owned());
            }
        }
        EgressInAws::Endpoints { services, .. } => {
            for (endpoint, service) in services {
                way(format!("{endpoint}:443"));
                way(format!("service:{service}"));
            }
        }
        EgressInAws::Nothing => {}
    }
}

/// What is different from host to host.
struct Host<'a> {
    about: &'a str,
    program: &'a ProgramSpec,
    sealed: &'a [Sealed],
    release: Option<&'a Release>,
    logs: &'a Ref<LogGroup>,
    group: &'a str,
    layout: &'a Layout<'a>,
}

fn host_files(nodes: &[(&model::NodeId, &Node)], host: &Host<'_>) -> Vec<HostFile> {
    let Host { about, program, sealed, release, logs, group, layout } = *host;
    let unit = format!("landfall-{}.service", layout.component);
    let mut settings = format!(
        "REGION=${{AWS::Region}}\nDOMAIN=${{AWS::URLSuffix}}\nSTACK=${{AWS::StackId}}\nGROUP={group}\nLOGS=${{{}}}\nUNIT={unit}\n\
         HEALTH_SECONDS={}\n",
        logs.logical_id().unwrap_or_default(),
        program.readiness.timeout_seconds
    );
    let mut set_up = include_str!("aws/host/set-up.sh").to_owned();
    let mut files = Vec::new();
    let file = |path: &str, content: Content| HostFile { path: path.to_owned(), mode: 0o644, content };
    for (id, node) in nodes {
        match &node.spec {
            NodeSpec::PythonEnvironment(python) => {
                let lines = |lines: &[String]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
                settings.push_str(&format!("PYTHON_MINIMUM={}\n", python.minimum_python.as_deref().unwrap_or("3.10")));
                set_up.push_str(include_str!("aws/host/python.sh"));
                let constraints = python.constraints.clone().unwrap_or_default();
                files.push(file("/etc/landfall/requirements.txt", Content::Kept(lines(&python.packages))));
                files.push(file("/etc/landfall/constraints.txt", Content::Kept(constraints)));
                files.push(file("/etc/landfall/imports.txt", Content::Kept(lines(&python.imports))));
            }
            NodeSpec::File(spec) if !layout.sealed.contains(*id) => {
                let content = Content::Kept(rendered(spec, layout));
                files.push(HostFile { path: layout.file(id), mode: spec.mode | 0o444, content });
            }
            _ => {}
        }
    }
    if let Some(release) = release {
        let Release { bucket, key, content, .. } = release;
        settings.push_str(&format!("RELEASES=${{{bucket}}}\nRELEASE={key}\nRELEASE_DIGEST={content}\n"));
        set_up.push_str(include_str!("aws/host/source.sh"));
    }
    set_up.push_str(include_str!("aws/host/start.sh"));
    match &program.readiness.check {
        ReadinessCheck::Running => set_up.push_str(include_str!("aws/host/wait-running.sh")),
        ReadinessCheck::Port { port } => {
            settings.push_str(&format!("PORT={}\n", layout.port(port)));
            set_up.push_str(include_str!("aws/host/wait-port.sh"));
        }
        ReadinessCheck::Http { port, path, statuses } => {
            let statuses: Vec<String> = statuses.iter().map(u16::to_string).collect();
            let path = format!("'{}'", path.replace('\'', "%27").replace("${", "$%7B"));
            let port = layout.port(port);
            settings.push_str(&format!("PORT={port}\nHEALTH_PATH={path}\nHEALTH_STATUSES='{}'\n", statuses.join(" ")));
            set_up.push_str(include_str!("aws/host/wait-http.sh"));
        }
    }
    let secrets: String = sealed
        .iter()
        .map(|one| format!("{} {:04o} ${{{}}}\n", one.path, one.mode, one.place.logical_id().unwrap_or_default()))
        .collect();
    let has_environment = sealed.iter().any(|one| one.path == layout::SEALED_ENVIRONMENT);
    let service = unit::service(about, program, has_environment, layout);
    let mut all = vec![
        file("/etc/landfall/host.env", Content::Filled(settings)),
        file("/etc/landfall/secrets", Content::Filled(secrets)),
        file(&cloud_config::unit_path(&unit), Content::Kept(service)),
        file(
            &cloud_config::unit_path(layout::SECRETS_UNIT),
            Content::Kept(unit::secrets(&format!("Secrets of {about}"))),
        ),
        file(
            &cloud_config::unit_path(layout::JOURNAL_UNIT),
            Content::Kept(unit::journal(&format!("Log of {about}"), &unit)),
        ),
    ];
    all.extend(files);
    all.extend(cloud_config::programs(&set_up, release.is_some()));
    all
}

/// The text of a file without secrets. Its template was rehearsed when the manifest was checked.
fn rendered(spec: &FileSpec, layout: &Layout<'_>) -> String {
    let settled = spec.context.iter().map(|(name, value)| (name.clone(), layout.settle_value(value))).collect();
    let context =
        template::fill(&settled, |text| Ok::<_, std::convert::Infallible>(model::Secret::new(text.to_string())));
    let Ok(context) = context;
    template::render(&spec.template_name, &spec.template, &context, &[0; 32])
        .map(|text| text.expose().to_owned())
        .unwrap_or_default()
}

fn launch_template(
    user_data: &str,
    group: &Ref<SecurityGroup>,
    profile: &Ref<InstanceProfile>,
    program: &ProgramSpec,
    cx: &mut AwsContext<'_>,
) -> Ref<LaunchTemplate> {
    let at = cx.at.clone();
    let image = cx.parameter("Image", "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>", Some(IMAGE));
    let tags = cx.tags("Host");
    let of = |kind: &str| object! { "ResourceType": kind, "Tags": tag_list(&tags) };
    let data = object! {
        "ImageId": image,
        "InstanceType": machine::instance_type(program.memory_limit),
        "IamInstanceProfile": object! { "Arn": profile.attribute("Arn").unwrap_or_else(|| Value::text("")) },
        "SecurityGroupIds": list![group],
        "MetadataOptions": object! {
            "HttpEndpoint": "enabled",
            "HttpTokens": "required",
            "HttpPutResponseHopLimit": 1,
            "InstanceMetadataTags": "disabled",
        },
        "BlockDeviceMappings": list![object! {
            "DeviceName": "/dev/sda1",
            "Ebs": object! {
                "Encrypted": true, "DeleteOnTermination": true, "VolumeType": "gp3", "VolumeSize": machine::DISK_GIBIBYTES,
            },
        }],
        "Monitoring": object! { "Enabled": true },
        "TagSpecifications": list![of("instance"), of("volume")],
        "UserData": Value::new(Kind::Base64(Box::new(Value::sub(user_data)))),
    };
    cx.add::<LaunchTemplate>(LAYER, "Template", &at, object! { "LaunchTemplateData": data })
}

fn scaling_group(
    valid: &ValidService,
    template: &Ref<LaunchTemplate>,
    targets: Option<&Ref<model::cfn::types::TargetGroup>>,
    program: &ProgramSpec,
    network: &NetworkInAws,
    cx: &mut AwsContext<'_>,
) -> Ref<AutoScalingGroup> {
    let at = cx.at.clone();
    let id = template.logical_id().unwrap_or_default();
    let grace = SET_UP_SECONDS + program.readiness.timeout_seconds;
    let mut properties = object! {
        "LaunchTemplate": object! {
            "LaunchTemplateId": Value::reference(id),
            "Version": Value::attribute(id, "LatestVersionNumber"),
        },
        "VPCZoneIdentifier": Value::list(&network.private),
        "MinSize": valid.instances,
        // One more for the time of a change: the new host is ready before the old one goes.
        "MaxSize": valid.instances + 1,
        "DesiredCapacity": valid.instances,
        "HealthCheckType": if targets.is_some() { "ELB" } else { "EC2" },
        "HealthCheckGracePeriod": grace,
        "MetricsCollection": list![object! { "Granularity": "1Minute", "Metrics": list!["GroupInServiceInstances"] }],
    };
    if let (Some(targets), Kind::Map(entries)) = (targets, &mut properties.kind) {
        entries.insert("TargetGroupARNs".to_owned(), list![targets]);
    }
    let hosts = cx.add::<AutoScalingGroup>(LAYER, "Hosts", &at, properties);
    let wait = format!("PT{}M", grace.div_ceil(60));
    // A host that reaches nothing cannot say that it is ready; then the load balancer alone knows.
    let says_ready = !matches!(network.egress, EgressInAws::Nothing);
    if says_ready {
        let signal = object! { "Count": valid.instances, "Timeout": wait.as_str() };
        cx.set(&hosts, "CreationPolicy", object! { "ResourceSignal": signal });
    }
    let rolling = object! {
        "MinInstancesInService": valid.instances,
        "MaxBatchSize": 1,
        "WaitOnResourceSignals": says_ready,
        "PauseTime": wait,
        "SuspendProcesses": list!["AlarmNotification", "AZRebalance", "HealthCheck", "ReplaceUnhealthy", "ScheduledActions"],
    };
    cx.set(&hosts, "UpdatePolicy", object! { "AutoScalingRollingUpdate": rolling });
    let name = cx.name;
    let alarm = AlarmSpec {
        about: format!("Fewer hosts of {name} run than should: look at the log group of {name} for the cause"),
        namespace: "AWS/AutoScaling",
        metric: "GroupInServiceInstances",
        dimensions: vec![("AutoScalingGroupName", hosts.value())],
        statistic: "Minimum",
        period_seconds: 60,
        periods: 15,
        threshold: u32::from(valid.instances),
        comparison: "LessThanThreshold",
    };
    cx.alarm(LAYER, "HostsMissing", &at, &alarm);
    let alarm = AlarmSpec {
        about: format!(
            "The hosts of {name} have been busy for a quarter of an hour: a larger `size` or more `instances`"
        ),
        namespace: "AWS/EC2",
        metric: "CPUUtilization",
        dimensions: vec![("AutoScalingGroupName", hosts.value())],
        statistic: "Average",
        period_seconds: 300,
        periods: 3,
        threshold: 90,
        comparison: "GreaterThanThreshold",
    };
    cx.alarm(LAYER, "HostsBusy", &at, &alarm);
    cx.output(LAYER, "Hosts", format!("The group of hosts of {name}"), hosts.value());
    hosts
}
