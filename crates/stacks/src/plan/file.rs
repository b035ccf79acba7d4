//! A plan in a file: what was reviewed is what runs, or nothing.

use super::{ACCOUNT_PLAN_VERSION, AccountPlan};
use crate::token;
use crate::{Account, Session, World};
use model::{Digest, Fault, FaultKind};
use serde::{Deserialize, Serialize};

/// A plan with its digest, so that a changed file is noticed.
#[derive(Serialize, Deserialize)]
struct PlanFile {
    version: u32,
    digest: Digest,
    plan: AccountPlan,
}

impl AccountPlan {
    /// The text of a plan's file.
    #[must_use]
    pub fn to_file(&self) -> String {
        let file = PlanFile { version: ACCOUNT_PLAN_VERSION, digest: self.digest(), plan: self.clone() };
        let mut text = serde_json::to_string_pretty(&file).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Reads a plan's file.
    ///
    /// # Errors
    /// When it is no plan, one of another version, or was changed by hand.
    pub fn from_file(name: &str, text: &str) -> Result<Self, Fault> {
        let doing = format!("reading the plan {name}");
        let refuse = |cause: String| {
            Err(Fault::new(FaultKind::NeedsPerson, &doing, cause).help("make a new one: `landfall plan ... -o FILE`"))
        };
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        match serde_json::from_str::<Version>(text) {
            Err(_) => return refuse("this is no plan of landfall".to_owned()),
            Ok(Version { version }) if version != ACCOUNT_PLAN_VERSION => {
                return refuse(format!("it has version {version}, this landfall writes {ACCOUNT_PLAN_VERSION}"));
            }
            Ok(_) => {}
        }
        match serde_json::from_str::<PlanFile>(text) {
            Err(error) => refuse(format!("it cannot be read: {error}")),
            Ok(file) if file.digest != file.plan.digest() => {
                refuse("it was changed after it was made: its digest is another one".to_owned())
            }
            Ok(file) => Ok(file.plan),
        }
    }
}

impl<A: Account> Session<'_, A> {
    /// Refuses a plan that was made for something else, or from another state than the account shows now.
    ///
    /// # Errors
    /// When the manifest, the account or a stack has moved since.
    pub fn check_plan(&self, plan: &AccountPlan, account: &str, world: &World) -> Result<(), Fault> {
        let doing = format!("running the plan for {}", plan.deployment);
        let refuse = |cause: String| {
            Err(Fault::new(FaultKind::NeedsPerson, &doing, cause)
                .help("make a new plan, have it reviewed, and run that: `landfall plan ... -o FILE`"))
        };
        if plan.deployment != self.deployment.name {
            return refuse(format!("it is for {}, the manifest gives {}", plan.deployment, self.deployment.name));
        }
        if plan.account != account || plan.region != self.account.region() {
            return refuse(format!(
                "it was made for account {} in {}, the credentials lead to {account} in {}",
                plan.account,
                plan.region,
                self.account.region()
            ));
        }
        if plan.manifest != self.deployment.digest {
            return refuse("the manifest or a parameter has changed since".to_owned());
        }
        for stack in &plan.stacks {
            let wanted = self.deployment.wanted(stack.layer).map(|stack| &stack.digest);
            if wanted != stack.template.as_ref() {
                return refuse(format!("the template of {} is another one now (another landfall?)", stack.stack));
            }
            let there = world.stack(stack.layer);
            if token::state(there) != stack.state {
                let now = there.map_or_else(
                    || "there is no such stack".to_owned(),
                    |stack| {
                        let at = stack.updated_at.as_deref().unwrap_or(&stack.created_at);
                        format!("it is {} since {at}", stack.status)
                    },
                );
                return refuse(format!("the stack {} has changed since: {now}", stack.stack));
            }
        }
        Ok(())
    }
}
