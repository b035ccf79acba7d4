//! Programs: readiness, restart, stop, limits.

use crate::world::{World, eventually, kill, lives, number_in, script, web_server};
use engine::ports::Running as _;
use local_runtime::Phase;
use model::process_graph::{NodeSpec, PortWish, Readiness, ReadinessCheck, RestartPolicy};
use model::{Action, FaultKind, Text};
use std::fs;
use std::time::{Duration, Instant};

#[tokio::test]
async fn is_started_when_it_answers_and_started_again_after_sigkill() {
    let world = World::new();
    let mut it = world.deployment("web");
    let port = it.port("web/http", PortWish::Any);
    let node = it.node("web/program", &[], NodeSpec::Program(web_server(&port)));
    it.up().await.unwrap();
    assert!(std::net::TcpStream::connect(("127.0.0.1", it.ports[&port])).is_ok(), "ready means that it answers");
    assert_eq!(it.troubles().await, [""; 0]);

    let first = it.program(&node).await.pid.unwrap();
    kill(first);
    let second = it.next_life(&node, first).await;
    assert_eq!((second.restarts, second.last_end.as_deref()), (1, Some("killed by SIGKILL")));

    it.target.kill(&node).await.unwrap();
    assert!(!lives(second.pid.unwrap()), "kill returns when it is dead");
    let third = it.next_life(&node, second.pid.unwrap()).await;
    assert_eq!(third.restarts, 2);
    assert_eq!(it.troubles().await, [""; 0]);
}

#[tokio::test]
async fn the_same_step_again_changes_nothing_and_another_description_restarts() {
    let world = World::new();
    let mut it = world.deployment("same");
    let node = it.node("app/program", &[], NodeSpec::Program(script("exec sleep 1000")));
    it.up().await.unwrap();
    let first = it.program(&node).await.pid.unwrap();
    it.up().await.unwrap();
    assert_eq!(it.program(&node).await.pid, Some(first));
    it.node("app/program", &[], NodeSpec::Program(script("exec sleep 1001")));
    it.perform(&node, Action::Update).await.unwrap();
    assert_ne!(it.program(&node).await.pid, Some(first));
    assert!(!lives(first));
    let second = it.program(&node).await.pid.unwrap();
    it.perform(&node, Action::Repair).await.unwrap();
    assert!(!lives(second), "a repair always starts anew");
}

#[tokio::test]
async fn nothing_that_a_program_started_outlives_it() {
    let world = World::new();
    let mut it = world.deployment("family");
    // A child that ignores the polite signal, and one that leaves the group and its parent.
    let family = "(trap '' TERM; echo $(sh -c 'echo $PPID') > child; exec sleep 1000) & \
                  setsid sh -c 'echo $$ > runaway; exec sleep 1000' & exec sleep 1000";
    let node = it.node("app/program", &[], NodeSpec::Program(script(family)));
    it.up().await.unwrap();
    let data = it.target.home().root().join("data/app");
    let (child, runaway) = (number_in(&data.join("child")).await, number_in(&data.join("runaway")).await);
    assert!(lives(child) && lives(runaway));

    // When the first process alone dies.
    let first = it.program(&node).await.pid.unwrap();
    fs::remove_file(data.join("child")).unwrap();
    fs::remove_file(data.join("runaway")).unwrap();
    kill(first);
    it.next_life(&node, first).await;
    assert!(!lives(child) && !lives(runaway));

    // When it is removed.
    let (child, runaway) = (number_in(&data.join("child")).await, number_in(&data.join("runaway")).await);
    it.perform(&node, Action::Delete).await.unwrap();
    assert!(!lives(child) && !lives(runaway));
    assert!(it.target.status().await.unwrap().programs.is_empty());
}

#[tokio::test]
async fn a_command_that_exits_at_once_shows_its_last_words() {
    let world = World::new();
    let mut it = world.deployment("exits");
    it.node("app/program", &[], NodeSpec::Program(script("echo starting; echo no such table >&2; exit 3")));
    let began = Instant::now();
    let fault = it.up().await.unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(fault.operation, "starting app/program");
    assert_eq!(fault.cause, "ended with status 3 before it was ready");
    assert_eq!(fault.log_tail, ["starting", "no such table"]);
    assert!(fault.help.unwrap().contains("landfall logs app"));
}

#[tokio::test]
async fn a_program_that_never_gets_ready_says_what_was_asked_and_leaves_nothing() {
    let world = World::new();
    let mut it = world.deployment("slow");
    let port = it.port("web/http", PortWish::Any);
    let mut spec = web_server(&port);
    spec.readiness = Readiness {
        check: ReadinessCheck::Http { port, path: "/nosuch".into(), statuses: vec![200, 401] },
        timeout_seconds: 2,
    };
    let node = it.node("web/program", &[], NodeSpec::Program(spec));
    let fault = it.up().await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Timeout);
    assert!(fault.cause.contains("/nosuch answers 404 instead of 200 or 401"), "{}", fault.cause);
    assert!(fault.log_tail.iter().any(|line| line.contains("GET /nosuch")), "{:?}", fault.log_tail);
    let status = it.program(&node).await;
    assert_eq!((status.phase, status.pid), (Phase::Failed, None));
}

#[tokio::test]
async fn a_program_that_does_not_exist_is_named() {
    let world = World::new();
    let mut it = world.deployment("typo");
    let mut spec = script("");
    spec.command = vec![Text::literal("nosuchprogram")];
    it.node("app/program", &[], NodeSpec::Program(spec));
    let fault = it.up().await.unwrap_err();
    assert_eq!((fault.kind, fault.cause.as_str()), (FaultKind::NeedsPerson, "there is no program `nosuchprogram`"));
}

#[tokio::test]
async fn a_program_above_its_memory_limit_is_started_again() {
    let world = World::new();
    let mut it = world.deployment("memory");
    // Small in its first life's first moments, large in a child: the group counts.
    let mut spec =
        script("sleep 1.5; python3 -c 'x = bytearray(200 << 20); import time; time.sleep(1000)' & exec sleep 1000");
    spec.memory_limit = Some(100 << 20);
    let node = it.node("app/program", &[], NodeSpec::Program(spec));
    it.up().await.unwrap();
    let first = it.program(&node).await.pid.unwrap();
    let second = it.next_life(&node, first).await;
    assert!(second.last_end.unwrap().ends_with("MiB of memory, more than its limit"));
}

#[tokio::test]
async fn a_program_that_runs_once_is_not_started_again() {
    let world = World::new();
    let mut it = world.deployment("once");
    let mut spec = script("echo done");
    spec.restart = RestartPolicy::Never;
    let node = it.node("job/program", &[], NodeSpec::Program(spec));
    it.up().await.unwrap();
    assert_eq!(it.program(&node).await.phase, Phase::Ended);
    assert_eq!(it.troubles().await, [""; 0]);
}

#[tokio::test]
async fn a_program_sees_a_small_clean_environment_and_its_output_is_kept() {
    let world = World::new().with("LANDFALL_CANARY", "leaks");
    let mut it = world.deployment("clean");
    let mut spec = script("env | sort; echo to-stderr >&2; exec sleep 1000");
    spec.environment.insert("GREETING".into(), Text::literal("hello"));
    it.node("app/program", &[], NodeSpec::Program(spec));
    it.up().await.unwrap();
    let log = it.target.log_files(None).into_iter().find(|log| log.component.is_some()).unwrap();
    assert_eq!(log.path.file_name().unwrap(), "app.program.log");
    eventually("the log", || fs::read_to_string(&log.path).unwrap().contains("to-stderr")).await;
    let text = fs::read_to_string(&log.path).unwrap();
    assert!(text.contains("GREETING=hello\n") && text.contains("/data/app\n"), "{text}");
    let names: Vec<&str> = text.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    assert_eq!(names, ["GREETING", "HOME", "LANDFALL_DEPLOYMENT_HOME", "LANDFALL_PROGRAM", "PATH", "PWD"]);
}

#[tokio::test]
async fn a_program_that_ignores_the_polite_signal_is_killed_after_its_grace() {
    let world = World::new();
    let mut it = world.deployment("stubborn");
    let mut spec = script("trap '' TERM; while true; do sleep 0.1; done");
    spec.stop_grace_seconds = 1;
    let node = it.node("app/program", &[], NodeSpec::Program(spec));
    it.up().await.unwrap();
    let pid = it.program(&node).await.pid.unwrap();
    let began = Instant::now();
    it.perform(&node, Action::Delete).await.unwrap();
    assert!(!lives(pid));
    assert!((1.0..4.0).contains(&began.elapsed().as_secs_f64()), "{:?}", began.elapsed());
}
