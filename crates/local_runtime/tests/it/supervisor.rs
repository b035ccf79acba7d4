//! The supervisor: it outlives the command, leaves nothing, ends in order.

use crate::world::{World, eventually, kill, lives, number_in, script};
use engine::ports::Condition;
use model::FaultKind;
use model::process_graph::NodeSpec;
use nix::sys::signal::{Signal, kill as signal};
use nix::unistd::Pid;
use std::fs;
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_killed_supervisor_takes_its_programs_along_and_up_heals() {
    let world = World::new();
    let mut it = world.deployment("killed");
    // The grandchild in a group of its own survives the kernel's signal to the program.
    let node = it.node(
        "app/program",
        &[],
        NodeSpec::Program(script("sh -c 'echo $$ > child; exec sleep 1000' & exec sleep 1000")),
    );
    it.up().await.unwrap();
    let child_file = it.target.home().root().join("data/app/child");
    let child = number_in(&child_file).await;
    let (supervisor, program) = (it.supervisor_pid().await, it.program(&node).await.pid.unwrap());
    fs::remove_file(child_file).unwrap();
    kill(supervisor);
    eventually("the program ends with its supervisor", || !lives(program)).await;
    eventually("and what it has started", || !lives(child)).await;
    assert_eq!(it.observe().await.nodes[&node], Condition::Broken("no supervisor runs".into()));
    it.heal().await.unwrap();
    assert_eq!(it.troubles().await, [""; 0]);
    assert_ne!(it.supervisor_pid().await, supervisor);
}

#[tokio::test]
async fn without_its_guard_too_up_ends_what_was_left() {
    let world = World::new();
    let mut it = world.deployment("unguarded");
    it.node(
        "app/program",
        &[],
        NodeSpec::Program(script("setsid sh -c 'echo $$ > child; exec sleep 1000' & exec sleep 1000")),
    );
    it.up().await.unwrap();
    let child_file = it.target.home().root().join("data/app/child");
    let child = number_in(&child_file).await;
    let supervisor = it.supervisor_pid().await;
    let threads = fs::read_dir(format!("/proc/{supervisor}/task")).unwrap();
    let children =
        |thread: std::io::Result<fs::DirEntry>| fs::read_to_string(thread.unwrap().path().join("children")).unwrap();
    let guard: String = threads.map(children).collect();
    let is_guard =
        |pid: &&str| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "landfall-guard\n");
    let guard: i32 = guard.split_whitespace().find(is_guard).unwrap().parse().unwrap();
    fs::remove_file(child_file).unwrap();
    kill(guard);
    kill(supervisor);
    eventually("the supervisor dies", || !lives(supervisor)).await;
    assert!(lives(child));
    it.heal().await.unwrap();
    assert!(!lives(child), "what the killed one left is ended before anything is started");
    assert_eq!(it.troubles().await, [""; 0]);
}

#[tokio::test]
async fn a_shell_with_another_runtime_folder_finds_it_and_a_removed_socket_comes_back() {
    let world = World::new();
    let mut it = world.deployment("found");
    it.node("app/program", &[], NodeSpec::Program(script("exec sleep 1000")));
    it.up().await.unwrap();
    let supervisor = it.supervisor_pid().await;
    let elsewhere = World { folder: world.folder, variables: world.variables }.with("XDG_RUNTIME_DIR", "/nonexistent");
    it.target = elsewhere.deployment("found").target;
    assert_eq!(it.supervisor_pid().await, supervisor);
    fs::remove_dir_all(elsewhere.folder.path().join("run")).unwrap();
    it.heal().await.unwrap();
    assert_eq!(it.supervisor_pid().await, supervisor);
    assert_eq!(it.troubles().await, [""; 0]);
}

#[tokio::test]
async fn removing_the_folder_ends_everything() {
    let world = World::new();
    let mut it = world.deployment("gone");
    let node = it.node("app/program", &[], NodeSpec::Program(script("exec sleep 1000")));
    it.up().await.unwrap();
    let (supervisor, program) = (it.supervisor_pid().await, it.program(&node).await.pid.unwrap());
    fs::remove_dir_all(it.target.home().root()).unwrap();
    eventually("the supervisor ends", || !lives(supervisor)).await;
    assert!(!lives(program));
}

#[tokio::test]
async fn sigterm_stops_the_last_started_first() {
    let world = World::new();
    let mut it = world.deployment("order");
    let order = it.target.home().root().join("data/order");
    let polite = |name: &str| {
        script(&format!("trap 'echo {name} >> {}; exit 0' TERM; while true; do sleep 0.05; done", order.display()))
    };
    it.node("database/program", &[], NodeSpec::Program(polite("database")));
    it.node("app/program", &["database/program"], NodeSpec::Program(polite("app")));
    it.up().await.unwrap();
    let supervisor = it.supervisor_pid().await;
    signal(Pid::from_raw(supervisor), Signal::SIGTERM).unwrap();
    eventually("the supervisor ends", || !lives(supervisor)).await;
    assert_eq!(fs::read_to_string(order).unwrap(), "app\ndatabase\n");
}

#[tokio::test]
async fn an_idle_supervisor_needs_little() {
    let world = World::new();
    let mut it = world.deployment("idle");
    it.node("app/program", &[], NodeSpec::Program(script("exec sleep 1000")));
    it.up().await.unwrap();
    let pid = it.supervisor_pid().await;
    let ticks = || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let fields: Vec<u64> =
            stat.rsplit(')').next().unwrap().split_whitespace().filter_map(|it| it.parse().ok()).collect();
        fields[10] + fields[11]
    };
    let before = ticks();
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(ticks() - before <= 2, "hundredths of a second in four seconds: {}", ticks() - before);
    let memory = it.target.status().await.unwrap().supervisor.unwrap().memory_bytes;
    assert!(memory < 25 << 20, "{} MiB", memory >> 20);
}

#[tokio::test]
async fn looking_is_fast() {
    let world = World::new();
    let mut it = world.deployment("fast");
    for number in 0..20 {
        it.file(&format!("app/file/{number}"), "text");
    }
    it.node("app/program", &[], NodeSpec::Program(script("exec sleep 1000")));
    it.up().await.unwrap();
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..15 {
        let began = Instant::now();
        assert_eq!(it.troubles().await, [""; 0]);
        times.push(began.elapsed());
    }
    times.sort();
    assert!(times[7] < Duration::from_millis(20), "{:?}", times[7]);
}

#[tokio::test]
async fn what_a_newer_version_made_is_refused() {
    let world = World::new();
    let it = world.deployment("newer");
    fs::write(it.target.home().root().join("state-version"), "99\n").unwrap();
    let fault = world.open("newer", &world.manifest_folder().join("landfall.yaml")).unwrap_err();
    assert_eq!(fault.kind, FaultKind::IncompatibleState);
    assert!(fault.cause.contains("state version 99"), "{}", fault.cause);
}

#[tokio::test]
async fn another_manifest_of_the_same_name_is_refused_while_the_first_exists() {
    let world = World::new();
    let first = world.manifest_folder().join("landfall.yaml");
    fs::write(&first, "").unwrap();
    drop(world.deployment("mine"));
    let known = local_runtime::deployments(&world.folders()).unwrap();
    assert_eq!(known.into_values().collect::<Vec<_>>(), [Some(first.clone())]);
    let other = world.folder.path().join("other.yaml");
    let fault = world.open("mine", &other).unwrap_err();
    assert_eq!(fault.kind, FaultKind::NeedsPerson);
    assert!(fault.cause.contains(&first.display().to_string()), "{}", fault.cause);
    fs::remove_file(&first).unwrap();
    assert!(world.open("mine", &other).is_ok(), "a moved manifest takes its deployment along");
}
