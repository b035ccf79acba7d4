//! The way to an account: which one, as whom, and what is told on the way.

use crate::account::cloud::Cloud;
use crate::account::databases::ThroughSessions;
use crate::account::evidence::EvidenceFolder;
use crate::account::facts::{Tables, ThisMachine};
use crate::account::way::Ways;
use crate::arguments::AccountArguments;
use crate::command_error::CommandError;
use crate::console::Console;
use crate::deployment::block_on;
use crate::surroundings::Surroundings;
use crate::views::cloud_progress::{CloudProgress, HEARTBEAT};
use aws_cloud::{CloudAccount, ConnectOptions};
use engine::SystemClock;
use model::{Fault, FaultKind};
use stacks::account::Identity;
use stacks::{Calls, Notice, Pacer, Session, World};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use tokio_util::sync::CancellationToken;

/// The account that verbs talk to.
pub(crate) type Connected<'a> = Calls<'a, CloudAccount>;

/// What a verb brings to an account.
pub(crate) struct Visit<'a> {
    pub(crate) cloud: &'a Cloud,
    pub(crate) arguments: &'a AccountArguments,
    pub(crate) surroundings: &'a Surroundings,
    pub(crate) console: &'a Console,
    /// Where evidence is kept, when not at the usual place.
    pub(crate) evidence: Option<PathBuf>,
    /// Whether Ctrl-C is answered by an orderly stop.
    pub(crate) stops_orderly: bool,
}

impl<'a> Visit<'a> {
    /// A visit that only looks.
    pub(crate) fn looking(
        cloud: &'a Cloud,
        arguments: &'a AccountArguments,
        surroundings: &'a Surroundings,
        console: &'a Console,
    ) -> Self {
        Self { cloud, arguments, surroundings, console, evidence: None, stops_orderly: false }
    }

    /// Connects, makes sure that it is the right account, and does the work there.
    pub(crate) fn run<T>(
        &self,
        work: impl AsyncFnOnce(&Session<'_, Connected<'_>>, &Identity) -> Result<T, CommandError>,
    ) -> Result<T, CommandError> {
        let options = self.connect_options()?;
        let view = CloudProgress::new(self.console);
        let folder = EvidenceFolder::new(self.evidence_folder()?);
        let machine = ThisMachine {
            variables: Surroundings::runtime_variables(),
            folder: self.cloud.manifest.parent().unwrap_or(Path::new("/")).to_path_buf(),
        };
        let result = block_on(async {
            let contents = self.contents()?;
            let account = CloudAccount::connect(options).await.map_err(|error| {
                CommandError::Preflight(Fault::new(FaultKind::NeedsPerson, "preparing to call AWS", error))
            })?;
            let tell_call = |notice| view.call(&notice);
            let pacer = Arc::new(Pacer::new(u64::from(std::process::id())));
            let calls = Calls::new(account, pacer, &tell_call);
            let tell = |notice: Notice| view.notice(&notice);
            let keep = |evidence: &stacks::Evidence| folder.keep(evidence);
            let interrupt = if self.stops_orderly { listen(self.cloud)? } else { CancellationToken::new() };
            let session = Session {
                account: &calls,
                deployment: &self.cloud.deployment,
                types: &Tables,
                sources: &machine,
                contents: &contents,
                clock: &SystemClock,
                tell: &tell,
                keep: &keep,
                interrupt,
            };
            let began = Instant::now();
            let work = async {
                let identity = session.check_account().await.map_err(CommandError::Preflight)?;
                work(&session, &identity).await
            };
            tokio::pin!(work);
            // Who only looks leaves nothing to be stopped in order.
            let stopped = tokio::signal::ctrl_c();
            tokio::pin!(stopped);
            let mut beats = tokio::time::interval_at(tokio::time::Instant::now() + HEARTBEAT, HEARTBEAT);
            loop {
                tokio::select! {
                    result = &mut work => return result,
                    _ = beats.tick() => view.heartbeat(began),
                    stopped = &mut stopped, if !self.stops_orderly => {
                        stopped?;
                        return Err(CommandError::Interrupted);
                    }
                }
            }
        });
        view.end();
        if let Some(folder) = folder.used() {
            self.console.tell(&format!("Evidence: {}", folder.display()));
        }
        result
    }

    /// As [`Visit::run`], with what is there, which must be something.
    pub(crate) fn deployed<T>(
        &self,
        work: impl AsyncFnOnce(&Session<'_, Connected<'_>>, World) -> Result<T, CommandError>,
    ) -> Result<T, CommandError> {
        self.run(async |session, _| {
            let world = session.observe().await.map_err(CommandError::Preflight)?;
            require_deployed(&world, self.cloud)?;
            work(session, world).await
        })
    }

    /// How one gets into its databases.
    pub(crate) fn contents(&self) -> Result<ThroughSessions, CommandError> {
        let folder = self.cloud.manifest.parent().unwrap_or(Path::new("/")).to_path_buf();
        Ok(ThroughSessions { ways: self.ways()?, folder })
    }

    /// How one gets into its private network.
    pub(crate) fn ways(&self) -> Result<Ways, CommandError> {
        Ok(Ways { connect: self.connect_options()? })
    }

    /// How the account is connected to.
    fn connect_options(&self) -> Result<ConnectOptions, CommandError> {
        Ok(ConnectOptions {
            region: self.region()?,
            profile: self.arguments.profile.clone(),
            name_server: self.arguments.name_server,
            ..ConnectOptions::default()
        })
    }

    /// The environment's region; another one that was said for this command is refused.
    fn region(&self) -> Result<String, CommandError> {
        let environment = &self.cloud.application.environment;
        let pinned = self.cloud.region();
        let variable = self.surroundings.variables.get("AWS_REGION").filter(|region| !region.is_empty());
        let said = match (&self.arguments.region, variable) {
            (Some(region), _) => Some((region, "--region")),
            (None, Some(region)) => Some((region, "AWS_REGION")),
            (None, None) => None,
        };
        match said.filter(|(region, _)| *region != pinned) {
            None => Ok(pinned.to_owned()),
            Some((region, by)) => {
                let name = &environment.name;
                let cause = format!("the environment {name} is in {pinned}, and {by} says {region}");
                let help = format!("leave out {by}, or correct `environments.{name}.region` of the manifest");
                let fault = Fault::new(FaultKind::NeedsPerson, format!("going to region {pinned}"), cause).help(help);
                Err(CommandError::Preflight(fault))
            }
        }
    }

    fn evidence_folder(&self) -> Result<PathBuf, CommandError> {
        match &self.evidence {
            Some(folder) => std::path::absolute(folder).map_err(|error| {
                CommandError::usage(format!("--evidence {}: {error}", folder.display()), "name another")
            }),
            None => {
                let folders = Surroundings::folders().map_err(CommandError::Preflight)?;
                Ok(folders.data.join("evidence").join(&self.cloud.deployment.name))
            }
        }
    }
}

/// Refuses to speak of a deployment that is not there.
pub(crate) fn require_deployed(world: &World, cloud: &Cloud) -> Result<(), CommandError> {
    if !world.stacks.is_empty() {
        return Ok(());
    }
    let environment = &cloud.application.environment;
    let doing =
        format!("looking for {} in account {}", cloud.deployment.name, environment.account.as_deref().unwrap_or("?"));
    let fault = Fault::new(FaultKind::NeedsPerson, doing, format!("none of its stacks is in {}", cloud.region()));
    Err(CommandError::Preflight(fault.help(format!("type `{}`", cloud.command("up")))))
}

/// Ctrl-C once stops in order, twice leaves; either way stacks go on by themselves.
fn listen(cloud: &Cloud) -> Result<CancellationToken, CommandError> {
    let name = &cloud.deployment.name;
    let words = format!(
        "\nStopping. What is under way in the stacks of {name} goes on in the account; the same command goes on from there. \
         Press Ctrl-C again to leave at once."
    );
    crate::interrupt::listen_saying(words).map_err(CommandError::from)
}
