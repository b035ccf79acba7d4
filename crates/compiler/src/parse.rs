//! Text to raw tree: the first stage.

use crate::codes;
use crate::manifest::VERSION;
use model::yaml::{self, Document, Kind, Limits, Node, SourceMap};
use model::{DeploymentName, Finding, Findings, ManifestPath, Place};

/// No manifest of people has so many values; what is refused here cannot keep anybody waiting.
pub(crate) const LIMITS: Limits = Limits { bytes: 1 << 20, nodes: 20_000, depth: 64 };

/// A manifest that was read but not understood yet.
#[derive(Debug, Clone)]
pub struct ParsedManifest {
    document: Document,
}

impl ParsedManifest {
    /// The file's name as the user would write it.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.document.file
    }

    /// Everything that was said, as it is written.
    #[must_use]
    pub fn root(&self) -> &Node {
        &self.document.root
    }

    /// Where everything was said.
    #[must_use]
    pub fn source_map(&self) -> SourceMap {
        SourceMap::new(&self.document)
    }
}

/// Reads a manifest. `file` is its name in findings.
///
/// Reports every problem with its form; a manifest comes back when its tree can be used.
#[must_use]
pub fn parse(file: &str, bytes: &[u8], findings: &mut Findings) -> Option<ParsedManifest> {
    let document = yaml::read(file, bytes, &LIMITS, findings)?;
    let root = ManifestPath::root();
    let Some(entries) = document.root.entries() else {
        let summary = format!("the manifest is {}, not a mapping", document.root.noun());
        let finding = Finding::new(&codes::NOT_A_MAPPING, Place::Value(root), summary);
        findings.push(finding.help(format!("begin with `landfall: {VERSION}` and `name: ...`")));
        return None;
    };
    match entries.iter().find(|entry| entry.key == "landfall") {
        None => findings.push(
            Finding::new(&codes::UNKNOWN_VERSION, Place::Value(root), "the manifest does not say its version")
                .help(format!("write `landfall: {VERSION}` in its first line")),
        ),
        Some(entry) if entry.value.to_json() == VERSION => {}
        Some(_) => {
            let place = Place::Value(root.key("landfall"));
            findings.push(
                Finding::new(&codes::UNKNOWN_VERSION, place, "this version of the manifest's language is not known")
                    .help(format!("write `landfall: {VERSION}`; a newer version needs a newer program")),
            );
            // What else it says has another meaning, so further findings would mislead.
            return None;
        }
    }
    report_tags(&document.root, &ManifestPath::root(), findings);
    Some(ParsedManifest { document })
}

/// The deployment's name alone, for commands that only look for a deployment: the manifest need
/// not make sense otherwise.
#[must_use]
pub fn deployment_name(bytes: &[u8]) -> Option<DeploymentName> {
    let document = yaml::read("", bytes, &Limits::default(), &mut Findings::new())?;
    let entry = document.root.entries()?.iter().find(|entry| entry.key == "name")?;
    DeploymentName::new(entry.value.to_json().as_str()?).ok()
}

fn report_tags(node: &Node, path: &ManifestPath, findings: &mut Findings) {
    if let Some(tag) = node.tag.as_deref().filter(|tag| !tag.starts_with("!!") && *tag != "!") {
        findings.push(
            Finding::new(&codes::MEANINGLESS_TAG, Place::Value(path.clone()), format!("`{tag}` has no meaning here"))
                .help("refer to other values with `${parameter}` or `${component.export}`"),
        );
    }
    match &node.kind {
        Kind::Scalar { .. } => {}
        Kind::Sequence(items) => {
            for (index, item) in items.iter().enumerate() {
                report_tags(item, &path.index(index), findings);
            }
        }
        Kind::Mapping(entries) => {
            for entry in entries {
                report_tags(&entry.value, &path.key(&entry.key), findings);
            }
        }
    }
}
