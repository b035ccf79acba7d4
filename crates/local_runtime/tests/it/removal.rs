//! The end of a deployment.

use crate::world::{World, eventually, kill, lives, script};
use local_runtime::Removal;
use model::Action;
use model::process_graph::{NodeSpec, SecretRecipe, SecretSpec};
use std::fs;

#[tokio::test]
async fn nothing_is_left() {
    let world = World::new();
    let mut it = world.deployment("end");
    it.file("app/file/f", "text");
    let node = it.node("app/program", &[], NodeSpec::Program(script("exec sleep 1000")));
    it.up().await.unwrap();
    let program = it.program(&node).await.pid.unwrap();
    let before = it.target.leftovers(Removal::default());
    assert!(before.processes.iter().any(|(pid, _)| *pid == program), "what runs is seen: {before:?}");
    assert!(!before.files.is_empty());
    it.target.remove(Removal::default()).await.unwrap();
    assert!(!lives(program));
    assert!(it.target.leftovers(Removal::default()).is_empty());
    assert!(!world.folder.path().join("run/landfall").exists());
    assert!(!world.folders().state.exists());
    assert!(local_runtime::deployments(&world.folders()).unwrap().is_empty());
    it.target.remove(Removal::default()).await.unwrap();
}

#[tokio::test]
async fn what_a_killed_supervisor_left_is_removed_too() {
    let world = World::new();
    let mut it = world.deployment("orphan");
    // A grandchild in a session of its own: only the mark in its environment tells whose it is.
    let runaway = "setsid sh -c 'echo $$ > runaway; exec sleep 1000' & exec sleep 1000";
    it.node("app/program", &[], NodeSpec::Program(script(runaway)));
    it.up().await.unwrap();
    let runaway = crate::world::number_in(&it.target.home().root().join("data/app/runaway")).await;
    let supervisor = it.supervisor_pid().await;
    kill(supervisor);
    eventually("it dies", || !lives(supervisor)).await;
    it.target.remove(Removal::default()).await.unwrap();
    assert!(!lives(runaway));
    assert!(it.target.leftovers(Removal::default()).is_empty());
}

#[tokio::test]
async fn data_is_kept_when_asked() {
    let world = World::new();
    let mut it = world.deployment("keep");
    it.file("app/file/f", "text");
    it.node("app/program", &[], NodeSpec::Program(script("echo precious > kept; exec sleep 1000")));
    it.up().await.unwrap();
    let recipe = SecretRecipe::Password { length: 8, alphabet: "ab".into() };
    let secret = it.node("app/password", &[], NodeSpec::Secret(SecretSpec::Generated { recipe, generation: 1 }));
    it.up().await.unwrap();
    let value = it.target.home().root().join("secrets/app/password/value");
    let password = fs::read_to_string(&value).unwrap();
    let removal = Removal { keep_data: true };
    it.target = it.target.removing(removal);
    it.perform(&secret, Action::Delete).await.unwrap();
    it.target.remove(removal).await.unwrap();
    let root = it.target.home().root();
    assert_eq!(fs::read_to_string(root.join("data/app/kept")).unwrap(), "precious\n");
    assert_eq!(fs::read_to_string(&value).unwrap(), password, "data that it guards would be lost without it");
    assert!(!root.join("files").exists() && !root.join("logs").exists());
    assert!(it.target.leftovers(removal).is_empty());
    assert!(!it.target.leftovers(Removal::default()).is_empty());
}
