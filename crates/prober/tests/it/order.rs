//! Many probes: their order, their pace, their diagnosis.

use crate::deployment::{Authority, DOMAIN, Deployment, Server, edge, get, http, probe, respond, status};
use engine::SystemClock;
use model::ProbeId;
use model::probe::{Contrast, HttpExpectation, Probe, Question};
use model::verification::Verdict;
use prober::{Options, verify};
use std::sync::Mutex;
use std::time::{Duration, Instant};

fn ids(names: &[&str]) -> Vec<ProbeId> {
    names.iter().map(|name| ProbeId::new(*name)).collect()
}

async fn deployment() -> (Server, Deployment) {
    let authority = Authority::new();
    let server = Server::tls(authority.server(DOMAIN, 100), |head, _| match head.uri.path() {
        "/good" => respond(200, "good"),
        _ => respond(503, "bad"),
    })
    .await;
    let deployment = Deployment::new(&[("https", server.port)]).trusting(&authority);
    (server, deployment)
}

fn good(id: &str) -> Probe {
    probe(id, http(get(edge(), "/good"), status(200)))
}

fn bad(id: &str) -> Probe {
    probe(id, http(get(edge(), "/bad"), status(200)))
}

fn contrasted(mut probe: Probe, passing: &str) -> Probe {
    probe.contrast = Some(Contrast { passing: ProbeId::new(passing), diagnosis: "the pool is wedged".into() });
    probe
}

fn helps(results: &[model::verification::ProbeResult]) -> Vec<&str> {
    let help = |result: &model::verification::ProbeResult| match &result.verdict {
        Verdict::Passed { .. } => None,
        Verdict::Failed { help, .. } | Verdict::Waiting { help, .. } => Some(help.clone()),
    };
    let known = ["the pool is wedged", "look at evaluate", "look at lonely", "look at other"];
    let found = results.iter().filter_map(help);
    found.filter_map(|help| known.into_iter().find(|known| **known == help)).collect()
}

#[tokio::test]
async fn a_contrast_is_told_when_the_other_probe_passed() {
    let (_server, deployment) = deployment().await;
    let probes = [contrasted(bad("evaluate"), "health"), contrasted(bad("lonely"), "evaluate"), good("health")];
    let told = Mutex::new(Vec::new());
    let note = |result: &model::verification::ProbeResult| told.lock().unwrap().push(result.clone());
    let report = verify(&probes, &deployment, &Options::new(&SystemClock), &note).await;
    assert_eq!(helps(&report.results), ["the pool is wedged", "look at lonely"]);
    let mut told = told.into_inner().unwrap();
    told.sort_by_key(|result| report.results.iter().position(|other| other.probe == result.probe));
    assert_eq!(told, report.results, "each is told once, as it is reported");
}

#[tokio::test]
async fn only_the_chosen_ones_are_asked() {
    let (_server, deployment) = deployment().await;
    let probes = [good("health"), contrasted(bad("evaluate"), "health"), bad("other")];
    let only = ids(&["evaluate"]);
    let options = Options { only: Some(&only), ..Options::new(&SystemClock) };
    let report = verify(&probes, &deployment, &options, &|_| {}).await;
    assert_eq!(report.results.iter().map(|result| &result.probe).collect::<Vec<_>>(), [&only[0]]);
    assert_eq!(helps(&report.results), ["look at evaluate"], "nobody knows whether the other one passes");
    let nothing: [ProbeId; 0] = [];
    let options = Options { only: Some(&nothing), ..Options::new(&SystemClock) };
    assert!(!verify(&probes, &deployment, &options, &|_| {}).await.is_proved(), "nothing asked proves nothing");
}

#[tokio::test]
async fn probes_that_disturb_can_be_left_out() {
    let (_server, deployment) = deployment().await;
    let alive = Box::new(http(get(edge(), "/good"), status(200)));
    let restart = Question::Restart { program: model::NodeId::new("app/program"), within_seconds: 1, alive };
    let probes = [probe("restart", restart), good("health")];
    let options = Options { disruptive: false, ..Options::new(&SystemClock) };
    let report = verify(&probes, &deployment, &options, &|_| {}).await;
    assert_eq!(report.results.len(), 1);
    assert!(deployment.killed.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_five_probes_take_less_than_a_second() {
    let (_server, deployment) = deployment().await;
    let names: Vec<String> = (0..25).map(|index| format!("probe-{index}")).collect();
    let mut probes: Vec<Probe> = names.iter().map(|name| good(name)).collect();
    let expect = HttpExpectation { contains: vec!["good".into()], ..status(200) };
    probes[3].question = http(get(edge(), "/good"), expect);
    let begun = Instant::now();
    let report = deployment.verify(&probes).await;
    let took = begun.elapsed();
    println!("25 probes in {took:?}");
    assert!(report.is_proved());
    assert!(took < Duration::from_secs(1), "{took:?}");
    let order: Vec<&str> = report.results.iter().map(|result| result.probe.as_str()).collect();
    assert_eq!(order, names, "in the order of declaration");
}

/// A command may verify on any thread.
#[tokio::test]
async fn a_verification_can_move_between_threads() {
    fn is_send<T: Send>(future: T) {
        drop(future);
    }
    let (_server, deployment) = deployment().await;
    is_send(verify(&[good("health")], &deployment, &Options::new(&SystemClock), &|_| {}));
}
