//! What can be known before anything is changed: a run does not fail half-way for these reasons.

use crate::python::interpreter;
use crate::target::LocalTarget;
use model::Fault;
use model::plan::{Action, DeploymentPlan};
use model::process_graph::{NodeSpec, SecretSpec};

impl LocalTarget {
    /// Looks whether what a plan's steps take from outside is there: given secrets, Python.
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
                _ => {}
            }
        }
        Ok(())
    }
}
