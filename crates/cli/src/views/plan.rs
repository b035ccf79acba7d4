//! A plan for people: each step, why, and what it means for those who use the deployment.

use crate::views::style::{BAD, BOLD, CAUTION, DIM, GOOD, HINT, paint};
use model::Step;
use model::plan::{Action, Consequence, DeploymentPlan};

/// The whole plan, ending with a line feed.
pub(crate) fn text(plan: &DeploymentPlan, verbose: bool) -> String {
    let mut text = format!("{}\n", headline(plan));
    if plan.steps.is_empty() {
        return text;
    }
    let widest = plan.steps.iter().map(|step| step.node.as_str().len()).max().unwrap_or_default();
    text.push('\n');
    for step in &plan.steps {
        text.push_str(&line(step, widest, verbose));
    }
    text
}

/// `Plan for tabpy (local): 9 to make, 1 to change; 3 stay as they are.`
pub(crate) fn headline(plan: &DeploymentPlan) -> String {
    let name = paint(BOLD, &plan.deployment);
    if plan.steps.is_empty() {
        return format!(
            "Plan for {name} ({}): nothing to do; all {} parts are as they should be.",
            plan.environment, plan.unchanged
        );
    }
    let count = |action| plan.steps.iter().filter(|step| step.action == action).count();
    let parts: Vec<String> = [
        (Action::Create, "to make"),
        (Action::Update, "to change"),
        (Action::Repair, "to mend"),
        (Action::Delete, "to remove"),
    ]
    .into_iter()
    .filter_map(|(action, words)| {
        Some(count(action)).filter(|count| *count > 0).map(|count| format!("{count} {words}"))
    })
    .collect();
    let unchanged = match plan.unchanged {
        0 => String::new(),
        1 => "; 1 stays as it is".to_owned(),
        count => format!("; {count} stay as they are"),
    };
    format!("Plan for {name} ({}): {}{unchanged}.", plan.environment, parts.join(", "))
}

fn line(step: &Step, widest: usize, verbose: bool) -> String {
    let sign = match step.action {
        Action::Create => paint(GOOD, "+"),
        Action::Update => paint(CAUTION, "~"),
        Action::Repair => paint(HINT, "!"),
        Action::Delete => paint(BAD, "-"),
    };
    let consequence = match step.consequence {
        Consequence::None => String::new(),
        Consequence::Interruption => paint(CAUTION, "  (does not answer for a moment)"),
        Consequence::DataLoss => paint(BAD, "  (its data is removed)"),
    };
    let noun = step.desired.spec.noun();
    let origin = if verbose { paint(DIM, format!("\n      from {}", step.origin)) } else { String::new() };
    format!("  {sign} {:<widest$}  {noun:<18}  {}{consequence}{origin}\n", step.node, step.why)
}
