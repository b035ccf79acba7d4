//! Files, source copies and the modes of everything.

use crate::world::{World, script};
use engine::ports::Running as _;
use local_runtime::folder_digest;
use model::process_graph::{NodeSpec, SourceSpec};
use model::text::Part;
use model::{Action, Atom, ComponentName, Text};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

#[tokio::test]
async fn a_file_that_was_changed_or_removed_by_hand_is_seen_and_written_again() {
    let world = World::new();
    let mut it = world.deployment("files");
    let node = it.file("app/file/conf.d/a.ini", "[a]\n");
    it.up().await.unwrap();
    assert_eq!(it.troubles().await, [""; 0]);
    let path = it.target.home().root().join("files/app/file/conf.d/a.ini");
    let facts = it.target.file(&node).unwrap();
    assert_eq!((facts.mode, facts.owned_by_us), (0o600, true));

    fs::write(&path, "[b]\n").unwrap();
    assert_eq!(it.troubles().await, ["app/file/conf.d/a.ini: it was changed by hand"]);
    it.heal().await.unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
    assert_eq!(it.troubles().await, ["app/file/conf.d/a.ini: its mode is 0666 instead of 0600"]);
    it.heal().await.unwrap();
    fs::remove_file(&path).unwrap();
    assert_eq!(it.troubles().await, ["app/file/conf.d/a.ini: the file is gone"]);
    it.heal().await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "[a]\n");
    assert_eq!(it.troubles().await, [""; 0]);

    it.perform(&node, Action::Delete).await.unwrap();
    assert!(!it.target.home().root().join("files/app").exists(), "empty folders go too");
}

#[tokio::test]
async fn a_template_that_fails_says_where() {
    let world = World::new();
    let mut it = world.deployment("template");
    it.file("app/file/f", "fine\n{{ nosuch }}\n");
    let fault = it.up().await.unwrap_err();
    assert!(fault.operation.contains("components.app") && fault.cause.contains("line 2"), "{fault}");
    assert!(!it.target.home().root().join("files/app/file/f").exists());
}

#[tokio::test]
async fn everything_is_readable_by_its_owner_only() {
    let world = World::new();
    let mut it = world.deployment("modes");
    it.file("app/file/a", "a");
    it.node("app/program", &[], NodeSpec::Program(script("touch made-by-the-program; exec sleep 1000")));
    it.up().await.unwrap();
    check_modes(it.target.home().root());
    let socket = fs::read_dir(world.folder.path().join("run/landfall")).unwrap().next().unwrap().unwrap();
    assert_eq!(socket.metadata().unwrap().permissions().mode() & 0o077, 0);
    assert_eq!(world.folder.path().join("run/landfall").metadata().unwrap().permissions().mode() & 0o777, 0o700);
}

fn check_modes(folder: &Path) {
    assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o077, 0, "{}", folder.display());
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let facts = path.symlink_metadata().unwrap();
        if facts.is_dir() {
            check_modes(&path);
        } else if facts.is_file() {
            assert_eq!(facts.permissions().mode() & 0o077, 0, "{}", path.display());
        }
    }
}

#[tokio::test]
async fn a_source_folder_is_copied_and_an_edit_reaches_the_program_by_up_alone() {
    let world = World::new();
    let app = world.manifest_folder().join("app");
    fs::create_dir_all(app.join("lib")).unwrap();
    fs::write(app.join("lib/main.sh"), "echo one").unwrap();
    let mut it = world.deployment("source");
    let spec = |app: &Path| NodeSpec::Source(SourceSpec { folder: "app".into(), content: folder_digest(app).unwrap() });
    let node = it.node("app/source", &[], spec(&app));
    it.up().await.unwrap();
    let main = |it: &crate::world::Deployment| {
        let mut text = Text::hole(Atom::Source(node.clone()));
        text.push(Part::Literal("/lib/main.sh".into()));
        it.target.fill(&text).unwrap().expose().to_owned()
    };
    let first = main(&it);
    fs::write(app.join("lib/main.sh"), "echo two").unwrap();
    assert_eq!(fs::read_to_string(&first).unwrap(), "echo one");
    assert_eq!(it.troubles().await, [""; 0], "an edit of the user's folder is the plan's business");
    it.node("app/source", &[], spec(&app));
    it.up().await.unwrap();
    assert_eq!(fs::read_to_string(main(&it)).unwrap(), "echo two");
    assert!(Path::new(&first).exists(), "the copy before stays for the program that still runs from it");

    fs::write(main(&it), "echo hacked").unwrap();
    assert_eq!(it.troubles().await, ["app/source: the copy was changed"]);
    it.heal().await.unwrap();
    assert_eq!(fs::read_to_string(main(&it)).unwrap(), "echo two");
    assert_eq!(it.troubles().await, [""; 0]);
}

#[tokio::test]
async fn a_missing_source_folder_is_named() {
    let world = World::new();
    let mut it = world.deployment("nosource");
    it.node(
        "app/source",
        &[],
        NodeSpec::Source(SourceSpec { folder: "nosuch".into(), content: model::Digest::of("") }),
    );
    let fault = it.up().await.unwrap_err();
    assert!(fault.operation.ends_with("manifest/nosuch"), "{fault}");
    assert!(fault.help.unwrap().contains("`source`"));
}

#[tokio::test]
async fn data_stays_from_one_up_to_the_next() {
    let world = World::new();
    let mut it = world.deployment("data");
    let node = it.node("app/program", &[], NodeSpec::Program(script("echo more >> kept; exec sleep 1000")));
    it.up().await.unwrap();
    it.perform(&node, Action::Repair).await.unwrap();
    let data = it.target.fill(&Text::hole(Atom::Data(ComponentName::new("app").unwrap(), String::new()))).unwrap();
    assert_eq!(fs::read_to_string(Path::new(data.expose()).join("kept")).unwrap(), "more\nmore\n");
}
