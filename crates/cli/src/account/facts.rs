//! What the dated tables know of resource types, as the runs in an account ask for it; and what only this machine has.

use analysis::{duration, resource_types};
use local_runtime::{Variables, given_secret};
use model::cfn::Release;
use model::process_graph::SecretSource;
use model::{Fault, FaultKind, NodeId, Secret};
use stacks::account::Replacement;
use stacks::{Sources, TypeFacts};
use std::path::PathBuf;

/// The tables of `analysis`.
pub(crate) struct Tables;

impl TypeFacts for Tables {
    fn is_stateful(&self, kind: &str) -> bool {
        resource_types::is_stateful(kind)
    }

    fn replaces(&self, kind: &str, property: &str) -> Replacement {
        match resource_types::replaces(kind, property) {
            resource_types::Replaces::Never => Replacement::False,
            resource_types::Replaces::Sometimes => Replacement::Conditional,
            resource_types::Replaces::Always => Replacement::True,
        }
    }

    fn seconds(&self, kind: &str) -> u32 {
        duration::seconds_to_create(kind)
    }

    fn permissions(&self, kinds: &[&str]) -> Vec<String> {
        resource_types::permissions(kinds.iter().copied()).into_iter().map(str::to_owned).collect()
    }
}

/// What only this machine has: the secrets that the user gives, and its random generator.
pub(crate) struct ThisMachine {
    pub(crate) variables: Variables,
    /// The manifest's folder, to which given files are relative.
    pub(crate) folder: PathBuf,
}

impl Sources for ThisMachine {
    fn given(&self, node: &NodeId, source: &SecretSource) -> Result<Secret, Fault> {
        given_secret(&self.variables, &self.folder, node, source).map(|(secret, _)| secret)
    }

    fn release(&self, release: &Release) -> Result<Vec<u8>, Fault> {
        let folder = self.folder.join(&release.folder);
        if local_runtime::folder_digest(&folder)? != release.content {
            let doing = format!("packing {} ({})", release.folder, release.origin);
            return Err(Fault::new(FaultKind::NeedsPerson, doing, "the folder changed while the command ran")
                .help("run the command again"));
        }
        local_runtime::release(&folder)
    }

    fn random(&self, buffer: &mut [u8]) {
        local_runtime::random(buffer);
    }
}
