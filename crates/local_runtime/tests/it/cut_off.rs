//! The engine's runs with real processes, cut off after every event, as by a killed command.

use crate::world::{Deployment, World, web_server};
use engine::{Ending, Journal, Options, Request, SystemClock, apply, propose};
use futures_util::FutureExt as _;
use indexmap::IndexMap;
use local_runtime::Removal;
use model::process_graph::{FileSpec, NodeSpec, PortWish, ProcessGraph, SecretRecipe, SecretSpec};
use model::text::{SecretPart, TemplateValue};
use model::{Atom, Digest, NodeId, RunEvent, Text};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

fn deployment(world: &World) -> Deployment {
    let mut deployment = world.deployment("cut");
    let port = deployment.port("app/http", PortWish::Any);
    let recipe = SecretRecipe::Password { length: 20, alphabet: "abcdef".into() };
    let secret =
        deployment.node("app/password", &[], NodeSpec::Secret(SecretSpec::Generated { recipe, generation: 1 }));
    let password = TemplateValue::Text(Text::hole(Atom::Secret(secret, SecretPart::Value)));
    let file = FileSpec {
        name: "users".into(),
        template_name: "users".into(),
        template: "alice {{ password }}\n".into(),
        context: IndexMap::from([("password".to_owned(), password)]),
        mode: 0o600,
    };
    deployment.node("app/users", &["app/password"], NodeSpec::File(file));
    deployment.node("app/program", &["app/users"], NodeSpec::Program(web_server(&port)));
    deployment
}

fn journal(deployment: &Deployment) -> Journal {
    let path: PathBuf = deployment.target.home().root().join("journal.jsonl");
    Journal::open(path).unwrap()
}

fn request<'a>(graph: &'a ProcessGraph, manifest: &'a Digest, is_wanted: bool) -> Request<'a> {
    let desired = is_wanted.then_some(graph);
    Request { deployment: &graph.deployment, environment: "local", manifest, desired }
}

/// Goes towards what is wanted until so many events have happened, then drops everything as a killed
/// command would. Says whether it came to its end before.
async fn go(deployment: &Deployment, is_wanted: bool, events: usize) -> bool {
    deployment.target.prepare().unwrap();
    let manifest = Digest::of_bytes(b"manifest");
    let seen = AtomicUsize::new(0);
    let count = |_: &RunEvent| {
        if seen.fetch_add(1, Ordering::Relaxed) + 1 == events {
            std::panic::resume_unwind(Box::new("killed"));
        }
    };
    let mut journal = journal(deployment);
    let options = Options::new(&SystemClock, &count);
    let request = request(&deployment.graph, &manifest, is_wanted);
    let run = apply(&request, &deployment.target, &mut journal, &options, |_| true);
    let Ok(applied) = std::panic::AssertUnwindSafe(run).catch_unwind().await else { return false };
    let report = applied.unwrap().report;
    assert!(report.as_ref().is_none_or(|report| report.ending == Ending::Finished), "{report:?}");
    true
}

async fn is_settled(deployment: &Deployment, is_wanted: bool) -> bool {
    let manifest = Digest::of_bytes(b"manifest");
    let journal = journal(deployment);
    let request = request(&deployment.graph, &manifest, is_wanted);
    let plan = propose(&request, journal.state(), &deployment.target).await.unwrap();
    engine::is_settled(&plan, journal.state())
}

#[tokio::test(flavor = "multi_thread")]
async fn up_and_down_cut_after_every_event_end_as_if_they_were_not() {
    let world = World::new();
    let deployment = deployment(&world);
    let removal = Removal::default();
    let mut cuts = 0;
    for is_wanted in [true, false] {
        for events in 1.. {
            assert!(go(&deployment, !is_wanted, usize::MAX).await, "the way there is not cut");
            let is_whole = go(&deployment, is_wanted, events).await;
            assert!(go(&deployment, is_wanted, usize::MAX).await);
            assert!(is_settled(&deployment, is_wanted).await, "after {events} events");
            let status = deployment.target.status().await.unwrap();
            let runs = status.programs.get(&NodeId::new("app/program")).is_some_and(|program| program.pid.is_some());
            assert_eq!(runs, is_wanted, "after {events} events");
            if is_whole {
                break;
            }
            cuts += 1;
        }
    }
    println!("{cuts} crash points survived with real processes");
    assert!(cuts > 10, "{cuts}");
    deployment.target.remove(removal).await.unwrap();
    assert!(deployment.target.leftovers(removal).is_empty());
}
