//! What the manifest declares under `parameters`, checked as far as it can be without any value.

use super::types::ParameterType;
use crate::codes;
use crate::manifest::ParameterDeclaration;
use crate::nearest::{list, nearest, suggest};
use indexmap::IndexMap;
use model::yaml::Node;
use model::{ComponentName, Finding, FindingCode, Findings, ManifestPath, Place};
use regex_lite::Regex;
use serde_json::Value;

/// A parameter whose declaration makes sense.
pub(crate) struct Declared {
    pub(crate) r#type: ParameterType,
    pub(crate) at: ManifestPath,
    pub(crate) about: Option<String>,
    pub(crate) one_of: Option<Vec<Value>>,
    pub(crate) pattern: Option<Regex>,
    pub(crate) least: Option<i128>,
    pub(crate) most: Option<i128>,
    pub(crate) required_when: Option<IndexMap<String, Value>>,
    pub(crate) forbidden_when: Option<IndexMap<String, Value>>,
    pub(crate) locked: bool,
    pub(crate) deprecated: Option<String>,
}

impl Declared {
    /// A value that stands for one that could not be read, so that what uses it can be checked all
    /// the same.
    pub(crate) fn stand_in(&self) -> Value {
        match (&self.r#type, self.one_of.as_deref()) {
            (ParameterType::List(_), Some([first, ..])) => Value::Array(vec![first.clone()]),
            (_, Some([first, ..])) => first.clone(),
            (r#type, _) => r#type.sample(),
        }
    }
}

/// All declared parameters; one whose declaration is wrong is `None`, so that its name is known.
pub(crate) type Declarations = IndexMap<String, Option<Declared>>;

/// Reads `parameters`. The shape of each was checked before: `shaped` holds those that fit.
pub(crate) fn declarations(node: &Node, shaped: &IndexMap<String, Value>, findings: &mut Findings) -> Declarations {
    let all = ManifestPath::root().key("parameters");
    let mut declarations = Declarations::new();
    for entry in node.entries().unwrap_or_default() {
        let at = all.key(&entry.key);
        if ComponentName::new(entry.key.clone()).is_err() {
            let summary = format!("`{}` is no name of a parameter", entry.key);
            let help = "start with a lower-case letter and use at most 40 of a-z, 0-9 and '-'";
            findings.push(Finding::new(&codes::INVALID_PARAMETER_NAME, Place::Key(at.clone()), summary).help(help));
        }
        let declaration = shaped.get(&entry.key).cloned().map(serde_json::from_value::<ParameterDeclaration>);
        let declared = match declaration {
            Some(Ok(declaration)) => declared(declaration, &at, findings),
            Some(Err(error)) => {
                let place = Place::Value(at.clone());
                findings.push(Finding::new(&codes::UNREADABLE_VALUE, place, format!("cannot be read: {error}")));
                None
            }
            None => None,
        };
        declarations.insert(entry.key.clone(), declared);
    }
    check_conditions(&declarations, findings);
    declarations
}

fn declared(said: ParameterDeclaration, at: &ManifestPath, findings: &mut Findings) -> Option<Declared> {
    let Some(r#type) = ParameterType::parse(&said.r#type) else {
        let names = ParameterType::all_names();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let help = match nearest(&said.r#type, names.iter().copied()) {
            _ if said.r#type == "list" => "say of what: `list<string>`".to_owned(),
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => format!("possible: {}", list(&names)),
        };
        let place = Place::Value(at.key("type"));
        findings
            .push(Finding::new(&codes::UNKNOWN_TYPE, place, format!("there is no type `{}`", said.r#type)).help(help));
        return None;
    };
    let mut report = |code: &'static FindingCode, key: &str, summary: String, help: String| {
        findings.push(Finding::new(code, Place::Value(at.key(key)), summary).help(help));
    };
    let mut bound = |key: &str, value: Option<&Value>| match r#type.bound(value?) {
        Ok(bound) => Some(bound),
        Err(help) => {
            report(&codes::UNFIT_RULE, key, format!("`{key}` does not fit the type {type}"), help);
            None
        }
    };
    let mut least = bound("min", said.min.as_ref());
    let mut most = bound("max", said.max.as_ref());
    if let (Some(low), Some(high)) = (least, most)
        && low > high
    {
        report(&codes::UNFIT_RULE, "min", "`min` is above `max`: no value fits".into(), "exchange them".into());
        (least, most) = (None, None);
    }
    let pattern = said.pattern.as_ref().and_then(|pattern| match (r#type.item(), Regex::new(pattern)) {
        (ParameterType::Int | ParameterType::Bool | ParameterType::Port | ParameterType::Secret, _) => {
            let summary = format!("`pattern` does not fit the type {type}");
            report(
                &codes::UNFIT_RULE,
                "pattern",
                summary,
                "patterns hold for texts; use `one-of`, `min` or `max`".into(),
            );
            None
        }
        (_, Err(error)) => {
            let help = format!("write a regular expression: {error}");
            report(&codes::UNFIT_RULE, "pattern", "the pattern cannot be read".into(), help);
            None
        }
        (_, Ok(pattern)) => Some(pattern),
    });
    let one_of = said.one_of.map(|values| {
        let values = values.iter().enumerate();
        let read = values.filter_map(|(index, value)| match r#type.item().read(value) {
            Ok(value) => Some(value),
            Err(help) => {
                let summary = format!("`one-of` has {value}, which is not {}", r#type.item().noun());
                let place = Place::Value(at.key("one-of").index(index));
                findings.push(Finding::new(&codes::UNFIT_RULE, place, summary).help(help));
                None
            }
        });
        read.collect()
    });
    if said.locked && said.default.is_none() {
        let summary = "a locked parameter has no value".to_owned();
        let finding = Finding::new(&codes::UNFIT_RULE, Place::Value(at.key("locked")), summary);
        findings.push(finding.help("add a `default`, since nobody may give one"));
    }
    let (required_when, forbidden_when) = (said.required_when, said.forbidden_when);
    Some(Declared {
        r#type,
        at: at.clone(),
        about: said.about,
        one_of,
        pattern,
        least,
        most,
        required_when,
        forbidden_when,
        locked: said.locked,
        deprecated: said.deprecated,
    })
}

/// Conditions name parameters that exist and values that these can have.
fn check_conditions(declarations: &Declarations, findings: &mut Findings) {
    let names: Vec<&str> = declarations.keys().map(String::as_str).collect();
    for (own, declared) in declarations.iter().filter_map(|(own, declared)| Some((own, declared.as_ref()?))) {
        let conditions = [("required-when", &declared.required_when), ("forbidden-when", &declared.forbidden_when)];
        for (key, condition) in conditions.iter().filter_map(|(key, condition)| Some((*key, condition.as_ref()?))) {
            for (name, wanted) in condition {
                let at = declared.at.key(key).key(name);
                let other = declarations.get(name);
                if other.is_none() || name == own {
                    let summary = if name == own {
                        "the condition names the parameter itself".to_owned()
                    } else {
                        format!("there is no parameter `{name}`")
                    };
                    let mut finding = Finding::new(&codes::UNCLEAR_CONDITION, Place::Key(at), summary);
                    finding.help = suggest(name, &names, "parameter").filter(|_| name != own);
                    findings.push(finding);
                } else if let Some(Some(other)) = other {
                    for value in wanted_values(wanted) {
                        if let Err(help) = other.r#type.item().read(value) {
                            let summary = format!("`{name}` can never be {value}");
                            let place = Place::Value(at.clone());
                            findings.push(Finding::new(&codes::UNCLEAR_CONDITION, place, summary).help(help));
                        }
                    }
                }
            }
        }
    }
}

/// A condition's value or values.
pub(super) fn wanted_values(wanted: &Value) -> &[Value] {
    match wanted {
        Value::Array(values) => values,
        single => std::slice::from_ref(single),
    }
}
