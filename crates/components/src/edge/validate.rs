//! From what was said of an edge to what makes sense.

use super::codes::{EDG001, EDG002, EDG003, EDG004, EDG005, EDG006, EDG007, EDG008, EDG009, EDG010};
use super::schema::{AllowSpec, EdgeSpec, Exposure, LimitsSpec, PortsSpec, RouteHealthSpec, RouteSaid, RouteSpec};
use crate::context::ValidationContext;
use crate::path_rules;
use crate::said::{OneOrMany, report};
use indexmap::IndexMap;
use model::process_graph::{BackendHealth, EdgeLimits, PortWish, TlsVersion};
use model::scalar::{Cidr, Duration};
use model::{ComponentName, Finding, Findings, ManifestPath, Place};
use std::collections::BTreeMap;

/// An edge that makes sense.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ValidEdge {
    pub(super) domains: Vec<String>,
    pub(super) exposure: Exposure,
    pub(super) zone: Option<String>,
    /// Longest prefix first.
    pub(super) routes: Vec<ValidRoute>,
    pub(super) redirect: bool,
    pub(super) ports: PortsSpec,
    pub(super) minimum_tls: TlsVersion,
    pub(super) limits: LimitsSpec,
    pub(super) allow: Vec<Cidr>,
    /// Its path in the manifest.
    pub(super) at: ManifestPath,
}

/// A route that makes sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ValidRoute {
    pub(super) prefix: String,
    pub(super) to: Vec<(ComponentName, ManifestPath)>,
    pub(super) sticky: bool,
    pub(super) health: Option<BackendHealth>,
}

impl ValidEdge {
    pub(super) fn https_wish(&self) -> PortWish {
        wish(self.ports.https, 8443)
    }

    pub(super) fn http_wish(&self) -> PortWish {
        wish(self.ports.http, 8080)
    }

    pub(super) fn edge_limits(&self) -> EdgeLimits {
        EdgeLimits {
            request_body_bytes: self.limits.request_body.bytes(),
            header_timeout_ms: self.limits.header_timeout.milliseconds(),
            idle_timeout_ms: self.limits.idle_timeout.milliseconds(),
            drain_ms: self.limits.drain.milliseconds(),
        }
    }
}

/// People write a public port down somewhere else too, so a number that was given is had or refused.
fn wish(said: Option<u16>, usual: u16) -> PortWish {
    said.map_or(PortWish::Preferably(usual), PortWish::Exactly)
}

/// Checks an edge. Reports everything that is wrong.
pub(super) fn validate(spec: EdgeSpec, cx: &ValidationContext<'_>, findings: &mut Findings) -> Option<ValidEdge> {
    let before = findings.error_count();
    let mut domains = vec![spec.domain.as_str().to_owned()];
    for (index, name) in spec.also.iter().enumerate() {
        if domains.iter().any(|known| known == name.as_str()) {
            let at = cx.at.key("also").index(index);
            report(findings, &EDG003, &at, format!("`{name}` is on the certificate already"), "remove it");
        }
        domains.push(name.as_str().to_owned());
    }
    let routes = routes(spec.routes, &cx.at.key("routes"), findings);
    check_ports(&spec.ports, spec.redirect, &cx.at.key("ports"), findings);
    check_limits(&spec.limits, &cx.at.key("limits"), findings);
    let allow = spec.allow.map(|allow| allow_list(allow, cx, findings)).unwrap_or_default();
    (findings.error_count() == before).then_some(ValidEdge {
        domains,
        exposure: spec.exposure,
        zone: spec.zone,
        routes,
        redirect: spec.redirect,
        ports: spec.ports,
        minimum_tls: spec.tls.minimum.into(),
        limits: spec.limits,
        allow,
        at: cx.at.clone(),
    })
}

fn routes(said: IndexMap<String, RouteSaid>, at: &ManifestPath, findings: &mut Findings) -> Vec<ValidRoute> {
    if said.is_empty() {
        report(findings, &EDG001, at, "there is no route", "write `routes: { /: NAME }` with the name of a service");
    }
    let mut seen: BTreeMap<String, ManifestPath> = BTreeMap::new();
    let mut routes = Vec::new();
    for (prefix, route) in said {
        let place = at.key(&prefix);
        let normal = if prefix == "/" { "/" } else { prefix.trim_end_matches('/') };
        let climbs = prefix.split('/').any(|part| part == ".." || part == ".");
        if let Err(why) = path_rules::url_path(&prefix) {
            let finding = Finding::new(&EDG002, Place::Key(place.clone()), format!("the route `{prefix}` {why}"));
            findings.push(finding.help("write it from the root, as `/api`"));
        } else if prefix.contains(['?', '*']) || prefix.contains("//") || climbs || normal.is_empty() {
            let summary = format!("the route `{prefix}` holds something else than a plain path");
            let finding = Finding::new(&EDG002, Place::Key(place.clone()), summary);
            findings.push(finding.help("a route is the beginning of a path, as `/api`; it needs no `*`"));
        }
        if let Some(first) = seen.get(normal) {
            let finding =
                Finding::new(&EDG002, Place::Key(place.clone()), format!("there is a route for `{normal}` already"));
            findings.push(finding.help("keep one of them").related(Place::Key(first.clone()), "first given here"));
        }
        seen.insert(normal.to_owned(), place.clone());
        let (spec, names_at) = match route {
            RouteSaid::One(name) => {
                (RouteSpec { to: OneOrMany::One(name), sticky: false, health: None }, place.clone())
            }
            RouteSaid::Many(names) => {
                (RouteSpec { to: OneOrMany::Many(names), sticky: false, health: None }, place.clone())
            }
            RouteSaid::Settings(spec) => (spec, place.key("to")),
        };
        let health = spec.health.and_then(|said| health(said, &place.key("health"), findings));
        let to = targets(spec.to, &names_at, findings);
        routes.push(ValidRoute { prefix: normal.to_owned(), to, sticky: spec.sticky, health });
    }
    routes.sort_by(|one, other| other.prefix.len().cmp(&one.prefix.len()).then(one.prefix.cmp(&other.prefix)));
    routes
}

fn targets(said: OneOrMany<String>, at: &ManifestPath, findings: &mut Findings) -> Vec<(ComponentName, ManifestPath)> {
    let said: Vec<(String, ManifestPath)> = match said {
        OneOrMany::One(name) => vec![(name, at.clone())],
        OneOrMany::Many(names) => names.into_iter().enumerate().map(|(index, name)| (name, at.index(index))).collect(),
    };
    if said.is_empty() {
        report(findings, &EDG001, at, "the route leads to no service", "name a service");
    }
    let mut targets: Vec<(ComponentName, ManifestPath)> = Vec::new();
    for (name, place) in said {
        match ComponentName::new(name.clone()) {
            Err(error) => {
                report(
                    findings,
                    &EDG001,
                    &place,
                    format!("`{name}` is no component's name: {error}"),
                    "name a service",
                );
            }
            Ok(known) if targets.iter().any(|(other, _)| *other == known) => {
                report(findings, &EDG001, &place, format!("`{name}` is named twice"), "remove one of them");
            }
            Ok(target) => targets.push((target, place)),
        }
    }
    targets
}

fn health(said: RouteHealthSpec, at: &ManifestPath, findings: &mut Findings) -> Option<BackendHealth> {
    let before = findings.error_count();
    if let Err(why) = path_rules::url_path(&said.path) {
        let summary = format!("the path `{}` {why}", said.path);
        report(findings, &EDG009, &at.key("path"), summary, "write it from the root, as `/health`");
    }
    let statuses = said.status.into_vec();
    if statuses.is_empty() || statuses.iter().any(|status| !(100..=599).contains(status)) {
        report(findings, &EDG009, &at.key("status"), "statuses are numbers from 100 to 599", "write `status: [200]`");
    }
    if said.interval.milliseconds() == 0 {
        report(findings, &EDG009, &at.key("interval"), "the interval is above zero", "write `interval: 5s`");
    }
    let interval_seconds = u32::try_from(said.interval.seconds()).unwrap_or(u32::MAX);
    (findings.error_count() == before).then_some(BackendHealth { path: said.path, statuses, interval_seconds })
}

fn check_ports(ports: &PortsSpec, redirect: bool, at: &ManifestPath, findings: &mut Findings) {
    if ports.https.is_some() && ports.https == ports.http {
        report(findings, &EDG008, &at.key("http"), "HTTPS has this port already", "give plain HTTP another one");
    }
    if ports.http.is_some() && !redirect {
        let help = "remove the port, or write `redirect: true`";
        report(findings, &EDG008, &at.key("http"), "plain HTTP is not answered, since `redirect` is false", help);
    }
}

fn check_limits(limits: &LimitsSpec, at: &ManifestPath, findings: &mut Findings) {
    if limits.request_body.bytes() == 0 {
        let help = "write the largest body that is meant, as `request-body: 10MiB`";
        report(
            findings,
            &EDG007,
            &at.key("request-body"),
            "a limit of nothing refuses every request with a body",
            help,
        );
    }
    let times = [
        ("header-timeout", limits.header_timeout, Duration::from_seconds(3600), "10s"),
        ("idle-timeout", limits.idle_timeout, Duration::from_seconds(86400), "60s"),
    ];
    for (key, time, longest, example) in times {
        if time.milliseconds() == 0 || time > longest {
            let summary = format!("{time} is no time to wait; it is above zero and at most {longest}");
            report(findings, &EDG007, &at.key(key), summary, format!("write `{key}: {example}`"));
        }
    }
    if limits.drain > Duration::from_seconds(3600) {
        report(findings, &EDG007, &at.key("drain"), "an edge stops within an hour", "write `drain: 10s`");
    }
}

fn allow_list(said: AllowSpec, cx: &ValidationContext<'_>, findings: &mut Findings) -> Vec<Cidr> {
    let at = cx.at.key("allow");
    let has_owner = said.owner.as_deref().is_some_and(|owner| !owner.trim().is_empty());
    for (index, source) in said.sources.iter().enumerate() {
        let place = at.key("sources").index(index);
        if source.is_everywhere() && !has_owner {
            let help = "write `owner: NAME` if the whole internet is meant, otherwise list the blocks";
            report(
                findings,
                &EDG004,
                &place,
                format!("{source} is the whole internet, and nobody answers for it"),
                help,
            );
        }
        let wider = said.sources.iter().enumerate().find(|(other, wide)| {
            *other != index && wide.net().contains(&source.net()) && (*other < index || wide.net() != source.net())
        });
        if let Some((other, wide)) = wider {
            let finding =
                Finding::new(&EDG010, Place::Value(place), format!("{source} lies inside {wide} of the same list"));
            let first = Place::Value(at.key("sources").index(other));
            findings.push(finding.help("remove one of them").related(first, "the wider one"));
        }
    }
    if said.sources.is_empty() {
        let help = "list the blocks of those who connect, or remove `allow`";
        report(findings, &EDG010, &at.key("sources"), "an empty list lets everybody in", help);
    }
    // This machine's own addresses do not change hands.
    let ages = said.sources.iter().any(|source| !is_this_machine(*source));
    match &said.review_by {
        Some(day) if !is_day(day) => {
            let help = "write it as a text, as `review-by: \"2027-01-31\"`";
            report(findings, &EDG006, &at.key("review-by"), format!("`{day}` is no day"), help);
        }
        Some(day) if ages && day.as_str() < cx.today => {
            let who = said.owner.as_deref().map(|owner| format!(" by {owner}")).unwrap_or_default();
            let summary = format!("the list was to be looked at{who} on {day}");
            let help = "compare it with what the others publish today, then move `review-by` on";
            report(findings, &EDG005, &at.key("review-by"), summary, help);
        }
        Some(_) => {}
        None if ages => {
            let help = "write `review-by: \"YEAR-MONTH-DAY\"`";
            report(findings, &EDG010, &at, "nobody is told to look at this list again", help);
        }
        None => {}
    }
    said.sources
}

fn is_this_machine(source: Cidr) -> bool {
    source.net().network().is_loopback() && source.net().broadcast().is_loopback()
}

/// Whether it is a day of the calendar, as `2027-01-31`.
fn is_day(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return false };
    if (year.len(), month.len(), day.len()) != (4, 2, 2) || !text.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
        return false;
    }
    let (Ok(year), Ok(month), Ok(day)) = (year.parse::<u32>(), month.parse::<u32>(), day.parse::<u32>()) else {
        return false;
    };
    let is_leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let days = match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    (1..=days).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::is_day;

    #[test]
    fn days_are_those_of_the_calendar() {
        for good in ["2027-01-31", "2028-02-29", "2000-02-29"] {
            assert!(is_day(good), "{good}");
        }
        for bad in ["2027-02-29", "2100-02-29", "2027-13-01", "2027-04-31", "27-01-01", "2027-1-1", "tomorrow", ""] {
            assert!(!is_day(bad), "{bad}");
        }
    }
}
