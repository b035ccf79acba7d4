//! A service in an account: hosts that AWS keeps running, in the private subnets, reached by what routes to them alone.

mod layout;
mod machine;
mod target_group;
mod unit;

use super::valid::ValidService;
use crate::aws_context::{
    AWS002, AWS003, AWS005, AlarmSpec, AwsContext, BackendInAws, Caller, EgressInAws, NetworkInAws,
};
use crate::aws_host::cloud_config::{self, Content, HostFile};
use crate::aws_host::{self, Hosts, Machine, Sealed, access, unit as units};
use indexmap::IndexMap;
use layout::Layout;
use model::cfn::types::LogGroup;
use model::cfn::{Layer, Ref, Release};
use model::process_graph::{FileSpec, Node, NodeSpec, ProgramSpec, ReadinessCheck};
use model::text::TemplateValue;
use model::{Atom, Text};

const LAYER: Layer = Layer::Service;
/// AWS's limit for a secret.
const LARGEST_SECRET: usize = 64 << 10;
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
    let used = valid.uses.iter().filter_map(|used| cx.database(&used.said.component)).collect();
    let layout = Layout::new(processes, name, used);
    if !can_run(valid, &nodes, program, &network, &layout, cx) {
        return;
    }
    for (id, node) in &nodes {
        if let NodeSpec::Secret(spec) = &node.spec {
            let part = id.as_str().trim_start_matches(name.as_str());
            let about = format!("{} of {}", part.trim_start_matches('/'), name);
            cx.password(part, &node.origin, about, id, spec);
        }
    }
    let sealed = sealed_files(valid, &nodes, program, &layout, cx);
    let group = cx.group(LAYER, "Group", cx.at, &format!("Hosts of {name}"), &network.vpc);
    let logs = cx.log_group(LAYER, "Logs", cx.at);
    let release = valid.source.as_ref().map(|source| cx.release(&valid.at.key("source"), source));
    let targets = target_group::add(program, &network, &layout, cx);

    let about = format!("{name} of {} ({})", cx.processes.deployment, cx.environment);
    let host = Host {
        about: &about,
        program,
        sealed: &sealed,
        release: release.as_ref().map(|(_, release)| release),
        logs: &logs,
        group: &cx.next_id("Hosts", cx.at),
        layout: &layout,
    };
    let files = host_files(&nodes, &host);
    let machine = Machine::of(machine::instance_type(program.memory_limit), machine::DISK_GIBIBYTES);
    let hosts = aws_host::add(
        &Hosts {
            layer: LAYER,
            part: "",
            about: &about,
            too_long: (valid.at.key("files"), "make its files smaller, or put them into a Python package"),
            machine,
            network: &network,
            group: &group,
            logs: &logs,
            sealed: &sealed,
            releases: release.as_ref().map(|(bucket, _)| bucket),
            rights: Vec::new(),
            files: &files,
            people: &[],
            count: valid.instances,
            overlaps: true,
            start_seconds: program.readiness.timeout_seconds,
            targets: targets.as_ref().map(|(targets, _)| targets),
        },
        cx,
    );
    let busy = AlarmSpec {
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
    cx.alarm(LAYER, "HostsBusy", cx.at, &busy);
    cx.output(LAYER, "Hosts", format!("The group of hosts of {name}"), hosts.value());
    let id = hosts.logical_id().unwrap_or_default().to_owned();
    for used in &valid.uses {
        let Some(database) = cx.database(&used.said.component) else { continue };
        let caller = Caller { layer: LAYER, part: "", group: &group, hosts: &id, because: &used.said.at };
        cx.let_reach(&caller, &database);
    }
    if let Some((targets, port)) = targets {
        let port = layout.port(&port);
        cx.export_backend(BackendInAws { component: name.clone(), group, hosts: id, targets, port });
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
            let help = "write `egress: nat` at the network, or put what it imports into its `source` folder and remove `python`";
            cx.refuse(&AWS002, &valid.at.key("python"), summary, help);
        }
        EgressInAws::Endpoints { .. } => {
            for database in layout.databases.iter().filter(|database| database.authorities.is_none()) {
                let component = &database.component;
                let summary = format!(
                    "{name} uses {component}, and its network has no way to where RDS publishes the certificates of its authorities"
                );
                let help = format!(
                    "say the file at {component}, as `authorities: rds-ca.pem` (from https://truststore.pki.rds.amazonaws.com), \
                     or write `egress: nat` at the network"
                );
                let used = valid.uses.iter().find(|used| used.said.component == *component);
                let at = used.map_or_else(|| valid.at.key("uses"), |used| used.said.at.clone());
                cx.refuse(&AWS002, &at, summary, &help);
            }
        }
        EgressInAws::Nothing if !valid.uses.is_empty() => {
            let summary =
                format!("{name} uses a database, and its network has no way to the service that keeps its login");
            let help = "write `egress: endpoints` or `egress: nat` at the network";
            cx.refuse(&AWS002, &valid.at.key("uses"), summary, help);
        }
        EgressInAws::Nothing if valid.source.is_some() => {
            let summary = format!("{name} has a source folder, and its network has no way to storage");
            let help = "write `egress: endpoints` or `egress: nat` at the network";
            cx.refuse(&AWS002, &valid.at.key("source"), summary, help);
        }
        EgressInAws::Nothing if asks_aws => {
            let summary = format!("{name} has secrets, and its network has no way to the service that keeps them");
            cx.refuse(&AWS002, &valid.at, summary, "write `egress: endpoints` or `egress: nat` at the network");
        }
        EgressInAws::Nothing => {}
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
        let summary =
            format!("the command of {name} holds half of a key pair, or a database's address: both are made later");
        cx.refuse(
            &AWS003,
            &at,
            summary,
            "put it into `environment`, or into a file among `files` that the command names",
        );
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
        let file = FileSpec { context, ..file.clone() };
        sealed.push(Sealed::add(&part, &node.origin, about, &layout.file(id), file, cx));
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
        let at = valid.at.key("environment");
        sealed.push(Sealed::add("Environment", &at, about, layout::SEALED_ENVIRONMENT, file, cx));
    }
    sealed
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
    let Host { about, program, sealed, release, logs, group, layout } = host;
    let unit = format!("landfall-{}.service", layout.component);
    let mut settings = format!(
        "REGION=${{AWS::Region}}\nDOMAIN=${{AWS::URLSuffix}}\nSTACK=${{AWS::StackId}}\nGROUP={group}\nLOGS=${{{}}}\nUNIT={unit}\n\
         HEALTH_SECONDS={}\n",
        logs.logical_id().unwrap_or_default(),
        program.readiness.timeout_seconds
    );
    let mut set_up = include_str!("../aws_host/host/set-up.sh").to_owned();
    let mut files = Vec::new();
    let file = |path: &str, content: Content| HostFile { path: path.to_owned(), mode: 0o644, content };
    for (id, node) in nodes {
        match &node.spec {
            NodeSpec::PythonEnvironment(python) => {
                let lines = |lines: &[String]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
                settings.push_str(&format!("PYTHON_MINIMUM={}\n", python.minimum_python.as_deref().unwrap_or("3.10")));
                set_up.push_str(include_str!("../aws_host/host/python.sh"));
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
    if !layout.databases.is_empty() {
        match access::authorities(&layout.databases) {
            Ok(file) => files.push(file),
            Err(step) => set_up.push_str(step),
        }
    }
    if let Some(release) = release {
        let Release { bucket, key, content, .. } = release;
        settings.push_str(&format!("RELEASES=${{{bucket}}}\nRELEASE={key}\nRELEASE_DIGEST={content}\n"));
        set_up.push_str(include_str!("../aws_host/host/source.sh"));
    }
    set_up.push_str(include_str!("../aws_host/host/start.sh"));
    match &program.readiness.check {
        ReadinessCheck::Running => set_up.push_str(include_str!("../aws_host/host/wait-running.sh")),
        ReadinessCheck::Port { port } => {
            settings.push_str(&format!("PORT={}\n", layout.port(port)));
            set_up.push_str(include_str!("../aws_host/host/wait-port.sh"));
        }
        ReadinessCheck::Http { port, path, statuses } => {
            let statuses: Vec<String> = statuses.iter().map(u16::to_string).collect();
            let path = format!("'{}'", path.replace('\'', "%27").replace("${", "$%7B"));
            let port = layout.port(port);
            settings.push_str(&format!("PORT={port}\nHEALTH_PATH={path}\nHEALTH_STATUSES='{}'\n", statuses.join(" ")));
            set_up.push_str(include_str!("../aws_host/host/wait-http.sh"));
        }
    }
    let has_environment = sealed.iter().any(|one| one.path == layout::SEALED_ENVIRONMENT);
    let service = unit::service(about, program, has_environment, layout);
    let mut all = vec![
        file("/etc/landfall/host.env", Content::Filled(settings)),
        access::secrets(sealed),
        file(&cloud_config::unit_path(&unit), Content::Kept(service)),
        file(&cloud_config::unit_path(units::SECRETS), Content::Kept(units::secrets(&format!("Secrets of {about}")))),
        file(
            &cloud_config::unit_path(units::JOURNAL),
            Content::Kept(units::journal(&format!("Log of {about}"), &unit)),
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
