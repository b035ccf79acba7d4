//! A service that makes sense.

use super::schema::Restart;
use crate::database_use::DatabaseUse;
use crate::reference::ReferenceText;
use crate::together::RoleNamed;
use indexmap::IndexMap;
use model::process_graph::{PortWish, PythonEnvironmentSpec, SecretRecipe, SourceSpec};
use model::scalar::{Duration, Size};
use model::{ComponentName, ManifestPath};

/// A service that makes sense.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ValidService {
    pub(super) instances: u8,
    pub(super) python: Option<PythonEnvironmentSpec>,
    pub(super) source: Option<SourceSpec>,
    pub(super) command: Vec<ReferenceText>,
    pub(super) working_directory: Option<ReferenceText>,
    pub(super) environment: IndexMap<String, ReferenceText>,
    /// In an order in which each comes after those that it names.
    pub(super) files: Vec<ValidFile>,
    pub(super) users: Option<ValidUsers>,
    pub(super) uses: Vec<ValidUse>,
    pub(super) port: Option<PortWish>,
    pub(super) health: Option<ValidHealth>,
    pub(super) longest_request: Option<Duration>,
    pub(super) restart: Restart,
    pub(super) memory: Option<(Size, ManifestPath)>,
    pub(super) stop_grace: Duration,
    pub(super) needs: Vec<(ComponentName, ManifestPath)>,
    /// Its path in the manifest.
    pub(super) at: ManifestPath,
}

/// A file of a service.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ValidFile {
    pub(super) name: String,
    pub(super) template_name: String,
    pub(super) template: String,
    /// Only the variables that the template uses, so that another one's change leaves the file alone.
    pub(super) variables: IndexMap<String, Variable>,
    pub(super) mode: u32,
}

/// A variable of a template.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Variable {
    /// Known now.
    Plain(serde_json::Value),
    /// A text with references.
    Text(ReferenceText),
    /// A list of variables.
    List(Vec<Variable>),
    /// A mapping to variables.
    Map(IndexMap<String, Variable>),
    /// The users with their passwords.
    Users,
    /// The name of the deployment.
    Deployment,
    /// The name of the environment.
    Environment,
}

/// How a service uses a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ValidUse {
    pub(super) said: DatabaseUse,
    /// The word for the driver in the URL.
    pub(super) driver: Option<String>,
}

/// Somebody who logs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ValidUser {
    pub(super) name: String,
    /// Of a person: what the person may do.
    pub(super) roles: Vec<String>,
    /// Why there is such a user.
    pub(super) at: ManifestPath,
}

/// The users of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ValidUsers {
    pub(super) all: Vec<ValidUser>,
    /// The roles whose people log in.
    pub(super) roles: Vec<RoleNamed>,
    pub(super) recipe: SecretRecipe,
    pub(super) generation: u32,
}

/// How one knows that a service can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ValidHealth {
    pub(super) path: String,
    pub(super) statuses: Vec<u16>,
    pub(super) timeout: Duration,
}
