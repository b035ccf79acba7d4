//! As whom one logs in at a database: component, role and database, by what was said and by what can only be meant.

use crate::arguments::ConnectArguments;
use crate::command_error::CommandError;
use crate::surroundings::Surroundings;
use model::database::{Engine, GrantLevel, RoleDeclaration};
use model::process_graph::{DatabaseContentSpec, NodeSpec, ProcessGraph};
use model::{ComponentName, NodeId, PortId};
use std::collections::BTreeSet;

/// A login at a database, wherever it runs.
pub(crate) struct Login {
    pub(crate) component: ComponentName,
    pub(crate) engine: Engine,
    /// Where it listens.
    pub(crate) port: PortId,
    /// The person or component.
    pub(crate) role: String,
    /// The name under which it logs in.
    pub(crate) user: String,
    /// The node of its password.
    pub(crate) password: NodeId,
    pub(crate) database: String,
}

impl Login {
    /// Chooses component, role and database by what was said, and by what can only be meant.
    pub(crate) fn find(
        arguments: &ConnectArguments,
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
        Ok(Self {
            component: component.clone(),
            engine: spec.content.engine,
            port: spec.port.clone(),
            role: role.to_owned(),
            user: user.clone(),
            password: password.clone(),
            database: database.to_owned(),
        })
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
