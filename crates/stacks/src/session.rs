//! What every verb needs: the account, the deployment, and what the command brings from this machine.

use crate::account::Replacement;
use crate::evidence::Evidence;
use crate::{Account, Contents, Deployment, Notice};
use engine::ports::Clock;
use model::cfn::Release;
use model::process_graph::SecretSource;
use model::{Fault, FaultKind, NodeId, Secret};
use tokio_util::sync::CancellationToken;

/// A deployment, its account, and what the command brings.
pub struct Session<'a, A> {
    /// The account; usually [`crate::Calls`] around the real one.
    pub account: &'a A,
    /// What is wanted.
    pub deployment: &'a Deployment,
    /// What is known of resource types.
    pub types: &'a dyn TypeFacts,
    /// What only this machine has.
    pub sources: &'a dyn Sources,
    /// The way into databases.
    pub contents: &'a dyn Contents,
    /// The time.
    pub clock: &'a (dyn Clock + Send + Sync),
    /// Is told all that happens.
    pub tell: &'a (dyn Fn(Notice) + Send + Sync),
    /// Keeps evidence, before a rollback removes what it is of.
    pub keep: &'a (dyn Fn(&Evidence) -> Result<(), Fault> + Send + Sync),
    /// Asks to stop: the call under way is finished, stacks go on by themselves.
    pub interrupt: CancellationToken,
}

/// What is known of resource types, kept in dated tables elsewhere.
pub trait TypeFacts: Send + Sync {
    /// Whether losing one loses something that cannot be made again.
    fn is_stateful(&self, kind: &str) -> bool;
    /// Whether another value of a property makes another resource.
    fn replaces(&self, kind: &str, property: &str) -> Replacement;
    /// How long one usually takes to be made.
    fn seconds(&self, kind: &str) -> u32;
    /// What one must be allowed to do to make, change and remove these.
    fn permissions(&self, kinds: &[&str]) -> Vec<String>;
}

/// What only the machine has from which the command runs.
pub trait Sources: Send + Sync {
    /// A secret that the user gives.
    ///
    /// # Errors
    /// When it is not there, or others can read it.
    fn given(&self, node: &NodeId, source: &SecretSource) -> Result<Secret, Fault>;
    /// The archive of a folder that hosts run from.
    ///
    /// # Errors
    /// When the folder is not there, or is no longer what the manifest was compiled with.
    fn release(&self, release: &Release) -> Result<Vec<u8>, Fault>;
    /// Random bytes of the operating system.
    fn random(&self, buffer: &mut [u8]);
}

impl<A: Account> Session<'_, A> {
    /// Refuses another account or region than the environment names. Returns who calls.
    ///
    /// # Errors
    /// When it is another one, or nobody answers.
    pub async fn check_account(&self) -> Result<crate::account::Identity, Fault> {
        let doing = format!("asking for the account of {}", self.deployment.name);
        let identity = self.account.identity().await.map_err(|error| error.fault(&doing))?;
        let environment = &self.deployment.environment;
        let wrong = |what: &str, said: &str, found: &str, help: String| {
            let cause = format!("the environment {environment} is in {what} {said}, the credentials lead to {found}");
            Fault::new(FaultKind::NeedsPerson, format!("going to {what} {said}"), cause).help(help)
        };
        if let Some(account) = self.deployment.account.as_deref().filter(|account| **account != identity.account) {
            let help = format!(
                "choose credentials of account {account} (`AWS_PROFILE`), or correct `environments.{environment}.account`; you are {}",
                identity.arn
            );
            return Err(wrong("account", account, &identity.account, help));
        }
        let here = self.account.region();
        if let Some(region) = self.deployment.region.as_deref().filter(|region| *region != here) {
            let help = format!("set AWS_REGION={region}, or correct `environments.{environment}.region`");
            return Err(wrong("region", region, here, help));
        }
        Ok(identity)
    }

    pub(crate) fn tell(&self, notice: Notice) {
        (self.tell)(notice);
    }

    /// Says that a person asked to stop.
    pub(crate) fn check_interrupt(&self, stack: &str) -> Result<(), Fault> {
        if self.interrupt.is_cancelled() { Err(self.interrupted(stack)) } else { Ok(()) }
    }

    pub(crate) fn interrupted(&self, stack: &str) -> Fault {
        let cause = format!("stopped; what is under way in the stack {stack} goes on in the account");
        Fault::new(FaultKind::Interrupted, format!("waiting for {stack}"), cause)
            .help("run the same command again: it waits for what is under way and goes on from there")
    }
}
