//! Secrets: made once, kept, rotated, given; seen nowhere.

use crate::world::{World, script};
use engine::ports::{Condition, Running as _};
use indexmap::IndexMap;
use local_runtime::{OutputValue, Removal};
use model::process_graph::{FileSpec, NodeSpec, Output, SecretRecipe, SecretSource, SecretSpec};
use model::text::{SecretPart, TemplateValue};
use model::{Atom, ComponentName, FaultKind, NodeId, Text};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

fn generated(generation: u32) -> NodeSpec {
    let recipe = SecretRecipe::Password { length: 32, alphabet: "abcdefghijklmnopqrstuvwxyz".into() };
    NodeSpec::Secret(SecretSpec::Generated { recipe, generation })
}

fn given(source: SecretSource) -> NodeSpec {
    NodeSpec::Secret(SecretSpec::Given { source })
}

fn value_of(node: &NodeId) -> Text {
    Text::hole(Atom::Secret(node.clone(), SecretPart::Value))
}

#[tokio::test]
async fn a_generated_secret_is_kept_until_it_is_rotated() {
    let world = World::new();
    let mut it = world.deployment("kept");
    let node = it.node("app/password", &[], generated(1));
    it.up().await.unwrap();
    let first = it.target.fill(&value_of(&node)).unwrap();
    assert_eq!(first.expose().len(), 32);
    it.up().await.unwrap();
    assert_eq!(it.target.fill(&value_of(&node)).unwrap(), first);
    it.node("app/password", &[], generated(2));
    it.up().await.unwrap();
    assert_ne!(it.target.fill(&value_of(&node)).unwrap(), first);
}

#[tokio::test]
async fn a_lost_secret_takes_along_what_was_made_of_it() {
    let world = World::new();
    let mut it = world.deployment("lost");
    let secret = it.node("app/password", &[], generated(1));
    it.file("app/file/other", "nothing secret");
    let spec = FileSpec {
        name: "f".into(),
        template_name: "f".into(),
        template: "{{ password }}".into(),
        context: IndexMap::from([("password".into(), TemplateValue::Text(value_of(&secret)))]),
        mode: 0o600,
    };
    it.node("app/file/f", &["app/password"], NodeSpec::File(spec));
    it.up().await.unwrap();
    fs::remove_file(it.target.home().root().join("secrets/app/password/value")).unwrap();
    assert_eq!(
        it.troubles().await,
        ["app/password: the stored value is gone", "app/file/f: app/password is made again"]
    );
    it.heal().await.unwrap();
    let content = fs::read_to_string(it.target.home().root().join("files/app/file/f")).unwrap();
    assert_eq!(content, it.target.fill(&value_of(&secret)).unwrap().expose());
    assert_eq!(it.troubles().await, [""; 0]);
}

#[tokio::test]
async fn a_given_secret_that_is_missing_is_asked_for() {
    let world = World::new();
    let mut it = world.deployment("missing");
    it.node("app/token", &[], given(SecretSource::Environment("APP_TOKEN".into())));
    let fault = it.up().await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::NeedsPerson);
    assert_eq!(fault.cause, "the environment variable APP_TOKEN is not set");
    assert!(fault.help.unwrap().contains("export APP_TOKEN"));
}

#[tokio::test]
async fn a_given_secret_is_kept_for_shells_without_it_and_a_new_one_is_noticed() {
    let world = World::new().with("APP_TOKEN", "one");
    let mut it = world.deployment("given");
    let node = it.node("app/token", &[], given(SecretSource::Environment("APP_TOKEN".into())));
    it.up().await.unwrap();
    assert_eq!(it.target.fill(&value_of(&node)).unwrap().expose(), "one");
    assert_eq!(it.troubles().await, [""; 0]);
    let world = world.with("APP_TOKEN", "");
    it.target = world.deployment("given").target;
    assert_eq!(it.troubles().await, [""; 0]);
    it.up().await.unwrap();
    let world = world.with("APP_TOKEN", "two");
    it.target = world.deployment("given").target;
    assert_eq!(it.observe().await.nodes[&node], Condition::Broken("another value is given now".into()));
    it.heal().await.unwrap();
    assert_eq!(it.target.fill(&value_of(&node)).unwrap().expose(), "two");
}

#[tokio::test]
async fn a_secret_file_must_be_protected() {
    let world = World::new();
    let mut it = world.deployment("file");
    let node = it.node("app/token", &[], given(SecretSource::File("token".into())));
    let fault = it.up().await.unwrap_err();
    assert!(fault.cause.ends_with("token does not exist"), "{fault}");
    let file = world.manifest_folder().join("token");
    fs::write(&file, "from a file\n").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    let fault = it.up().await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::NeedsPerson);
    assert!(fault.cause.contains("every user of this machine can read") && fault.help.unwrap().contains("chmod 600"));
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    it.up().await.unwrap();
    assert_eq!(it.target.fill(&value_of(&node)).unwrap().expose(), "from a file", "one line feed is dropped");
    fs::write(&file, "\n").unwrap();
    assert!(it.up().await.unwrap_err().cause.ends_with("is empty"));
}

#[tokio::test]
async fn a_secret_is_seen_nowhere_but_where_it_is_meant_to_be() {
    const CANARY: &str = "canary-5f1e7c0a";
    let world = World::new().with("APP_TOKEN", CANARY);
    let mut it = world.deployment("canary");
    let secret = it.node("app/token", &[], given(SecretSource::Environment("APP_TOKEN".into())));
    let spec = FileSpec {
        name: "conf".into(),
        template_name: "conf".into(),
        template: "token = {{ token }}\n".into(),
        context: IndexMap::from([("token".into(), TemplateValue::Text(value_of(&secret)))]),
        mode: 0o600,
    };
    it.node("app/file/conf", &["app/token"], NodeSpec::File(spec));
    let mut program = script("exec sleep 1000");
    program.environment.insert("TOKEN".into(), value_of(&secret));
    let node = it.node("app/program", &["app/token"], NodeSpec::Program(program));
    it.up().await.unwrap();
    it.troubles().await;
    let pid = it.program(&node).await.pid.unwrap();

    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap();
    assert!(String::from_utf8_lossy(&environment).contains(CANARY), "the program itself gets it");
    let supervisor = it.supervisor_pid().await;
    for process in [pid, supervisor] {
        let command = fs::read(format!("/proc/{process}/cmdline")).unwrap();
        assert!(!String::from_utf8_lossy(&command).contains(CANARY));
    }
    let environment = fs::read(format!("/proc/{supervisor}/environ")).unwrap();
    assert!(!String::from_utf8_lossy(&environment).contains(CANARY));

    let home = it.target.home().root().to_owned();
    let mut holders = Vec::new();
    search(world.folder.path(), CANARY, &mut holders);
    let expected = [home.join("files/app/file/conf"), home.join("secrets/app/token/value")];
    assert_eq!(holders, expected);
    for file in &holders {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    let made = serde_json::to_string(&it.made).unwrap();
    assert!(!made.contains(CANARY), "what the journal keeps");
    assert!(!format!("{:?}", it.target).contains(CANARY));

    // Not in the command of a program, even when the compiler let it through.
    let mut program = script("exec sleep 1000");
    program.command.push(value_of(&secret));
    let node = it.node("app/bad", &[], NodeSpec::Program(program));
    let fault = it.perform(&node, model::Action::Create).await.unwrap_err();
    assert!(fault.cause.contains("a secret stands in its command"));
    it.target.remove(Removal::default()).await.unwrap();
    assert!(it.target.leftovers(Removal::default()).is_empty());
}

#[tokio::test]
async fn outputs_withhold_secrets_unless_asked() {
    let world = World::new();
    let mut it = world.deployment("outputs");
    let secret = it.node("app/password", &[], generated(1));
    it.up().await.unwrap();
    let component = ComponentName::new("app").unwrap();
    it.graph.outputs.push(Output {
        name: "password".into(),
        about: "the password".into(),
        value: value_of(&secret),
        component,
    });
    let outputs = it.target.outputs(&it.graph, &[]).unwrap();
    let file = it.target.home().root().join("secrets/app/password/value");
    assert_eq!(outputs[0].value, OutputValue::Withheld(vec![file.clone()]));
    let outputs = it.target.outputs(&it.graph, &["password"]).unwrap();
    let OutputValue::Secret(shown) = &outputs[0].value else { panic!("{:?}", outputs[0]) };
    assert_eq!(shown.expose(), fs::read_to_string(file).unwrap());
}

fn search(folder: &Path, text: &str, found: &mut Vec<std::path::PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let facts = path.symlink_metadata().unwrap();
        if facts.is_dir() {
            search(&path, text, found);
        } else if facts.is_file() && String::from_utf8_lossy(&fs::read(&path).unwrap()).contains(text) {
            found.push(path);
        }
    }
}
