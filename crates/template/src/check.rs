//! What can be said about a template before its variables are known.

use crate::environment::{Workshop, environment};
use crate::render::LARGEST;
use crate::scan::{Name, Role, names};
use minijinja::{Environment, Error};
use std::collections::BTreeSet;
use std::ops::Range;

/// Something wrong in a template, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateProblem {
    /// The line, from 1.
    pub line: usize,
    /// The bytes of the template that it is about.
    pub range: Range<usize>,
    /// What is wrong.
    pub message: String,
}

/// What a template needs from outside.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// The variables, each with the attributes that follow it, as `parameters.domain`, in order of their names.
    pub variables: BTreeSet<String>,
    /// Whether it writes keys that are derived here, so that its text is a secret.
    pub derives_keys: bool,
}

impl Usage {
    /// Whether the variable is used, whole or in part.
    #[must_use]
    pub fn uses(&self, variable: &str) -> bool {
        self.variables.iter().any(|used| used == variable || used.split('.').next() == Some(variable))
    }
}

/// Finds what is wrong in itself: the syntax, and names of filters, tests and functions that do not exist.
#[must_use]
pub fn check(name: &str, text: &str) -> Vec<TemplateProblem> {
    if text.len() > LARGEST {
        return vec![TemplateProblem { line: 1, range: 0..0, message: "the template is larger than 4 MiB".into() }];
    }
    let mut engine = environment(&Workshop::rehearsal());
    engine.set_debug(true);
    let template = match engine.template_from_named_str(name, text) {
        Ok(template) => template,
        Err(error) => return vec![problem(&error, text)],
    };
    let free = template.undeclared_variables(false);
    let functions: BTreeSet<&str> = engine.globals().map(|(name, _)| name).collect();
    let unknown = |found: &Name<'_>| match found.role {
        Role::Filter => !is_known(&engine, "filter", found.text),
        Role::Test => !is_known(&engine, "test", found.text),
        Role::Function => free.contains(found.text) && !functions.contains(found.text),
        Role::Other => false,
    };
    let found = names(text).into_iter().filter(unknown);
    found
        .map(|found| {
            let what = match found.role {
                Role::Filter => "filter",
                Role::Test => "test",
                _ => "function",
            };
            let message = format!("there is no {what} `{}`", found.text);
            TemplateProblem { line: line_of(text, found.range.start), range: found.range, message }
        })
        .collect()
}

/// The variables that a correct template needs; those of a wrong one are unknown.
#[must_use]
pub fn usage(name: &str, text: &str) -> Usage {
    let engine = environment(&Workshop::rehearsal());
    let Ok(template) = engine.template_from_named_str(name, text) else { return Usage::default() };
    let functions: BTreeSet<&str> = engine.globals().map(|(name, _)| name).collect();
    let names = names(text);
    let is_called = |used: &str| names.iter().any(|name| name.role == Role::Function && name.text == used);
    let variables = template.undeclared_variables(true).into_iter();
    Usage {
        variables: variables.filter(|used| !functions.contains(used.as_str()) && !is_called(used)).collect(),
        derives_keys: is_called("random_key"),
    }
}

/// Where a template first names a variable, as `parameters.domain`.
#[must_use]
pub fn place_of(text: &str, variable: &str) -> Option<(usize, Range<usize>)> {
    let found = names(text).into_iter().find(|name| name.path == variable)?;
    let start = found.range.end - found.path.len();
    Some((line_of(text, start), start..found.range.end))
}

fn is_known(engine: &Environment<'_>, what: &str, name: &str) -> bool {
    let question = format!("name is {what}");
    let answer = engine.compile_expression(&question).and_then(|asked| asked.eval(minijinja::context!(name)));
    answer.is_ok_and(|value| value.is_true())
}

pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    text[..offset.min(text.len())].matches('\n').count() + 1
}

/// The engine's error as a problem. Its detail may hold values; who rendered takes them out.
pub(crate) fn problem(error: &Error, text: &str) -> TemplateProblem {
    let range = error.range().filter(|range| text.get(range.clone()).is_some());
    let line = error.line().or_else(|| range.as_ref().map(|range| line_of(text, range.start))).unwrap_or(1);
    let kind = error.kind();
    let message = match (kind, error.detail()) {
        (minijinja::ErrorKind::InvalidOperation | minijinja::ErrorKind::OutOfFuel, Some(detail)) => detail.to_owned(),
        (minijinja::ErrorKind::OutOfFuel, None) => "the template runs for too long".to_owned(),
        (_, Some(detail)) => format!("{kind}: {detail}"),
        (_, None) => kind.to_string(),
    };
    TemplateProblem { line, range: range.unwrap_or_else(|| line_range(text, line)), message }
}

fn line_range(text: &str, line: usize) -> Range<usize> {
    let start = text.split_inclusive('\n').take(line - 1).map(str::len).sum::<usize>();
    let length = text[start..].find('\n').unwrap_or(text.len() - start);
    start..start + length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_names_are_all_found_with_their_places() {
        let text = "{{ a | lowr }}\n{{ b | lower }}\n{% if c is oddd %}{{ shout() }}{% endif %}\n{{ random_key('x') }}";
        let problems = check("t", text);
        let shown: Vec<_> =
            problems.iter().map(|p| format!("{} {} @{}", p.line, p.message, &text[p.range.clone()])).collect();
        assert_eq!(
            shown,
            [
                "1 there is no filter `lowr` @lowr",
                "3 there is no test `oddd` @oddd",
                "3 there is no function `shout` @shout",
            ]
        );
    }

    #[test]
    fn syntax_has_a_place() {
        let text = "fine\n{{ a b }}\n";
        let problems = check("t", text);
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].line, 2);
        insta::assert_snapshot!(problems[0].message, @"syntax error: unexpected identifier, expected end of variable block");
        assert_eq!(check("t", "{% if x %}").len(), 1);
    }

    #[test]
    fn usage_names_what_is_needed() {
        let text = "{{ parameters.domain }}{% for u in users %}{{ u.name }}{% endfor %}{{ random_key('a') }}";
        let usage = usage("t", text);
        assert_eq!(usage.variables.iter().map(String::as_str).collect::<Vec<_>>(), ["parameters.domain", "users"]);
        assert!(usage.uses("parameters") && usage.uses("users") && !usage.uses("port"));
        assert!(usage.derives_keys);
        assert_eq!(place_of(text, "parameters.domain"), Some((1, 3..20)));
    }
}
