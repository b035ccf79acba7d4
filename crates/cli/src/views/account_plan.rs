//! A plan for an account, for people: each component, what is done to it, and what that means.

use crate::account::plan::Outlook;
use crate::views::style::{BAD, BOLD, CAUTION, DIM, GOOD, HINT, paint};
use analysis::cost::Micros;
use stacks::plan::{ComponentPlan, Data, Downtime, Meaning, PlannedChange, ResourceAction, StackAction};

/// The whole plan, ending with a line feed.
pub(crate) fn text(outlook: &Outlook, verbose: bool) -> String {
    let plan = &outlook.plan;
    let mut text = format!("{}\n", headline(outlook));
    if plan.is_empty() && plan.refusals.is_empty() {
        return text;
    }
    for part in &plan.components {
        text.push_str(&component(part, outlook));
        let all: Vec<&PlannedChange> = plan.changes().filter(|change| change.component == part.component).collect();
        // Of a component that is made, the parts are of interest only to those who ask.
        let shown = all.iter().filter(|change| verbose || change.action != ResourceAction::Create);
        for change in shown {
            text.push_str(&resource(change));
        }
    }
    let tags: usize = plan.stacks.iter().map(|stack| stack.tags_only).sum();
    if tags > 0 {
        text.push_str(&format!("\n  {}\n", paint(DIM, format!("{tags} resources only get another tag"))));
    }
    text.push_str(&unknown(outlook));
    let duration = &outlook.duration;
    text.push_str(&format!(
        "\n  takes about {} min {}\n",
        duration.minutes(),
        paint(DIM, format!("(estimates of {})", duration.as_of))
    ));
    text.push_str(&cost(outlook));
    text
}

/// `Plan for tabpy-production (account 123456789012, us-west-2): 4 stacks to make.`
pub(crate) fn headline(outlook: &Outlook) -> String {
    let plan = &outlook.plan;
    let place = format!("account {}, {}", plan.account, plan.region);
    let name = paint(BOLD, &plan.deployment);
    let count = |action| plan.stacks.iter().filter(|stack| stack.action == action).count();
    let kept = count(StackAction::Keep);
    if plan.is_empty() && plan.refusals.is_empty() {
        return format!("Plan for {name} ({place}): nothing to do; all {kept} stacks are as they should be.");
    }
    let parts: Vec<String> = [
        (StackAction::Create, "to make"),
        (StackAction::Update, "to change"),
        (StackAction::Recover, "to bring back to a good state"),
        (StackAction::Delete, "to remove"),
    ]
    .into_iter()
    .filter_map(|(action, words)| Some(count(action)).filter(|n| *n > 0).map(|n| format!("{n} {words}")))
    .collect();
    let kept = if kept == 0 { String::new() } else { format!("; {kept} stay as they are") };
    format!("Plan for {name} ({place}): stacks: {}{kept}.", parts.join(", "))
}

fn component(part: &ComponentPlan, outlook: &Outlook) -> String {
    let name = part.component.as_ref().map_or("(deployment)", |name| name.as_str());
    let counts: Vec<String> = [
        (part.create, "to make"),
        (part.update, "to change"),
        (part.replace, "to replace"),
        (part.delete, "to remove"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, words)| format!("{count} {words}"))
    .collect();
    let sign = match part {
        _ if part.replace > 0 => paint(BAD, "±"),
        _ if part.delete > 0 => paint(BAD, "-"),
        _ if part.update > 0 => paint(CAUTION, "~"),
        _ => paint(GOOD, "+"),
    };
    let difference = outlook.cost.by_component.get(name).copied().unwrap_or_default();
    let money = if difference == 0 { String::new() } else { format!("; {} USD a month", amount(difference)) };
    format!("\n  {sign} {:<16} {}\n      {}{money}\n", paint(BOLD, name), counts.join(", "), meaning(&part.meaning))
}

/// What a change means, in words.
fn meaning(meaning: &Meaning) -> String {
    let downtime = match meaning.downtime {
        Downtime::None => "no downtime".to_owned(),
        Downtime::Rolling => "no downtime: hosts are replaced one after the other".to_owned(),
        Downtime::Possible => paint(CAUTION, "may not answer for a while"),
        Downtime::Ends => paint(BAD, "does not answer any more"),
    };
    let data = match meaning.data {
        Data::Safe => "data is safe".to_owned(),
        Data::LeftBehind => paint(BAD, "the data stays behind in the account, and nothing uses it any more"),
        Data::Lost => paint(BAD, "data is lost"),
    };
    let reversible = if meaning.is_reversible { "can be taken back" } else { "cannot be taken back" };
    format!("{downtime}; {data}; {reversible}")
}

fn resource(change: &PlannedChange) -> String {
    let (sign, word) = match change.action {
        ResourceAction::Create => (paint(GOOD, "+"), "made"),
        ResourceAction::Update => (paint(CAUTION, "~"), "changed where it is"),
        ResourceAction::MayReplace => (paint(CAUTION, "±"), "changed, perhaps replaced"),
        ResourceAction::Replace => (paint(BAD, "±"), "replaced"),
        ResourceAction::Delete => (paint(BAD, "-"), "removed"),
    };
    let because =
        if change.because.is_empty() { String::new() } else { format!(", because of {}", change.because.join(", ")) };
    format!("        {sign} {} ({}): {word}{because}\n", change.logical_id, change.resource_type)
}

fn unknown(outlook: &Outlook) -> String {
    let mut all: Vec<String> = Vec::new();
    for part in &outlook.plan.components {
        let name = part.component.as_ref().map_or("(deployment)", |name| name.as_str());
        all.extend(part.meaning.unknown.iter().map(|what| format!("{name}: {what}")));
    }
    for stack in &outlook.plan.stacks {
        all.extend(stack.unknown_parameters.iter().map(|(name, why)| format!("{}: {name}: {why}", stack.stack)));
    }
    // A first deployment knows no value of a later stack's parameters; that says nothing.
    if all.is_empty() || outlook.plan.stacks.iter().all(|stack| stack.action == StackAction::Create) {
        return String::new();
    }
    format!("\n  {} {}\n", paint(HINT, "not known before it is done:"), all.join("\n    "))
}

fn cost(outlook: &Outlook) -> String {
    let cost = &outlook.cost;
    let report = &cost.report;
    let at_least = if report.unknown.is_empty() { "" } else { "at least " };
    let difference = cost.difference();
    let change =
        if difference == 0 { "as before".to_owned() } else { format!("{} than before", amount_of(difference)) };
    let mut text = format!(
        "  costs {at_least}{} {} a month, {change} {}\n",
        Micros(cost.after),
        report.currency,
        paint(DIM, format!("({}, list prices of {}, without what is paid by use)", report.region, report.as_of)),
    );
    if !report.unknown.is_empty() {
        text.push_str(&format!("    {}\n", paint(CAUTION, format!("price not known: {}", report.unknown.join("; ")))));
    }
    text
}

/// `+12.30`, `-0.40`.
fn amount(micros: i64) -> String {
    format!("{}{}", if micros < 0 { "-" } else { "+" }, Micros(micros.unsigned_abs()))
}

fn amount_of(micros: i64) -> String {
    format!("{} {}", Micros(micros.unsigned_abs()), if micros < 0 { "less" } else { "more" })
}
