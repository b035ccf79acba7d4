//! What is inside the server: databases, and a role for everybody who uses them.

use super::valid::ValidDatabase;
use crate::context::Whole;
use indexmap::IndexMap;
use model::database::{DatabaseContent, RoleDeclaration};
use model::{ComponentName, ManifestPath, NodeId, Rotation};

/// How many connections a component's login may hold when it does not say.
const CONNECTIONS_OF_COMPONENT: u32 = 20;
/// How many connections a person's login may hold: a client opens several.
const CONNECTIONS_OF_PERSON: u32 = 10;

/// A role with the passwords of its logins.
pub(super) struct Role {
    /// The name, which is a component's or a person's.
    pub(super) name: String,
    /// Whether it is a person.
    pub(super) is_person: bool,
    pub(super) declaration: RoleDeclaration,
    /// What each login's password is made of: the node's part and the generation.
    pub(super) passwords: IndexMap<String, Password>,
    /// The login that is used; the other one is still valid.
    pub(super) login: String,
    /// Why there is such a role.
    pub(super) at: ManifestPath,
}

/// The password of a login.
pub(super) struct Password {
    /// The part's name of its `Secret` node.
    pub(super) part: String,
    pub(super) generation: u32,
}

/// The part's name of the first `Secret` node of a role: what its rotation goes by.
pub(super) fn password_part(role: &str) -> String {
    format!("roles/{role}")
}

/// The login of a generation. Two neighbours have different names, so that both are valid while one takes the other's place.
fn login(role: &str, generation: u32) -> (String, String) {
    if generation % 2 == 1 {
        (role.to_owned(), password_part(role))
    } else {
        (format!("{role}_b"), format!("{}.b", password_part(role)))
    }
}

/// The roles of a server: those of components, then those of people.
pub(super) fn roles(valid: &ValidDatabase, name: &ComponentName, whole: &Whole) -> Vec<Role> {
    let mut roles = Vec::new();
    for said in whole.uses_of(name) {
        let Some(database) = valid.database(said.database.as_deref()) else { continue };
        let declaration = RoleDeclaration {
            logins: IndexMap::new(),
            grants: IndexMap::from([(database.to_owned(), said.grants)]),
            connections: Some(said.connections.unwrap_or(CONNECTIONS_OF_COMPONENT)),
            sources: said.sources.clone(),
        };
        roles.push(role(said.by.as_str(), false, declaration, said.at.clone(), name, whole));
    }
    for (person, said) in &valid.people {
        let declaration = RoleDeclaration {
            logins: IndexMap::new(),
            grants: said.grants.clone(),
            connections: Some(CONNECTIONS_OF_PERSON),
            sources: Vec::new(),
        };
        roles.push(role(person, true, declaration, said.at.clone(), name, whole));
    }
    roles
}

fn role(
    name: &str,
    is_person: bool,
    mut declaration: RoleDeclaration,
    at: ManifestPath,
    component: &ComponentName,
    whole: &Whole,
) -> Role {
    let node = |part: &str| NodeId::new(format!("{component}/{part}"));
    let rotation: Rotation = whole.rotations.of(&node(&password_part(name)));
    let mut passwords = IndexMap::new();
    for generation in rotation.valid() {
        let (login, part) = login(name, generation);
        declaration.logins.insert(login.clone(), node(&part));
        passwords.insert(login, Password { part, generation });
    }
    let (login, _) = login(name, rotation.generation);
    Role { name: name.to_owned(), is_person, declaration, passwords, login, at }
}

/// All that the server must hold.
pub(super) fn content(valid: &ValidDatabase, roles: &[Role]) -> DatabaseContent {
    DatabaseContent {
        engine: valid.engine,
        databases: valid.databases.clone(),
        roles: roles.iter().map(|role| (role.name.clone(), role.declaration.clone())).collect(),
    }
}
