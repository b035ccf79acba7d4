//! What the engine needs from the world. Each floor above implements these once: the local
//! runtime with processes, the AWS side with stacks.

use indexmap::IndexMap;
use model::event::Outcome;
use model::process_graph::PortRequest;
use model::run_state::Made;
use model::{Fault, FaultKind, NodeId, PortId, Secret, Step, Text};
use std::future::Future;

/// The place where a deployment runs.
pub trait Target {
    /// Looks at everything that was made: is it there, is it as it was left, does it run?
    /// Also whether the ports that are given away can be used. Changes nothing.
    ///
    /// # Errors
    /// When it cannot look.
    fn observe(&self, made: &IndexMap<NodeId, Made>) -> impl Future<Output = Result<Observed, Fault>> + Send;

    /// Finds a number for each port that has none yet, distinct from `given` and from every other
    /// deployment's. Changes nothing: the numbers are claimed when the plan runs.
    ///
    /// # Errors
    /// When an exact number is wanted that somebody else has; the fault names the owner.
    fn choose_ports(
        &self,
        wanted: &IndexMap<PortId, PortRequest>,
        given: &IndexMap<PortId, u16>,
    ) -> Result<IndexMap<PortId, u16>, Fault>;

    /// Does one step. Must be safe to repeat after any crash, with the same token or a new one:
    /// what is already there is adopted or replaced, never doubled.
    ///
    /// # Errors
    /// When the world refuses; what was begun is left so that a repetition can go on.
    fn perform(&self, job: Job<'_>) -> impl Future<Output = Result<Outcome, Fault>> + Send;
}

/// A step with all that doing it needs.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    /// The step.
    pub step: &'a Step,
    /// Its idempotency token.
    pub token: &'a str,
    /// The numbers of the deployment's ports.
    pub ports: &'a IndexMap<PortId, u16>,
    /// Tells how far it is: a message and, where known, a fraction from 0 to 1.
    pub progress: &'a (dyn Fn(&str, Option<f64>) + Send + Sync),
}

/// What the world shows of a deployment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// For each node that was made: how it is.
    pub nodes: IndexMap<NodeId, Condition>,
    /// Given ports on which somebody else listens while ours does not, and who that is, in words.
    /// They get another number, or a clear fault when exactly this number is wanted.
    pub lost_ports: IndexMap<PortId, String>,
}

/// How a made node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// As it was left.
    Intact,
    /// Not as it was left; in words: `the file is gone`, `not running`.
    Broken(String),
}

/// A deployment that runs, as the prober needs to see it.
pub trait Running: Sync {
    /// Fills a text's holes: ports, paths, secrets.
    ///
    /// # Errors
    /// When a hole has nothing to fill it (the deployment is not complete).
    fn fill(&self, text: &Text) -> Result<Secret, Fault>;

    /// The number of a port.
    ///
    /// # Errors
    /// When it is not given away.
    fn port(&self, port: &PortId) -> Result<u16, Fault>;

    /// Where a name of the deployment is connected to: an address, or a name that DNS knows. On this machine all names are
    /// the loopback address, and no DNS is asked.
    fn host(&self, domain: &str) -> String {
        let _ = domain;
        "127.0.0.1".to_owned()
    }

    /// The certificates of the authorities that may sign the deployment's certificates, as PEM.
    ///
    /// # Errors
    /// When there is none that can be read.
    fn authority(&self) -> Result<String, Fault>;

    /// How the database that listens on a port is reached from here.
    ///
    /// # Errors
    /// When there is no way to it.
    fn database(&self, port: &PortId) -> Result<DatabaseEnd, Fault> {
        Ok(DatabaseEnd { port: self.port(port)?, server_name: None, authority: self.authority()? })
    }

    /// The facts of a file that the deployment wrote.
    ///
    /// # Errors
    /// When it cannot be looked at.
    fn file(&self, file: &NodeId) -> Result<FileFacts, Fault>;

    /// How a tunnel is.
    ///
    /// # Errors
    /// When nobody can say.
    fn tunnel(&self, tunnel: &NodeId) -> impl Future<Output = Result<TunnelFacts, Fault>> + Send {
        let operation = format!("looking at {tunnel}");
        async move { Err(Fault::new(FaultKind::Permanent, operation, "nobody here can look into it")) }
    }

    /// Kills all processes of a program with SIGKILL, or cuts the connection of a tunnel, and returns when that is done.
    ///
    /// # Errors
    /// When the program does not run.
    fn kill(&self, program: &NodeId) -> impl Future<Output = Result<(), Fault>> + Send;
}

/// Where a database is reached from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseEnd {
    /// The port of this machine's loopback address that leads to it.
    pub port: u16,
    /// The name on its certificate, where it is not the address that is dialled.
    pub server_name: Option<String>,
    /// The certificates of the authorities that may have signed it, as PEM.
    pub authority: String,
}

/// How a tunnel is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TunnelFacts {
    /// Whether it works.
    pub standing: TunnelStanding,
    /// The same in words, as `up for 12 s, the last query took 3 ms`.
    pub words: String,
}

/// Whether a tunnel works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TunnelStanding {
    /// It does.
    Up,
    /// The other side does not know its key yet.
    Waiting,
    /// It does not.
    Down,
}

/// What the world says about a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFacts {
    /// The permission bits.
    pub mode: u32,
    /// Whether the user that runs the deployment owns it.
    pub owned_by_us: bool,
}

/// The time, so that tests can stop it.
pub trait Clock: Sync {
    /// Now, RFC 3339, UTC.
    fn now(&self) -> String;
}
