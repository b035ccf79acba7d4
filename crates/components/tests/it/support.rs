//! A compiler in small: components from YAML, in the order in which they stand.

use components::component::ValidComponent;
use components::context::{Files, LocalContext, LocalGraph, ValidationContext, Whole};
use components::people::People;
use components::{registry, together};
use indexmap::IndexMap;
use model::process_graph::{NodeSpec, ProcessGraph};
use model::{ComponentName, DeploymentName, Digest, Findings, ManifestPath, NodeId, Rotations, yaml};
use serde_json::{Map, Value};

/// Files that all exist and hold the same.
pub(crate) struct AnyFile(pub(crate) &'static str);

impl Files for AnyFile {
    fn text(&self, _: &str) -> Result<String, String> {
        Ok(self.0.to_owned())
    }
    fn folder_digest(&self, path: &str) -> Result<Digest, String> {
        Ok(Digest::of(&path))
    }
}

/// YAML as JSON.
pub(crate) fn json(text: &str) -> Value {
    let mut findings = Findings::new();
    let document = yaml::read("test.yaml", text.as_bytes(), &yaml::Limits::default(), &mut findings);
    assert!(findings.is_empty(), "{findings:?}");
    document.unwrap().root.to_json()
}

/// What came of some components.
pub(crate) struct Outcome {
    pub(crate) components: IndexMap<ComponentName, ValidComponent>,
    pub(crate) findings: Findings,
    pub(crate) people: People,
    pub(crate) rotations: Rotations,
}

impl Outcome {
    /// The findings, a line each.
    pub(crate) fn lines(&self) -> String {
        let lines = self.findings.iter().map(|finding| format!("{} {}", finding.code.code, finding.summary));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The graph; there must be no error.
    pub(crate) fn graph(&self) -> ProcessGraph {
        assert!(!self.findings.has_errors(), "{}", self.lines());
        self.local().finish()
    }

    pub(crate) fn local(&self) -> LocalGraph {
        let mut local = LocalGraph::new(DeploymentName::new("shop").unwrap());
        let uses = self.components.values().flat_map(|valid| valid.facts().uses).collect();
        let whole = Whole { people: self.people.clone(), uses, rotations: self.rotations.clone() };
        for (name, valid) in &self.components {
            let at = ManifestPath::root().key("components").key(name.as_str());
            let (environment, local) = ("local", &mut local);
            valid.realise_locally(&mut LocalContext { name, at: &at, environment, local, whole: &whole });
        }
        local
    }
}

/// Validates components: the text is what stands below `components:`.
pub(crate) fn validated(text: &str) -> Outcome {
    validated_with(text, &json_map("{ domain: shop.example.org, evaluate-timeout: 30s }"), &AnyFile("a text"))
}

pub(crate) fn json_map(text: &str) -> Map<String, Value> {
    json(text).as_object().unwrap().clone()
}

pub(crate) fn validated_with(text: &str, parameters: &Map<String, Value>, files: &dyn Files) -> Outcome {
    validated_for(text, People::new(), parameters, files)
}

/// The same for some people.
pub(crate) fn validated_for(text: &str, people: People, parameters: &Map<String, Value>, files: &dyn Files) -> Outcome {
    let mut findings = Findings::new();
    let mut components = IndexMap::new();
    for (name, mut said) in json_map(text) {
        let name = ComponentName::new(name).unwrap();
        let at = ManifestPath::root().key("components").key(name.as_str());
        let kind = said.as_object_mut().unwrap().shift_remove("kind").unwrap();
        let kind = registry::find(kind.as_str().unwrap()).unwrap();
        let (is_local, today) = (true, "2026-11-20");
        let cx = ValidationContext { name: &name, at: &at, files, parameters, people: &people, is_local, today };
        if let Some(valid) = kind.validate(said, &cx, &mut findings).unwrap() {
            components.insert(name, valid);
        }
    }
    together::check(&components.iter().collect(), &people, &mut findings);
    Outcome { components, findings, people, rotations: Rotations::default() }
}

/// The node of that id.
pub(crate) fn node<'g>(graph: &'g ProcessGraph, id: &str) -> &'g NodeSpec {
    &graph.nodes[&NodeId::new(id)].spec
}
