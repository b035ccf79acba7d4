//! From what was said of components and probes to what makes sense of each by itself.

use crate::application::Probe;
use crate::codes;
use crate::recorded_files::RecordedFiles;
use crate::schema::{Definitions, Schemas};
use crate::section::{entries, shaped_entries, typed, unreadable};
use crate::shape::Shape;
use crate::substitute::Uses;
use components::component::{ErasedComponent, Need, ValidComponent};
use components::context::ValidationContext;
use components::people::People;
use components::probes::{self, ProbeContext, ProbeSpec};
use components::registry;
use indexmap::IndexMap;
use model::{ComponentName, Finding, Findings, ManifestPath, Place, Segment};
use serde_json::{Map, Value};

/// A component on its way: its name is known, the rest as far as it makes sense.
pub(crate) struct Draft {
    pub(crate) at: ManifestPath,
    pub(crate) kind: Option<&'static dyn ErasedComponent>,
    pub(crate) said: Value,
    pub(crate) name: Option<ComponentName>,
    pub(crate) valid: Option<ValidComponent>,
    /// What it needs, as far as that can be read: known of components that are not valid, too.
    pub(crate) needs: Vec<Need>,
}

/// What checking components needs.
pub(crate) struct ComponentStage<'a> {
    pub(crate) is_local: bool,
    pub(crate) today: &'a str,
    pub(crate) files: &'a RecordedFiles<'a>,
    pub(crate) parameters: &'a Map<String, Value>,
    pub(crate) people: &'a People,
    pub(crate) uses: &'a Uses,
}

impl ComponentStage<'_> {
    /// Checks all components, each by itself.
    pub(crate) fn drafts(
        &self,
        said: Option<Value>,
        schemas: &mut Schemas,
        findings: &mut Findings,
    ) -> IndexMap<String, Draft> {
        let all = ManifestPath::root().key("components");
        let said = entries(said);
        let kinds: Vec<&'static dyn ErasedComponent> =
            said.values().filter_map(|said| registry::find(said.get("kind")?.as_str()?)).collect();
        let mut by_kind: IndexMap<&str, Value> = IndexMap::new();
        for kind in kinds {
            if !by_kind.contains_key(kind.kind()) {
                by_kind.insert(kind.kind(), schemas.of_kind(kind));
            }
        }
        let definitions = schemas.definitions();
        let mut drafts = IndexMap::new();
        for (name, said) in said {
            let draft = self.draft(&name, said, &all.key(&name), &by_kind, &definitions, findings);
            drafts.insert(name, draft);
        }
        drafts
    }

    /// The manifest's own probes that hold for these parameters.
    pub(crate) fn probes(
        &self,
        said: Map<String, Value>,
        drafts: &IndexMap<String, Draft>,
        schemas: &mut Schemas,
        findings: &mut Findings,
    ) -> Vec<Probe> {
        let all = ManifestPath::root().key("probes");
        let names: Vec<String> = said.keys().cloned().collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let kinds: IndexMap<String, &'static str> =
            drafts.iter().filter_map(|(name, draft)| Some((name.clone(), draft.kind?.kind()))).collect();
        let mut probes = Vec::new();
        for (name, said) in shaped_entries::<ProbeSpec>(said, &all, schemas, self.uses, findings) {
            let at = all.key(&name);
            let Some(spec) = typed::<ProbeSpec>(said.clone(), &at, findings) else { continue };
            let cx = ProbeContext { at: &at, kinds: &kinds, probes: &names, parameters: self.parameters };
            if let Some(valid) = probes::validate(&name, spec, &cx, findings) {
                probes.push(Probe { said, valid });
            }
        }
        probes
    }

    fn draft(
        &self,
        name: &str,
        mut said: Value,
        at: &ManifestPath,
        schemas: &IndexMap<&str, Value>,
        definitions: &Definitions,
        findings: &mut Findings,
    ) -> Draft {
        let valid_name = ComponentName::new(name).ok().filter(|_| name != "self");
        if valid_name.is_none() {
            let summary = format!("`{name}` is no name of a component");
            let help = match name {
                "self" => "`self` is reserved: in references it means the component itself",
                _ => "start with a lower-case letter and use at most 40 of a-z, 0-9 and '-'",
            };
            findings.push(Finding::new(&codes::INVALID_COMPONENT_NAME, Place::Key(at.clone()), summary).help(help));
        }
        let kind = self.kind(&mut said, at, findings);
        let mut valid = None;
        let mut needs = Vec::new();
        if let Some((kind, schema)) = kind.and_then(|kind| Some((kind, schemas.get(kind.kind())?))) {
            let before = findings.len();
            let fits = Shape::new(definitions, self.uses, findings).check(&mut said, schema, at);
            if let Some(name) = valid_name.as_ref().filter(|_| !self.uses.has_lost(at)) {
                if fits {
                    valid = self.validate(kind, name, said.clone(), at, findings);
                }
                needs = match &valid {
                    Some(valid) => valid.requires(),
                    None => self.needs_of_the_rest(kind, name, &said, at, before, findings),
                };
            }
        }
        Draft { at: at.clone(), kind, said, name: valid_name, valid, needs }
    }

    /// A component with mistakes is looked at without them, so that one pass finds the others too. Only
    /// what is wrong with a single value is told: anything else may come of what was left out.
    /// Its findings so far are those from `before` on.
    fn needs_of_the_rest(
        &self,
        kind: &dyn ErasedComponent,
        name: &ComponentName,
        said: &Value,
        at: &ManifestPath,
        before: usize,
        findings: &mut Findings,
    ) -> Vec<Need> {
        // Mistakes come in layers: of shape, then of meaning.
        for _ in 0..2 {
            let wrong: Vec<Place> = findings.iter().skip(before).map(|finding| finding.place.clone()).collect();
            let Some(rest) = without(said, at, &wrong) else { break };
            let mut found = Findings::new();
            let valid = self.validate(kind, name, rest.clone(), at, &mut found);
            let is_about_one_value = |finding: &&Finding| match &finding.place {
                Place::Value(path) if wrong.iter().any(|other| is_close(path, other, at)) => false,
                Place::Value(path) => below(path, at)
                    .and_then(|segments| segments.iter().try_fold(&rest, |value, segment| step(value, segment)))
                    .is_some_and(|value| !value.is_object() && !value.is_array()),
                _ => false,
            };
            for finding in found.iter().filter(is_about_one_value) {
                let is_known = findings.iter().any(|known| known == finding);
                if finding.code != &codes::UNREADABLE_VALUE && !is_known {
                    findings.push(finding.clone());
                }
            }
            if let Some(valid) = valid {
                return valid.requires();
            }
        }
        Vec::new()
    }

    /// Takes `kind` out of what was said.
    fn kind(
        &self,
        said: &mut Value,
        at: &ManifestPath,
        findings: &mut Findings,
    ) -> Option<&'static dyn ErasedComponent> {
        let names: Vec<&str> = registry::KINDS.iter().map(|kind| kind.kind()).collect();
        let known = || format!("the kinds are {}", crate::nearest::list(&names));
        let Some(entries) = said.as_object_mut() else {
            let finding = Finding::new(&codes::WRONG_TYPE, Place::Value(at.clone()), "a component must be a mapping");
            findings.push(finding.help("write `{ kind: ... }`"));
            return None;
        };
        let place = Place::Value(at.key("kind"));
        match entries.shift_remove("kind") {
            None if self.uses.is_lost(&at.key("kind")) => None,
            None => {
                let finding = Finding::new(&codes::MISSING_KIND, Place::Key(at.clone()), "the component has no kind");
                findings.push(finding.help(format!("add `kind:`; {}", known())));
                None
            }
            Some(Value::String(kind)) => {
                let found = registry::find(&kind);
                if found.is_none() {
                    let finding = Finding::new(&codes::UNKNOWN_KIND, place, format!("there is no kind `{kind}`"));
                    let help = match crate::nearest::nearest(&kind, names.iter().copied()) {
                        Some(nearest) => format!("did you mean `{nearest}`? Known: {}", crate::nearest::list(&names)),
                        None => known(),
                    };
                    findings.push(finding.help(help));
                }
                found
            }
            Some(_) => {
                findings.push(Finding::new(&codes::WRONG_TYPE, place, "`kind` must be a word").help(known()));
                None
            }
        }
    }

    fn validate(
        &self,
        kind: &dyn ErasedComponent,
        name: &ComponentName,
        said: Value,
        at: &ManifestPath,
        findings: &mut Findings,
    ) -> Option<ValidComponent> {
        let (files, parameters, is_local, today) = (self.files, self.parameters, self.is_local, self.today);
        let cx = ValidationContext { name, at, files, parameters, people: self.people, is_local, today };
        match kind.validate(said, &cx, findings) {
            Ok(valid) => valid,
            Err(error) => {
                findings.push(unreadable(&error, at));
                None
            }
        }
    }
}

/// The part of a path that leads on from another one.
fn below<'p>(path: &'p ManifestPath, at: &ManifestPath) -> Option<&'p [Segment]> {
    path.segments().strip_prefix(at.segments())
}

fn step<'v>(value: &'v Value, segment: &Segment) -> Option<&'v Value> {
    match segment {
        Segment::Key(key) => value.get(key),
        Segment::Index(index) => value.get(index),
    }
}

/// Whether a path and a place lie in the same part of a component, as `files.NAME`.
fn is_close(path: &ManifestPath, place: &Place, at: &ManifestPath) -> bool {
    let (Place::Key(other) | Place::Value(other)) = place else { return false };
    match (below(path, at), below(other, at)) {
        (Some([first, second, ..]), Some([other_first, other_second, ..])) => {
            first == other_first && second == other_second
        }
        _ => false,
    }
}

/// What was said without what stands at these places; none when that is the whole.
fn without(said: &Value, at: &ManifestPath, places: &[Place]) -> Option<Value> {
    let mut rest = said.clone();
    // The last first, so that positions in lists stay what they are.
    for place in places.iter().rev() {
        let (Place::Key(path) | Place::Value(path)) = place else { return None };
        let (last, parents) = below(path, at)?.split_last()?;
        let parent = parents.iter().try_fold(&mut rest, |value, segment| match segment {
            Segment::Key(key) => value.get_mut(key),
            Segment::Index(index) => value.get_mut(index),
        });
        match (parent, last) {
            (Some(Value::Object(entries)), Segment::Key(key)) => {
                entries.shift_remove(key);
            }
            (Some(Value::Array(items)), Segment::Index(index)) if *index < items.len() => {
                items.remove(*index);
            }
            // It went with what it lay in.
            _ => {}
        }
    }
    Some(rest)
}
