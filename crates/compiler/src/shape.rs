//! Whether what was said has the shape that a schema asks for. Reports everything that is wrong,
//! in the order of the file, where serde would stop at the first problem.

mod keywords;
mod words;

pub(crate) use words::{in_quotes, shown};

use crate::codes;
use crate::nearest::{list, nearest, suggest};
use crate::schema::Definitions;
use crate::substitute::Uses;
use keywords::{branch_has_type, branch_types, chosen_by_key, has_type, only_key, types, words};
use model::scalar::FORMATS;
use model::{Finding, FindingCode, Findings, ManifestPath, Place};
use serde_json::{Map, Value};
use words::{format_noun, is_old_boolean, last, owner, said, type_nouns};

/// Checks values against schemas.
pub(crate) struct Shape<'a> {
    definitions: &'a Definitions,
    uses: &'a Uses,
    findings: &'a mut Findings,
}

impl<'a> Shape<'a> {
    /// `definitions` are what the schemas refer to, `uses` tells which values come from parameters.
    pub(crate) fn new(definitions: &'a Definitions, uses: &'a Uses, findings: &'a mut Findings) -> Self {
        Self { definitions, uses, findings }
    }

    /// Checks a value and removes the `x-` keys of its mappings. Returns whether it fits.
    pub(crate) fn check(&mut self, value: &mut Value, schema: &Value, path: &ManifestPath) -> bool {
        let errors = self.findings.error_count();
        self.value(value, schema, path);
        self.findings.error_count() == errors
    }

    fn value(&mut self, value: &mut Value, schema: &Value, path: &ManifestPath) {
        let definitions = self.definitions;
        let schema = definitions.follow(schema);
        let Some(keywords) = schema.as_object() else { return };
        if keywords.keys().all(|keyword| matches!(keyword.as_str(), "description" | "title" | "default")) {
            return;
        }
        if value.is_null() {
            let summary = format!("`{}` has no value", last(path));
            self.report(&codes::NOTHING_SAID, path, summary, Some("give a value or remove the key".into()));
            return;
        }
        if let Some(words) = words(keywords, definitions) {
            self.word(value, &words, &[], path);
            return;
        }
        for branches in ["anyOf", "oneOf"].iter().filter_map(|keyword| keywords.get(*keyword)?.as_array()) {
            self.branches(value, branches, path);
        }
        for branch in keywords.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            self.value(value, branch, path);
        }
        let types = types(keywords);
        if !types.is_empty() && !types.iter().any(|name| has_type(value, name)) {
            self.wrong_type(value, &types, keywords, path);
            return;
        }
        match value {
            Value::Object(entries) => self.mapping(entries, keywords, path),
            Value::Array(items) => self.list(items, keywords, path),
            Value::String(text) => self.text(text, keywords, path),
            Value::Number(number) => self.number(number.as_f64().unwrap_or_default(), keywords, path),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn mapping(&mut self, entries: &mut Map<String, Value>, keywords: &Map<String, Value>, path: &ManifestPath) {
        let no_properties = Map::new();
        let properties = keywords.get("properties").and_then(Value::as_object).unwrap_or(&no_properties);
        let additional = keywords.get("additionalProperties");
        let is_closed = additional == Some(&Value::Bool(false))
            || keywords.get("unevaluatedProperties") == Some(&Value::Bool(false));
        if is_closed {
            entries.retain(|key, _| !key.starts_with("x-") || properties.contains_key(key));
        }
        let names: Vec<&str> = properties.keys().map(String::as_str).collect();
        for (key, value) in entries.iter_mut() {
            let below = path.key(key);
            if let Some(schema) = properties.get(key) {
                self.value(value, schema, &below);
            } else if is_closed {
                let summary = format!("`{key}` is not known here");
                let finding = Finding::new(&codes::UNKNOWN_KEY, Place::Key(below), summary);
                let help = suggest(key, &names, "key").unwrap_or_else(|| "no key is known here".into());
                self.findings.push(finding.help(help));
            } else if let Some(schema) = additional {
                self.value(value, schema, &below);
            }
        }
        for name in keywords.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            // An unknown key that is nearly this one is reported already, and says so.
            let is_misspelt = entries
                .keys()
                .any(|key| !properties.contains_key(key) && nearest(key, names.iter().copied()) == Some(name));
            if !entries.contains_key(name) && !is_misspelt && !self.uses.is_lost(&path.key(name)) {
                let help = match properties.get(name).and_then(|schema| self.about(schema)) {
                    Some(about) => format!("add `{name}:` ({about})"),
                    None => format!("add `{name}:`"),
                };
                let finding = Finding::new(
                    &codes::MISSING_KEY,
                    Place::Key(path.clone()),
                    format!("{} needs the key `{name}`", owner(path)),
                );
                self.findings.push(finding.help(help));
            }
        }
        self.length(entries.len(), "keys", ("minProperties", "maxProperties"), keywords, path);
    }

    /// The first sentence of a schema's description, when it is short enough for a help text.
    fn about(&self, schema: &Value) -> Option<String> {
        let about =
            schema.get("description").or_else(|| self.definitions.follow(schema).get("description"))?.as_str()?;
        let sentence = about.split_once("\n\n").map_or(about, |(first, _)| first).replace('\n', " ");
        let sentence = sentence.split_once(". ").map_or(sentence.as_str(), |(first, _)| first);
        Some(sentence.trim_end_matches('.').to_owned()).filter(|sentence| sentence.len() <= 160)
    }

    fn list(&mut self, items: &mut [Value], keywords: &Map<String, Value>, path: &ManifestPath) {
        if let Some(schema) = keywords.get("items") {
            for (index, item) in items.iter_mut().enumerate() {
                self.value(item, schema, &path.index(index));
            }
        }
        self.length(items.len(), "items", ("minItems", "maxItems"), keywords, path);
        if keywords.get("uniqueItems") == Some(&Value::Bool(true)) {
            for (index, item) in items.iter().enumerate() {
                if items[..index].contains(item) {
                    self.report(
                        &codes::UNREADABLE_VALUE,
                        &path.index(index),
                        format!("{} stands twice in this list", shown(item)),
                        Some("remove one of them".into()),
                    );
                }
            }
        }
    }

    fn text(&mut self, text: &str, keywords: &Map<String, Value>, path: &ManifestPath) {
        let format = keywords.get("format").and_then(Value::as_str);
        if let Some(format) = FORMATS.iter().find(|known| Some(known.name) == format)
            && let Err(why) = (format.check)(text)
        {
            let summary = format!("{} is no {}", shown(&text.into()), format_noun(format.name));
            self.report(
                &codes::INVALID_FORMAT,
                path,
                summary,
                Some(format!("{why}; for example `{}`", format.example)),
            );
        }
        if let Some(pattern) = keywords.get("pattern").and_then(Value::as_str)
            && regex_lite::Regex::new(pattern).is_ok_and(|pattern| !pattern.is_match(text))
        {
            let summary = format!("{} has not the expected form", shown(&text.into()));
            let about = keywords.get("description").and_then(Value::as_str).and_then(|about| about.split(". ").next());
            let help = match about {
                Some(about) => format!("{}; it must match the pattern `{pattern}`", about.trim_end_matches('.')),
                None => format!("it must match the pattern `{pattern}`"),
            };
            self.report(&codes::UNMATCHED_PATTERN, path, summary, Some(help));
        }
        self.length(text.chars().count(), "characters", ("minLength", "maxLength"), keywords, path);
    }

    fn number(&mut self, number: f64, keywords: &Map<String, Value>, path: &ManifestPath) {
        let bound = |keyword: &str| keywords.get(keyword).and_then(Value::as_f64);
        let (least, most) = (bound("minimum"), bound("maximum"));
        let fits = least.is_none_or(|least| number >= least)
            && most.is_none_or(|most| number <= most)
            && bound("exclusiveMinimum").is_none_or(|least| number > least)
            && bound("exclusiveMaximum").is_none_or(|most| number < most);
        if !fits {
            let help = match (least, most) {
                (Some(least), Some(most)) => format!("give a number from {least} to {most}"),
                (Some(least), None) => format!("give a number of at least {least}"),
                (None, Some(most)) => format!("give a number of at most {most}"),
                (None, None) => "give a number inside of the range".into(),
            };
            self.report(&codes::OUT_OF_RANGE, path, format!("{number} is out of range"), Some(help));
        }
    }

    fn length(
        &mut self,
        length: usize,
        what: &str,
        (least, most): (&str, &str),
        keywords: &Map<String, Value>,
        path: &ManifestPath,
    ) {
        let bound = |keyword: &str| keywords.get(keyword).and_then(Value::as_u64);
        if let Some(least) = bound(least).filter(|least| (length as u64) < *least) {
            let summary = format!("`{}` has {length} {what}; it needs at least {least}", last(path));
            self.report(&codes::OUT_OF_RANGE, path, summary, None);
        }
        if let Some(most) = bound(most).filter(|most| (length as u64) > *most) {
            let summary = format!("`{}` has {length} {what}; it may have at most {most}", last(path));
            self.report(&codes::OUT_OF_RANGE, path, summary, None);
        }
    }

    /// `types` are what is possible besides these words.
    fn word(&mut self, value: &Value, words: &[&Value], types: &[&str], path: &ManifestPath) {
        if words.contains(&value) {
            return;
        }
        let texts: Vec<String> =
            words.iter().map(|word| word.as_str().map_or_else(|| word.to_string(), str::to_owned)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let said = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let quoted = value.as_str().is_none() && texts.contains(&said.as_str());
        let help = match nearest(&said, texts.iter().copied()) {
            _ if types.contains(&"integer") && said.parse::<i64>().is_ok() => {
                format!("write it without quotes: {said}")
            }
            _ if quoted => format!("put it in quotes: \"{said}\""),
            nearest => {
                let guess = nearest.map(|nearest| format!("did you mean `{nearest}`? ")).unwrap_or_default();
                let others = if types.is_empty() { String::new() } else { format!(", or {}", type_nouns(types)) };
                let possible = if nearest.is_some() { "Possible" } else { "possible" };
                format!("{guess}{possible} here: {}{others}", list(&texts))
            }
        };
        self.report(
            &codes::UNKNOWN_WORD,
            path,
            format!("{} is not possible for `{}`", shown(value), last(path)),
            Some(help),
        );
    }

    /// One of several shapes: the one that was meant is checked in depth.
    fn branches(&mut self, value: &mut Value, branches: &[Value], path: &ManifestPath) {
        let definitions = self.definitions;
        let branches: Vec<&Value> = branches.iter().map(|branch| definitions.follow(branch)).collect();
        let fitting: Vec<&Value> =
            branches.iter().copied().filter(|branch| branch_has_type(value, branch, definitions)).collect();
        match fitting.as_slice() {
            [] => {
                let all: Vec<&str> = branches
                    .iter()
                    .filter_map(|branch| branch.as_object())
                    .flat_map(|branch| branch_types(branch, definitions))
                    .collect();
                self.wrong_type(value, &all, &Map::new(), path);
            }
            [only] => match only.as_object().and_then(|keywords| words(keywords, definitions)) {
                Some(words) if !words.contains(&&*value) => {
                    let others =
                        branches.iter().filter(|branch| branch != &only).filter_map(|branch| branch.as_object());
                    let types: Vec<&str> = others.flat_map(|branch| branch_types(branch, definitions)).collect();
                    self.word(value, &words, &types, path);
                }
                _ => self.value(value, only, path),
            },
            several => {
                if let Some(good) = several.iter().find(|branch| self.fits(value, branch)) {
                    self.value(value, good, path);
                } else if let Some(chosen) = chosen_by_key(value, several) {
                    self.value(value, chosen, path);
                } else {
                    self.no_branch(value, several, path);
                }
            }
        }
    }

    fn fits(&self, value: &Value, schema: &Value) -> bool {
        let mut findings = Findings::new();
        Shape::new(self.definitions, self.uses, &mut findings).check(&mut value.clone(), schema, &ManifestPath::root())
    }

    fn no_branch(&mut self, value: &mut Value, branches: &[&Value], path: &ManifestPath) {
        let keys: Vec<&str> = branches.iter().filter_map(|branch| only_key(branch)).collect();
        if let (Value::Object(entries), false) = (&*value, keys.is_empty()) {
            let unknown = entries.keys().find(|key| !key.starts_with("x-"));
            let (place, summary) = match unknown {
                Some(key) => (Place::Key(path.key(key)), format!("`{key}` is not known here")),
                None => (Place::Value(path.clone()), format!("`{}` does not say which one is meant", last(path))),
            };
            let help = match unknown.and_then(|key| nearest(key, keys.iter().copied())) {
                Some(nearest) => format!("did you mean `{nearest}`? One of these is needed: {}", list(&keys)),
                None => format!("one of these is needed: {}", list(&keys)),
            };
            self.findings.push(Finding::new(&codes::UNKNOWN_KEY, place, summary).help(help));
        } else if let Some(first) = branches.first() {
            // None fits: the first one's reasons are as good as any.
            self.value(value, first, path);
        }
    }

    fn wrong_type(&mut self, value: &Value, types: &[&str], keywords: &Map<String, Value>, path: &ManifestPath) {
        let format = keywords
            .get("format")
            .and_then(Value::as_str)
            .filter(|format| FORMATS.iter().any(|known| known.name == *format));
        let wanted = match format {
            Some(format) => format!("a {}", format_noun(format)),
            None => type_nouns(types),
        };
        let example =
            format.and_then(|format| FORMATS.iter().find(|known| known.name == format)).map(|format| format.example);
        let help = match value {
            Value::Number(number) if format == Some("duration") => {
                Some(format!("give it a unit: `{number}s`, `{number}m`"))
            }
            Value::Number(number) if format == Some("size") => {
                Some(format!("give it a unit: `{number}B`, `{number}MiB`"))
            }
            Value::Number(_) if example.is_some() => example.map(|example| format!("write it as `{example}`")),
            Value::Number(_) | Value::Bool(_) if types.contains(&"string") => Some(in_quotes(value)),
            Value::String(text) if types.contains(&"boolean") && is_old_boolean(text).is_some() => {
                is_old_boolean(text).map(|value| format!("write `{value}`: YAML 1.2 reads `{text}` as a text"))
            }
            Value::String(text)
                if types.iter().any(|name| matches!(*name, "integer" | "number")) && text.parse::<f64>().is_ok() =>
            {
                let plain = text.trim_start_matches('0');
                Some(format!(
                    "write it without quotes and leading zeros: {}",
                    if plain.is_empty() { "0" } else { plain }
                ))
            }
            Value::Array(_) if self.uses.is_item_from_list(path) => {
                Some("the parameter is a list already: write it without brackets".into())
            }
            Value::String(_) | Value::Number(_) if types == ["array"] => Some("put it in brackets: [ ... ]".into()),
            Value::Object(_) | Value::Null => None,
            _ if types == ["object"] => keywords.get("properties").and_then(Value::as_object).map(|properties| {
                let names: Vec<&str> = properties.keys().map(String::as_str).collect();
                format!("write a mapping of the keys {}", list(&names))
            }),
            _ => None,
        };
        let summary = format!("`{}` must be {wanted}, but {}", last(path), said(value));
        self.report(&codes::WRONG_TYPE, path, summary, help);
    }

    fn report(&mut self, code: &'static FindingCode, path: &ManifestPath, summary: String, help: Option<String>) {
        let mut finding = Finding::new(code, Place::Value(path.clone()), summary);
        finding.help = help;
        if let Some((parameter, place)) = self.uses.of(path) {
            finding =
                finding.related(place.clone(), format!("the value of the parameter `{parameter}` comes from here"));
        }
        self.findings.push(finding);
    }
}
