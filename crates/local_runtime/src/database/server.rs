//! A database server's parts: programs, data folder, administrator, certificate, a folder for its socket.

use crate::authority::{self, Authority};
use crate::certificate::Certificate;
use crate::database::administrator;
use crate::database::data_folder::{self, is_in_use, user_of};
use crate::database::guise::Guise;
use crate::database::initialize::Making;
use crate::database::install::{self, Installation};
use crate::database::programs::find;
use crate::database::record::{self, Record};
use crate::disk;
use crate::supervisor::protocol::Ask;
use crate::target::LocalTarget;
use engine::ports::Job;
use model::event::Outcome;
use model::process_graph::DatabaseServerSpec;
use model::text::SecretPart;
use model::{ComponentName, Fault, NodeId};

/// Makes everything that is missing of a server; what is there is adopted.
///
/// # Errors
/// When the engine is missing, the data is of another one or release, or the disk is full.
pub(crate) async fn ensure(target: &LocalTarget, job: Job<'_>, spec: &DatabaseServerSpec) -> Result<Outcome, Fault> {
    let (node, component) = (&job.step.node, &job.step.component);
    let tell = |words: &str| (job.progress)(words, None);
    let variables = &target.setup.variables;
    let data = record::data_folder(&target.home, component);
    let contents = data_folder::look(&data)?;
    let held = contents.as_ref().map(|contents| (contents.engine, contents.release.as_ref()));
    let programs = find(variables, spec, held).await?;
    if let Some(contents) = &contents {
        data_folder::check(contents, &programs, &data)?;
    }
    let guise = Guise::choose(variables).await?;
    let password = target.secrets().value(&spec.administrator, SecretPart::Value)?;
    let fingerprint = target.secrets().fingerprint(password.expose().as_bytes())?;
    let before = Record::find(&target.home, node)?;
    let mut done = Vec::new();
    if contents.is_none() {
        // Until the new record is written there is none: who is cut off sets the password again.
        disk::remove(&record::path(&target.home, node))?;
        Making { programs: &programs, guise: &guise, password: &password, variables }.make(&data, &tell).await?;
        done.push("new data folder".to_owned());
    } else {
        guise.hand_over(&data)?;
        if before.as_ref().is_none_or(|before| before.password != fingerprint) {
            stop_user(target, &data).await?;
            data_folder::remove_stale_locks(&data, None);
            tell("setting the administrator's password");
            administrator::set(&programs, &guise, &data, &password, variables).await?;
            done.push(
                if before.is_none() { "data folder adopted" } else { "administrator's password changed" }.to_owned(),
            );
        }
    }
    let run = record::run_folder(&target.home, node);
    disk::private_folder(&run)?;
    let authority = Authority::ensure(&target.setup.folders.authority())?;
    if Certificate::in_folder(target.home.certificate(node)).ensure(&authority, &spec.names)? {
        done.push("new certificate".to_owned());
    }
    let difference = programs.difference(spec);
    let said = difference.clone().unwrap_or_else(|| format!("{} {}", programs.engine, programs.release));
    let record = Record {
        programs,
        difference,
        data,
        run,
        administrator: spec.administrator.clone(),
        password: fingerprint,
        names: spec.names.clone(),
        guise,
    };
    record.write(&target.home, node)?;
    let summary = [said].into_iter().chain(done).collect::<Vec<_>>().join(", ");
    Ok(Outcome { summary, evidence: None })
}

/// Stops whoever serves the data folder. The program's own step, which follows, starts it again.
async fn stop_user(target: &LocalTarget, data: &std::path::Path) -> Result<(), Fault> {
    let Some(user) = user_of(data) else { return Ok(()) };
    let status = target.client.status(false).await?;
    let programs = status.map(|status| status.programs).unwrap_or_default();
    match programs.iter().find(|(_, program)| program.pid == Some(user)) {
        Some((program, _)) => drop(target.client.order(Ask::Stop(program.clone()), &|_| {}).await?),
        None => crate::supervisor::record::end_survivors(&target.home).clear(),
    }
    if is_in_use(data) {
        let cause = format!("process {user} ({}) uses it", crate::processes::Process::command(user));
        return Err(Fault::new(
            model::FaultKind::NeedsPerson,
            format!("using the data folder {}", data.display()),
            cause,
        )
        .help("end that process, then run the same command again"));
    }
    Ok(())
}

/// The fault of an engine that is not on this machine, with the way to install it; none when it is there.
pub(crate) async fn missing_engine(
    target: &LocalTarget,
    component: &ComponentName,
    spec: &DatabaseServerSpec,
) -> Result<Option<(Fault, Option<Installation>)>, Fault> {
    let variables = &target.setup.variables;
    let contents = data_folder::look(&record::data_folder(&target.home, component))?;
    let held = contents.as_ref().map(|contents| (contents.engine, contents.release.as_ref()));
    match find(variables, spec, held).await {
        Ok(programs) => {
            if let Some(contents) = &contents {
                data_folder::check(contents, &programs, &record::data_folder(&target.home, component))?;
            }
            Ok(None)
        }
        Err(fault) => Ok(Some((fault, install::for_engine(spec.engine, variables)))),
    }
}

/// How the engine on this machine differs from what is wanted.
pub(crate) async fn difference(
    target: &LocalTarget,
    component: &ComponentName,
    spec: &DatabaseServerSpec,
) -> Option<String> {
    let contents = data_folder::look(&record::data_folder(&target.home, component)).ok()?;
    let held = contents.as_ref().map(|contents| (contents.engine, contents.release.as_ref()));
    find(&target.setup.variables, spec, held).await.ok()?.difference(spec)
}

/// What is wrong with a server's parts; none when they are as they were left. Runs no program.
pub(crate) fn wrong(
    target: &LocalTarget,
    node: &NodeId,
    component: &ComponentName,
    spec: &DatabaseServerSpec,
) -> Result<Option<String>, Fault> {
    let Some(record) = Record::find(&target.home, node)? else { return Ok(Some("it was not made".to_owned())) };
    if !record.programs.server.is_file() {
        return Ok(Some(format!("{} is gone", record.programs.server.display())));
    }
    match data_folder::look(&record::data_folder(&target.home, component)) {
        Ok(Some(contents)) if contents.engine == record.programs.engine => {}
        Ok(Some(contents)) => return Ok(Some(format!("its data folder holds data of {}", contents.engine))),
        Ok(None) => return Ok(Some("its data folder is gone".to_owned())),
        Err(fault) => return Ok(Some(fault.cause)),
    }
    if !record.run.is_dir() {
        return Ok(Some("the folder of its socket is gone".to_owned()));
    }
    let authority = disk::read(&authority::certificate_file(&target.setup.folders))?;
    let authority = authority.and_then(|bytes| String::from_utf8(bytes).ok());
    Ok(Certificate::in_folder(target.home.certificate(node)).wrong(authority.as_deref(), &spec.names))
}

/// Removes a server's parts but never its data.
pub(crate) fn remove(target: &LocalTarget, node: &NodeId) -> Result<(), Fault> {
    let home = &target.home;
    disk::remove_with_empty_parents(&home.certificate(node), home.root())?;
    disk::remove_with_empty_parents(&record::run_folder(home, node), home.root())?;
    disk::remove_with_empty_parents(&record::path(home, node), home.root())
}
