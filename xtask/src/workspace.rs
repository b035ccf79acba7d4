//! The workspace as Cargo sees it.

use crate::Result;
use crate::shell::Shell;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The folder of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace")
}

/// What `cargo metadata` prints, as far as it is used.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    pub(crate) workspace_members: Vec<String>,
    resolve: Option<Resolve>,
}

/// A crate.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) license: Option<String>,
    pub(crate) source: Option<String>,
    pub(crate) manifest_path: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
}

/// One line of a `[dependencies]` table.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// `None` for normal ones, else `dev` or `build`.
    pub(crate) kind: Option<String>,
    /// The folder, for our own crates.
    pub(crate) path: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
struct Resolve {
    nodes: Vec<ResolvedNode>,
}

#[derive(Debug, Deserialize)]
struct ResolvedNode {
    id: String,
    deps: Vec<ResolvedEdge>,
}

#[derive(Debug, Deserialize)]
struct ResolvedEdge {
    pkg: String,
    dep_kinds: Vec<ResolvedKind>,
}

#[derive(Debug, Deserialize)]
struct ResolvedKind {
    kind: Option<String>,
}

impl Metadata {
    /// The workspace with everything it depends on, for the machine that this runs on.
    pub(crate) fn read() -> Result<Self> {
        let host = host()?;
        let text = Shell::cargo(["metadata", "--format-version=1", "--locked", "--filter-platform", &host]).output()?;
        Ok(serde_json::from_str(&text)?)
    }

    /// Our own crates, by the name of their folder under `crates/` (or `xtask`).
    pub(crate) fn members(&self) -> BTreeMap<&str, &Package> {
        let ours = self.packages.iter().filter(|package| self.workspace_members.contains(&package.id));
        ours.map(|package| (package.folder(), package)).collect()
    }

    /// All packages that building a package needs, without what only tests need; itself left out.
    pub(crate) fn below(&self, package: &Package) -> Vec<&Package> {
        let nodes: &[ResolvedNode] = self.resolve.as_ref().map_or(&[], |resolve| &resolve.nodes);
        let mut found: Vec<&str> = vec![&package.id];
        let mut next = 0;
        while let Some(&id) = found.get(next) {
            next += 1;
            let Some(node) = nodes.iter().find(|node| node.id == id) else { continue };
            for edge in &node.deps {
                let built = edge.dep_kinds.iter().any(|kind| kind.kind.as_deref() != Some("dev"));
                if built && !found.contains(&edge.pkg.as_str()) {
                    found.push(&edge.pkg);
                }
            }
        }
        self.packages.iter().filter(|other| found[1..].contains(&other.id.as_str())).collect()
    }
}

impl Package {
    /// How Cargo calls it for people: `name v1.2.3`.
    pub(crate) fn label(&self) -> String {
        format!("{} v{}", self.name, self.version)
    }

    /// The name of its folder, which is how the architecture calls it.
    pub(crate) fn folder(&self) -> &str {
        self.manifest_path.parent().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or(&self.name)
    }
}

impl Dependency {
    /// The folder's name, if it is one of our own crates.
    pub(crate) fn ours(&self) -> Option<&str> {
        self.path.as_deref()?.file_name()?.to_str()
    }
}

/// The target triple of this machine.
pub(crate) fn host() -> Result<String> {
    let text = Shell::new("rustc", ["-vV"]).output()?;
    let line = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(line.ok_or("rustc -vV names no host")?.to_owned())
}

/// The files that git knows or would add: what is ignored is none of our concern.
pub(crate) fn files() -> Result<Vec<PathBuf>> {
    let text = Shell::new("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).output()?;
    let mut files: Vec<PathBuf> = text.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from).collect();
    files.retain(|file| root().join(file).is_file());
    files.sort();
    Ok(files)
}
