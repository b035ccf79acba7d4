//! What makes a host out of a machine: cloud-config for its first start.
//!
//! The text is one of CloudFormation's `Fn::Sub`: `${Name}` stands for what is known when the stack is made. No text of the
//! manifest may be taken for such a name, so files with `${` in them are written in base64.

use super::DATA;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::{Compression, GzBuilder};
use model::yaml::write::{Tree, write};
use std::io::Write as _;

/// User data of more than this has its largest files compressed: AWS takes 16 KiB.
const READABLE_BYTES: usize = 14 << 10;
/// The same, of a text with many names in it.
const LARGEST_FILLED: usize = 16 << 10;
/// What a name in the text may become: the ARN of a secret.
const LONGEST_NAME: usize = 120;
/// Whom the service runs as.
const USER: &str = "landfall";
/// Where the programs of a host are. Nothing else is known to have no line with a meaning behind `#`.
const PROGRAMS: &str = "/usr/local/lib/landfall/";
/// Smaller files gain nothing.
const WORTH_COMPRESSING: usize = 1 << 9;

/// A file that is written before anything is run.
pub(crate) struct HostFile {
    pub(crate) path: String,
    pub(crate) mode: u32,
    pub(crate) content: Content,
}

impl HostFile {
    /// A file that everybody on the host may read.
    pub(crate) fn plain(path: &str, text: String) -> Self {
        Self { path: path.to_owned(), mode: 0o644, content: Content::Kept(text) }
    }
}

/// Somebody who may log in, beside the user that a service runs as.
pub(crate) struct HostUser {
    /// The name.
    pub(crate) name: String,
}

/// What is in a file.
pub(crate) enum Content {
    /// A text in which `${Name}` is replaced when the stack is made.
    Filled(String),
    /// A text that is kept as it is.
    Kept(String),
}

/// The programs of every host, and the one that brings a source folder when there is one.
pub(crate) fn programs(set_up: &str, has_source: bool) -> Vec<HostFile> {
    let program = |name: &str, mode: u32, text: &str| HostFile {
        path: format!("{PROGRAMS}{name}"),
        mode,
        content: Content::Kept(text.to_owned()),
    };
    let mut programs = vec![
        program("aws.sh", 0o644, include_str!("host/aws.sh")),
        program("events.py", 0o644, include_str!("host/events.py")),
        program("fetch-secrets", 0o755, include_str!("host/fetch-secrets.sh")),
        program("send-journal", 0o755, include_str!("host/send-journal.sh")),
        program("set-up", 0o755, set_up),
        program("first-boot", 0o755, include_str!("host/first-boot.sh")),
    ];
    if has_source {
        programs.push(program("fetch-source", 0o755, include_str!("host/fetch-source.sh")));
    }
    programs
}

/// The text of the user data: readable as far as it may be, with its largest files compressed when it would be too long.
pub(crate) fn user_data(about: &str, files: &[HostFile], people: &[HostUser]) -> String {
    let mut largest: Vec<(usize, &str)> = files
        .iter()
        .filter_map(|file| match &file.content {
            Content::Kept(text) if text.len() > WORTH_COMPRESSING => Some((text.len(), file.path.as_str())),
            Content::Kept(_) | Content::Filled(_) => None,
        })
        .collect();
    largest.sort_by(|a, b| b.cmp(a));
    let mut compressed = Vec::new();
    let mut left = largest.into_iter();
    loop {
        let text = written(about, files, people, &compressed);
        match left.next() {
            Some((_, path)) if text.len() > READABLE_BYTES || filled_length(&text) > LARGEST_FILLED => {
                compressed.push(path);
            }
            _ => return text,
        }
    }
}

/// How long a text is at most when its names are replaced: none stands for more than an ARN.
pub(crate) fn filled_length(text: &str) -> usize {
    text.len() + text.matches("${").count() * LONGEST_NAME
}

fn written(about: &str, files: &[HostFile], people: &[HostUser], compressed: &[&str]) -> String {
    let files = files.iter().map(|file| {
        let mut entries = vec![
            ("path".to_owned(), Tree::text(&file.path)),
            ("permissions".to_owned(), Tree::Text(format!("{:04o}", file.mode))),
        ];
        let mut content = |encoding: Option<&str>, text: String| {
            entries.extend(encoding.map(|encoding| ("encoding".to_owned(), Tree::text(encoding))));
            entries.push(("content".to_owned(), Tree::Text(text)));
        };
        match &file.content {
            Content::Kept(text) if compressed.contains(&file.path.as_str()) => {
                let text = if file.path.starts_with(PROGRAMS) { without_remarks(text) } else { text.clone() };
                content(Some("gz+b64"), STANDARD.encode(gzip(&text)));
            }
            Content::Kept(text) if text.contains("${") || text.contains('\r') => {
                content(Some("b64"), STANDARD.encode(text));
            }
            Content::Filled(text) | Content::Kept(text) => content(None, text.clone()),
        }
        Tree::Map(entries)
    });
    let user = Tree::map([
        ("name", Tree::text(USER)),
        ("primary_group", Tree::text(USER)),
        ("system", Tree::Plain("true".into())),
        ("lock_passwd", Tree::Plain("true".into())),
        ("no_create_home", Tree::Plain("true".into())),
        ("homedir", Tree::text(DATA)),
        ("shell", Tree::text("/usr/sbin/nologin")),
    ]);
    // `*` is no password, and does not lock the account as `!` would: keys alone open it.
    let people = people.iter().map(|one| {
        Tree::map([
            ("name", Tree::text(&one.name)),
            ("gecos", Tree::text("forwards only")),
            ("lock_passwd", Tree::Plain("false".into())),
            ("hashed_passwd", Tree::text("*")),
            ("no_create_home", Tree::Plain("true".into())),
            ("homedir", Tree::text("/nonexistent")),
            ("shell", Tree::text("/usr/sbin/nologin")),
        ])
    });
    let tree = Tree::map([
        ("ssh_pwauth", Tree::Plain("false".into())),
        ("disable_root", Tree::Plain("true".into())),
        ("groups", Tree::List(vec![Tree::text(USER)])),
        // Naming users leaves out the one that the image would make, with its key.
        ("users", Tree::List(std::iter::once(user).chain(people).collect())),
        ("write_files", Tree::List(files.collect())),
        ("runcmd", Tree::List(vec![Tree::List(vec![Tree::text("/usr/local/lib/landfall/first-boot")])])),
    ]);
    let about = about.replace('\n', " ").replace("${", "$ {");
    format!(
        "#cloud-config\n# {about}\n# There is no secret in here: the host asks for its secrets with its own role.\n{}",
        write(&tree)
    )
}

/// A program that nobody reads in the user data needs no remarks there: each byte counts.
fn without_remarks(program: &str) -> String {
    let is_remark = |line: &&str| line.trim_start().starts_with('#') && !line.starts_with("#!");
    program.split_inclusive('\n').filter(|line| !is_remark(line)).collect()
}

/// The same bytes for the same text: no name, no time.
fn gzip(text: &str) -> Vec<u8> {
    let mut writer = GzBuilder::new().write(Vec::new(), Compression::best());
    writer.write_all(text.as_bytes()).and_then(|()| writer.finish()).expect("memory takes all bytes")
}

/// The path of a unit.
pub(crate) fn unit_path(unit: &str) -> String {
    format!("/etc/systemd/system/{unit}")
}
