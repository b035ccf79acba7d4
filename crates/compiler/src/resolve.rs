//! From a raw tree to an application: the second stage. Every step goes on as long as it makes
//! sense, so that one run reports everything that is wrong.

use crate::application::{Application, Component, Environment, Probe};
use crate::codes;
use crate::environment;
use crate::guarantee;
use crate::manifest::{EnvironmentDeclaration, ParameterDeclaration, Person, Target};
use crate::nearest::suggest;
use crate::options::Options;
use crate::order::{around, order, shown_members};
use crate::overlay::overlay;
use crate::parameter::{self, ParameterType, ParameterValue, ValueExplanation};
use crate::parse::ParsedManifest;
use crate::people;
use crate::realise::realise_locally;
use crate::recorded_files::RecordedFiles;
use crate::reference::{self, Exports};
use crate::schema::{Definitions, Schemas, head};
use crate::shape::{Shape, shown};
use crate::substitute::{ComponentReferences, INSERTED, Substitution, Uses};
use components::component::{ErasedComponent, Need, ValidComponent};
use components::context::ValidationContext;
use components::probes::{self, ProbeContext, ProbeSpec};
use components::{registry, together};
use indexmap::IndexMap;
use model::process_graph::PortWish;
use model::yaml::Node;
use model::{ComponentName, DeploymentName, Digest, Finding, Findings, ManifestPath, Place, ProcessGraph};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// What became of a manifest.
pub struct Resolution {
    /// The application, when there was no error.
    pub application: Option<Application>,
    /// Which source won for each parameter.
    pub values: Vec<ValueExplanation>,
    /// The manifest's tree with the environment's settings laid over it: where a component's value
    /// was said. For [`model::yaml::SourceMap::overlaid`].
    pub overlaid: Node,
}

/// Understands a manifest for one environment.
#[must_use]
pub fn resolve(parsed: &ParsedManifest, options: &Options<'_>, findings: &mut Findings) -> Resolution {
    let errors = findings.error_count();
    let mut schemas = Schemas::new();
    let mut said = parsed.root().to_json();
    let root = ManifestPath::root();

    check_head(&mut said, &mut schemas, findings);
    let name = name(&said, findings);
    let chosen = environment(parsed.root(), &said, options, &mut schemas, findings);
    let overlaid = overlay(parsed.root(), &options.environment, findings);
    let Parameters { parameters, values, open, is_unset_reported } =
        parameters(parsed.root(), &said, options, &mut schemas, findings);

    let (left, uses) = (INSERTED, Uses::default());
    let mut substitution = Substitution { parameters: &parameters, is_unset_reported, left, uses, findings };
    let mut section = |name: &str, components: ComponentReferences| match overlaid.get(name) {
        Some(node) => substitution.tree(node, &root.key(name), components),
        None => None,
    };
    let components = section("components", ComponentReferences::Kept);
    let probes = section("probes", ComponentReferences::Kept);
    let people = section("people", ComponentReferences::Refused);
    let guarantees = section("guarantees", ComponentReferences::Refused);
    let uses = substitution.uses;

    let people: IndexMap<String, Person> = typed_entries(people, &root.key("people"), &mut schemas, &uses, findings);
    people::check(&people, findings);

    let files = RecordedFiles::new(options.files);
    let stage = ComponentStage {
        is_local: chosen.as_ref().is_none_or(|chosen| chosen.target == Target::Local),
        today: &options.today,
        files: &files,
        parameters: &open,
        uses: &uses,
    };
    let drafts = stage.drafts(components, &mut schemas, findings);
    let valid = drafts.values().filter_map(|draft| Some((draft.name.as_ref()?, draft.valid.as_ref()?)));
    together::check(&valid.collect(), findings);
    let ordered = in_order(&drafts, findings);
    let probes_said = entries(probes);
    check_references(&drafts, &probes_said, findings);
    let probes = stage.probes(probes_said, &drafts, &mut schemas, findings);

    let mut parties: Vec<&str> = drafts.keys().map(String::as_str).collect();
    parties.extend(people.keys().map(String::as_str));
    let guarantees = typed_items(guarantees, &root.key("guarantees"), &mut schemas, &uses, findings);
    guarantee::check(&guarantees, &parties, findings);

    let failed = |values| Resolution { application: None, values, overlaid: overlaid.clone() };
    let (Some(name), Some(environment), Some(order)) = (name, chosen, ordered) else { return failed(values) };
    if findings.error_count() > errors {
        return failed(values);
    }
    let parameters: IndexMap<String, ParameterValue> =
        parameters.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let about = said.get("about").and_then(Value::as_str).map(str::to_owned);
    let components = finish(drafts, &order);
    let said: Vec<(&str, &str, &Value)> =
        components.iter().map(|component| (component.name.as_str(), component.kind, &component.said)).collect();
    let given: IndexMap<&str, &Value> =
        parameters.iter().map(|(name, parameter)| (name.as_str(), &parameter.value)).collect();
    let place = (&environment.name, environment.target, &environment.account, &environment.region);
    let asked: Vec<(&str, &Value)> = probes.iter().map(|probe| (probe.valid.id().as_str(), &probe.said)).collect();
    let digest = Digest::of(&(&name, place, said, given, &people, &guarantees, asked, files.seen()));
    let application =
        Application { name, about, environment, parameters, components, people, guarantees, probes, digest };
    if application.environment.target == Target::Local {
        check_ports(&realise_locally(&application), &overlaid, findings);
    }
    let application = (findings.error_count() == errors).then_some(application);
    Resolution { application, values, overlaid }
}

fn check_head(said: &mut Value, schemas: &mut Schemas, findings: &mut Findings) {
    let schema = head();
    let definitions = schemas.definitions();
    Shape::new(&definitions, &Uses::default(), findings).check(said, &schema, &ManifestPath::root());
}

fn name(said: &Value, findings: &mut Findings) -> Option<DeploymentName> {
    let name = said.get("name")?.as_str()?;
    let valid = DeploymentName::new(name).ok();
    if valid.is_none() {
        let place = Place::Value(ManifestPath::root().key("name"));
        let finding =
            Finding::new(&codes::INVALID_NAME, place, format!("{} is no name of a deployment", shown(&name.into())));
        findings.push(finding.help("start with a lower-case letter and use at most 40 of a-z, 0-9 and '-'"));
    }
    valid
}

fn environment(
    root: &Node,
    said: &Value,
    options: &Options<'_>,
    schemas: &mut Schemas,
    findings: &mut Findings,
) -> Option<Environment> {
    let at = ManifestPath::root().key("environments");
    let declared = root.get("environments").and_then(Node::entries).unwrap_or_default();
    let names: Vec<&str> = declared.iter().map(|entry| entry.key.as_str()).collect();
    let said = entries(said.get("environments").cloned());
    let shaped = shaped_entries::<EnvironmentDeclaration>(said, &at, schemas, &Uses::default(), findings);
    environment::choose(&options.environment, &names, &shaped, findings)
}

type Values = IndexMap<String, Option<ParameterValue>>;

/// What is known of the parameters.
struct Parameters {
    /// The values of all that are declared.
    parameters: Values,
    values: Vec<ValueExplanation>,
    /// The values that templates may see.
    open: Map<String, Value>,
    /// Whether a problem with any of them was reported.
    is_unset_reported: bool,
}

fn parameters(
    root: &Node,
    said: &Value,
    options: &Options<'_>,
    schemas: &mut Schemas,
    findings: &mut Findings,
) -> Parameters {
    let errors = findings.error_count();
    let at = ManifestPath::root().key("parameters");
    let said = entries(said.get("parameters").cloned());
    let shaped = shaped_entries::<ParameterDeclaration>(said, &at, schemas, &Uses::default(), findings);
    let declarations = match root.get("parameters") {
        Some(node) => parameter::declarations(node, &shaped, findings),
        None => parameter::Declarations::new(),
    };
    let given = parameter::candidates(root, &declarations, options, findings);
    let (parameters, values) = parameter::resolve(root, &declarations, &given, findings);
    let is_unset_reported = findings.error_count() > errors;
    let mut open = Map::new();
    for (name, value) in &parameters {
        let declared = declarations.get(name).and_then(Option::as_ref);
        let value = match (value, declared) {
            (_, Some(declared)) if declared.r#type == ParameterType::Secret => continue,
            (Some(value), _) => value.value.clone(),
            (None, Some(declared)) if is_unset_reported => declared.stand_in(),
            (None, _) => Value::Null,
        };
        open.insert(name.clone(), value);
    }
    Parameters { parameters, values, open, is_unset_reported }
}

fn entries(value: Option<Value>) -> Map<String, Value> {
    match value {
        Some(Value::Object(entries)) => entries,
        _ => Map::new(),
    }
}

/// The entries of a section that have the shape of a type.
fn shaped_entries<T: schemars::JsonSchema>(
    entries: Map<String, Value>,
    at: &ManifestPath,
    schemas: &mut Schemas,
    uses: &Uses,
    findings: &mut Findings,
) -> IndexMap<String, Value> {
    if entries.is_empty() {
        return IndexMap::new();
    }
    let schema = schemas.of::<T>();
    let definitions = schemas.definitions();
    let mut shaped = IndexMap::new();
    for (name, mut value) in entries {
        let at = at.key(&name);
        if Shape::new(&definitions, uses, findings).check(&mut value, &schema, &at) && !uses.has_lost(&at) {
            shaped.insert(name, value);
        }
    }
    shaped
}

fn typed_entries<T: schemars::JsonSchema + DeserializeOwned>(
    section: Option<Value>,
    at: &ManifestPath,
    schemas: &mut Schemas,
    uses: &Uses,
    findings: &mut Findings,
) -> IndexMap<String, T> {
    let shaped = shaped_entries::<T>(entries(section), at, schemas, uses, findings);
    let read = |(name, value)| typed(value, &at.key(&name), findings).map(|value| (name, value));
    shaped.into_iter().filter_map(read).collect()
}

fn typed_items<T: schemars::JsonSchema + DeserializeOwned>(
    section: Option<Value>,
    at: &ManifestPath,
    schemas: &mut Schemas,
    uses: &Uses,
    findings: &mut Findings,
) -> Vec<T> {
    let Some(Value::Array(items)) = section else { return Vec::new() };
    let schema = schemas.of::<T>();
    let definitions = schemas.definitions();
    let mut read = Vec::new();
    for (index, mut item) in items.into_iter().enumerate() {
        let at = at.index(index);
        if Shape::new(&definitions, uses, findings).check(&mut item, &schema, &at) && !uses.has_lost(&at) {
            read.extend(typed(item, &at, findings));
        }
    }
    read
}

/// What has the right shape can nearly always be read; the rest is reported at its place.
fn typed<T: DeserializeOwned>(value: Value, at: &ManifestPath, findings: &mut Findings) -> Option<T> {
    match serde_path_to_error::deserialize(value) {
        Ok(value) => Some(value),
        Err(error) => {
            findings.push(unreadable(&error, at));
            None
        }
    }
}

fn unreadable(error: &serde_path_to_error::Error<serde_json::Error>, at: &ManifestPath) -> Finding {
    use serde_path_to_error::Segment;
    let mut at = at.clone();
    for segment in error.path() {
        at = match segment {
            Segment::Seq { index } => at.index(*index),
            Segment::Map { key } => at.key(key),
            Segment::Enum { variant } => at.key(variant),
            Segment::Unknown => break,
        };
    }
    Finding::new(&codes::UNREADABLE_VALUE, Place::Value(at), error.inner().to_string())
}

/// A component on its way: its name is known, the rest as far as it makes sense.
struct Draft {
    at: ManifestPath,
    kind: Option<&'static dyn ErasedComponent>,
    said: Value,
    name: Option<ComponentName>,
    valid: Option<ValidComponent>,
}

/// What checking components needs.
struct ComponentStage<'a> {
    is_local: bool,
    today: &'a str,
    files: &'a RecordedFiles<'a>,
    parameters: &'a Map<String, Value>,
    uses: &'a Uses,
}

impl ComponentStage<'_> {
    fn drafts(&self, said: Option<Value>, schemas: &mut Schemas, findings: &mut Findings) -> IndexMap<String, Draft> {
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
    fn probes(
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
        if let Some((kind, schema)) = kind.and_then(|kind| Some((kind, schemas.get(kind.kind())?))) {
            let mut shape = Shape::new(definitions, self.uses, findings);
            let fits = shape.check(&mut said, schema, at) && !self.uses.has_lost(at);
            if let Some(name) = valid_name.as_ref().filter(|_| fits) {
                valid = self.validate(kind, name, said.clone(), at, findings);
            }
        }
        Draft { at: at.clone(), kind, said, name: valid_name, valid }
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
        let cx = ValidationContext { name, at, files, parameters, is_local, today };
        match kind.validate(said, &cx, findings) {
            Ok(valid) => valid,
            Err(error) => {
                findings.push(unreadable(&error, at));
                None
            }
        }
    }
}

fn check_references(drafts: &IndexMap<String, Draft>, probes: &Map<String, Value>, findings: &mut Findings) {
    let exports: Exports =
        drafts.iter().map(|(name, draft)| (name.clone(), draft.valid.as_ref().map(ValidComponent::exports))).collect();
    for (name, draft) in drafts {
        reference::check(&draft.said, &draft.at, Some(name), &exports, findings);
    }
    let at = ManifestPath::root().key("probes");
    for (name, probe) in probes {
        reference::check(probe, &at.key(name), None, &exports, findings);
    }
}

/// Checks what components need of each other; returns them in order when nothing is wrong.
fn in_order(drafts: &IndexMap<String, Draft>, findings: &mut Findings) -> Option<Vec<String>> {
    let errors = findings.error_count();
    let mut edges: IndexMap<&str, Vec<(String, ManifestPath)>> = IndexMap::new();
    for (name, draft) in drafts {
        let mut needs = Vec::new();
        for need in draft.valid.iter().flat_map(ValidComponent::requires) {
            check_need(&need, drafts, findings);
            needs.push((need.component.to_string(), need.at));
        }
        for other in reference::components(&draft.said) {
            if needs.iter().all(|(known, _)| *known != other) {
                needs.push((other, draft.at.clone()));
            }
        }
        edges.insert(name, needs);
    }
    let names: Vec<String> = drafts.keys().cloned().collect();
    let (order, circles) = order(&names, |name| {
        let needs = edges.get(name).into_iter().flatten();
        needs.filter(|(other, _)| drafts.contains_key(other)).map(|(other, _)| other.clone()).collect()
    });
    for circle in circles {
        findings.push(circle_finding(&circle, &edges));
    }
    (findings.error_count() == errors).then_some(order)
}

fn check_need(need: &Need, drafts: &IndexMap<String, Draft>, findings: &mut Findings) {
    let place = Place::Value(need.at.clone());
    let Some(found) = drafts.get(need.component.as_str()) else {
        let names: Vec<&str> = drafts.keys().map(String::as_str).collect();
        let summary = format!("there is no component `{}`", need.component);
        let mut finding = Finding::new(&codes::UNKNOWN_NEED, place, summary);
        finding.help = suggest(need.component.as_str(), &names, "component");
        findings.push(finding);
        return;
    };
    if let Some(kind) = found.kind.filter(|kind| !need.kinds.is_empty() && !need.kinds.contains(&kind.kind())) {
        let summary =
            format!("`{}` is a {}, but a {} is needed here", need.component, kind.kind(), need.kinds.join(" or "));
        let related = Place::Key(found.at.clone());
        findings.push(Finding::new(&codes::WRONG_NEED, place, summary).related(related, "declared here"));
    }
}

fn circle_finding(circle: &[String], edges: &IndexMap<&str, Vec<(String, ManifestPath)>>) -> Finding {
    let next = |index: usize| &circle[(index + 1) % circle.len()];
    let place = |index: usize| {
        let needs = edges.get(circle[index].as_str()).into_iter().flatten();
        needs.filter(|(other, _)| other == next(index)).map(|(_, at)| Place::Value(at.clone())).next()
    };
    let summary = format!("components need each other in a circle: {}", around(circle));
    let first = place(0).unwrap_or_else(|| Place::Key(ManifestPath::root().key("components").key(&circle[0])));
    let mut finding =
        Finding::new(&codes::COMPONENT_CYCLE, first, summary).help("take one of these needs or references out");
    for (index, name) in shown_members(circle) {
        if let Some(place) = place(index) {
            finding = finding.related(place, format!("`{name}` needs `{}` here", next(index)));
        }
    }
    finding
}

fn finish(mut drafts: IndexMap<String, Draft>, order: &[String]) -> Vec<Component> {
    let mut components = Vec::new();
    for name in order {
        let Some(Draft { at, kind: Some(kind), said, name: Some(name), valid: Some(valid) }) = drafts.swap_remove(name)
        else {
            continue;
        };
        components.push(Component { name, kind: kind.kind(), at, said, valid });
    }
    components
}

/// Two components cannot have the same number. Numbers that nobody said are only wishes and give way.
fn check_ports(graph: &ProcessGraph, root: &Node, findings: &mut Findings) {
    let mut wanted: IndexMap<u16, &ManifestPath> = IndexMap::new();
    for request in graph.ports.values() {
        let number = match request.wish {
            PortWish::Exactly(number) => number,
            PortWish::Preferably(number) if root.at(&request.origin).is_some_and(|(_, node)| node.text().is_some()) => {
                number
            }
            PortWish::Preferably(_) | PortWish::Any => continue,
        };
        if let Some(first) = wanted.get(&number) {
            let summary = format!("the port {number} is wanted twice");
            let finding = Finding::new(&codes::PORT_CLASH, Place::Value(request.origin.clone()), summary)
                .related(Place::Value((*first).clone()), "wanted here first")
                .help("change one of the numbers, or leave it out to get a free one");
            findings.push(finding);
        } else {
            wanted.insert(number, &request.origin);
        }
    }
}
