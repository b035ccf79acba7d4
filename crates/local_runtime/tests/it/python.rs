//! Python environments, made by the real pip of this machine.

use crate::world::World;
use engine::ports::Running as _;
use model::process_graph::{NodeSpec, PythonEnvironmentSpec};
use model::{Action, Atom, FaultKind, NodeId, Text};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn environment(packages: &[&str], imports: &[&str]) -> NodeSpec {
    NodeSpec::PythonEnvironment(PythonEnvironmentSpec {
        minimum_python: Some("3.8".into()),
        packages: packages.iter().map(ToString::to_string).collect(),
        constraints: None,
        imports: imports.iter().map(ToString::to_string).collect(),
    })
}

fn python(node: &NodeId) -> Text {
    Text::hole(Atom::PythonProgram(node.clone(), "python".into()))
}

/// A package that needs no network and nothing to build it: a wheel made by hand.
fn wheel(folder: &Path) -> PathBuf {
    let wheel = folder.join("landfall_probe-1.0-py3-none-any.whl");
    let script = "import sys, zipfile\nw = zipfile.ZipFile(sys.argv[1], 'w')\n\
        w.writestr('landfall_probe.py', 'VALUE = 7\\n')\nd = 'landfall_probe-1.0.dist-info/'\n\
        w.writestr(d + 'METADATA', 'Metadata-Version: 2.1\\nName: landfall-probe\\nVersion: 1.0\\n')\n\
        w.writestr(d + 'WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')\n\
        w.writestr(d + 'RECORD', '')\nw.close()";
    assert!(Command::new("python3").args(["-c", script]).arg(&wheel).status().unwrap().success());
    wheel
}

fn cached(world: &World) -> Vec<PathBuf> {
    let folder = world.folder.path().join("cache/landfall/python");
    let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_dir()).collect()
}

#[tokio::test]
async fn is_built_once_shared_and_healed() {
    let world = World::new();
    let wheels = world.folder.path().join("wheels");
    fs::create_dir(&wheels).unwrap();
    wheel(&wheels);
    let world = world.with("PIP_NO_INDEX", "1").with("PIP_FIND_LINKS", wheels.to_str().unwrap());
    let mut one = world.deployment("one");
    let node = one.node("app/python", &[], environment(&["landfall-probe==1.0"], &["landfall_probe"]));
    one.up().await.unwrap();
    assert_eq!(one.troubles().await, [""; 0]);
    let program = one.target.fill(&python(&node)).unwrap().expose().to_owned();
    let output = Command::new(&program).args(["-c", "import landfall_probe as p; print(p.VALUE)"]).output().unwrap();
    assert_eq!(output.stdout, b"7\n");

    let mut two = world.deployment("two");
    two.node("app/python", &[], environment(&["landfall-probe==1.0"], &["landfall_probe"]));
    let outcome = two.perform(&NodeId::new("app/python"), Action::Create).await.unwrap();
    assert!(outcome.summary.starts_with("from the cache, Python 3."), "{}", outcome.summary);
    assert_eq!(two.target.fill(&python(&node)).unwrap().expose(), program);

    // A deleted cache, and one whose building was cut off.
    fs::remove_dir_all(world.folder.path().join("cache")).unwrap();
    assert_eq!(one.troubles().await, ["app/python: the Python environment is gone from the cache"]);
    let cut_off = Path::new(&program).parent().unwrap().parent().unwrap();
    fs::create_dir_all(cut_off.join("bin")).unwrap();
    fs::write(cut_off.join("bin/python"), "half").unwrap();
    assert_eq!(one.troubles().await, ["app/python: the Python environment in the cache is damaged"]);
    one.heal().await.unwrap();
    assert_eq!(one.troubles().await, [""; 0]);
    assert!(Command::new(&program).args(["-c", "import landfall_probe"]).status().unwrap().success());
    let libraries = cut_off.join("lib");
    let python = fs::read_dir(&libraries).unwrap().next().unwrap().unwrap().path();
    fs::remove_dir_all(python.join("site-packages/landfall_probe-1.0.dist-info")).unwrap();
    assert_eq!(one.troubles().await.len(), 1, "a package was removed");
    let missing = one.target.fill(&Text::hole(Atom::PythonProgram(node, "nosuch".into()))).unwrap_err();
    assert!(missing.help.unwrap().contains("python.packages"));
}

#[tokio::test]
async fn two_deployments_at_once_build_it_once() {
    let world = World::new();
    let (mut one, mut two) = (world.deployment("one"), world.deployment("two"));
    for it in [&mut one, &mut two] {
        it.node("app/python", &[], environment(&[], &["json"]));
    }
    let (first, second) =
        tokio::join!(async { one.perform(&NodeId::new("app/python"), Action::Create).await.unwrap().summary }, async {
            two.perform(&NodeId::new("app/python"), Action::Create).await.unwrap().summary
        },);
    assert_ne!(first.starts_with("from the cache"), second.starts_with("from the cache"), "{first} / {second}");
    assert_eq!(cached(&world).len(), 1);
}

#[tokio::test]
async fn a_package_that_does_not_exist_is_named_and_nothing_is_left() {
    let world = World::new().with("PIP_NO_INDEX", "1");
    let mut it = world.deployment("nosuch");
    it.node("app/python", &[], environment(&["no-such-package-anywhere==1"], &[]));
    let fault = it.up().await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::NeedsPerson);
    assert!(fault.cause.contains("No matching distribution found for no-such-package-anywhere==1"), "{}", fault.cause);
    assert!(fault.help.unwrap().contains("python.packages"));
    assert!(!fault.log_tail.is_empty());
    assert!(cached(&world).is_empty());
}

#[tokio::test]
async fn an_index_that_cannot_be_reached_is_told_from_a_wrong_name() {
    let world = World::new()
        .with("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
        .with("PIP_RETRIES", "1")
        .with("PIP_FIND_LINKS", "");
    let mut it = world.deployment("offline");
    it.node("app/python", &[], environment(&["no-such-package-anywhere"], &[]));
    let fault = it.up().await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::NeedsPerson);
    assert!(fault.cause.contains("the package index cannot be reached"), "{}", fault.cause);
    assert!(fault.help.unwrap().contains("HTTPS_PROXY"));
    assert!(cached(&world).is_empty());
}

#[tokio::test]
async fn an_interrupted_installation_leaves_nothing() {
    let world = World::new();
    let mut it = world.deployment("interrupted");
    it.node("app/python", &[], environment(&[], &["json"]));
    let node = NodeId::new("app/python");
    let cut_off = async { it.perform(&node, Action::Create).await };
    let begun = async {
        while cached(&world).is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::select! { _ = cut_off => panic!("it was too fast"), () = begun => {} }
    assert!(cached(&world).is_empty());
    it.up().await.unwrap();
    assert_eq!(it.troubles().await, [""; 0]);
}

#[tokio::test]
async fn packages_that_do_not_import_are_no_environment() {
    let world = World::new();
    let mut it = world.deployment("import");
    it.node("app/python", &[], environment(&[], &["nosuchmodule"]));
    let fault = it.up().await.unwrap_err();
    assert!(fault.cause.contains("No module named 'nosuchmodule'"), "{}", fault.cause);
    assert!(cached(&world).is_empty());
}

#[tokio::test]
async fn no_python_says_what_to_install() {
    let world = World::new();
    let empty = world.folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let world = world.with("PATH", empty.to_str().unwrap());
    let mut it = world.deployment("nopython");
    it.node("app/python", &[], environment(&[], &[]));
    let fault = it.up().await.unwrap_err();
    assert_eq!((fault.kind, fault.cause.as_str()), (FaultKind::NeedsPerson, "there is no python3 on PATH"));
    assert!(fault.help.unwrap().contains("apt install python3"));

    // One that is too old, and one that is a shim to nothing.
    let fake = |name: &str, script: &str| {
        fs::write(empty.join(name), format!("#!/bin/sh\n{script}\n")).unwrap();
        assert!(Command::new("chmod").arg("755").arg(empty.join(name)).status().unwrap().success());
    };
    fake("python3", "echo 'pyenv: python3: command not found' >&2; exit 127");
    fake(
        "python3.9",
        r#"echo '{"executable":"/x","version":[3,6,1],"implementation":"cpython","machine":"m","has_venv":true}'"#,
    );
    let fault = it.up().await.unwrap_err();
    assert!(fault.cause.contains("python3 does not work: pyenv: python3: command not found"), "{}", fault.cause);
    assert!(fault.cause.contains("python3.9 is 3.6.1"), "{}", fault.cause);

    // One without venv.
    fake(
        "python3.9",
        r#"echo '{"executable":"/x/python","version":[3,11,2],"implementation":"cpython","machine":"m","has_venv":false}'"#,
    );
    let fault = it.up().await.unwrap_err();
    assert!(fault.help.unwrap().contains("apt install python3.11-venv"), "{}", fault.cause);
    let facts = local_runtime::toolchain_facts(&world.folders(), &world.variables()).await;
    assert_eq!(facts.pythons.len(), 2);
    assert!(!facts.pythons[1].has_venv);
}

#[tokio::test]
async fn uv_is_used_where_it_is() {
    let world = World::new();
    let tools = world.folder.path().join("tools");
    fs::create_dir(&tools).unwrap();
    // The two calls that are made of uv, by the tools that are here.
    let uv = "#!/bin/sh\necho \"$1 $2\" >> \"$(dirname \"$0\")/calls\"\ncase \"$1\" in\n\
        venv) exec \"$4\" -m venv \"$5\" ;;\n\
        pip) shift 4; exit 0 ;;\nesac\n";
    fs::write(tools.join("uv"), uv).unwrap();
    assert!(Command::new("chmod").arg("755").arg(tools.join("uv")).status().unwrap().success());
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    let world = world.with("PATH", &path);
    let mut it = world.deployment("uv");
    it.node("app/python", &[], environment(&["something"], &["json"]));
    it.up().await.unwrap();
    assert_eq!(fs::read_to_string(tools.join("calls")).unwrap(), "venv --no-project\npip install\n");
}
