//! From a raw tree to an application: the second stage. Every step goes on as long as it makes
//! sense, so that one run reports everything that is wrong.

use crate::application::{Application, Environment};
use crate::codes;
use crate::component_stage::ComponentStage;
use crate::environment;
use crate::guarantee;
use crate::manifest::{EnvironmentDeclaration, ParameterDeclaration, Person, Target};
use crate::options::Options;
use crate::overlay::overlay;
use crate::parameter::{self, ParameterType, ParameterValue, ValueExplanation};
use crate::parse::ParsedManifest;
use crate::people;
use crate::realise::realise_locally;
use crate::recorded_files::RecordedFiles;
use crate::relations::{check_ports, check_references, finish, in_order};
use crate::schema::{Schemas, head};
use crate::section::{entries, shaped_entries, typed_entries, typed_items};
use crate::shape::{Shape, shown};
use crate::substitute::{ComponentReferences, INSERTED, Substitution, Uses};
use components::together;
use indexmap::IndexMap;
use model::yaml::Node;
use model::{DeploymentName, Digest, Finding, Findings, ManifestPath, Place, Rotations};
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
        people: &people,
        uses: &uses,
    };
    let drafts = stage.drafts(components, &mut schemas, findings);
    let valid = drafts.values().filter_map(|draft| Some((draft.name.as_ref()?, draft.valid.as_ref()?)));
    together::check(&valid.collect(), &people, findings);
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
        check_ports(&realise_locally(&application, &Rotations::default()), &overlaid, findings);
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
