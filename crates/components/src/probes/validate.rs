//! From what was said of a probe to what makes sense.

use super::codes::{PRB001, PRB002, PRB003, PRB004, PRB005};
use super::schema::{Expectation, HttpProbe, ProbeScheme, ProbeSpec};
use crate::path_rules;
use crate::reference::ReferenceText;
use crate::said::{OneOrMany, Scalar, nearest, reference_text, report, report_key};
use indexmap::IndexMap;
use model::probe::{Contrast, HttpExpectation, RequestBody, Scheme};
use model::{ComponentName, Findings, ManifestPath, ProbeId};
use serde_json::{Map, Value};

/// What a probe sees while it is checked.
pub struct ProbeContext<'a> {
    /// Its path: `probes.NAME`.
    pub at: &'a ManifestPath,
    /// The kind of each component, by name.
    pub kinds: &'a IndexMap<String, &'static str>,
    /// The names of all probes of the manifest.
    pub probes: &'a [&'a str],
    /// The values of all parameters that are no secrets; `null` for one without a value.
    pub parameters: &'a Map<String, Value>,
}

/// A probe of the manifest that makes sense.
#[derive(Debug, Clone, PartialEq)]
pub struct ValidProbe {
    pub(super) id: ProbeId,
    pub(super) at: ManifestPath,
    pub(super) claim: String,
    pub(super) to: ComponentName,
    pub(super) scheme: Scheme,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: IndexMap<String, ReferenceText>,
    pub(super) basic: Option<(ReferenceText, ReferenceText)>,
    pub(super) body: RequestBody,
    pub(super) timeout_seconds: u32,
    pub(super) expect: HttpExpectation,
    pub(super) help: String,
    pub(super) contrast: Option<Contrast>,
}

impl ValidProbe {
    /// Its name: the key under `probes`.
    #[must_use]
    pub fn id(&self) -> &ProbeId {
        &self.id
    }
}

/// Checks a probe. Reports everything that is wrong. There is no probe, and no finding either,
/// when its `when` does not hold.
pub fn validate(name: &str, spec: ProbeSpec, cx: &ProbeContext<'_>, findings: &mut Findings) -> Option<ValidProbe> {
    let before = findings.error_count();
    let holds = holds(&spec.when, cx, findings);
    let http_at = cx.at.key("http");
    let to = target(&spec.http, &http_at, holds, cx, findings);
    let headers = headers(&spec.http, &http_at, findings);
    let basic = basic(&spec.http, &http_at, findings);
    check_request(&spec.http, &http_at, findings);
    let expect = expectation(spec.expect, &cx.at.key("expect"), findings);
    let contrast = spec.contrast.map(|said| {
        check_contrast(name, &said.passing, &cx.at.key("contrast").key("passing"), cx, findings);
        Contrast { passing: ProbeId::new(said.passing), diagnosis: said.means }
    });
    let HttpProbe { scheme, method, path, json, text, timeout, .. } = spec.http;
    let body = match (json, text) {
        (Some(json), _) => RequestBody::Json(json),
        (None, Some(text)) => RequestBody::Text(text),
        (None, None) => RequestBody::Empty,
    };
    let valid = ValidProbe {
        id: ProbeId::new(name),
        at: cx.at.clone(),
        claim: spec.about,
        to: to?,
        scheme: if scheme == Some(ProbeScheme::Http) { Scheme::Http } else { Scheme::Https },
        method,
        path,
        headers,
        basic,
        body,
        timeout_seconds: u32::try_from(timeout.seconds()).unwrap_or(u32::MAX),
        expect,
        help: spec.help.unwrap_or_else(|| "look at the logs: `landfall logs`".to_owned()),
        contrast,
    };
    (holds && findings.error_count() == before).then_some(valid)
}

fn holds(said: &IndexMap<String, OneOrMany<Scalar>>, cx: &ProbeContext<'_>, findings: &mut Findings) -> bool {
    let mut holds = true;
    for (parameter, wanted) in said {
        let at = cx.at.key("when").key(parameter);
        let Some(value) = cx.parameters.get(parameter) else {
            let help = match nearest(parameter, cx.parameters.keys().map(String::as_str)) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "name a parameter of this manifest that is no secret".to_owned(),
            };
            report_key(findings, &PRB005, &at, format!("there is no parameter `{parameter}`"), help);
            continue;
        };
        let given = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        holds &= wanted.clone().into_vec().into_iter().any(|wanted| wanted.into_text() == given);
    }
    holds
}

fn target(
    said: &HttpProbe,
    at: &ManifestPath,
    holds: bool,
    cx: &ProbeContext<'_>,
    findings: &mut Findings,
) -> Option<ComponentName> {
    let place = at.key("to");
    let Some(kind) = cx.kinds.get(&said.to) else {
        // What is not asked may be about a component that only another environment has.
        if !holds {
            return None;
        }
        let help = match nearest(&said.to, cx.kinds.keys().map(String::as_str)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "name an edge or a service of this manifest".to_owned(),
        };
        report(findings, &PRB001, &place, format!("there is no component `{}`", said.to), help);
        return None;
    };
    if !["edge", "service"].contains(kind) {
        let summary = format!("`{}` is a {kind}; it answers no requests", said.to);
        report(findings, &PRB001, &place, summary, "name an edge or a service");
        return None;
    }
    if *kind == "service" && said.scheme.is_some() {
        let help = "remove `scheme`; a service is asked at its port with plain HTTP";
        report(findings, &PRB002, &at.key("scheme"), "only an edge has two listeners", help);
    }
    ComponentName::new(said.to.clone()).ok()
}

fn headers(said: &HttpProbe, at: &ManifestPath, findings: &mut Findings) -> IndexMap<String, ReferenceText> {
    let mut headers = IndexMap::new();
    for (name, value) in &said.headers {
        let place = at.key("headers").key(name);
        if !is_token(name) {
            report_key(
                findings,
                &PRB002,
                &place,
                format!("`{name}` cannot be the name of a header"),
                "write it as `accept`",
            );
        }
        let value = value.clone().into_text();
        if value.chars().any(|c| c.is_control() || !c.is_ascii()) {
            report(findings, &PRB002, &place, "a header's value is one line of ASCII", "remove the other characters");
        }
        if let Some(text) = reference_text(&value) {
            headers.insert(name.clone(), text);
        }
    }
    headers
}

/// RFC 9110, section 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c))
}

fn basic(said: &HttpProbe, at: &ManifestPath, findings: &mut Findings) -> Option<(ReferenceText, ReferenceText)> {
    match (&said.user, &said.password) {
        (Some(user), Some(password)) => {
            if user.contains(':') {
                let summary = "a colon would end the user's name";
                report(findings, &PRB002, &at.key("user"), summary, "HTTP Basic authentication has no such users");
            }
            Some((reference_text(user)?, reference_text(password)?))
        }
        (None, None) => None,
        (user, _) => {
            let (there, missing) = if user.is_some() { ("user", "password") } else { ("password", "user") };
            report(
                findings,
                &PRB002,
                &at.key(there),
                format!("there is a {there} but no {missing}"),
                format!("add `{missing}`"),
            );
            None
        }
    }
}

fn check_request(said: &HttpProbe, at: &ManifestPath, findings: &mut Findings) {
    if said.method.is_empty() || !said.method.chars().all(|c| c.is_ascii_uppercase()) {
        let summary = format!("`{}` is no HTTP method", said.method);
        report(findings, &PRB002, &at.key("method"), summary, "write it in capitals, as `GET` or `POST`");
    }
    if let Err(why) = path_rules::url_path(&said.path) {
        report(findings, &PRB002, &at.key("path"), format!("the path `{}` {why}", said.path), "write it as `/info`");
    }
    if said.json.is_some() && said.text.is_some() {
        report(findings, &PRB002, &at.key("text"), "a request has one body", "keep `json` or `text`");
    }
    if said.timeout.milliseconds() == 0 {
        report(findings, &PRB002, &at.key("timeout"), "no answer comes in no time", "write `timeout: 10s`");
    }
}

fn expectation(said: Expectation, at: &ManifestPath, findings: &mut Findings) -> HttpExpectation {
    let statuses = said.status.map(OneOrMany::into_vec).unwrap_or_default();
    if statuses.iter().any(|status| !(100..=599).contains(status)) {
        report(findings, &PRB003, &at.key("status"), "statuses are numbers from 100 to 599", "write `status: 200`");
    }
    for pointer in said.json.keys() {
        check_pointer(pointer, &at.key("json").key(pointer), findings);
    }
    for (index, pointer) in said.json_absent.iter().enumerate() {
        let place = at.key("json-absent").index(index);
        check_pointer(pointer, &place, findings);
        if said.json.contains_key(pointer) {
            report(findings, &PRB003, &place, format!("`{pointer}` is wanted and unwanted"), "keep one of them");
        }
    }
    let expect = HttpExpectation {
        statuses,
        headers: said.headers,
        json: said.json,
        json_absent: said.json_absent,
        contains: said.contains,
    };
    if expect == HttpExpectation::default() {
        report(findings, &PRB003, at, "any answer would do, so nothing is proved", "write at least `status: 200`");
    }
    expect
}

fn check_pointer(pointer: &str, at: &ManifestPath, findings: &mut Findings) {
    if !pointer.is_empty() && !pointer.starts_with('/') {
        let summary = format!("`{pointer}` is no JSON pointer");
        report(findings, &PRB003, at, summary, format!("write `/{}`", pointer.replace('.', "/")));
    }
}

fn check_contrast(name: &str, passing: &str, at: &ManifestPath, cx: &ProbeContext<'_>, findings: &mut Findings) {
    let of_component = passing.split_once('/').is_some_and(|(component, _)| cx.kinds.contains_key(component));
    if passing == name {
        report(findings, &PRB004, at, "a probe cannot pass while it fails", "name another probe");
    } else if !of_component && !cx.probes.contains(&passing) {
        let help = match nearest(passing, cx.probes.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "name a probe of this manifest, or a component's, as `app/alive`".to_owned(),
        };
        report(findings, &PRB004, at, format!("there is no probe `{passing}`"), help);
    }
}
