//! `landfall user`: people in the manifest, and what they have where.

use crate::access::{self, Access};
use crate::account;
use crate::account::cloud::{Cloud, Opened};
use crate::arguments::{
    ManifestArguments, ThenArguments, UpArguments, UserAddArguments, UserChangeArguments, UserVerb,
};
use crate::command_error::CommandError;
use crate::console::Console;
use crate::deployment::open;
use crate::project::{self, Project};
use crate::rotation::{self, Replaceable};
use crate::surroundings::{Surroundings, readable};
use crate::verbs::up;
use crate::views;
use crate::views::table::columns;
use compiler::{ADMINISTRATOR, Application, NotEdited, PeopleEdit, Person, edit_people};
use local_runtime::write_atomically;
use model::{Fault, FaultKind, Rotations};
use serde_json::json;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// No public key is longer; whoever pipes something else in is told so.
const LONGEST_KEY: u64 = 16 * 1024;

pub(crate) fn run(verb: &UserVerb, surroundings: &Surroundings, console: &Console) -> Result<(), CommandError> {
    match verb {
        UserVerb::Ls(arguments) => list(arguments, surroundings, console),
        UserVerb::Add(arguments) => add(arguments, surroundings, console),
        UserVerb::Remove(arguments) => remove(arguments, surroundings, console),
        UserVerb::Rotate(arguments) => rotate(arguments, surroundings, console),
    }
}

fn list(arguments: &ManifestArguments, surroundings: &Surroundings, console: &Console) -> Result<(), CommandError> {
    let (_, application) = Project::load(arguments, surroundings)?.application(&silent(console))?;
    let all = of_application(&application);
    let people = application.people.iter().map(|(name, person)| {
        let has: Vec<&Access> = all.iter().filter(|access| access.who == *name).collect();
        (name, person, has)
    });
    if console.json {
        let people: Vec<_> = people
            .map(|(name, person, has)| {
                let has: Vec<_> = has.iter().map(|access| views::access::json(access)).collect();
                json!({ "name": name, "roles": person.roles, "email": person.email, "has_key": person.ssh_key.is_some(), "has": has })
            })
            .collect();
        return console.document(&json!({
            "version": 1,
            "deployment": application.name,
            "environment": application.environment.name,
            "people": people,
        }));
    }
    if application.people.is_empty() {
        let help = "landfall user add NAME --role admin --ssh-key FILE.pub";
        return console.line(&format!("{} has no people yet. Enter one: `{help}`", application.name));
    }
    let rows = people.map(|(name, person, has)| {
        let has: Vec<String> =
            has.iter().map(|access| format!("{}: {}", access.component, access.what.describe())).collect();
        let has = if has.is_empty() { "nothing".to_owned() } else { has.join("; ") };
        let key = if person.ssh_key.is_some() { "yes" } else { "no" };
        vec![name.clone(), person.roles.join(", "), key.to_owned(), has]
    });
    console.text(&columns(&["person", "roles", "ssh key", "has"], rows.collect::<Vec<_>>()))
}

fn add(arguments: &UserAddArguments, surroundings: &Surroundings, console: &Console) -> Result<(), CommandError> {
    let UserAddArguments { person: name, manifest, role, ssh_key, email, then } = arguments;
    let ssh_key = ssh_key.as_deref().map(key).transpose()?;
    let person = Person { roles: distinct(role), ssh_key, email: email.clone() };
    let edited = edit(manifest, PeopleEdit::Add { name, person: &person }, surroundings)?;
    warn_of_unknown_roles(&edited.application, &person, console);
    write(&edited, console)?;
    tell_access(name, &edited.application, console);
    follow(manifest, then, surroundings, console)
}

fn remove(arguments: &UserChangeArguments, surroundings: &Surroundings, console: &Console) -> Result<(), CommandError> {
    let UserChangeArguments { person: name, manifest, then } = arguments;
    let (_, before) = Project::load(manifest, surroundings)?.application(&silent(console))?;
    find_person(name, &before)?;
    let is_administrator = |person: &Person| person.roles.iter().any(|role| role == ADMINISTRATOR);
    let mut administrators = before.people.iter().filter(|(_, person)| is_administrator(person)).map(|(name, _)| name);
    if administrators.next() == Some(name) && administrators.next().is_none() {
        let message = format!("{name} is the last person with the role `{ADMINISTRATOR}`");
        let help =
            format!("make somebody else one first: `landfall user add NAME --role {ADMINISTRATOR} --ssh-key FILE`");
        return Err(CommandError::Preflight(
            Fault::new(FaultKind::NeedsPerson, "removing a person", message).help(help),
        ));
    }
    let edited = edit(manifest, PeopleEdit::Remove { name }, surroundings)?;
    let lost: Vec<Access> = of_application(&before).into_iter().filter(|access| access.who == *name).collect();
    write(&edited, console)?;
    for access in &lost {
        console.tell(&format!("  {name} loses {}: {}", access.component, access.what.describe()));
    }
    follow(manifest, then, surroundings, console)
}

fn rotate(arguments: &UserChangeArguments, surroundings: &Surroundings, console: &Console) -> Result<(), CommandError> {
    let begun = Instant::now();
    let UserChangeArguments { person: name, manifest: said, then } = arguments;
    if then.no_up {
        return Err(CommandError::usage("a rotation is proved, which `--no-up` would leave out", "leave it out"));
    }
    let project = match Cloud::open(said, surroundings, console)? {
        Opened::Cloud(cloud) => {
            find_person(name, &cloud.application)?;
            let cloud = cloud.with_current_secrets(&then.account, surroundings, console)?;
            let secrets = passwords(cloud.replaceable(), name, &cloud.application)?;
            return account::up::run(cloud, &secrets, &after(said, then), surroundings, console);
        }
        Opened::Local(project) => project,
    };
    let (manifest, application) = project.application(console)?;
    find_person(name, &application)?;
    let rotations = open(&application.name, &manifest)?.rotations().map_err(CommandError::Preflight)?;
    let graph = compiler::realise_locally(&application, &rotations);
    let secrets = passwords(rotation::replaceable(&graph), name, &application)?;
    up::run_here(&after(said, then), &secrets, manifest, application, console, begun)
}

/// The passwords of a person, of whom there must be some.
fn passwords(all: Vec<Replaceable>, name: &str, application: &Application) -> Result<Vec<Replaceable>, CommandError> {
    let own = rotation::of_person(all, name);
    if own.is_empty() {
        let help = format!(
            "give a role of {name} something, as `people:` of a database; an SSH key is the person's own to replace"
        );
        return Err(CommandError::usage(format!("{name} has no password in {}", application.name), help));
    }
    Ok(own)
}

/// A manifest with its people edited: what is written, and what it means.
struct Edited {
    path: PathBuf,
    before: String,
    after: String,
    application: Application,
}

/// Edits the text and compiles it. Nothing is written when it would not be valid.
fn edit(
    arguments: &ManifestArguments,
    edit: PeopleEdit<'_>,
    surroundings: &Surroundings,
) -> Result<Edited, CommandError> {
    let path = project::find(arguments.file.as_deref().or(arguments.path.as_deref()))?;
    // Where the file is linked to somewhere, that is the one to write.
    let path = path.canonicalize().unwrap_or(path);
    let bytes = project::read(&path)?;
    let before = String::from_utf8(bytes)
        .map_err(|_| CommandError::usage(format!("{} is no UTF-8 text", readable(&path)), "type `landfall check`"))?;
    let after = edit_people(&before, edit)
        .map_err(|NotEdited { why, help }| CommandError::usage(format!("{}: {why}", readable(&path)), help))?;
    let project = Project::compile(path.clone(), after.as_bytes(), arguments, surroundings)?;
    let console = Console { json: true, quiet: true, verbose: false, stderr_is_terminal: false, can_ask: false };
    let (_, application) = project.application(&console)?;
    Ok(Edited { path, before, after, application })
}

fn write(edited: &Edited, console: &Console) -> Result<(), CommandError> {
    let Edited { path, before, after, .. } = edited;
    if !console.json {
        console.tell(&views::diff::text(&readable(path), before, after));
    }
    let doing = || format!("writing {}", readable(path));
    let now = std::fs::read(path).map_err(|error| fault(doing(), &error))?;
    if now != before.as_bytes() {
        let fault = Fault::new(FaultKind::Transient, doing(), "somebody else changed it in the meantime");
        return Err(CommandError::Preflight(fault.help("type the command again")));
    }
    let mode = std::fs::metadata(path).map_err(|error| fault(doing(), &error))?.permissions().mode() & 0o777;
    write_atomically(path, after.as_bytes(), mode).map_err(CommandError::Preflight)
}

fn fault(doing: String, error: &std::io::Error) -> CommandError {
    CommandError::Preflight(Fault::new(FaultKind::NeedsPerson, doing, error))
}

/// Brings the deployment to the manifest, unless that is not wanted.
fn follow(
    manifest: &ManifestArguments,
    then: &ThenArguments,
    surroundings: &Surroundings,
    console: &Console,
) -> Result<(), CommandError> {
    if then.no_up {
        console.tell("The manifest is changed; `landfall up` brings the deployment to it.");
        return Ok(());
    }
    up::run(&after(manifest, then), surroundings, console).inspect_err(|_| {
        console.tell("The manifest is changed; `landfall up` goes on from here.");
    })
}

fn after(manifest: &ManifestArguments, then: &ThenArguments) -> UpArguments {
    let ThenArguments { wait, no_verify, connect_to, account, .. } = then;
    let (wait, no_verify, connect_to) = (*wait, *no_verify, connect_to.clone());
    UpArguments { wait, no_verify, connect_to, ..UpArguments::of(manifest, account) }
}

/// A public key from a file or standard input, as one line.
fn key(path: &Path) -> Result<String, CommandError> {
    let mut text = String::new();
    let outcome = if path == Path::new("-") {
        std::io::stdin().take(LONGEST_KEY).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(LONGEST_KEY).read_to_string(&mut text))
    };
    let shown = path.display();
    outcome.map_err(|error| {
        CommandError::usage(format!("cannot read the key in {shown}: {error}"), "name a `.pub` file, or `-`")
    })?;
    if text.contains("PRIVATE KEY") {
        // Said before anything else happens to it; the text goes nowhere.
        let help = format!("name the public half: `{shown}.pub`");
        return Err(CommandError::usage(format!("{shown} is a private key; it stays with its owner"), help));
    }
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    match (lines.next(), lines.next()) {
        (Some(line), None) => Ok(line.to_owned()),
        (None, _) => Err(CommandError::usage(format!("there is no key in {shown}"), "name a `.pub` file, or `-`")),
        (Some(_), Some(_)) => {
            Err(CommandError::usage(format!("there are several keys in {shown}"), "name a file with one line"))
        }
    }
}

fn distinct(roles: &[String]) -> Vec<String> {
    let mut distinct: Vec<String> = Vec::new();
    for role in roles.iter().flat_map(|said| said.split(',')).map(str::trim).filter(|role| !role.is_empty()) {
        if !distinct.iter().any(|known| known == role) {
            distinct.push(role.to_owned());
        }
    }
    distinct
}

fn find_person(name: &str, application: &Application) -> Result<(), CommandError> {
    if application.people.contains_key(name) {
        return Ok(());
    }
    let names: Vec<&str> = application.people.keys().map(String::as_str).collect();
    let help = match compiler::nearest(name, names.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if names.is_empty() => "nobody is entered yet".to_owned(),
        None => format!("the people are: {}", names.join(", ")),
    };
    Err(CommandError::usage(format!("there is no person `{name}` in {}", application.name), help))
}

/// A role that no component names gives nothing: probably it is misspelt.
fn warn_of_unknown_roles(application: &Application, person: &Person, console: &Console) {
    let named: Vec<String> = application
        .components
        .iter()
        .flat_map(|component| component.valid.facts().roles)
        .map(|named| named.role)
        .collect();
    for role in person.roles.iter().filter(|role| *role != ADMINISTRATOR && !named.contains(role)) {
        let meant = compiler::nearest(role, named.iter().map(String::as_str));
        let guess = meant.map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"));
        console.tell(&format!("note: no component gives anything to the role `{role}`{guess}"));
    }
}

fn tell_access(name: &str, application: &Application, console: &Console) {
    let all = of_application(application);
    let own: Vec<&Access> = all.iter().filter(|access| access.who == name).collect();
    if own.is_empty() {
        console.tell(&format!("  {name} gets nothing yet: no component gives anything to these roles"));
    }
    for access in own {
        console.tell(&format!("  {name} gets {}: {} ({})", access.component, access.what.describe(), access.way));
    }
}

/// Who may use what, by the manifest.
pub(crate) fn of_application(application: &Application) -> Vec<Access> {
    access::of(&compiler::realise_locally(application, &Rotations::default()), &application.people)
}

/// Warnings are told once, by the `up` that follows.
fn silent(console: &Console) -> Console {
    Console { quiet: true, ..*console }
}
