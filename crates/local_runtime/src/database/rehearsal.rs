//! A restored copy asked by those whom the database is for: each role logs in to it, and each application that uses the database is
//! started a second time with the copy in its place, on ports and in folders of its own, beside the one that runs.

use crate::database::backups::BackupSource;
use crate::disk;
use crate::ports;
use crate::supervisor::trial::Trial;
use crate::target::LocalTarget;
use crate::target::fill;
use crate::target::perform::{order_of, render};
use engine::ports::{FileFacts, Running, TunnelFacts};
use indexmap::IndexMap;
use model::database::DatabaseDeclaration;
use model::probe::{Endpoint, Probe, Question, SqlExpectation};
use model::process_graph::{DatabaseContentSpec, Node, NodeSpec, ProcessGraph, ProgramSpec};
use model::{Atom, ComponentName, Fault, FaultKind, NodeId, PortId, Secret, Text};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::time::Instant;

/// An application that was tried.
#[derive(Debug)]
pub struct Tried {
    /// The component.
    pub component: ComponentName,
    /// How long it took until it was ready.
    pub milliseconds: u64,
    /// Why it is not.
    pub trouble: Option<Fault>,
}

/// A copy that is asked. [`Rehearsal::end`] closes it again; what runs ends with this value in any case.
pub struct Rehearsal<'a> {
    copy: Copy<'a>,
    spec: &'a DatabaseContentSpec,
    trials: Vec<Trial>,
    tried: Vec<Tried>,
}

/// A deployment seen with a copy in the place of one database.
struct Copy<'a> {
    target: &'a LocalTarget,
    graph: &'a ProcessGraph,
    server: &'a NodeId,
    database: &'a str,
    into: &'a str,
    ports: IndexMap<PortId, u16>,
    /// Instead of the folders of the deployment.
    scratch: tempfile::TempDir,
}

impl LocalTarget {
    /// Lets the roles of a database into its copy and starts the applications that use it a second time, with the copy. Only the
    /// holder of the lease may call it.
    ///
    /// # Errors
    /// When the server refuses, or the disk is full. An application that does not become ready is no error but told.
    pub async fn rehearse<'a>(
        &'a self,
        graph: &'a ProcessGraph,
        source: BackupSource<'a>,
        database: &'a str,
        into: &'a str,
        tell: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<Rehearsal<'a>, Fault> {
        let spec = source.spec;
        let mut opened = spec.clone();
        opened.content.databases.insert(into.to_owned(), DatabaseDeclaration::default());
        for role in opened.content.roles.values_mut() {
            if let Some(level) = role.grants.get(database).copied() {
                role.grants.insert(into.to_owned(), level);
            }
        }
        let scratch = tempfile::Builder::new().prefix("trial-").tempdir_in(self.home.root());
        let scratch = scratch.map_err(|error| disk::io_fault("making a folder in", self.home.root(), &error))?;
        let ports = ports::claimed(&self.home)?;
        let copy = Copy { target: self, graph, server: &spec.server, database, into, ports, scratch };
        let mut rehearsal = Rehearsal { copy, spec, trials: Vec::new(), tried: Vec::new() };
        self.bring_to(&opened, &format!("letting the roles of {database} into {into}")).await?;
        let programs: Vec<(&NodeId, &Node, &ProgramSpec)> = graph
            .nodes
            .iter()
            .filter_map(|(id, node)| match &node.spec {
                NodeSpec::Program(program) if rehearsal.copy.uses(&node.spec) => Some((id, node, program)),
                _ => None,
            })
            .collect();
        for (id, node, program) in programs {
            tell(&format!("starting {} with {into}", node.component));
            let begun = Instant::now();
            let started = rehearsal.copy.start(id, node, program).await;
            let (trial, trouble) = match started {
                Ok(trial) => (Some(trial), None),
                Err(fault) => (None, Some(fault)),
            };
            rehearsal.trials.extend(trial);
            let milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            rehearsal.tried.push(Tried { component: node.component.clone(), milliseconds, trouble });
        }
        Ok(rehearsal)
    }
}

impl Rehearsal<'_> {
    /// The promises of the manifest that can be asked of the copy: what each role may in the database, and what an application that
    /// was started answers at its own port.
    #[must_use]
    pub fn probes(&self) -> Vec<Probe> {
        let copy = &self.copy;
        let is_ready = |component: &ComponentName| {
            self.tried.iter().any(|tried| tried.component == *component && tried.trouble.is_none())
        };
        let own_port = |port: &PortId| copy.graph.ports.get(port).is_some_and(|request| is_ready(&request.component));
        let asked = copy.graph.probes.iter().filter_map(|probe| {
            let mut probe = probe.clone();
            match &mut probe.question {
                Question::Sql { port, login, tls: true, expect, .. }
                    if *port == self.spec.port && login.database == copy.database =>
                {
                    login.database = copy.into.to_owned();
                    match expect {
                        SqlExpectation::LoginRefused => return None,
                        // How many there are was counted, and compared with the backup.
                        SqlExpectation::Rows { at_least } => *at_least = 0,
                        SqlExpectation::Denied => {}
                    }
                    Some(probe)
                }
                Question::Http { request, .. } => match &request.to {
                    Endpoint::Port { port } if own_port(port) => Some(probe),
                    _ => None,
                },
                _ => None,
            }
        });
        asked.collect()
    }

    /// Ends the applications and closes the copy to everybody but the administrator. Returns how the applications were.
    ///
    /// # Errors
    /// When the server refuses; the next `up` closes it then.
    pub async fn end(self) -> Result<Vec<Tried>, Fault> {
        for trial in self.trials {
            trial.end().await;
        }
        self.copy.target.bring_to(self.spec, &format!("closing {}", self.copy.into)).await?;
        Ok(self.tried)
    }
}

impl Copy<'_> {
    /// Whether a program, or a file that it is given, names the database.
    fn uses(&self, spec: &NodeSpec) -> bool {
        let is_it = |atom: &Atom| match atom {
            Atom::DatabaseName(server, name) => server == self.server && name == self.database,
            Atom::File(file) => self.graph.nodes.get(file).is_some_and(|file| self.uses(&file.spec)),
            _ => false,
        };
        match spec {
            NodeSpec::Program(program) => {
                let texts = program.command.iter().chain(program.environment.values());
                texts.chain(&program.working_directory).flat_map(Text::atoms).any(is_it)
            }
            NodeSpec::File(file) => file.context.values().flat_map(|value| value.atoms()).any(is_it),
            _ => false,
        }
    }

    async fn start(&mut self, id: &NodeId, node: &Node, spec: &ProgramSpec) -> Result<Trial, Fault> {
        for port in &spec.ports {
            self.ports.insert(port.clone(), free_port(port)?);
        }
        let data = self.data(&node.component, "")?;
        // Another name than the one that runs: whoever ends that one must not end this one too.
        let name = NodeId::new(format!("{id}.trial"));
        let fill = |text: &Text| self.fill_for(&node.component, text);
        let number = |port: &PortId| fill::number(&self.ports, port);
        let mut order = order_of(self.target, &name, &node.component, spec, data, &fill, &number)?;
        order.log = self.scratch.path().join("log");
        Trial::start(order, self.target.home.root()).await
    }

    fn fill_for(&self, component: &ComponentName, text: &Text) -> Result<Secret, Fault> {
        fill::fill_with(text, |atom: &Atom| match atom {
            Atom::DatabaseName(server, name) if server == self.server && name == self.database => {
                Ok(Secret::new(self.into))
            }
            Atom::Data(of, below) if of == component => fill::path(&self.data(of, below)?),
            Atom::File(file) => match self.graph.nodes.get(file).map(|node| (node, &node.spec)) {
                Some((node, NodeSpec::File(spec))) if node.component == *component => {
                    let content = render(self.target, spec, &node.origin, |text| self.fill_for(component, text))?;
                    let path = self.scratch.path().join("files").join(file.as_str());
                    disk::private_folder(path.parent().unwrap_or(self.scratch.path()))?;
                    disk::write_atomically(&path, content.expose().as_bytes(), spec.mode & 0o7777)?;
                    fill::path(&path)
                }
                _ => fill::value(self.target, &self.ports, atom),
            },
            _ => fill::value(self.target, &self.ports, atom),
        })
    }

    /// A folder in the place of one of persistent data.
    fn data(&self, component: &ComponentName, below: &str) -> Result<PathBuf, Fault> {
        let folder = self.scratch.path().join("data").join(component.as_str()).join(below);
        disk::private_folder(&folder)?;
        Ok(folder)
    }
}

impl Running for Rehearsal<'_> {
    fn fill(&self, text: &Text) -> Result<Secret, Fault> {
        fill::fill(self.copy.target, &self.copy.ports, text)
    }

    fn port(&self, port: &PortId) -> Result<u16, Fault> {
        fill::number(&self.copy.ports, port)
    }

    fn authority(&self) -> Result<String, Fault> {
        self.copy.target.authority()
    }

    fn file(&self, file: &NodeId) -> Result<FileFacts, Fault> {
        self.copy.target.file(file)
    }

    async fn tunnel(&self, tunnel: &NodeId) -> Result<TunnelFacts, Fault> {
        self.copy.target.tunnel(tunnel).await
    }

    async fn kill(&self, program: &NodeId) -> Result<(), Fault> {
        self.copy.target.kill(program).await
    }
}

fn free_port(port: &PortId) -> Result<u16, Fault> {
    let found = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    found
        .map(|address| address.port())
        .map_err(|error| Fault::new(FaultKind::NeedsPerson, format!("choosing a number for {port}"), error))
}
