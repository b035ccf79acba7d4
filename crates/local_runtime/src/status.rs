//! How a deployment is, for people.

use crate::folders::Home;
use crate::supervisor::record;
use crate::supervisor::{EdgeState, ProgramStatus, SshServerState, TunnelReport};
use crate::target::LocalTarget;
use indexmap::IndexMap;
use model::process_graph::{NodeSpec, ProcessGraph};
use model::{Atom, ComponentName, Fault, NodeId, Secret, Text};
use serde::Serialize;
use std::fs;
use std::path::PathBuf;

/// How a deployment is.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Status {
    /// Its supervisor; none when none runs, and then nothing else does.
    pub supervisor: Option<SupervisorFacts>,
    /// Its programs, in the order in which they were started.
    pub programs: IndexMap<NodeId, ProgramStatus>,
    /// Its edges.
    pub edges: IndexMap<NodeId, EdgeState>,
    /// Its SSH servers.
    pub ssh_servers: IndexMap<NodeId, SshServerState>,
    /// Its tunnels.
    pub tunnels: IndexMap<NodeId, TunnelReport>,
}

/// What there is to know about a supervisor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SupervisorFacts {
    /// Its process.
    pub pid: i32,
    /// The version of landfall that it is.
    pub version: String,
    /// Seconds since it was started.
    pub uptime_seconds: u64,
    /// Its resident memory, the edge included.
    pub memory_bytes: u64,
}

/// A log file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogFile {
    /// The component whose log it is; none for the supervisor's own.
    pub component: Option<ComponentName>,
    /// The file; older parts lie beside it as `.1`, `.2`, ...
    pub path: PathBuf,
}

/// Something that people want to know, filled.
#[derive(Debug, Clone)]
pub struct FilledOutput {
    /// Its name.
    pub name: String,
    /// What it is.
    pub about: String,
    /// Its component.
    pub component: ComponentName,
    /// The value.
    pub value: OutputValue,
}

/// The value of an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutputValue {
    /// May be seen.
    Shown(String),
    /// A secret that was asked for.
    Secret(Secret),
    /// A secret that was not asked for; where its files lie, for whoever may read them.
    Withheld(Vec<PathBuf>),
}

impl LocalTarget {
    /// How everything is, with memory.
    ///
    /// # Errors
    /// When the supervisor cannot be asked.
    pub async fn status(&self) -> Result<Status, Fault> {
        let Some(status) = self.client.status(true).await? else {
            return Ok(Status::default());
        };
        let supervisor = SupervisorFacts {
            pid: status.pid,
            version: status.version,
            uptime_seconds: status.uptime_seconds,
            memory_bytes: status.memory_bytes.unwrap_or_default(),
        };
        Ok(Status {
            supervisor: Some(supervisor),
            programs: status.programs,
            edges: status.edges,
            ssh_servers: status.ssh_servers,
            tunnels: status.tunnels,
        })
    }

    /// The log files of one component, or of all.
    #[must_use]
    pub fn log_files(&self, component: Option<&ComponentName>) -> Vec<LogFile> {
        log_files(&self.home, component)
    }

    /// Fills the outputs of a graph. Secrets are withheld unless asked for by the output's name.
    ///
    /// # Errors
    /// When something is missing that fills them.
    pub fn outputs(&self, graph: &ProcessGraph, reveal: &[&str]) -> Result<Vec<FilledOutput>, Fault> {
        let fill = |text: &Text| engine::ports::Running::fill(self, text);
        let filled = graph.outputs.iter().map(|output| {
            let value = if !output.value.has_secret() {
                OutputValue::Shown(fill(&output.value)?.expose().to_owned())
            } else if reveal.contains(&output.name.as_str()) {
                OutputValue::Secret(fill(&output.value)?)
            } else {
                let files = output.value.atoms().filter_map(|atom| match atom {
                    Atom::Secret(node, _) => Some(crate::secrets::value_file(&self.home, node)),
                    _ => None,
                });
                OutputValue::Withheld(files.collect::<Result<_, _>>()?)
            };
            Ok(FilledOutput {
                name: output.name.clone(),
                about: output.about.clone(),
                component: output.component.clone(),
                value,
            })
        });
        filled.collect()
    }

    /// Whether any process of the deployment lives, supervisor included.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        record::supervisor(&self.home).is_some() || !record::members(&self.home).is_empty()
    }

    /// The names of a graph's programs and edges, in order: what `logs` and `status` can be asked about.
    #[must_use]
    pub fn running_parts(graph: &ProcessGraph) -> Vec<&NodeId> {
        let runs = |spec: &NodeSpec| spec.is_running_part();
        graph.nodes.iter().filter(|(_, node)| runs(&node.spec)).map(|(id, _)| id).collect()
    }
}

/// The name of a log file is the node's id with dots, and a component's name has none.
fn log_files(home: &Home, component: Option<&ComponentName>) -> Vec<LogFile> {
    let Ok(entries) = fs::read_dir(home.logs()) else { return Vec::new() };
    let mut files: Vec<LogFile> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let stem = name.strip_suffix(".log")?;
            let owner = if stem == "supervisor" { None } else { ComponentName::new(stem.split('.').next()?).ok() };
            Some(LogFile { component: owner, path: entry.path() })
        })
        .filter(|file| component.is_none() || file.component.as_ref() == component)
        .collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}
