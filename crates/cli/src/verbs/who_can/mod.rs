//! `landfall who-can`: who may use something by the manifest, and whether the world agrees.

mod here;
pub(crate) mod wanted;
pub(crate) mod world;

use crate::access::Access;
use crate::account;
use crate::account::cloud::{Cloud, Opened};
use crate::arguments::{DeploymentArguments, WhoCanArguments};
use crate::command_error::CommandError;
use crate::console::Console;
use crate::deployment::{block_on, find};
use crate::surroundings::Surroundings;
use crate::verbs::user::of_application;
use crate::views;
use crate::views::table::columns;
use compiler::{Application, Environment, Target};
use model::DeploymentName;
use serde_json::json;
use std::path::PathBuf;
use wanted::Wanted;
use world::Standing;

/// What a manifest's environment is.
enum Place {
    /// On this machine.
    Here(PathBuf, Box<Application>),
    /// In an account.
    Account(Box<Cloud>),
}

pub(crate) fn run(
    arguments: &WhoCanArguments,
    surroundings: &Surroundings,
    console: &Console,
) -> Result<(), CommandError> {
    // `check` tells of warnings.
    let silent = Console { quiet: true, ..*console };
    let place = match Cloud::open(&arguments.manifest, surroundings, &silent)? {
        Opened::Cloud(cloud) => Place::Account(cloud),
        Opened::Local(project) => {
            let (manifest, application) = project.application(&silent)?;
            Place::Here(manifest, Box::new(application))
        }
    };
    let application = match &place {
        Place::Here(_, application) => application,
        Place::Account(cloud) => &cloud.application,
    };
    let wanted = Wanted::read(arguments.access.as_deref().unwrap_or_default(), application)?;
    let mut said = of_application(application);
    // Where an account cannot be asked, the manifest answers all the same, and then it is said why.
    let mut trouble = None;
    let (name, environment) = (application.name.clone(), application.environment.clone());
    let world = match place {
        Place::Here(manifest, application) => {
            let existing = find(&DeploymentArguments::of_manifest(&manifest))?;
            let existing = existing.filter(|existing| existing.record.is_some());
            existing.map(|existing| block_on(here::look(&existing, &application, &wanted))).transpose()?
        }
        Place::Account(cloud) => {
            said = account::access::of(&cloud, said);
            let account = &arguments.account;
            let looked = cloud
                .with_current_secrets(account, surroundings, console)
                .and_then(|cloud| account::access::look(&cloud, &said, &wanted, account, surroundings, console));
            looked.unwrap_or_else(|error| {
                trouble = Some(error);
                None
            })
        }
    };
    said.retain(|access| wanted.fits(access));
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
            "deployment": name,
            "environment": environment.name,
            "access": arguments.access,
            "compared": world.is_some(),
            "entries": entries,
            "differences": differences,
        }))?;
    } else {
        show(&rows, &differences, arguments, &name, &environment, world.is_some(), console)?;
    }
    match trouble {
        Some(trouble) => Err(trouble),
        None if differences.is_empty() => Ok(()),
        None => Err(CommandError::Drifted),
    }
}

fn show(
    rows: &[(Access, Standing)],
    differences: &[String],
    arguments: &WhoCanArguments,
    name: &DeploymentName,
    environment: &Environment,
    is_compared: bool,
    console: &Console,
) -> Result<(), CommandError> {
    if rows.is_empty() {
        let what = arguments.access.as_deref().unwrap_or("anything");
        console.line(&format!("Nobody: {name} gives {what} to nobody."))?;
    } else {
        let rows = rows.iter().map(|(access, standing)| {
            let who = if access.is_person { access.who.clone() } else { format!("({})", access.who) };
            let standing = standing.word().to_owned();
            vec![who, access.component.to_string(), access.what.describe(), access.way.clone(), standing]
        });
        console.text(&columns(&["who", "what", "how much", "way", "really"], rows.collect::<Vec<_>>()))?;
    }
    if !is_compared {
        let why = match environment.target {
            Target::Local => "is not up on this machine",
            Target::Aws => "could not be asked, or is not up there",
        };
        console.tell(&format!("This is what the manifest says; {name} {why}."));
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
