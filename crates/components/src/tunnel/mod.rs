//! A way to or from a server of somebody else, kept open.

mod answer;
mod aws;
mod codes;
mod local;
mod promises;
mod schema;
mod validate;

pub use answer::TunnelAnswer;

use crate::aws_context::AwsContext;
use crate::bastion::TARGETS;
use crate::component::{Component, ExportName, Need};
use crate::context::{LocalContext, ValidationContext};
use crate::database_use::{DatabaseUse, PARTS};
use crate::together::Facts;
use model::database::GrantLevel;
use model::{FindingCode, Findings};
use schema::TunnelComponentSpec;
use validate::{ValidReverse, ValidTunnel, ValidWay};

pub(crate) struct Tunnel;

impl Component for Tunnel {
    const KIND: &'static str = "tunnel";
    const ABOUT: &'static str = "A way to or from a server of somebody else by SSH, kept open and proved by a query.";
    const EXAMPLE: &'static str = include_str!("example.yaml");
    const CODES: &'static [&'static FindingCode] = codes::ALL;
    type Spec = TunnelComponentSpec;
    type Valid = ValidTunnel;

    fn validate(spec: TunnelComponentSpec, cx: &ValidationContext<'_>, findings: &mut Findings) -> Option<ValidTunnel> {
        validate::validate(spec, cx, findings)
    }

    fn requires(valid: &ValidTunnel) -> Vec<Need> {
        let reverse = valid.reverse().into_iter();
        reverse
            .map(|ValidReverse { target: (name, at), .. }| Need {
                component: name.clone(),
                kinds: TARGETS,
                at: at.clone(),
            })
            .collect()
    }

    fn exports(valid: &ValidTunnel) -> Vec<ExportName> {
        let export = |name: &str, about| ExportName { name: name.to_owned(), about, secret: false };
        let mut exports = vec![export("public-key", "the public half of its key, as `ssh-ed25519 AAAA...`")];
        if matches!(valid.way, ValidWay::Forward { .. }) {
            exports.push(export("address", "the address on which it listens"));
            exports.push(export("port", "the number of the port on which it listens"));
        }
        if valid.reverse().is_some_and(ValidReverse::reads_through_stand_in) {
            let far_end = |(part, about, secret)| ExportName { name: format!("far-end.{part}"), about, secret };
            exports.extend(PARTS.map(far_end));
        }
        exports
    }

    fn facts(valid: &ValidTunnel) -> Facts {
        let of = |reverse: &ValidReverse| DatabaseUse {
            by: valid.name.clone(),
            component: reverse.target.0.clone(),
            database: reverse.database.clone(),
            grants: reverse.grants.unwrap_or(GrantLevel::ReadOnly),
            connections: reverse.connections,
            sources: Vec::new(),
            at: valid.at.clone(),
        };
        let words = |reverse: &ValidReverse| {
            let said = [
                ("database", reverse.database.is_some()),
                ("grants", reverse.grants.is_some()),
                ("connections", reverse.connections.is_some()),
            ];
            let said = said.into_iter().filter(|(_, said)| *said);
            said.map(|(word, _)| (reverse.target.0.clone(), valid.at.key(word))).collect::<Vec<_>>()
        };
        Facts {
            uses: valid.reverse().map(of).into_iter().collect(),
            of_databases: valid.reverse().map(words).unwrap_or_default(),
            leads_to: valid.reverse().map(|reverse| reverse.target.clone()).into_iter().collect(),
            ..Facts::default()
        }
    }

    fn realise_locally(valid: &ValidTunnel, cx: &mut LocalContext<'_>) {
        local::realise(valid, cx);
    }

    fn lower_to_aws(valid: &ValidTunnel, cx: &mut AwsContext<'_>) {
        aws::lower(valid, cx);
    }
}

impl ValidTunnel {
    /// What a reverse tunnel has.
    pub(crate) fn reverse(&self) -> Option<&ValidReverse> {
        match &self.way {
            ValidWay::Reverse(reverse) => Some(reverse),
            ValidWay::Forward { .. } => None,
        }
    }
}
