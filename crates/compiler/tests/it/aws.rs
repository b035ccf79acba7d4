//! The tabpy blueprint in an account: its templates, and the gates of others' tools that they must pass.
#![expect(clippy::disallowed_methods, reason = "the gates are programs that read files")]

use crate::support::{MemoryFiles, TODAY, text_of};
use compiler::{AwsDeployment, Options, TemplateSet, compile, export_cloudformation, lower_to_aws, render_templates};
use model::Findings;
use std::path::{Path, PathBuf};
use std::process::Command;

const BLUEPRINT: &str = include_str!("../../../../blueprints/tabpy/landfall.yaml");
const PRODUCTION: &str = r#"
environments:
  production:
    target: aws
    account: "123456789012"
    region: us-west-2
    parameters:
      domain: tabpy.example.org
      users: [analyst, dashboards]
      allowed-sources: [203.0.113.0/24, "2001:db8::/32"]
      sources-owner: analytics@example.org
      sources-review-by: "2027-06-30"
"#;

fn blueprint_files() -> MemoryFiles {
    MemoryFiles::default()
        .with("files/launch.py", include_str!("../../../../blueprints/tabpy/files/launch.py"))
        .with("files/passwords.txt", include_str!("../../../../blueprints/tabpy/files/passwords.txt"))
        .with("files/tabpy.conf", include_str!("../../../../blueprints/tabpy/files/tabpy.conf"))
        .with("files/constraints.txt", include_str!("../../../../blueprints/tabpy/files/constraints.txt"))
}

/// Lowers a manifest in the environment `production`.
fn lower(manifest: &str, files: &MemoryFiles) -> (AwsDeployment, TemplateSet) {
    let mut options = Options::new(files, TODAY);
    options.environment = "production".to_owned();
    let compilation = compile("landfall.yaml", manifest.as_bytes(), &options);
    let Some(application) = &compilation.application else { panic!("{}", text_of(&compilation)) };
    let mut findings = Findings::new();
    let deployment = lower_to_aws(application, &mut findings).unwrap_or_else(|| panic!("{findings:?}"));
    let templates = render_templates(&deployment, &mut findings);
    assert!(findings.is_empty(), "{findings:?}");
    (deployment, templates)
}

fn tabpy() -> (AwsDeployment, TemplateSet) {
    lower(&format!("{BLUEPRINT}{PRODUCTION}"), &blueprint_files())
}

/// Writes the exported folder of a deployment.
fn export(name: &str, deployment: &AwsDeployment, templates: &TemplateSet) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    for file in export_cloudformation(deployment, templates) {
        let path = folder.join(&file.path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, file.text).unwrap();
    }
    folder
}

#[test]
fn the_blueprint_is_lowered() {
    let (deployment, templates) = tabpy();
    export("tabpy", &deployment, &templates);
}
