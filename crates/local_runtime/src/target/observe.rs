//! Looking at what was made: one question to the supervisor, a look at each file.

use crate::authority;
use crate::certificate::Certificate;
use crate::database;
use crate::disk;
use crate::listeners::Listeners;
use crate::python;
use crate::source;
use crate::supervisor::protocol::{Phase, ProgramStatus, SupervisorStatus};
use crate::target::LocalTarget;
use crate::target::private_access;
use engine::ports::{Condition, Observed};
use indexmap::IndexMap;
use model::private_access::{TunnelSpec, TunnelWay};
use model::process_graph::{NodeSpec, RestartPolicy};
use model::run_state::Made;
use model::{Fault, NodeId, PortId};
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

/// How long a program that starts again is waited for before it is judged as it is.
const PATIENCE: Duration = Duration::from_secs(15);

/// Looks at everything that was made.
pub(super) async fn observe(target: &LocalTarget, made: &IndexMap<NodeId, Made>) -> Result<Observed, Fault> {
    let status = status_at_rest(target, made).await?;
    let mut nodes: IndexMap<NodeId, Condition> = IndexMap::new();
    for (node, was) in made {
        let mut wrong = match &was.node.spec {
            NodeSpec::DatabaseContent(spec) => database::content::wrong(target, spec).await?,
            _ => wrong(target, node, was, status.as_ref())?,
        };
        // What is made of something that has to be made again has to be made again too.
        if wrong.is_none() && !matches!(was.node.spec, NodeSpec::Edge(_)) {
            let is_material = |need: &&NodeId| made.get(*need).is_some_and(|need| was.node.is_made_of(&need.node));
            let broken = |need: &&NodeId| matches!(nodes.get(*need), Some(Condition::Broken(_)));
            wrong = was.node.needs.iter().filter(is_material).find(broken).map(|need| format!("{need} is made again"));
        }
        nodes.insert(node.clone(), wrong.map_or(Condition::Intact, Condition::Broken));
    }
    Ok(Observed { lost_ports: lost_ports(target, made, status.as_ref())?, nodes })
}

/// What the supervisor says, once nothing that was made is just being started again: what was killed
/// a moment ago would otherwise count as running, and fail the probes.
async fn status_at_rest(
    target: &LocalTarget,
    made: &IndexMap<NodeId, Made>,
) -> Result<Option<SupervisorStatus>, Fault> {
    let until = Instant::now() + PATIENCE;
    loop {
        let status = target.client.status(false).await?;
        let is_starting =
            |(node, program): (&NodeId, &ProgramStatus)| program.phase == Phase::Starting && made.contains_key(node);
        if !status.as_ref().is_some_and(|status| status.programs.iter().any(is_starting)) || Instant::now() > until {
            return Ok(status);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn wrong(
    target: &LocalTarget,
    node: &NodeId,
    was: &Made,
    status: Option<&SupervisorStatus>,
) -> Result<Option<String>, Fault> {
    Ok(match &was.node.spec {
        NodeSpec::Secret(spec) => target.secrets().wrong(node, spec, was.evidence.as_ref()),
        NodeSpec::PythonEnvironment(_) => python::wrong(&target.home, node),
        NodeSpec::Source(_) => source::wrong(&target.home, node, was.evidence.as_ref()),
        NodeSpec::File(spec) => {
            let path = target.home.file(node)?;
            let mode = path.metadata().map(|facts| facts.permissions().mode() & 0o7777);
            match (disk::read(&path)?, mode) {
                (Some(_), Ok(mode)) if mode != spec.mode & 0o7777 => {
                    Some(format!("its mode is {mode:04o} instead of {:04o}", spec.mode))
                }
                (Some(content), Ok(_)) => {
                    let same = Some(target.secrets().fingerprint(&content)?) == was.evidence;
                    (!same).then(|| "it was changed by hand".to_owned())
                }
                _ => Some("the file is gone".to_owned()),
            }
        }
        NodeSpec::Program(spec) => match status {
            None => Some("no supervisor runs".to_owned()),
            Some(status) => match status.programs.get(node) {
                None => Some("not running".to_owned()),
                Some(program) => program_trouble(program, spec.restart),
            },
        },
        NodeSpec::DatabaseServer(spec) => database::wrong(target, node, &was.node.component, spec)?,
        NodeSpec::SshServer(_) => match status {
            None => Some("no supervisor runs".to_owned()),
            Some(status) if !status.ssh_servers.contains_key(node) => Some("not listening".to_owned()),
            Some(_) => None,
        },
        NodeSpec::Tunnel(_) => match status.map(|status| status.tunnels.get(node)) {
            None => Some("no supervisor runs".to_owned()),
            Some(None) => Some("not running".to_owned()),
            Some(Some(tunnel)) => private_access::trouble(tunnel),
        },
        NodeSpec::DatabaseContent(_) => None,
        NodeSpec::Edge(spec) => {
            let authority = disk::read(&authority::certificate_file(&target.setup.folders))?;
            let authority = authority.and_then(|bytes| String::from_utf8(bytes).ok());
            let certificate = Certificate::in_folder(target.home.certificate(node));
            certificate.wrong(authority.as_deref(), &spec.domains).or_else(|| match status {
                None => Some("no supervisor runs".to_owned()),
                Some(status) if !status.edges.contains_key(node) => Some("not listening".to_owned()),
                Some(_) => None,
            })
        }
    })
}

fn program_trouble(program: &ProgramStatus, restart: RestartPolicy) -> Option<String> {
    let ended = || program.last_end.clone().unwrap_or_else(|| "ended".to_owned());
    match program.phase {
        Phase::Ready | Phase::Starting => None,
        // Started once and ended well is all that such a program is for.
        Phase::Ended
            if restart != RestartPolicy::Always && program.last_end.as_deref() == Some("ended with status 0") =>
        {
            None
        }
        Phase::Ended => Some(ended()),
        Phase::Pausing => Some(format!("it does not stay up: {}", ended())),
        Phase::Failed => Some(format!("could not be started: {}", ended())),
        Phase::Stopped => Some("stopped".to_owned()),
    }
}

/// Ports of programs and edges that do not run, on which somebody else listens.
fn lost_ports(
    target: &LocalTarget,
    made: &IndexMap<NodeId, Made>,
    status: Option<&SupervisorStatus>,
) -> Result<IndexMap<PortId, String>, Fault> {
    let claimed = crate::ports::claimed(&target.home)?;
    let mut silent: BTreeSet<&PortId> = BTreeSet::new();
    for (node, was) in made {
        match &was.node.spec {
            NodeSpec::Program(spec) => {
                let runs = status.and_then(|status| status.programs.get(node)).is_some_and(|it| it.pid.is_some());
                if !runs {
                    silent.extend(&spec.ports);
                }
            }
            NodeSpec::Edge(spec) if status.is_none_or(|status| !status.edges.contains_key(node)) => {
                silent.insert(&spec.https);
                silent.extend(&spec.redirect);
            }
            NodeSpec::SshServer(spec) if status.is_none_or(|status| !status.ssh_servers.contains_key(node)) => {
                silent.insert(&spec.port);
            }
            NodeSpec::Tunnel(TunnelSpec { way: TunnelWay::Forward { listen, .. }, .. })
                if status.is_none_or(|status| !status.tunnels.contains_key(node)) =>
            {
                silent.insert(listen);
            }
            _ => {}
        }
    }
    if silent.is_empty() {
        return Ok(IndexMap::new());
    }
    let listeners = Listeners::now();
    let survivors = || crate::supervisor::record::members(&target.home);
    let mut lost = IndexMap::new();
    for port in silent {
        let Some(number) = claimed.get(port).filter(|number| listeners.has(**number)) else { continue };
        // What a killed supervisor left is ours still and ends when the next one starts.
        let owners = listeners.owners(*number);
        if survivors().iter().any(|ours| owners.contains(&ours.pid)) {
            continue;
        }
        lost.insert(port.clone(), listeners.owner(*number));
    }
    Ok(lost)
}
