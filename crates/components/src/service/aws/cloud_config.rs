//! What makes a host out of a machine: cloud-config for its first start.
//!
//! The text is one of CloudFormation's `Fn::Sub`: `${Name}` stands for what is known when the stack is made. No text of the
//! manifest may be taken for such a name, so files with `${` in them are written in base64.

use super::layout::SECRETS_UNIT;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::yaml::write::{Tree, write};

/// A file that is written before anything is run.
pub(super) struct HostFile {
    pub(super) path: String,
    pub(super) mode: u32,
    pub(super) content: Content,
}

/// What is in a file.
pub(super) enum Content {
    /// A text of ours, in which `${Name}` is replaced.
    Ours(String),
    /// A text of the manifest, kept as it is.
    Theirs(String),
}

/// Our programs on every host.
pub(super) fn programs(set_up: String) -> Vec<HostFile> {
    let program = |name: &str, mode: u32, text: String| HostFile {
        path: format!("/usr/local/lib/landfall/{name}"),
        mode,
        content: Content::Ours(text),
    };
    vec![
        program("aws.sh", 0o644, include_str!("host/aws.sh").to_owned()),
        program("fetch-secrets", 0o755, include_str!("host/fetch-secrets.sh").to_owned()),
        program("set-up", 0o755, set_up),
        program("first-boot", 0o755, include_str!("host/first-boot.sh").to_owned()),
    ]
}

/// The text of the user data.
pub(super) fn user_data(about: &str, files: Vec<HostFile>) -> String {
    let written = files.into_iter().map(|file| {
        let mut entries = vec![
            ("path".to_owned(), Tree::text(file.path)),
            ("permissions".to_owned(), Tree::Text(format!("{:04o}", file.mode))),
        ];
        match file.content {
            Content::Theirs(text) if text.contains("${") || text.contains('\r') => {
                entries.push(("encoding".to_owned(), Tree::text("b64")));
                entries.push(("content".to_owned(), Tree::text(STANDARD.encode(text))));
            }
            Content::Ours(text) | Content::Theirs(text) => entries.push(("content".to_owned(), Tree::text(text))),
        }
        Tree::Map(entries)
    });
    let tree = Tree::map([
        ("ssh_pwauth", Tree::Plain("false".into())),
        ("disable_root", Tree::Plain("true".into())),
        ("users", Tree::List(Vec::new())),
        ("write_files", Tree::List(written.collect())),
        ("runcmd", Tree::List(vec![Tree::List(vec![Tree::text("/usr/local/lib/landfall/first-boot")])])),
    ]);
    let about = about.replace('\n', " ").replace("${", "$ {");
    format!(
        "#cloud-config\n# {about}\n# There is no secret in here: the host asks for its secrets with its own role.\n{}",
        write(&tree)
    )
}

/// The path of a unit.
pub(super) fn unit_path(unit: &str) -> String {
    format!("/etc/systemd/system/{unit}")
}

/// The path of the unit that brings secrets.
pub(super) fn secrets_unit_path() -> String {
    unit_path(SECRETS_UNIT)
}
