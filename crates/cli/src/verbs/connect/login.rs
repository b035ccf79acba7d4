//! As whom one logs in at a database, and where it is.

use crate::arguments::ConnectArguments;
use crate::command_error::CommandError;
use crate::deployment::Existing;
use crate::surroundings::Surroundings;
use crate::views::settings::Settings;
use engine::ports::Running as _;
use local_runtime::authority_certificate;
use model::database::{Engine, GrantLevel, RoleDeclaration};
use model::process_graph::{DatabaseContentSpec, NodeSpec, Output, ProcessGraph};
use model::text::{Atom, SecretPart};
use model::{ComponentName, NodeId};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// A login at a database of this machine.
pub(super) struct Login {
    pub(super) component: ComponentName,
    pub(super) engine: Engine,
    pub(super) port: u16,
    /// The person or component.
    pub(super) role: String,
    /// The name under which it logs in.
    pub(super) user: String,
    /// The node of its password.
    pub(super) password: NodeId,
    pub(super) database: String,
    /// The certificate of the authority that signed the server's.
    pub(super) authority: PathBuf,
    /// What to type to see the password.
    shown_by: String,
}

impl Login {
    /// Chooses component, role and database by what was said, and by what can only be meant.
    pub(super) fn find(
        arguments: &ConnectArguments,
        existing: &Existing,
        graph: &ProcessGraph,
        surroundings: &Surroundings,
    ) -> Result<Self, CommandError> {
        let (component, spec) = component(arguments.component.as_deref(), graph)?;
        let (role, declaration) = role(arguments, component, spec, graph, surroundings)?;
        let database = database(arguments, role, declaration)?;
        // While a password is rotated there are two logins; the first one stays.
        let Some((user, password)) = declaration.logins.first() else {
            return Err(CommandError::usage(format!("{role} has no login at {component}"), "type `landfall up`"));
        };
        let folders = Surroundings::folders().map_err(CommandError::Preflight)?;
        Ok(Self {
            component: component.clone(),
            engine: spec.content.engine,
            port: existing.target.port(&spec.port).map_err(CommandError::Fault)?,
            role: role.to_owned(),
            user: user.clone(),
            password: password.clone(),
            database: database.to_owned(),
            authority: authority_certificate(&folders),
            shown_by: shown_by(password, existing, graph),
        })
    }

    /// What other programs have to be told.
    pub(super) fn settings(&self) -> Result<Settings, CommandError> {
        Ok(Settings {
            engine: self.engine,
            port: self.port,
            database: self.database.clone(),
            user: self.user.clone(),
            authority: Some(self.authority.clone()),
            password: self.shown_by.clone(),
        })
    }
}

/// What to type to see a password: people's are outputs, those of components are files of the deployment.
fn shown_by(password: &NodeId, existing: &Existing, graph: &ProcessGraph) -> String {
    let holds =
        |output: &&Output| output.value.atoms().any(|atom| *atom == Atom::Secret(password.clone(), SecretPart::Value));
    match graph.outputs.iter().find(holds) {
        Some(output) => format!("landfall outputs {} --only {} --reveal", existing.name, output.name),
        None => format!(
            "cat {}",
            existing.target.home().root().join("secrets").join(password.as_str()).join("value").display()
        ),
    }
}

/// The databases of a graph by component.
fn component<'g>(
    said: Option<&str>,
    graph: &'g ProcessGraph,
) -> Result<(&'g ComponentName, &'g DatabaseContentSpec), CommandError> {
    let known: Vec<_> = graph
        .nodes
        .values()
        .filter_map(|node| match &node.spec {
            NodeSpec::DatabaseContent(spec) => Some((&node.component, spec)),
            _ => None,
        })
        .collect();
    let names = || known.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
    let none = format!("{} has no database", graph.deployment);
    match (said, known.as_slice()) {
        (_, []) => Err(CommandError::usage(none, "a component of the kind `database` is one")),
        (None, [only]) => Ok(*only),
        (None, _) => Err(CommandError::usage("which database?", format!("name one of: {}", names()))),
        (Some(said), _) => known.iter().find(|(name, _)| name.as_str() == said).copied().ok_or_else(|| {
            CommandError::usage(
                format!("`{said}` is no database of {}", graph.deployment),
                format!("it has: {}", names()),
            )
        }),
    }
}

fn role<'g>(
    arguments: &'g ConnectArguments,
    component: &ComponentName,
    spec: &'g DatabaseContentSpec,
    graph: &ProcessGraph,
    surroundings: &Surroundings,
) -> Result<(&'g str, &'g RoleDeclaration), CommandError> {
    let roles = &spec.content.roles;
    let list = || roles.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    if let Some(said) = &arguments.role {
        return roles.get_key_value(said.as_str()).map(|(name, role)| (name.as_str(), role)).ok_or_else(|| {
            CommandError::usage(
                format!("`{said}` has no login at {component}"),
                format!("those who have one: {}", list()),
            )
        });
    }
    let components: BTreeSet<&str> = graph.nodes.values().map(|node| node.component.as_str()).collect();
    let people: Vec<(&str, &RoleDeclaration)> = roles
        .iter()
        .filter(|(name, _)| !components.contains(name.as_str()))
        .map(|(name, role)| (name.as_str(), role))
        .collect();
    let user = surroundings.user();
    let owns = |(_, role): &&(&str, &RoleDeclaration)| role.grants.values().any(|level| *level == GrantLevel::Owner);
    let owners: Vec<_> = people.iter().filter(owns).collect();
    let is_user = |(name, _): &&(&str, &RoleDeclaration)| *name == user;
    match (people.as_slice(), people.iter().find(is_user), owners.as_slice()) {
        ([only], _, _) => Ok(*only),
        (_, Some(you), _) => Ok(*you),
        (_, None, [only]) => Ok(**only),
        ([], None, _) => Err(CommandError::usage(
            format!("no person has a login at {component}"),
            format!(
                "log in as a component with `--as`, one of: {}; or give people rights: `people` of {component}",
                list()
            ),
        )),
        _ => {
            Err(CommandError::usage(format!("as whom at {component}?"), format!("say `--as` with one of: {}", list())))
        }
    }
}

fn database<'g>(
    arguments: &'g ConnectArguments,
    role: &str,
    declaration: &'g RoleDeclaration,
) -> Result<&'g str, CommandError> {
    let known: Vec<&str> = declaration.grants.keys().map(String::as_str).collect();
    let list = known.join(", ");
    match (&arguments.database, known.as_slice()) {
        (Some(said), _) if known.contains(&said.as_str()) => Ok(said),
        (Some(said), _) => Err(CommandError::usage(
            format!("{role} may not enter the database `{said}`"),
            format!("it may enter: {list}"),
        )),
        (None, [only]) => Ok(only),
        (None, _) => {
            Err(CommandError::usage("which of its databases?", format!("say `--database` with one of: {list}")))
        }
    }
}
