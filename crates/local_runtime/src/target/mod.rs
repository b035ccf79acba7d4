//! A deployment on this machine: the engine's [`Target`] and the prober's [`Running`], by processes.

pub(crate) mod fill;
mod observe;
pub(crate) mod perform;
mod preflight;
mod private_access;

use crate::Variables;
use crate::disk;
use crate::folders::{Home, UserFolders};
use crate::ownership;
use crate::ports;
use crate::removal::Removal;
use crate::secrets::Secrets;
use crate::supervisor::SupervisorCommand;
use crate::supervisor::client::Client;
use crate::supervisor::protocol::Ask;
use engine::ports::{FileFacts, Job, Observed, Running, Target, TunnelFacts};
use indexmap::IndexMap;
use model::event::Outcome;
use model::plan::DeploymentPlan;
use model::process_graph::PortRequest;
use model::run_state::Made;
use model::{DeploymentName, Fault, FaultKind, NodeId, PortId, Secret, Text};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// What a deployment on this machine is opened with.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The user's folders.
    pub folders: UserFolders,
    /// The deployment's name.
    pub deployment: DeploymentName,
    /// The manifest's file, absolute. Given files and source folders are relative to its folder.
    pub manifest: PathBuf,
    /// The environment of the command.
    pub variables: Variables,
    /// How to start the supervisor.
    pub supervisor: SupervisorCommand,
}

/// A deployment on this machine.
#[derive(Debug, Clone)]
pub struct LocalTarget {
    pub(crate) setup: Setup,
    /// What a removal of everything leaves; a single secret that is no longer wanted goes anyway.
    pub(crate) removal: Option<Removal>,
    pub(crate) home: Home,
    pub(crate) client: Client,
}

impl LocalTarget {
    /// Opens a deployment without changing anything; it need not exist yet.
    ///
    /// # Errors
    /// When a newer version made it, or another manifest of the same name that still exists.
    pub fn open(mut setup: Setup) -> Result<Self, Fault> {
        // One manifest may be reached by many paths.
        setup.manifest = setup.manifest.canonicalize().unwrap_or(setup.manifest);
        let home = setup.folders.home(&setup.deployment);
        ownership::check_version(&home)?;
        ownership::check_owner(&home, &setup.manifest)?;
        let client = Client::new(home.clone());
        Ok(Self { setup, removal: None, home, client })
    }

    /// Makes the deployment's folder and writes down whose it is. Before the journal is opened.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn prepare(&self) -> Result<(), Fault> {
        for folder in [self.home.root().to_owned(), self.home.logs(), self.home.secrets(), self.home.all_data()] {
            disk::private_folder(&folder)?;
        }
        ownership::record(&self.home, &self.setup.manifest)
    }

    /// For the run that takes everything down: its steps leave what the removal keeps.
    #[must_use]
    pub fn removing(mut self, removal: Removal) -> Self {
        self.removal = Some(removal);
        self
    }

    /// The ports that a plan could not grant as wished or as before, each with who has it, in words.
    ///
    /// # Errors
    /// When the other deployments cannot be listed.
    pub fn refused_wishes(&self, plan: &DeploymentPlan) -> Result<Vec<String>, Fault> {
        ports::refused_wishes(&self.setup.folders, &self.home, &plan.ports, &plan.wishes)
    }

    /// Removes what killed runs left half-written. Only the holder of the lease may call it.
    pub fn sweep(&self) {
        disk::sweep(self.home.root(), &self.home.all_data());
    }

    /// The deployment's folder.
    #[must_use]
    pub fn home(&self) -> &Home {
        &self.home
    }

    pub(crate) fn manifest_folder(&self) -> &Path {
        self.setup.manifest.parent().unwrap_or(Path::new("/"))
    }

    pub(crate) fn secrets(&self) -> Secrets<'_> {
        Secrets { home: &self.home, variables: &self.setup.variables, manifest_folder: self.manifest_folder() }
    }
}

impl Target for LocalTarget {
    async fn observe(&self, made: &IndexMap<NodeId, Made>) -> Result<Observed, Fault> {
        observe::observe(self, made).await
    }

    fn choose_ports(
        &self,
        wanted: &IndexMap<PortId, PortRequest>,
        given: &IndexMap<PortId, u16>,
    ) -> Result<IndexMap<PortId, u16>, Fault> {
        ports::choose(&self.setup.folders, &self.home, wanted, given)
    }

    async fn perform(&self, job: Job<'_>) -> Result<Outcome, Fault> {
        perform::perform(self, job).await
    }
}

impl Running for LocalTarget {
    fn fill(&self, text: &Text) -> Result<Secret, Fault> {
        fill::fill(self, &ports::claimed(&self.home)?, text)
    }

    fn port(&self, port: &PortId) -> Result<u16, Fault> {
        fill::number(&ports::claimed(&self.home)?, port)
    }

    fn authority(&self) -> Result<String, Fault> {
        let path = crate::authority::certificate_file(&self.setup.folders);
        let bytes = disk::read(&path)?.ok_or_else(|| {
            Fault::new(FaultKind::Permanent, format!("reading {}", path.display()), "it is not there")
                .help("run `landfall up` again; it makes what is missing")
        })?;
        String::from_utf8(bytes)
            .map_err(|_| Fault::new(FaultKind::Permanent, format!("reading {}", path.display()), "it is no text"))
    }

    fn file(&self, file: &NodeId) -> Result<FileFacts, Fault> {
        let path = self.home.file(file)?;
        let facts = path.metadata().map_err(|error| disk::io_fault("looking at", &path, &error))?;
        Ok(FileFacts {
            mode: facts.permissions().mode() & 0o7777,
            owned_by_us: facts.uid() == nix::unistd::geteuid().as_raw(),
        })
    }

    async fn tunnel(&self, tunnel: &NodeId) -> Result<TunnelFacts, Fault> {
        private_access::facts(self, tunnel).await
    }

    async fn kill(&self, program: &NodeId) -> Result<(), Fault> {
        match self.client.order(Ask::Kill(program.clone()), &|_| {}).await? {
            Some(_) => Ok(()),
            None => Err(Fault::new(FaultKind::Permanent, format!("killing {program}"), "no supervisor runs")
                .help("run `landfall up` again; it starts what is missing")),
        }
    }
}
