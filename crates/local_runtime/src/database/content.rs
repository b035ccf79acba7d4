//! What a server holds, kept as it is declared: looked at and changed by its administrator.

use crate::database::access::{access_to, refused, wait_for};
use crate::ports;
use crate::target::LocalTarget;
use database::{Given, LetIn, Observed, Passwords, Progress, Server, Strange, untold};
use engine::ports::Job;
use model::event::Outcome;
use model::process_graph::DatabaseContentSpec;
use model::text::SecretPart;
use model::{Fault, FaultKind};

/// So many differences are told; the number of the others.
const TOLD: usize = 3;

/// Makes what is declared, and takes away what is no longer. Nothing to do is quick.
///
/// # Errors
/// When the server does not answer or refuses a change; the fault names the change.
pub(crate) async fn ensure(target: &LocalTarget, job: Job<'_>, spec: &DatabaseContentSpec) -> Result<Outcome, Fault> {
    let tell = |words: &str| (job.progress)(words, None);
    let port = number(job.ports.get(&spec.port).copied(), spec)?;
    let access = access_to(target, &spec.server, port)?;
    wait_for(&access, &tell).await?;
    let mut server = Server::new(access);
    let made = make(target, &mut server, job, spec).await;
    server.close().await;
    let (changes, stale) = made?;
    let content = &spec.content;
    let logins: usize = content.roles.values().map(|role| role.logins.len()).sum();
    let holds = format!("{}, {}", count(content.databases.len(), "database"), count(logins, "login"));
    let summary = match changes {
        0 => format!("{holds}, as declared"),
        changes => format!("{holds}, {}", count(changes, "change")),
    };
    let summary = [summary].into_iter().chain(stale).collect::<Vec<_>>().join("; ");
    Ok(Outcome { summary, evidence: None })
}

/// How many changes were made, and what of the declaration was deliberately left undone.
async fn make(
    target: &LocalTarget,
    server: &mut Server,
    job: Job<'_>,
    spec: &DatabaseContentSpec,
) -> Result<(usize, Vec<String>), Fault> {
    let looking = format!("looking at what {} holds", spec.server);
    let observed = database::observe(server, &spec.content).await.map_err(|error| refused(error, &looking))?;
    // Nobody is let in to half of what was.
    let strange = observed.strange(&spec.content);
    let is_half = |it: &&Strange| matches!(it, Strange::HalfRestored { database } if spec.content.databases.contains_key(database));
    if let Some(half) = strange.iter().find(is_half) {
        return Err(Fault::new(FaultKind::NeedsPerson, looking, half.to_string()));
    }
    let passwords = passwords(target, spec)?;
    let changes = database::difference(&spec.content, &observed, &passwords)
        .map_err(|error| error.into_fault(format!("comparing what {} holds with the manifest", spec.server)))?;
    let given = Given { passwords: &passwords, folder: target.manifest_folder() };
    let mut doing = String::new();
    let total = changes.len();
    let mut done = 0_usize;
    let mut progress = |progress: Progress<'_>| {
        match progress {
            Progress::Begun(change) => {
                doing = change.to_string();
                (job.progress)(&doing, Some(done as f64 / total as f64));
            }
            Progress::Done(_) => done += 1,
        }
        Ok(())
    };
    let applied = database::apply(server, &changes, given, &mut progress).await;
    applied.map_err(|error| error.into_fault(format!("changing what {} holds ({doing})", spec.server)))?;
    let stale = strange.iter().filter(|it| matches!(it, Strange::DataChanged { .. })).map(ToString::to_string);
    Ok((total, stale.collect()))
}

/// What is wrong with what a server holds; none when it is as it was declared.
pub(crate) async fn wrong(target: &LocalTarget, spec: &DatabaseContentSpec) -> Result<Option<String>, Fault> {
    let (observed, passwords) = match look(target, spec).await {
        Ok(seen) => seen,
        // Who does not run is mended first, and what it holds is looked at again then.
        Err(fault) => return Ok(Some(format!("it cannot be looked at: {}", fault.cause))),
    };
    let changes = match database::difference(&spec.content, &observed, &passwords) {
        Ok(changes) => changes,
        Err(error) => return Ok(Some(error.to_string())),
    };
    if changes.is_empty() {
        return Ok(None);
    }
    let strange = observed.strange(&spec.content);
    let by_hand = strange.iter().filter(|it| it.is_mended()).map(ToString::to_string);
    let words: Vec<String> = by_hand.chain(untold(&changes, &strange).map(ToString::to_string)).collect();
    Ok(Some(shortened(&words)))
}

/// All that is strange in a server, each with whether the next `up` mends it.
///
/// # Errors
/// When it cannot be looked at.
pub(crate) async fn strange(target: &LocalTarget, spec: &DatabaseContentSpec) -> Result<Vec<(String, bool)>, Fault> {
    let (observed, passwords) = look(target, spec).await?;
    let strange = observed.strange(&spec.content);
    let mut all: Vec<(String, bool)> = strange.iter().map(|it| (it.to_string(), it.is_mended())).collect();
    let changes = database::difference(&spec.content, &observed, &passwords)
        .map_err(|error| error.into_fault(format!("comparing what {} holds with the manifest", spec.server)))?;
    all.extend(untold(&changes, &strange).map(|change| (format!("to be done: {change}"), true)));
    Ok(all)
}

impl LocalTarget {
    /// Looks who is let in to a server of the deployment, and what they may do otherwise than was declared.
    ///
    /// # Errors
    /// When it cannot be looked at.
    pub async fn let_in(&self, spec: &DatabaseContentSpec) -> Result<LetIn, Fault> {
        let (observed, passwords) = look(self, spec).await?;
        LetIn::of(&spec.content, &observed, &passwords)
            .map_err(|error| error.into_fault(format!("comparing what {} holds with the manifest", spec.server)))
    }
}

async fn look(target: &LocalTarget, spec: &DatabaseContentSpec) -> Result<(Observed, Passwords), Fault> {
    let port = number(ports::claimed(&target.home)?.get(&spec.port).copied(), spec)?;
    let operation = format!("looking at what {} holds", spec.server);
    let mut server = Server::new(access_to(target, &spec.server, port)?);
    let observed = database::observe(&mut server, &spec.content).await;
    server.close().await;
    Ok((observed.map_err(|error| refused(error, &operation))?, passwords(target, spec)?))
}

/// The passwords of all logins that a server must have.
pub(super) fn passwords(target: &LocalTarget, spec: &DatabaseContentSpec) -> Result<Passwords, Fault> {
    let nodes = spec.content.roles.values().flat_map(|role| role.logins.values());
    nodes.map(|node| Ok((node.clone(), target.secrets().value(node, SecretPart::Value)?))).collect()
}

fn number(port: Option<u16>, spec: &DatabaseContentSpec) -> Result<u16, Fault> {
    port.ok_or_else(|| {
        Fault::new(FaultKind::Bug, format!("reaching {}", spec.server), format!("the port {} has no number", spec.port))
    })
}

fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

fn shortened(words: &[String]) -> String {
    let told = words.iter().take(TOLD).cloned().collect::<Vec<_>>().join("; ");
    match words.len().saturating_sub(TOLD) {
        0 => told,
        more => format!("{told}; and {more} more"),
    }
}
