//! `landfall who-can`: who may use something by the manifest, and whether the world agrees.

use crate::access::{self, Access};
use crate::arguments::{DeploymentArguments, WhoCanArguments};
use crate::command_error::CommandError;
use crate::console::Console;
use crate::deployment::{Existing, block_on, find};
use crate::project::Project;
use crate::surroundings::Surroundings;
use crate::verbs::user::of_application;
use crate::views;
use crate::views::table::columns;
use compiler::{Application, Target};
use model::database::GrantLevel;
use model::process_graph::NodeSpec;
use serde_json::json;
use std::collections::BTreeSet;

pub(crate) fn run(
    arguments: &WhoCanArguments,
    surroundings: &Surroundings,
    console: &Console,
) -> Result<(), CommandError> {
    // `check` tells of warnings.
    let silent = Console { quiet: true, ..*console };
    let (manifest, application) = Project::load(&arguments.manifest, surroundings)?.application(&silent)?;
    let wanted = Wanted::read(arguments.access.as_deref().unwrap_or_default(), &application)?;
    let said: Vec<Access> = of_application(&application).into_iter().filter(|access| wanted.fits(access)).collect();
    let existing = match application.environment.target {
        Target::Local => {
            find(&DeploymentArguments::of_manifest(&manifest))?.filter(|existing| existing.record.is_some())
        }
        Target::Aws => None,
    };
    let world = existing.as_ref().map(|existing| block_on(World::look(existing, &application, &wanted))).transpose()?;
    let rows: Vec<(Access, Standing)> = match &world {
        Some(world) => world.compare(said),
        None => said.into_iter().map(|access| (access, Standing::Unknown)).collect(),
    };
    let differences = world.as_ref().map(|world| world.differences(&rows)).unwrap_or_default();
    if console.json {
        let entries: Vec<_> = rows
            .iter()
            .map(|(access, standing)| {
                let mut entry = views::access::json(access);
                entry["in_manifest"] = json!(*standing != Standing::OnlyThere);
                entry["in_world"] = match standing {
                    Standing::Unknown => json!(null),
                    Standing::Agreed | Standing::OnlyThere => json!(true),
                    Standing::OnlySaid => json!(false),
                };
                entry
            })
            .collect();
        console.document(&json!({
            "version": 1,
            "deployment": application.name,
            "environment": application.environment.name,
            "access": arguments.access,
            "compared": world.is_some(),
            "entries": entries,
            "differences": differences,
        }))?;
    } else {
        show(&rows, &differences, world.is_some(), arguments, &application, console)?;
    }
    if differences.is_empty() { Ok(()) } else { Err(CommandError::Drifted) }
}

fn show(
    rows: &[(Access, Standing)],
    differences: &[String],
    is_compared: bool,
    arguments: &WhoCanArguments,
    application: &Application,
    console: &Console,
) -> Result<(), CommandError> {
    if rows.is_empty() {
        let what = arguments.access.as_deref().unwrap_or("anything");
        console.line(&format!("Nobody: {} gives {what} to nobody.", application.name))?;
    } else {
        let rows = rows.iter().map(|(access, standing)| {
            let who = if access.is_person { access.who.clone() } else { format!("({})", access.who) };
            let standing = standing.word().to_owned();
            vec![who, access.component.to_string(), access.what.describe(), access.way.clone(), standing]
        });
        console.text(&columns(&["who", "what", "how much", "way", "really"], rows.collect::<Vec<_>>()))?;
    }
    if !is_compared {
        let why = match application.environment.target {
            Target::Local => "is not up on this machine",
            Target::Aws => "is in an account, where `landfall drift` compares",
        };
        console.tell(&format!("This is what the manifest says; {} {why}.", application.name));
    }
    if !differences.is_empty() {
        console.line("\nNot as the manifest says:")?;
        for difference in differences {
            console.line(&format!("  {difference}"))?;
        }
        console.tell("`landfall up` makes it so; what nobody manages is yours to remove.");
    }
    Ok(())
}

/// What was asked for: `db`, `db.teams`, `db:write`.
struct Wanted {
    component: Option<String>,
    database: Option<String>,
    level: Option<GrantLevel>,
}

impl Wanted {
    fn read(text: &str, application: &Application) -> Result<Self, CommandError> {
        if text.is_empty() {
            return Ok(Self { component: None, database: None, level: None });
        }
        let (place, level) = text.split_once(':').map_or((text, None), |(place, level)| (place, Some(level)));
        let (component, database) =
            place.split_once('.').map_or((place, None), |(component, database)| (component, Some(database)));
        let Some(found) = application.components.iter().find(|known| known.name.as_str() == component) else {
            let names: Vec<&str> = application.components.iter().map(|known| known.name.as_str()).collect();
            let help = match compiler::nearest(component, names.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("name one of: {}", names.join(", ")),
            };
            return Err(CommandError::usage(format!("{} has no component `{component}`", application.name), help));
        };
        let holds = found.valid.facts().holds;
        let level = match level {
            None => None,
            Some("read" | "read-only") => Some(GrantLevel::ReadOnly),
            Some("write" | "read-write") => Some(GrantLevel::ReadWrite),
            Some("own" | "owner") => Some(GrantLevel::Owner),
            Some(other) => {
                let help = format!("write {component}:read, {component}:write or {component}:own");
                return Err(CommandError::usage(format!("`{other}` is nothing that can be asked for"), help));
            }
        };
        let Some(holds) = holds else {
            if level.is_some() || database.is_some() {
                let message = format!("{component} is a {}, not a database", found.kind);
                return Err(CommandError::usage(message, format!("write `landfall who-can {component}`")));
            }
            return Ok(Self { component: Some(component.to_owned()), database: None, level: None });
        };
        if let Some(database) = database.filter(|database| !holds.databases.iter().any(|known| known == database)) {
            let help = format!("it has: {}", holds.databases.join(", "));
            return Err(CommandError::usage(format!("{component} has no database `{database}`"), help));
        }
        Ok(Self { component: Some(component.to_owned()), database: database.map(str::to_owned), level })
    }

    fn fits(&self, access: &Access) -> bool {
        let names_database =
            |wanted: &String| matches!(&access.what, access::What::Database { name, .. } if name == wanted);
        self.component.as_ref().is_none_or(|component| access.component.as_str() == component)
            && self.database.as_ref().is_none_or(names_database)
            && self.level.is_none_or(|level| access.what.level().is_some_and(|has| has >= level))
    }

    fn names(&self, component: &str) -> bool {
        self.component.as_ref().is_none_or(|wanted| wanted == component)
    }
}

/// Where somebody's access stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Nobody looked.
    Unknown,
    /// Said, and so.
    Agreed,
    /// Said, and not so.
    OnlySaid,
    /// So, although it is not said.
    OnlyThere,
}

impl Standing {
    fn word(self) -> &'static str {
        match self {
            Self::Unknown => "",
            Self::Agreed => "yes",
            Self::OnlySaid => "no",
            Self::OnlyThere => "yes, but not by the manifest",
        }
    }
}

/// What was found.
struct World {
    /// What is so.
    access: Vec<Access>,
    /// What a look at servers brought besides, in words.
    strange: Vec<String>,
}

impl World {
    /// Looks at what runs: what was brought up, less what a server does not have.
    async fn look(existing: &Existing, application: &Application, wanted: &Wanted) -> Result<Self, CommandError> {
        let graph = &existing.finished()?.graph;
        let mut access = access::of(graph, &application.people);
        access.retain(|access| wanted.fits(access));
        let mut strange = Vec::new();
        let status = existing.target.status().await.map_err(CommandError::Fault)?;
        for (id, node) in &graph.nodes {
            let component = node.component.as_str();
            let real: BTreeSet<String> = match &node.spec {
                _ if !wanted.names(component) => continue,
                NodeSpec::DatabaseContent(content) => match existing.target.let_in(content).await {
                    Ok(let_in) => {
                        strange.extend(let_in.differences.iter().map(|words| format!("{component}: {words}")));
                        let_in.roles
                    }
                    Err(fault) => {
                        strange.push(format!("{component} lets nobody in now: {}", fault.cause));
                        BTreeSet::new()
                    }
                },
                NodeSpec::SshServer(_) => match status.ssh_servers.get(id) {
                    Some(state) => state.accounts.iter().cloned().collect(),
                    None => {
                        strange.push(format!("{component} lets nobody in now: it does not run"));
                        BTreeSet::new()
                    }
                },
                _ => continue,
            };
            let is_same_kind = |access: &Access| {
                matches!(
                    (&node.spec, &access.what),
                    (NodeSpec::DatabaseContent(_), access::What::Database { .. })
                        | (NodeSpec::SshServer(_), access::What::Forwards(_))
                )
            };
            access.retain(|access| {
                access.component.as_str() != component || !is_same_kind(access) || real.contains(&access.who)
            });
        }
        Ok(Self { access, strange })
    }

    fn compare(&self, said: Vec<Access>) -> Vec<(Access, Standing)> {
        let is_same = |a: &Access, b: &Access| (&a.who, &a.component, &a.what) == (&b.who, &b.component, &b.what);
        let only_there: Vec<Access> =
            self.access.iter().filter(|real| !said.iter().any(|said| is_same(said, real))).cloned().collect();
        let standing = |said: &Access| match self.access.iter().any(|real| is_same(said, real)) {
            true => Standing::Agreed,
            false => Standing::OnlySaid,
        };
        let said = said.into_iter().map(|said| {
            let standing = standing(&said);
            (said, standing)
        });
        said.chain(only_there.into_iter().map(|real| (real, Standing::OnlyThere))).collect()
    }

    fn differences(&self, rows: &[(Access, Standing)]) -> Vec<String> {
        let line = |(access, standing): &(Access, Standing)| {
            let Access { who, component, what, .. } = access;
            match standing {
                Standing::OnlySaid => Some(format!("{who} does not have {} at {component} yet", what.describe())),
                Standing::OnlyThere => Some(format!("{who} still has {} at {component}", what.describe())),
                Standing::Unknown | Standing::Agreed => None,
            }
        };
        rows.iter().filter_map(line).chain(self.strange.iter().cloned()).collect()
    }
}
