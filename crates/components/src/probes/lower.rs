//! A probe of the manifest, with its references filled.

use super::validate::ValidProbe;
use crate::context::LocalGraph;
use model::probe::{BasicCredentials, Endpoint, HttpRequest, Probe, Question, Scheme};
use model::process_graph::NodeSpec;

impl ValidProbe {
    /// The probe as data. Nothing when the component that it asks has neither a listener nor a
    /// port, which only a service without a port has not.
    #[must_use]
    pub fn lower(&self, local: &LocalGraph) -> Option<Probe> {
        let request = HttpRequest {
            to: self.endpoint(local)?,
            method: self.method.clone(),
            path: self.path.clone(),
            headers: self.headers.iter().map(|(name, text)| (name.clone(), local.text(text, &self.to))).collect(),
            basic: self.basic.as_ref().map(|(user, password)| BasicCredentials {
                user: local.text(user, &self.to),
                password: local.text(password, &self.to),
            }),
            body: self.body.clone(),
            timeout_seconds: self.timeout_seconds,
        };
        Some(Probe {
            id: self.id.clone(),
            component: self.to.clone(),
            origin: self.at.clone(),
            claim: self.claim.clone(),
            question: Question::Http { request, expect: self.expect.clone() },
            help: self.help.clone(),
            contrast: self.contrast.clone(),
        })
    }

    fn endpoint(&self, local: &LocalGraph) -> Option<Endpoint> {
        let nodes = local.graph().nodes.iter().filter(|(_, node)| node.component == self.to);
        nodes
            .filter_map(|(id, node)| match &node.spec {
                NodeSpec::Edge(edge) => {
                    let port = match self.scheme {
                        Scheme::Https => edge.https.clone(),
                        Scheme::Http => edge.redirect.clone()?,
                    };
                    let domain = edge.domains.first()?.clone();
                    Some(Endpoint::Edge { edge: id.clone(), domain, scheme: self.scheme, port })
                }
                NodeSpec::Program(program) => Some(Endpoint::Port { port: program.ports.first()?.clone() }),
                _ => None,
            })
            .next()
    }
}
