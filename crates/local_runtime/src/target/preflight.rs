//! What can be known before anything is changed: a run does not fail half-way for these reasons.

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
                NodeSpec::Program(spec) => self.find_program(step, spec)?,
                _ => {}
            }
        }
        Ok(())
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
