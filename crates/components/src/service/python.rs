//! Checks of a service's Python environment.

use super::codes::{SVC002, SVC003, SVC004, SVC005, SVC017};
use super::schema::PythonSpec;
use crate::context::ValidationContext;
use crate::path_rules;
use crate::said::report;
use model::process_graph::PythonEnvironmentSpec;
use model::{Findings, ManifestPath};
use regex_lite::Regex;
use std::collections::BTreeMap;

/// Checks a Python environment. Reports everything that is wrong.
pub(super) fn validate(
    spec: PythonSpec,
    cx: &ValidationContext<'_>,
    findings: &mut Findings,
) -> Option<PythonEnvironmentSpec> {
    let at = cx.at.key("python");
    let before = findings.error_count();
    if let Some(minimum) = &spec.minimum
        && !is_version(minimum)
    {
        let summary = format!("`{minimum}` is no version of Python 3");
        report(findings, &SVC004, &at.key("minimum"), summary, "write it in quotes, as `minimum: \"3.10\"`");
    }
    let constraints = spec.constraints.and_then(|path| constraints(&path, &at.key("constraints"), cx, findings));
    let said = spec.packages.iter().enumerate().map(|(index, package)| (at.key("packages").index(index), package));
    let extra = spec.extra.iter().enumerate().map(|(index, package)| (at.key("extra").index(index), package));
    let pins = constraints.as_deref().map(pinned_names).unwrap_or_default();
    let mut seen: BTreeMap<String, ManifestPath> = BTreeMap::new();
    for (place, package) in said.chain(extra) {
        requirement(package, &place, &pins, &mut seen, findings);
    }
    for (index, module) in spec.imports.iter().enumerate() {
        if !module.split('.').all(is_identifier) {
            let place = at.key("imports").index(index);
            report(
                findings,
                &SVC017,
                &place,
                format!("`{module}` is no module"),
                "write it as `import` does, as `tabpy`",
            );
        }
    }
    let packages = spec.packages.into_iter().chain(spec.extra).map(|package| package.trim().to_owned()).collect();
    let environment =
        PythonEnvironmentSpec { minimum_python: spec.minimum, packages, constraints, imports: spec.imports };
    (findings.error_count() == before).then_some(environment)
}

fn is_version(text: &str) -> bool {
    let mut parts = text.split('.');
    let number = |part: &str| !part.is_empty() && part.len() <= 3 && part.bytes().all(|byte| byte.is_ascii_digit());
    parts.next() == Some("3") && (1..=2).contains(&parts.clone().count()) && parts.all(number)
}

fn is_identifier(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|c| c.is_alphabetic() || c == '_') && letters.all(|c| c.is_alphanumeric() || c == '_')
}

fn constraints(path: &str, at: &ManifestPath, cx: &ValidationContext<'_>, findings: &mut Findings) -> Option<String> {
    if let Err(why) = path_rules::below(path) {
        report(findings, &SVC005, at, format!("the path `{path}` {why}"), "write it relative to the manifest");
        return None;
    }
    match cx.files.text(path) {
        Ok(text) => Some(text),
        Err(why) => {
            report(findings, &SVC005, at, format!("{path}: {why}"), "make the file, or remove `constraints`");
            None
        }
    }
}

/// The names that lines like `name==1.2 ; marker` pin, in normal form.
fn pinned_names(constraints: &str) -> Vec<String> {
    let lines = constraints.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once("==")).map(|(name, _)| normal_name(name.trim())).collect()
}

/// PEP 503: case and the choice of `-`, `_`, `.` do not matter.
fn normal_name(name: &str) -> String {
    let bare = name.split('[').next().unwrap_or_default().trim();
    bare.to_ascii_lowercase().replace(['_', '.'], "-")
}

fn requirement(
    said: &str,
    at: &ManifestPath,
    pins: &[String],
    seen: &mut BTreeMap<String, ManifestPath>,
    findings: &mut Findings,
) {
    const NAME: &str = r"^([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(\[[A-Za-z0-9._,\s-]+\])?\s*(.*)$";
    const CLAUSES: &str = r"^(?:(?:~=|===?|!=|<=?|>=?)\s*[A-Za-z0-9.*+!_-]+\s*(?:,\s*)?)*$";
    let said = said.trim();
    let help = "write `name==version`, as `pandas==2.3.3`";
    let parts = Regex::new(NAME).ok().and_then(|pattern| {
        let found = pattern.captures(said)?;
        Some((found.get(1)?.as_str().to_owned(), found.get(3)?.as_str().to_owned()))
    });
    let Some((name, rest)) = parts else {
        report(findings, &SVC002, at, format!("`{said}` is no requirement"), help);
        return;
    };
    let (clauses, _marker) = rest.split_once(';').unwrap_or((&rest, ""));
    let clauses = clauses.trim();
    let from_url = clauses.strip_prefix('@').map(str::trim);
    let readable = match from_url {
        Some(url) => url.starts_with("https://") && !url.contains(char::is_whitespace),
        None => Regex::new(CLAUSES).is_ok_and(|pattern| pattern.is_match(clauses)) && !clauses.ends_with(','),
    };
    if !readable || said.contains(['\n', '\r']) {
        report(findings, &SVC002, at, format!("`{said}` is no requirement"), help);
        return;
    }
    let normal = normal_name(&name);
    if let Some(first) = seen.get(&normal) {
        let finding =
            model::Finding::new(&SVC002, model::Place::Value(at.clone()), format!("{name} is required twice"));
        findings.push(finding.help("keep one of them").related(model::Place::Value(first.clone()), "first here"));
        return;
    }
    seen.insert(normal.clone(), at.clone());
    let exact = clauses.starts_with("==") && !clauses.contains('*');
    if !exact && from_url.is_none() && !pins.contains(&normal) {
        report(findings, &SVC003, at, format!("{name} has no exact version"), help);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(said: &str) -> Vec<String> {
        let mut findings = Findings::new();
        requirement(said, &ManifestPath::root(), &["scipy".into()], &mut BTreeMap::new(), &mut findings);
        findings.into_iter().map(|finding| format!("{} {}", finding.code.code, finding.summary)).collect()
    }

    #[test]
    fn requirements_are_read_as_pip_does() {
        for good in
            ["tabpy==2.16.0", "a[b,c]==1.0", "x===1", "SciPy", "p @ https://e.org/p.whl", "a==1;python_version<'4'"]
        {
            assert_eq!(problems(good), Vec::<String>::new(), "{good}");
        }
        for floating in ["pandas", "pandas>=2,<3", "pandas==2.*", "pandas~=2.0"] {
            assert!(problems(floating)[0].starts_with("SVC003"), "{floating}");
        }
        for bad in
            ["", "-r x.txt", "--index-url=https://x", "../x", "a b", "p @ http://e.org/p", "a==", "a==1,", "a\n-r b"]
        {
            assert!(problems(bad).iter().any(|problem| problem.starts_with("SVC002")), "{bad}: {:?}", problems(bad));
        }
    }

    #[test]
    fn versions_are_texts_with_a_dot() {
        assert!(is_version("3.10") && is_version("3.10.4"));
        for bad in ["3", "3.", "2.7", "3.x", "3.1.2.3", ""] {
            assert!(!is_version(bad), "{bad}");
        }
    }
}
