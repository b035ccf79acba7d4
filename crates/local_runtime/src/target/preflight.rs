//! What can be known before anything is changed: a run does not fail half-way for these reasons.

use crate::database::{self, Guise, Installation};
use crate::python::interpreter;
use crate::target::LocalTarget;
use model::plan::{Action, DeploymentPlan};
use model::process_graph::{NodeSpec, ProgramSpec, SecretSpec};
use model::{Fault, FaultKind, Step, Text};

impl LocalTarget {
    /// Looks whether what a plan's steps take from outside is there: given secrets, Python, programs.
    ///
    /// # Errors
    /// What is missing, and what to do.
    pub async fn preflight(&self, plan: &DeploymentPlan) -> Result<(), Fault> {
        for step in plan.steps.iter().filter(|step| step.action != Action::Delete) {
            match &step.desired.spec {
                NodeSpec::Secret(SecretSpec::Given { source }) => {
                    self.secrets().given(&step.node, source)?;
                }
                NodeSpec::PythonEnvironment(spec) => {
                    interpreter::find(&self.setup.variables, spec.minimum_python.as_deref()).await?;
                }
                NodeSpec::Program(spec) => {
                    self.find_program(step, spec)?;
                    if spec.refuses_superuser {
                        Guise::choose(&self.setup.variables).await?;
                    }
                }
                NodeSpec::DatabaseServer(spec) => {
                    if let Some((fault, _)) = database::missing_engine(self, &step.component, spec).await? {
                        return Err(fault);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The database engines that a plan needs, that are not on this machine and that its package manager may have.
    ///
    /// # Errors
    /// When the data of one cannot be looked at.
    pub async fn missing_engines(&self, plan: &DeploymentPlan) -> Result<Vec<Installation>, Fault> {
        let mut missing = Vec::new();
        for step in plan.steps.iter().filter(|step| step.action != Action::Delete) {
            if let NodeSpec::DatabaseServer(spec) = &step.desired.spec
                && let Some((_, Some(installation))) = database::missing_engine(self, &step.component, spec).await?
                && !missing.contains(&installation)
            {
                missing.push(installation);
            }
        }
        Ok(missing)
    }

    /// How the database engines that a plan starts differ from what is wanted: another release, another engine that stands in.
    pub async fn engine_differences(&self, plan: &DeploymentPlan) -> Vec<String> {
        let mut differences = Vec::new();
        for step in plan.steps.iter().filter(|step| step.action != Action::Delete) {
            if let NodeSpec::DatabaseServer(spec) = &step.desired.spec
                && let Some(difference) = database::difference(self, &step.component, spec).await
            {
                differences.push(format!("{}: {difference}", step.component));
            }
        }
        differences
    }

    /// A bare name that is looked for on the command's own `PATH` must be found there. Programs of
    /// the deployment itself do not exist yet.
    fn find_program(&self, step: &Step, spec: &ProgramSpec) -> Result<(), Fault> {
        let name = spec.command.first().and_then(Text::as_literal);
        let Some(name) = name.filter(|name| !name.contains('/') && !spec.environment.contains_key("PATH")) else {
            return Ok(());
        };
        if !self.setup.variables.find_programs(&name).is_empty() {
            return Ok(());
        }
        let cause = format!("there is no program `{name}` on PATH");
        Err(Fault::new(FaultKind::NeedsPerson, format!("looking for what {} runs", step.component), cause)
            .help("correct the first word of its `command`, or install the program"))
    }
}
