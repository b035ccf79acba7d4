//! What a plan says: small cases by example, the rest as properties.

use crate::graphs::{any_graph, edited, id, sample, with_bastion};
use engine::ports::{Condition, Observed};
use engine::{Situation, is_settled};
use indexmap::IndexMap;
use model::event::{JOURNAL_VERSION, Outcome};
use model::process_graph::{NodeSpec, ProcessGraph};
use model::run_state::RunState;
use model::{Action, DeploymentName, DeploymentPlan, Digest, Event, NodeId, PortId, RunEvent, Step};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::fmt::Write as _;

fn plan(desired: Option<&ProcessGraph>, state: &RunState, observed: &Observed) -> DeploymentPlan {
    let numbers = desired.map(|graph| {
        let kept = |port: &PortId, index: usize| state.ports.get(port).copied().unwrap_or(20_000 + index as u16);
        graph.ports.keys().enumerate().map(|(index, port)| (port.clone(), kept(port, index))).collect()
    });
    plan_with(desired, state, observed, numbers.unwrap_or_default())
}

fn plan_with(
    desired: Option<&ProcessGraph>,
    state: &RunState,
    observed: &Observed,
    ports: IndexMap<PortId, u16>,
) -> DeploymentPlan {
    let deployment = DeploymentName::new("sample").unwrap();
    let manifest = Digest::of_bytes(b"manifest");
    let environment = "local";
    engine::plan(
        &Situation { deployment: &deployment, environment, manifest: &manifest, desired, state, observed },
        ports,
    )
}

/// The state after all steps of a plan have succeeded.
fn after(plan: &DeploymentPlan, state: &RunState) -> RunState {
    let mut state = state.clone();
    let mut apply = |event| {
        let event = RunEvent { version: JOURNAL_VERSION, at: String::new(), run: "run".into(), event };
        state.apply(&event).unwrap();
    };
    apply(Event::RunStarted { plan: Box::new(plan.clone()) });
    for Step { id, .. } in &plan.steps {
        apply(Event::StepStarted { step: id.clone(), token: String::new() });
        let outcome = Outcome { summary: String::new(), evidence: None };
        apply(Event::StepSucceeded { step: id.clone(), outcome });
    }
    apply(Event::RunFinished);
    state
}

fn applied(graph: &ProcessGraph) -> RunState {
    let state = RunState::default();
    after(&plan(Some(graph), &state, &Observed::default()), &state)
}

fn in_words(plan: &DeploymentPlan) -> String {
    let mut text = String::new();
    for step in &plan.steps {
        let needs: Vec<_> = step.needs.iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "{} ({:?}): {}; after {:?}", step.id, step.consequence, step.why, needs);
    }
    let _ = write!(text, "unchanged: {}", plan.unchanged);
    text
}

#[test]
fn a_first_plan_makes_everything_in_order() {
    insta::assert_snapshot!(in_words(&plan(Some(&sample()), &RunState::default(), &Observed::default())), @r#"
    app/password:create (None): not there yet; after []
    app/python:create (None): not there yet; after []
    app/users:create (None): not there yet; after ["app/password:create"]
    app/config:create (None): not there yet; after ["app/users:create"]
    app/program:create (None): not there yet; after ["app/config:create", "app/python:create"]
    worker/source:create (None): not there yet; after []
    worker/program:create (None): not there yet; after ["app/program:create", "worker/source:create"]
    web/edge:create (None): not there yet; after ["app/program:create"]
    unchanged: 0
    "#);
}

#[test]
fn an_edit_touches_what_is_made_of_it_and_removes_what_is_not_wanted() {
    insta::assert_snapshot!(in_words(&plan(Some(&edited()), &applied(&sample()), &Observed::default())), @r#"
    app/users:update (None): its description changed; after []
    app/config:update (None): app/users changes; after ["app/users:update"]
    app/program:update (Interruption): app/config changes; after ["app/config:update"]
    extra/config:create (None): not there yet; after []
    worker/program:delete (Interruption): no longer wanted; after []
    worker/source:delete (None): no longer wanted; after ["worker/program:delete"]
    unchanged: 3
    "#);
}

#[test]
fn down_removes_everything_backwards() {
    insta::assert_snapshot!(in_words(&plan(None, &applied(&sample()), &Observed::default())), @r#"
    web/edge:delete (Interruption): the deployment is taken down; after []
    worker/program:delete (Interruption): the deployment is taken down; after []
    worker/source:delete (None): the deployment is taken down; after ["worker/program:delete"]
    app/program:delete (Interruption): the deployment is taken down; after ["web/edge:delete", "worker/program:delete"]
    app/config:delete (None): the deployment is taken down; after ["app/program:delete"]
    app/users:delete (None): the deployment is taken down; after ["app/config:delete"]
    app/python:delete (None): the deployment is taken down; after ["app/program:delete"]
    app/password:delete (None): the deployment is taken down; after ["app/users:delete"]
    unchanged: 0
    "#);
}

#[test]
fn a_port_that_moves_changes_all_that_know_its_number() {
    let state = applied(&sample());
    let mut ports = state.ports.clone();
    ports[&PortId::new("app/http")] = 9999;
    insta::assert_snapshot!(in_words(&plan_with(Some(&sample()), &state, &Observed::default(), ports)), @r#"
    app/config:update (None): port app/http moves from 20000 to 9999; after []
    app/program:update (Interruption): app/config changes, port app/http moves from 20000 to 9999; after ["app/config:update"]
    web/edge:update (Interruption): port app/http moves from 20000 to 9999; after ["app/program:update"]
    unchanged: 5
    "#);
}

#[test]
fn a_renamed_component_gives_its_port_away_before_it_is_taken() {
    let before = sample();
    let mut renamed = sample();
    let (old, new) = (PortId::new("worker/http"), PortId::new("helper/http"));
    let mut node = renamed.nodes.shift_remove(&id("worker/program")).unwrap();
    let NodeSpec::Program(program) = &mut node.spec else { unreachable!() };
    program.ports = vec![new.clone()];
    renamed.nodes.insert(id("helper/program"), node);
    let request = renamed.ports.shift_remove(&old).unwrap();
    renamed.ports.insert(new.clone(), request);
    let state = applied(&before);
    let mut ports = state.ports.clone();
    let number = ports.shift_remove(&old).unwrap();
    ports.insert(new, number);
    insta::assert_snapshot!(in_words(&plan_with(Some(&renamed), &state, &Observed::default(), ports)), @r#"
    worker/program:delete (Interruption): no longer wanted; after []
    helper/program:create (None): not there yet; after ["worker/program:delete"]
    unchanged: 7
    "#);
}

#[test]
fn who_may_log_in_is_settled_before_what_a_bastion_leads_to() {
    let before = with_bastion(sample(), &["ann", "bea"]);
    let mut graph = with_bastion(sample(), &["ann"]);
    let NodeSpec::Program(program) = &mut graph.nodes[&id("app/program")].spec else { panic!() };
    program.command.push(model::Text::literal("--verbose"));
    let plan = plan(Some(&graph), &applied(&before), &Observed::default());
    let order: Vec<&str> = plan.steps.iter().map(|step| step.node.as_str()).collect();
    assert_eq!(order.first(), Some(&"jump/ssh"), "{order:?}");
    assert!(plan.steps[0].needs.is_empty(), "{:?}", plan.steps[0].needs);
    assert!(order.contains(&"app/program"), "{order:?}");
    // What is not there yet comes before the way to it.
    let order: Vec<NodeId> = plan_of_new(&before);
    let place = |node: &str| order.iter().position(|one| *one == id(node)).unwrap();
    assert!(place("app/program") < place("jump/ssh"), "{order:?}");
}

fn plan_of_new(graph: &ProcessGraph) -> Vec<NodeId> {
    let plan = plan(Some(graph), &RunState::default(), &Observed::default());
    plan.steps.into_iter().map(|step| step.node).collect()
}

#[test]
fn a_broken_node_is_repaired_and_its_readers_are_restarted() {
    let mut observed = Observed::default();
    observed.nodes.insert(id("app/users"), Condition::Broken("somebody changed the file".into()));
    insta::assert_snapshot!(in_words(&plan(Some(&sample()), &applied(&sample()), &observed)), @r#"
    app/users:repair (None): somebody changed the file; after []
    app/program:repair (Interruption): app/config leads to what is made again; after ["app/users:repair"]
    unchanged: 6
    "#);
}

/// The nodes that have to be looked at when this one changes: those that need it, and so on.
fn dependants(graph: &ProcessGraph, changed: &NodeId) -> BTreeSet<NodeId> {
    let mut found = BTreeSet::from([changed.clone()]);
    for (id, node) in &graph.nodes {
        if node.needs.iter().any(|need| found.contains(need)) {
            found.insert(id.clone());
        }
    }
    found
}

fn needs_are_earlier(plan: &DeploymentPlan) -> Result<(), TestCaseError> {
    let mut done = BTreeSet::new();
    for step in &plan.steps {
        for need in &step.needs {
            prop_assert!(done.contains(need), "{} comes before its need {need}", step.id);
        }
        prop_assert!(done.insert(&step.id), "{} is there twice", step.id);
    }
    Ok(())
}

proptest! {
    #[test]
    fn the_plan_of_what_is_applied_is_empty(graph in any_graph()) {
        let state = applied(&graph);
        let plan = plan(Some(&graph), &state, &Observed::default());
        prop_assert!(is_settled(&plan, &state), "{}", in_words(&plan));
        prop_assert_eq!(plan.unchanged, graph.nodes.len());
    }

    #[test]
    fn create_order_reversed_is_delete_order(graph in any_graph()) {
        let nothing = RunState::default();
        let made = plan(Some(&graph), &nothing, &Observed::default());
        let removed = plan(None, &after(&made, &nothing), &Observed::default());
        let mut created: Vec<_> = made.steps.iter().map(|step| &step.node).collect();
        created.reverse();
        prop_assert_eq!(created, removed.steps.iter().map(|step| &step.node).collect::<Vec<_>>());
        prop_assert!(removed.steps.iter().all(|step| step.action == Action::Delete));
    }

    #[test]
    fn every_need_of_a_step_is_an_earlier_step(before in any_graph(), wanted in any_graph()) {
        needs_are_earlier(&plan(Some(&wanted), &applied(&before), &Observed::default()))?;
        needs_are_earlier(&plan(None, &applied(&before), &Observed::default()))?;
    }

    #[test]
    fn any_graph_leads_to_any_other(before in any_graph(), wanted in any_graph()) {
        let state = applied(&before);
        let state = after(&plan(Some(&wanted), &state, &Observed::default()), &state);
        let made: BTreeSet<_> = state.made.keys().collect();
        prop_assert_eq!(made, wanted.nodes.keys().collect::<BTreeSet<_>>());
        prop_assert!(is_settled(&plan(Some(&wanted), &state, &Observed::default()), &state));
    }

    #[test]
    fn one_changed_node_touches_only_its_dependants(graph in any_graph(), which in any::<prop::sample::Index>()) {
        prop_assume!(!graph.nodes.is_empty());
        let state = applied(&graph);
        let mut edited = graph.clone();
        let (changed, node) = edited.nodes.get_index_mut(which.index(graph.nodes.len())).unwrap();
        let changed = changed.clone();
        match &mut node.spec {
            NodeSpec::File(file) => file.template.push_str("more"),
            NodeSpec::Program(program) => program.stop_grace_seconds += 1,
            NodeSpec::Edge(edge) => edge.limits.drain_ms += 1,
            spec => *spec = crate::graphs::file("other", "other"),
        }
        let plan = plan(Some(&edited), &state, &Observed::default());
        let touched: BTreeSet<_> = plan.steps.iter().map(|step| step.node.clone()).collect();
        prop_assert!(touched.contains(&changed));
        prop_assert!(touched.is_subset(&dependants(&edited, &changed)), "{}", in_words(&plan));
    }

    #[test]
    fn a_repair_touches_only_the_dependants(graph in any_graph(), which in any::<prop::sample::Index>()) {
        prop_assume!(!graph.nodes.is_empty());
        let broken = graph.nodes.get_index(which.index(graph.nodes.len())).unwrap().0.clone();
        let mut observed = Observed::default();
        observed.nodes.insert(broken.clone(), Condition::Broken("broken".into()));
        let plan = plan(Some(&graph), &applied(&graph), &observed);
        prop_assert!(plan.steps.iter().all(|step| step.action == Action::Repair));
        let touched: BTreeSet<_> = plan.steps.iter().map(|step| step.node.clone()).collect();
        prop_assert!(touched.contains(&broken));
        prop_assert!(touched.is_subset(&dependants(&graph, &broken)), "{}", in_words(&plan));
        needs_are_earlier(&plan)?;
    }
}
