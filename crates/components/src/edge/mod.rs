//! Where people and programs come in.

mod aws;
mod codes;
mod local;
mod promises;
mod schema;
mod validate;

use crate::aws_context::AwsContext;
use crate::component::{Component, ExportName, Need};
use crate::context::{LocalContext, ValidationContext};
use crate::together::{Facts, RouteFact};
use model::{FindingCode, Findings};
use schema::EdgeSpec;
use validate::ValidEdge;

pub(crate) struct Edge;

impl Component for Edge {
    const KIND: &'static str = "edge";
    const ABOUT: &'static str = "Where people and programs come in: TLS, routes to services, limits.";
    const EXAMPLE: &'static str = include_str!("example.yaml");
    const CODES: &'static [&'static FindingCode] = codes::ALL;
    type Spec = EdgeSpec;
    type Valid = ValidEdge;

    fn validate(spec: EdgeSpec, cx: &ValidationContext<'_>, findings: &mut Findings) -> Option<ValidEdge> {
        validate::validate(spec, cx, findings)
    }

    fn requires(valid: &ValidEdge) -> Vec<Need> {
        let targets = valid.routes.iter().flat_map(|route| &route.to);
        targets.map(|(name, at)| Need { component: name.clone(), kinds: &["service"], at: at.clone() }).collect()
    }

    fn exports(valid: &ValidEdge) -> Vec<ExportName> {
        let export = |name: &str, about| ExportName { name: name.to_owned(), about, secret: false };
        let mut exports = vec![
            export("domain", "the name under which it is reached"),
            export("https-port", "the number of its HTTPS port"),
            export("url", "where it is reached"),
        ];
        if valid.redirect {
            exports.push(export("http-port", "the number of its port that redirects"));
        }
        exports
    }

    fn facts(valid: &ValidEdge) -> Facts {
        let limits = valid.at.key("limits");
        let idle_timeout = (valid.limits.idle_timeout, limits.key("idle-timeout"));
        let request_body = (valid.limits.request_body, limits.key("request-body"));
        let targets = valid.routes.iter().flat_map(|route| &route.to);
        let routes = targets.map(|(to, at)| RouteFact {
            to: to.clone(),
            at: at.clone(),
            idle_timeout: idle_timeout.clone(),
            request_body: request_body.clone(),
        });
        Facts { routes: routes.collect(), ..Facts::default() }
    }

    fn realise_locally(valid: &ValidEdge, cx: &mut LocalContext<'_>) {
        local::realise(valid, cx);
    }

    fn lower_to_aws(valid: &ValidEdge, cx: &mut AwsContext<'_>) {
        aws::lower(valid, cx);
    }
}
