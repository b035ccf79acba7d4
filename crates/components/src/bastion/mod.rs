//! A door for people with SSH, to exactly what is stated.

mod aws;
mod codes;
mod local;
mod promises;
mod schema;
mod validate;

pub use aws::keys_on_bastion;

use crate::aws_context::AwsContext;
use crate::component::{Component, ExportName, Need};
use crate::context::{LocalContext, ValidationContext};
use crate::together::Facts;
use model::{FindingCode, Findings};
use schema::BastionSpec;
use validate::ValidBastion;

/// The kinds that a bastion or a tunnel may lead to.
pub(crate) const TARGETS: &[&str] = &["database", "service"];

pub(crate) struct Bastion;

impl Component for Bastion {
    const KIND: &'static str = "bastion";
    const ABOUT: &'static str = "A door for people with SSH: forwards to exactly what it names, no shell.";
    const EXAMPLE: &'static str = include_str!("example.yaml");
    const CODES: &'static [&'static FindingCode] = codes::ALL;
    type Spec = BastionSpec;
    type Valid = ValidBastion;

    fn validate(spec: BastionSpec, cx: &ValidationContext<'_>, findings: &mut Findings) -> Option<ValidBastion> {
        validate::validate(spec, cx, findings)
    }

    fn requires(valid: &ValidBastion) -> Vec<Need> {
        let need = |(component, at): &(_, _)| Need {
            component: Clone::clone(component),
            kinds: TARGETS,
            at: Clone::clone(at),
        };
        valid.to.iter().map(need).collect()
    }

    fn exports(_: &ValidBastion) -> Vec<ExportName> {
        let export = |name: &str, about| ExportName { name: name.to_owned(), about, secret: false };
        vec![
            export("address", "the address on which it listens"),
            export("port", "the number of its port"),
            export("host-key", "the public half of its host key, as `ssh-ed25519 AAAA...`"),
        ]
    }

    fn facts(valid: &ValidBastion) -> Facts {
        Facts { leads_to: valid.to.clone(), roles: valid.roles.clone(), ..Facts::default() }
    }

    fn realise_locally(valid: &ValidBastion, cx: &mut LocalContext<'_>) {
        local::realise(valid, cx);
    }

    fn lower_to_aws(valid: &ValidBastion, cx: &mut AwsContext<'_>) {
        aws::lower(valid, cx);
    }
}
