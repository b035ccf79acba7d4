//! A service on this machine: secrets, environment, files, and the program.

use super::promises;
use super::schema::Restart;
use super::uses;
use super::valid::{ValidFile, ValidService, ValidUser, Variable};
use crate::context::{LocalContext, needs_of};
use indexmap::IndexMap;
use model::process_graph::{FileSpec, NodeSpec, ProgramSpec, Readiness, ReadinessCheck, RestartPolicy, SecretSpec};
use model::text::{Atom, Part, SecretPart, TemplateValue};
use model::{ComponentName, NodeId, PortId, Text};
use std::collections::BTreeSet;

/// Seconds until a port must accept connections when no health check says otherwise.
const USUAL_START_SECONDS: u32 = 60;

/// Adds the service to the graph.
pub(super) fn realise(valid: &ValidService, cx: &mut LocalContext<'_>) {
    let port = valid.port.map(|wish| cx.port("http", valid.at.key("port"), wish));
    export_addresses(port.as_ref(), cx);
    let mut parts: BTreeSet<NodeId> = BTreeSet::new();
    parts.extend(users(valid, cx));
    parts.extend(uses::realise(valid, cx));
    if let Some(python) = &valid.python {
        let node =
            cx.node("python", valid.at.key("python"), BTreeSet::new(), NodeSpec::PythonEnvironment(python.clone()));
        let program = |name: &str| Text::hole(Atom::PythonProgram(node.clone(), name.to_owned()));
        cx.export("python", program("python"));
        for name in programs_named(valid) {
            cx.export(format!("bin.{name}"), program(&name));
        }
        parts.insert(node);
    }
    if let Some(source) = &valid.source {
        let node = cx.node("source", valid.at.key("source"), BTreeSet::new(), NodeSpec::Source(source.clone()));
        cx.export("source", Text::hole(Atom::Source(node.clone())));
        parts.insert(node);
    }
    for file in &valid.files {
        let node = add_file(valid, file, cx);
        promises::file(valid, file, &node, cx);
        parts.insert(node);
    }
    let program = add_program(valid, port.as_ref(), parts, cx);
    promises::program(valid, port.as_ref(), &program, cx);
}

fn export_addresses(port: Option<&PortId>, cx: &mut LocalContext<'_>) {
    let address = Text::hole(Atom::Loopback);
    cx.export("address", address);
    let data = Text::hole(Atom::Data(cx.name.clone(), String::new()));
    cx.export("data", data);
    if let Some(port) = port {
        let hole = Part::Hole(Atom::Port(port.clone()));
        cx.export("port", Text::hole(Atom::Port(port.clone())));
        let address = [Part::Literal("http://".into()), Part::Hole(Atom::Loopback), Part::Literal(":".into()), hole];
        cx.export("url", address.into_iter().collect());
    }
}

/// A secret, an export and an output for each user.
fn users(valid: &ValidService, cx: &mut LocalContext<'_>) -> Vec<NodeId> {
    let Some(users) = &valid.users else { return Vec::new() };
    let mut nodes = Vec::new();
    for (index, ValidUser { name, at, .. }) in users.all.iter().enumerate() {
        let part = format!("users/{name}");
        let spec = SecretSpec::Generated { recipe: users.recipe.clone(), generation: users.generation };
        let node = cx.secret(&part, at.clone(), spec);
        let password = Text::hole(Atom::Secret(node.clone(), SecretPart::Value));
        if index == 0 {
            cx.export("first-user.name", Text::literal(name));
            cx.export("first-user.password", password.clone());
        }
        cx.export(format!("users.{name}.password"), password.clone());
        cx.output(format!("{}.users.{name}.password", cx.name), format!("the password of {name}"), password);
        nodes.push(node);
    }
    nodes
}

/// The programs of the Python environment that its own texts name.
pub(super) fn programs_named(valid: &ValidService) -> BTreeSet<String> {
    let files = valid.files.iter().flat_map(|file| super::files::references(&file.variables));
    let texts = valid.command.iter().chain(valid.environment.values()).chain(&valid.working_directory).chain(files);
    let own = texts.flat_map(|text| text.references()).filter(|reference| reference.component == "self");
    own.filter_map(|reference| reference.export.strip_prefix("bin.").map(str::to_owned)).collect()
}

fn add_file(valid: &ValidService, file: &ValidFile, cx: &mut LocalContext<'_>) -> NodeId {
    let context: IndexMap<String, TemplateValue> =
        file.variables.iter().map(|(name, variable)| (name.clone(), value(variable, valid, cx))).collect();
    let needs = context.values().flat_map(|value| value.atoms()).filter_map(|atom| atom.node().cloned()).collect();
    let spec = FileSpec {
        name: file.name.clone(),
        template_name: file.template_name.clone(),
        template: file.template.clone(),
        context,
        mode: file.mode,
    };
    let origin = valid.at.key("files").key(&file.name);
    let node = cx.node(&format!("file/{}", file.name), origin, needs, NodeSpec::File(spec));
    cx.export(format!("file.{}", file.name), Text::hole(Atom::File(node.clone())));
    node
}

fn value(variable: &Variable, valid: &ValidService, cx: &LocalContext<'_>) -> TemplateValue {
    match variable {
        Variable::Plain(plain) => TemplateValue::Plain(plain.clone()),
        Variable::Text(text) => TemplateValue::Text(cx.text(text)),
        Variable::List(items) => TemplateValue::List(items.iter().map(|item| value(item, valid, cx)).collect()),
        Variable::Map(entries) => {
            TemplateValue::Map(entries.iter().map(|(key, item)| (key.clone(), value(item, valid, cx))).collect())
        }
        Variable::Users => {
            TemplateValue::List(valid.users.iter().flat_map(|users| &users.all).map(|said| user(said, cx)).collect())
        }
        Variable::Deployment => TemplateValue::Plain(cx.deployment().as_str().into()),
        Variable::Environment => TemplateValue::Plain(cx.environment.into()),
    }
}

fn user(ValidUser { name, roles, .. }: &ValidUser, cx: &LocalContext<'_>) -> TemplateValue {
    let password = cx.export_of(cx.name, &format!("users.{name}.password")).cloned().unwrap_or_default();
    TemplateValue::Map(IndexMap::from([
        ("name".to_owned(), TemplateValue::Plain(name.as_str().into())),
        ("roles".to_owned(), TemplateValue::Plain(roles.clone().into())),
        ("password".to_owned(), TemplateValue::Text(password)),
    ]))
}

fn add_program(
    valid: &ValidService,
    port: Option<&PortId>,
    parts: BTreeSet<NodeId>,
    cx: &mut LocalContext<'_>,
) -> NodeId {
    let command: Vec<Text> = valid.command.iter().map(|text| cx.text(text)).collect();
    let environment: IndexMap<String, Text> =
        valid.environment.iter().map(|(name, text)| (name.clone(), cx.text(text))).collect();
    let working_directory = valid.working_directory.as_ref().map(|text| cx.text(text));
    let mut needs = needs_of(command.iter().chain(environment.values()).chain(&working_directory));
    needs.extend(parts);
    needs.extend(valid.needs.iter().flat_map(|(name, _)| running_parts(name, cx)));
    let readiness = Readiness {
        check: readiness(valid, port),
        timeout_seconds: valid.health.as_ref().map_or(USUAL_START_SECONDS, |health| seconds(health.timeout)),
    };
    let spec = ProgramSpec {
        command,
        environment,
        working_directory,
        ports: port.into_iter().cloned().collect(),
        readiness,
        restart: match valid.restart {
            Restart::Always => RestartPolicy::Always,
            Restart::OnFailure => RestartPolicy::OnFailure,
            Restart::Never => RestartPolicy::Never,
        },
        memory_limit: valid.memory.as_ref().map(|(memory, _)| memory.bytes()),
        stop_grace_seconds: seconds(valid.stop_grace),
        refuses_superuser: false,
        stop_signal: model::process_graph::StopSignal::Terminate,
    };
    cx.node("program", valid.at.key("command"), needs, NodeSpec::Program(spec))
}

fn readiness(valid: &ValidService, port: Option<&PortId>) -> ReadinessCheck {
    match (port, &valid.health) {
        (Some(port), Some(health)) => {
            ReadinessCheck::Http { port: port.clone(), path: health.path.clone(), statuses: health.statuses.clone() }
        }
        (Some(port), None) => ReadinessCheck::Port { port: port.clone() },
        (None, _) => ReadinessCheck::Running,
    }
}

/// What is used of another component: what runs, and what is in it.
fn running_parts(name: &ComponentName, cx: &LocalContext<'_>) -> Vec<NodeId> {
    let nodes = cx.local.graph().nodes.iter();
    let own = nodes.filter(|(_, node)| node.component == *name);
    let all: Vec<(&NodeId, bool)> = own.map(|(id, node)| (id, node.spec.is_only_waited_for())).collect();
    let runs = all.iter().any(|(_, runs)| *runs);
    all.into_iter().filter(|(_, is_running)| *is_running || !runs).map(|(id, _)| id.clone()).collect()
}

/// Whole seconds, rounded up.
pub(super) fn seconds(duration: model::scalar::Duration) -> u32 {
    u32::try_from(duration.seconds()).unwrap_or(u32::MAX)
}
