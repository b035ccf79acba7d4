//! The whole road from what is wanted to a world that shows it.

use crate::allocate::allocate;
use crate::journal::Journal;
use crate::plan::{Situation, is_settled, plan};
use crate::ports::{Clock, Target};
use crate::run::{Options, RunReport, run};
use model::run_state::RunState;
use model::{DeploymentName, DeploymentPlan, Digest, Fault, ProcessGraph};

/// What somebody wants of a deployment.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// Which.
    pub deployment: &'a DeploymentName,
    /// The environment, as `local`.
    pub environment: &'a str,
    /// The digest of what was said: the manifest with all parameters.
    pub manifest: &'a Digest,
    /// What it must be; nothing to take it down.
    pub desired: Option<&'a ProcessGraph>,
}

/// Looks at the world and plans. Changes nothing, so `plan` and `up` show the same.
///
/// # Errors
/// When the world cannot be looked at, or a port cannot be had.
pub async fn propose<T: Target>(request: &Request<'_>, state: &RunState, target: &T) -> Result<DeploymentPlan, Fault> {
    let observed = target.observe(&state.made).await?;
    let ports = allocate(request.desired, state, &observed, target)?;
    let situation = Situation {
        deployment: request.deployment,
        environment: request.environment,
        manifest: request.manifest,
        desired: request.desired,
        state,
        observed: &observed,
    };
    Ok(plan(&situation, ports))
}

/// What [`apply`] did.
#[derive(Debug)]
pub struct Applied {
    /// The plan.
    pub plan: DeploymentPlan,
    /// How running it went; absent when there was nothing to do or it was not approved.
    pub report: Option<RunReport>,
}

/// Plans and, when there is something to do and `approve` agrees, runs the plan.
/// With nothing to do, nothing is written.
///
/// # Errors
/// As [`propose`] and [`run`].
pub async fn apply<T: Target, C: Clock>(
    request: &Request<'_>,
    target: &T,
    journal: &mut Journal,
    options: &Options<'_, C>,
    approve: impl FnOnce(&DeploymentPlan) -> bool,
) -> Result<Applied, Fault> {
    let plan = propose(request, journal.state(), target).await?;
    let report = if is_settled(&plan, journal.state()) || !approve(&plan) {
        None
    } else {
        Some(run(&plan, target, journal, options).await?)
    };
    Ok(Applied { plan, report })
}
