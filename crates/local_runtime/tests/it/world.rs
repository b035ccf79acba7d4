//! A user of this machine with folders of its own, and deployments made step by step.

use engine::ports::{Condition, Job, Observed, Target as _};
use indexmap::IndexMap;
use local_runtime::{LocalTarget, Phase, ProgramStatus, Setup, SupervisorCommand, UserFolders, Variables};
use model::event::Outcome;
use model::plan::Consequence;
use model::process_graph::{
    FileSpec, Node, NodeSpec, PortRequest, PortWish, ProcessGraph, ProgramSpec, Readiness, ReadinessCheck,
    RestartPolicy, StopSignal,
};
use model::run_state::Made;
use model::{Action, ComponentName, DeploymentName, Fault, ManifestPath, NodeId, PortId, Step, StepId, Text};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A user of this machine.
pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) variables: Vec<(String, String)>,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("lf-").tempdir_in("/tmp").unwrap();
        fs::create_dir_all(folder.path().join("manifest")).unwrap();
        fs::create_dir_all(folder.path().join("run")).unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let mut variables = vec![
            ("HOME".to_owned(), at("")),
            ("XDG_STATE_HOME".to_owned(), at("state")),
            ("XDG_CACHE_HOME".to_owned(), at("cache")),
            ("XDG_DATA_HOME".to_owned(), at("data")),
            ("XDG_RUNTIME_DIR".to_owned(), at("run")),
            ("PATH".to_owned(), std::env::var("PATH").unwrap()),
        ];
        // What pip needs on this machine to find its certificates and packages.
        variables.extend(std::env::vars().filter(|(name, _)| name.starts_with("PIP_") || name.starts_with("SSL_")));
        Self { folder, variables }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn manifest_folder(&self) -> PathBuf {
        self.folder.path().join("manifest")
    }

    pub(crate) fn folders(&self) -> UserFolders {
        UserFolders::new(&self.variables()).unwrap()
    }

    pub(crate) fn variables(&self) -> Variables {
        Variables::new(self.variables.iter().map(|(name, value)| (name.into(), value.into())))
    }

    pub(crate) fn open(&self, name: &str, manifest: &Path) -> Result<LocalTarget, Fault> {
        let arguments = ["supervisor_process", "--exact", "--nocapture", "--test-threads=1"];
        LocalTarget::open(Setup {
            folders: self.folders(),
            deployment: DeploymentName::new(name).unwrap(),
            manifest: manifest.to_owned(),
            variables: self.variables(),
            supervisor: SupervisorCommand {
                program: std::env::current_exe().unwrap(),
                arguments: arguments.iter().map(Into::into).collect(),
            },
        })
    }

    pub(crate) fn deployment(&self, name: &str) -> Deployment {
        let target = self.open(name, &self.manifest_folder().join("landfall.yaml")).unwrap();
        target.prepare().unwrap();
        let graph = ProcessGraph {
            deployment: DeploymentName::new(name).unwrap(),
            nodes: IndexMap::new(),
            ports: IndexMap::new(),
            outputs: Vec::new(),
            probes: Vec::new(),
        };
        Deployment { target, graph, ports: IndexMap::new(), made: IndexMap::new() }
    }
}

/// A deployment with what was made of it.
pub(crate) struct Deployment {
    pub(crate) target: LocalTarget,
    pub(crate) graph: ProcessGraph,
    pub(crate) ports: IndexMap<PortId, u16>,
    pub(crate) made: IndexMap<NodeId, Made>,
}

impl Deployment {
    pub(crate) fn port(&mut self, id: &str, wish: PortWish) -> PortId {
        let id = PortId::new(id);
        let request =
            PortRequest { component: component_of(id.as_str()), origin: ManifestPath::root().key("port"), wish };
        self.graph.ports.insert(id.clone(), request);
        id
    }

    pub(crate) fn node(&mut self, id: &str, needs: &[&str], spec: NodeSpec) -> NodeId {
        let node = Node {
            component: component_of(id),
            origin: ManifestPath::root().key("components").key(component_of(id).as_str()),
            needs: needs.iter().map(|need| NodeId::new(*need)).collect::<BTreeSet<_>>(),
            spec,
        };
        let id = NodeId::new(id);
        self.graph.nodes.insert(id.clone(), node);
        id
    }

    pub(crate) fn file(&mut self, id: &str, text: &str) -> NodeId {
        let spec = FileSpec {
            name: "f".into(),
            template_name: "f".into(),
            template: text.into(),
            context: IndexMap::new(),
            mode: 0o600,
        };
        self.node(id, &[], NodeSpec::File(spec))
    }

    /// Chooses ports, then makes every node in order.
    pub(crate) async fn up(&mut self) -> Result<(), Fault> {
        let missing: IndexMap<_, _> = self
            .graph
            .ports
            .iter()
            .filter(|(port, _)| !self.ports.contains_key(*port))
            .map(|(a, b)| (a.clone(), b.clone()))
            .collect();
        let chosen = self.target.choose_ports(&missing, &self.ports)?;
        self.ports.extend(chosen);
        let nodes: Vec<NodeId> = self.graph.nodes.keys().cloned().collect();
        for node in nodes {
            self.perform(&node, Action::Create).await?;
        }
        Ok(())
    }

    /// Repairs what is broken, in order, as `up` does.
    pub(crate) async fn heal(&mut self) -> Result<Vec<NodeId>, Fault> {
        let observed = self.observe().await;
        let broken: Vec<NodeId> = observed
            .nodes
            .into_iter()
            .filter(|(_, condition)| matches!(condition, Condition::Broken(_)))
            .map(|(node, _)| node)
            .collect();
        for node in &broken {
            self.perform(node, Action::Repair).await?;
        }
        Ok(broken)
    }

    pub(crate) async fn perform(&mut self, node: &NodeId, action: Action) -> Result<Outcome, Fault> {
        let digests = self.graph.digests(&self.ports);
        let desired = self.graph.nodes.get(node).or(self.made.get(node).map(|made| &made.node)).unwrap().clone();
        let step = Step {
            id: StepId::new(format!("{node}:{action:?}")),
            node: node.clone(),
            component: desired.component.clone(),
            origin: desired.origin.clone(),
            action,
            why: "a test".into(),
            consequence: Consequence::None,
            needs: Vec::new(),
            desired: desired.clone(),
            digest: (action != Action::Delete).then(|| digests[node].clone()),
        };
        let token = format!("{:?}", Instant::now());
        let job = Job { step: &step, token: &token, ports: &self.ports, progress: &|_, _| {} };
        let outcome = self.target.perform(job).await?;
        match step.digest {
            Some(digest) => {
                let made = Made {
                    node: desired,
                    digest,
                    evidence: outcome.evidence.clone(),
                    settled: true,
                    numbers: Default::default(),
                };
                self.made.insert(node.clone(), made);
            }
            None => drop(self.made.shift_remove(node)),
        }
        Ok(outcome)
    }

    pub(crate) async fn observe(&self) -> Observed {
        self.target.observe(&self.made).await.unwrap()
    }

    /// What is wrong, in words; empty when all is as it was left.
    pub(crate) async fn troubles(&self) -> Vec<String> {
        let nodes = self.observe().await.nodes;
        let in_words = |(node, condition)| match condition {
            Condition::Broken(why) => Some(format!("{node}: {why}")),
            Condition::Intact => None,
        };
        nodes.into_iter().filter_map(in_words).collect()
    }

    pub(crate) async fn program(&self, node: &NodeId) -> ProgramStatus {
        self.target.status().await.unwrap().programs[node].clone()
    }

    pub(crate) async fn supervisor_pid(&self) -> i32 {
        self.target.status().await.unwrap().supervisor.unwrap().pid
    }

    /// Waits until a program is ready with another process than before.
    pub(crate) async fn next_life(&self, node: &NodeId, before: i32) -> ProgramStatus {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let status = self.program(node).await;
            if status.phase == Phase::Ready && status.pid.is_some_and(|pid| pid != before) {
                return status;
            }
            assert!(Instant::now() < until, "{status:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn component_of(id: &str) -> ComponentName {
    ComponentName::new(id.split('/').next().unwrap()).unwrap()
}

/// A program that runs a shell script.
pub(crate) fn script(script: &str) -> ProgramSpec {
    ProgramSpec {
        command: ["sh", "-c", script].map(Text::literal).into(),
        environment: IndexMap::new(),
        working_directory: None,
        ports: Vec::new(),
        readiness: Readiness { check: ReadinessCheck::Running, timeout_seconds: 10 },
        restart: RestartPolicy::Always,
        memory_limit: None,
        stop_grace_seconds: 2,
        refuses_superuser: false,
        stop_signal: StopSignal::Terminate,
    }
}

/// Python's own web server on a port.
pub(crate) fn web_server(port: &PortId) -> ProgramSpec {
    let mut command =
        vec![Text::literal("python3"), Text::literal("-u"), Text::literal("-m"), Text::literal("http.server")];
    command.extend([Text::literal("--bind"), Text::literal("127.0.0.1"), Text::hole(model::Atom::Port(port.clone()))]);
    ProgramSpec {
        command,
        ports: vec![port.clone()],
        readiness: Readiness {
            check: ReadinessCheck::Http { port: port.clone(), path: "/".into(), statuses: vec![200] },
            timeout_seconds: 20,
        },
        ..script("")
    }
}

/// Whether a process lives (and is not only waiting to be asked how it ended).
pub(crate) fn lives(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit(')').next().and_then(|rest| rest.trim_start().chars().next());
    state.is_some_and(|state| state != 'Z')
}

/// Waits for something that must become true.
pub(crate) async fn eventually(what: &str, mut check: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !check() {
        assert!(Instant::now() < until, "not within 20 s: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Reads a number that a program wrote into a file.
pub(crate) async fn number_in(file: &Path) -> i32 {
    let mut found = None;
    eventually(&format!("a number in {}", file.display()), || {
        found =
            fs::read_to_string(file).ok().filter(|text| text.ends_with('\n')).and_then(|text| text.trim().parse().ok());
        found.is_some()
    })
    .await;
    found.unwrap()
}

/// Kills with SIGKILL.
pub(crate) fn kill(pid: i32) {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).unwrap();
}
