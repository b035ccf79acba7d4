//! Doing one step: making, changing, repairing or removing one node. Each can be repeated after any
//! crash: what is there as described is adopted, everything else is replaced.

use crate::authority::Authority;
use crate::certificate::Certificate;
use crate::database::{self, Guise, Record};
use crate::disk;
use crate::ports;
use crate::python;
use crate::secrets;
use crate::source;
use crate::supervisor::protocol::{Ask, EdgeOrder, ProgramOrder, ReadyWhen, ServedDatabase};
use crate::target::LocalTarget;
use crate::target::fill::{data_folder, fill, number};
use crate::target::private_access;
use engine::ports::Job;
use indexmap::IndexMap;
use model::event::Outcome;
use model::process_graph::{EdgeSpec, FileSpec, Node, NodeSpec, ProgramSpec, ReadinessCheck};
use model::text::SecretPart;
use model::{Action, Atom, ComponentName, Digest, Fault, FaultKind, ManifestPath, NodeId, PortId, Secret, Text};
use std::path::PathBuf;

/// Does one step.
pub(super) async fn perform(target: &LocalTarget, job: Job<'_>) -> Result<Outcome, Fault> {
    target.prepare()?;
    if job.step.action == Action::Delete {
        return delete(target, &job.step.node, &job.step.desired).await;
    }
    ports::claim(&target.setup.folders, &target.home, job.ports)?;
    let node = &job.step.node;
    match &job.step.desired.spec {
        NodeSpec::Secret(spec) => {
            let summary = target.secrets().ensure(node, spec)?;
            let value = target.secrets().value(node, SecretPart::Value)?;
            Ok(outcome(summary, Some(target.secrets().fingerprint(value.expose().as_bytes())?)))
        }
        NodeSpec::PythonEnvironment(spec) => {
            let tell = |words: &str| (job.progress)(words, None);
            let (folders, variables) = (&target.setup.folders, &target.setup.variables);
            Ok(outcome(python::ensure(folders, &target.home, node, spec, variables, &tell).await?, None))
        }
        NodeSpec::Source(spec) => {
            let evidence = source::ensure(&target.home, node, spec, target.manifest_folder())?;
            Ok(outcome(format!("copied from {}", spec.folder), Some(evidence)))
        }
        NodeSpec::File(spec) => file(target, job, spec),
        NodeSpec::Program(spec) => program(target, job, spec).await,
        NodeSpec::Edge(spec) => edge(target, job, spec).await,
        NodeSpec::DatabaseServer(spec) => database::ensure(target, job, spec).await,
        NodeSpec::SshServer(spec) => private_access::ssh_server(target, job, spec).await,
        NodeSpec::Tunnel(spec) => private_access::tunnel(target, job, spec).await,
        NodeSpec::DatabaseContent(spec) => database::content::ensure(target, job, spec).await,
    }
}

pub(super) fn outcome(summary: impl Into<String>, evidence: Option<Digest>) -> Outcome {
    Outcome { summary: summary.into(), evidence }
}

fn file(target: &LocalTarget, job: Job<'_>, spec: &FileSpec) -> Result<Outcome, Fault> {
    let secrets = target.secrets();
    let content = render(target, spec, &job.step.origin, |text| fill(target, job.ports, text))?;
    let path = target.home.file(&job.step.node)?;
    if let Some(folder) = path.parent() {
        disk::private_folder(folder)?;
    }
    let bytes = content.expose().as_bytes();
    disk::write_atomically(&path, bytes, spec.mode & 0o7777)?;
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
    Ok(outcome(format!("{lines} lines, mode {:04o}", spec.mode), Some(secrets.fingerprint(bytes)?)))
}

/// What a program is run with; `fill` and `number` say what is in its holes, `data` is its home.
pub(crate) fn order_of(
    target: &LocalTarget,
    node: &NodeId,
    component: &ComponentName,
    spec: &ProgramSpec,
    data: PathBuf,
    fill: &(dyn Fn(&Text) -> Result<Secret, Fault> + Send + Sync),
    number: &(dyn Fn(&PortId) -> Result<u16, Fault> + Send + Sync),
) -> Result<ProgramOrder, Fault> {
    let command = spec.command.iter().map(|text| {
        // The compiler refuses it with a finding; this is the last door before the process list.
        if text.has_secret() {
            return Err(Fault::new(FaultKind::Bug, format!("starting {node}"), "a secret stands in its command")
                .help("hand it over in a file or an environment variable"));
        }
        Ok(fill(text)?.expose().to_owned())
    });
    let command = command.collect::<Result<Vec<_>, _>>()?;
    let mut environment = IndexMap::new();
    for name in ["PATH", "LANG", "TZ"] {
        if let Some(value) = target.setup.variables.get(name).and_then(|value| value.to_str()) {
            environment.insert(name.to_owned(), value.to_owned());
        }
    }
    // What a program writes into its home belongs to the deployment and goes with it.
    environment.insert("HOME".to_owned(), data.display().to_string());
    for (name, text) in &spec.environment {
        environment.insert(name.clone(), fill(text)?.expose().to_owned());
    }
    let working_directory = match &spec.working_directory {
        Some(text) => fill(text)?.expose().into(),
        None => data,
    };
    let readiness = match &spec.readiness.check {
        ReadinessCheck::Running => ReadyWhen::Running,
        ReadinessCheck::Port { port } => ReadyWhen::Port(number(port)?),
        ReadinessCheck::Http { port, path, statuses } => {
            ReadyWhen::Http { port: number(port)?, path: path.clone(), statuses: statuses.clone() }
        }
    };
    Ok(ProgramOrder {
        node: node.clone(),
        component: component.clone(),
        revision: Digest::of_bytes(b""),
        command,
        environment,
        working_directory,
        log: target.home.log(node, ""),
        ports: spec.ports.iter().map(number).collect::<Result<_, _>>()?,
        readiness,
        ready_within_seconds: spec.readiness.timeout_seconds,
        restart: spec.restart,
        memory_limit: spec.memory_limit,
        stop_grace_seconds: spec.stop_grace_seconds,
        stop_signal: spec.stop_signal,
        database: None,
    })
}

async fn program(target: &LocalTarget, job: Job<'_>, spec: &ProgramSpec) -> Result<Outcome, Fault> {
    let node = &job.step.node;
    let component = &job.step.component;
    let data = data_folder(target, component, "")?;
    let (fill, number) = (|text: &Text| fill(target, job.ports, text), |port: &PortId| number(job.ports, port));
    let mut order = order_of(target, node, component, spec, data, &fill, &number)?;
    if spec.refuses_superuser {
        order.command = Guise::choose(&target.setup.variables).await?.wrap(order.command);
    }
    let served = spec.command.iter().flat_map(Text::atoms).find_map(|atom| match atom {
        Atom::DatabaseProgram(server, _) => Some(server),
        _ => None,
    });
    order.database = served.map(|server| served_database(target, job, spec, server)).transpose()?;
    order.revision = revision(job, &order);

    // A stranger on the port would answer instead of the program. Our own process may still be there.
    let runs = target
        .client
        .status(false)
        .await?
        .is_some_and(|status| status.programs.get(node).is_some_and(|program| program.pid.is_some()));
    if !runs {
        end_survivors_of_dead_supervisor(target).await?;
        for port in &spec.ports {
            ports::check_free(port, number(port)?)?;
        }
    }
    target.client.ensure_running(&target.setup.supervisor, &target.setup.variables).await?;
    let tell = |words: &str| (job.progress)(words, None);
    let summary = target.client.order(Ask::Start(Box::new(order)), &tell).await?;
    Ok(outcome(summary.ok_or_else(|| vanished(node))?, None))
}

/// What the supervisor has to know of a database that a program serves.
fn served_database(
    target: &LocalTarget,
    job: Job<'_>,
    spec: &ProgramSpec,
    server: &NodeId,
) -> Result<ServedDatabase, Fault> {
    let record = Record::read(&target.home, server)?;
    let port = spec.ports.first().map(|port| number(job.ports, port)).transpose()?;
    Ok(ServedDatabase {
        engine: record.programs.engine,
        socket: record.socket(port.unwrap_or_else(|| record.programs.engine.usual_port())),
        data: record.data,
        chain: Certificate::in_folder(target.home.certificate(server)).chain(),
        names: record.names,
        authority: target.setup.folders.authority(),
        password: secrets::value_file(&target.home, &record.administrator)?,
    })
}

/// The content of a file.
pub(crate) fn render(
    target: &LocalTarget,
    spec: &FileSpec,
    origin: &ManifestPath,
    fill: impl Fn(&Text) -> Result<Secret, Fault>,
) -> Result<Secret, Fault> {
    let context = template::fill(&spec.context, fill)?;
    let seed = target.secrets().seed()?;
    template::render(&spec.template_name, &spec.template, &context, seed.expose().as_bytes()).map_err(|error| {
        Fault::new(FaultKind::Permanent, format!("rendering {} ({origin})", spec.name), error)
            .help("correct the template, or what `with` hands to it")
    })
}

async fn edge(target: &LocalTarget, job: Job<'_>, spec: &EdgeSpec) -> Result<Outcome, Fault> {
    let node = &job.step.node;
    let authority = Authority::ensure(&target.setup.folders.authority())?;
    let certificate = Certificate::in_folder(target.home.certificate(node));
    let issued = certificate.ensure(&authority, &spec.domains)?;
    let mut order = EdgeOrder {
        node: node.clone(),
        component: job.step.component.clone(),
        revision: Digest::of_bytes(b""),
        spec: spec.clone(),
        ports: job.ports.clone(),
        chain: certificate.chain(),
        key: certificate.key(),
        access_log: target.home.log(node, ".access"),
        authority: target.setup.folders.authority(),
    };
    let chain = disk::read(&order.chain)?;
    order.revision = revision(job, &(&order, chain));
    let runs = target.client.status(false).await?.is_some_and(|status| status.edges.contains_key(node));
    if !runs {
        end_survivors_of_dead_supervisor(target).await?;
        for port in [Some(&spec.https), spec.redirect.as_ref()].into_iter().flatten() {
            ports::check_free(port, number(job.ports, port)?)?;
        }
    }
    target.client.ensure_running(&target.setup.supervisor, &target.setup.variables).await?;
    let said = target.client.order(Ask::StartEdge(Box::new(order)), &|_| {}).await?.ok_or_else(|| vanished(node))?;
    Ok(outcome(if issued { format!("{said}, new certificate") } else { said }, None))
}

/// What is run already with the same revision stays; a repair always starts anew, since what it
/// repairs may be the very thing that the description does not show.
pub(super) fn revision(job: Job<'_>, order: &impl serde::Serialize) -> Digest {
    let repair = (job.step.action == Action::Repair).then_some(job.token);
    Digest::of(&(&job.step.digest, order, repair))
}

/// Processes of a killed supervisor may hold ports that we are about to look at.
pub(super) async fn end_survivors_of_dead_supervisor(target: &LocalTarget) -> Result<(), Fault> {
    if target.client.status(false).await?.is_none() && crate::supervisor::record::supervisor(&target.home).is_none() {
        crate::supervisor::record::end_survivors(&target.home);
    }
    Ok(())
}

pub(super) fn vanished(node: &NodeId) -> Fault {
    Fault::new(FaultKind::Transient, format!("starting {node}"), "the supervisor ended meanwhile")
        .help("run `landfall up` again")
}

async fn delete(target: &LocalTarget, node: &NodeId, made: &Node) -> Result<Outcome, Fault> {
    let home = &target.home;
    match &made.spec {
        NodeSpec::Secret(_) if target.removal.is_some_and(|removal| removal.keep_data) => {
            return Ok(outcome("kept with the data", None));
        }
        NodeSpec::Secret(_) => target.secrets().remove(node)?,
        NodeSpec::PythonEnvironment(_) => python::remove(home, node)?,
        NodeSpec::Source(_) => source::remove(home, node)?,
        NodeSpec::File(_) => disk::remove_with_empty_parents(&home.file(node)?, &home.files())?,
        NodeSpec::Program(_) => {
            stop(target, node).await?;
        }
        NodeSpec::Edge(_) => {
            stop(target, node).await?;
            disk::remove_with_empty_parents(&home.certificate(node), home.root())?;
        }
        NodeSpec::DatabaseServer(_) => database::remove(target, node)?,
        NodeSpec::SshServer(_) | NodeSpec::Tunnel(_) => stop(target, node).await?,
        NodeSpec::DatabaseContent(_) => {}
    }
    Ok(outcome("removed", None))
}

async fn stop(target: &LocalTarget, node: &NodeId) -> Result<(), Fault> {
    if target.client.order(Ask::Stop(node.clone()), &|_| {}).await?.is_none() {
        end_survivors_of_dead_supervisor(target).await?;
    }
    Ok(())
}
