//! From what was said of an edge to what makes sense.

use super::codes::{EDG001, EDG002, EDG003, EDG004, EDG005, EDG006, EDG007, EDG008, EDG009, EDG010};
use super::schema::{EdgeSpec, Exposure, LimitsSpec, PortsSpec, RouteHealthSpec, RouteSaid, RouteSpec};
use crate::allow_list::{self, AllowCodes};
use crate::context::ValidationContext;
use crate::path_rules;
use crate::said::{OneOrMany, report};
use indexmap::IndexMap;
use model::process_graph::{BackendHealth, EdgeLimits, PortWish, TlsVersion};
use model::scalar::{Cidr, Duration};
use model::{ComponentName, Finding, Findings, ManifestPath, Place};
use std::collections::BTreeMap;

const ALLOW: AllowCodes = AllowCodes { everybody: &EDG004, overdue: &EDG005, no_day: &EDG006, vague: &EDG010 };

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
    let allow = spec.allow.map(|allow| allow_list::check(allow, &ALLOW, cx, findings)).unwrap_or_default();
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
