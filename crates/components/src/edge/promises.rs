//! What an edge promises, as probes.

use super::validate::ValidEdge;
use crate::context::LocalContext;
use indexmap::IndexMap;
use model::probe::{
    Endpoint, HttpExpectation, HttpRequest, OldTlsVersion, Probe, Question, RequestBody, Scheme, TlsExpectation,
};
use model::{ManifestPath, NodeId, PortId, ProbeId};

/// Days that a certificate must still last, so that somebody can act before it ends.
const DAYS_LEFT: u32 = 7;
const PATIENCE_SECONDS: u32 = 10;
/// A body above the limit may be large; refusing it must still not take long.
const LARGE_BODY_PATIENCE_SECONDS: u32 = 30;

/// Old TLS is refused, the certificate is right, plain HTTP redirects, large bodies are refused.
pub(super) fn edge(
    valid: &ValidEdge,
    node: &NodeId,
    https: &PortId,
    redirect: Option<&PortId>,
    cx: &mut LocalContext<'_>,
) {
    let promises = Promises { valid, node, cx };
    let mut probes = promises.tls(https);
    probes.extend(redirect.map(|port| promises.redirect(port)));
    probes.push(promises.large_body(https));
    for probe in probes {
        cx.probe(probe);
    }
}

struct Promises<'a, 'c> {
    valid: &'a ValidEdge,
    node: &'a NodeId,
    cx: &'a LocalContext<'c>,
}

impl Promises<'_, '_> {
    fn probe(&self, what: &str, origin: ManifestPath, claim: String, question: Question, help: &str) -> Probe {
        Probe {
            id: ProbeId::new(format!("{}/{what}", self.cx.name)),
            component: self.cx.name.clone(),
            origin,
            claim,
            question,
            help: help.to_owned(),
            contrast: None,
        }
    }

    fn endpoint(&self, domain: &str, scheme: Scheme, port: &PortId) -> Endpoint {
        Endpoint::Edge { edge: self.node.clone(), domain: domain.to_owned(), scheme, port: port.clone() }
    }

    fn tls(&self, https: &PortId) -> Vec<Probe> {
        let mut probes = Vec::new();
        let first = &self.valid.domains[0];
        for (version, name) in [(OldTlsVersion::V1_0, "1.0"), (OldTlsVersion::V1_1, "1.1")] {
            let question = Question::Tls {
                to: self.endpoint(first, Scheme::Https, https),
                server_name: first.clone(),
                expect: TlsExpectation::RefusesVersion { version },
            };
            let help = "something else than the edge answers on its port; `landfall status` names the port's owner";
            let claim = format!("TLS {name} is refused");
            probes.push(self.probe(&format!("tls-{name}"), self.valid.at.key("tls"), claim, question, help));
        }
        for (index, domain) in self.valid.domains.iter().enumerate() {
            let what = if index == 0 { "certificate".to_owned() } else { format!("certificate/{domain}") };
            let origin =
                if index == 0 { self.valid.at.key("domain") } else { self.valid.at.key("also").index(index - 1) };
            let question = Question::Tls {
                to: self.endpoint(domain, Scheme::Https, https),
                server_name: domain.clone(),
                expect: TlsExpectation::Trusted { minimum_days_left: DAYS_LEFT },
            };
            let claim = format!("the certificate names {domain}, is trusted and lasts {DAYS_LEFT} days or more");
            let help = "`landfall up` makes a new certificate";
            probes.push(self.probe(&what, origin, claim, question, help));
        }
        probes
    }

    fn redirect(&self, port: &PortId) -> Probe {
        let domain = &self.valid.domains[0];
        let request = self.request("GET", "/", self.endpoint(domain, Scheme::Http, port), RequestBody::Empty);
        let expect = HttpExpectation {
            statuses: vec![301, 308],
            headers: IndexMap::from([("location".to_owned(), format!("~https://{domain}"))]),
            ..HttpExpectation::default()
        };
        let claim = "plain HTTP is redirected to HTTPS".to_owned();
        let help = "something else than the edge answers on its plain port";
        self.probe("redirect", self.valid.at.key("domain"), claim, Question::Http { request, expect }, help)
    }

    fn large_body(&self, https: &PortId) -> Probe {
        let domain = &self.valid.domains[0];
        let limit = self.valid.limits.request_body;
        let path = self.valid.routes.last().map_or("/", |route| route.prefix.as_str());
        let body = RequestBody::Filler { bytes: limit.bytes().saturating_add(1) };
        let mut request = self.request("POST", path, self.endpoint(domain, Scheme::Https, https), body);
        request.timeout_seconds = LARGE_BODY_PATIENCE_SECONDS;
        let expect = HttpExpectation { statuses: vec![413], ..HttpExpectation::default() };
        let claim = format!("a body above {limit} is refused with 413");
        let origin = self.valid.at.key("limits").key("request-body");
        let help = "the edge runs with another limit than the manifest says; `landfall up` puts that right";
        self.probe("large-body", origin, claim, Question::Http { request, expect }, help)
    }

    fn request(&self, method: &str, path: &str, to: Endpoint, body: RequestBody) -> HttpRequest {
        HttpRequest {
            to,
            method: method.to_owned(),
            path: path.to_owned(),
            headers: IndexMap::new(),
            basic: None,
            body,
            timeout_seconds: PATIENCE_SECONDS,
        }
    }
}
