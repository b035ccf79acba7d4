//! A private database server: its databases, who may use them, and what must be refused.

mod aws;
mod codes;
mod content;
mod data;
mod engines;
mod local;
mod names;
mod promises;
mod schema;
mod valid;
mod validate;

use crate::aws_context::AwsContext;
use crate::component::{Component, ExportName, Need};
use crate::context::{LocalContext, ValidationContext};
use crate::database_use::{DatabaseFacts, RoleWanted};
use crate::together::Facts;
use model::{FindingCode, Findings};
use schema::DatabaseSpec;
use valid::ValidDatabase;

pub use names::problem as name_problem;
pub(crate) use schema::GrantsWord;

pub(crate) struct Database;

impl Component for Database {
    const KIND: &'static str = "database";
    const ABOUT: &'static str = "A private database server with its databases, roles and first data.";
    const EXAMPLE: &'static str = include_str!("example.yaml");
    const CODES: &'static [&'static FindingCode] = codes::ALL;
    type Spec = DatabaseSpec;
    type Valid = ValidDatabase;

    fn validate(spec: DatabaseSpec, cx: &ValidationContext<'_>, findings: &mut Findings) -> Option<ValidDatabase> {
        validate::validate(spec, cx, findings)
    }

    fn requires(_: &ValidDatabase) -> Vec<Need> {
        Vec::new()
    }

    fn exports(_: &ValidDatabase) -> Vec<ExportName> {
        let open = |name: &str, about| ExportName { name: name.to_owned(), about, secret: false };
        vec![open("host", "the address of the server"), open("port", "the number of its port")]
    }

    fn facts(valid: &ValidDatabase) -> Facts {
        let people = valid.people.iter().map(|(name, said)| RoleWanted {
            name: name.clone(),
            at: said.at.clone(),
            is_person: true,
        });
        let holds = DatabaseFacts { engine: valid.engine, databases: valid.names(), people: people.collect() };
        Facts { holds: Some(holds), roles: valid.roles.clone(), ..Facts::default() }
    }

    fn realise_locally(valid: &ValidDatabase, cx: &mut LocalContext<'_>) {
        local::realise(valid, cx);
    }

    fn lower_to_aws(valid: &ValidDatabase, cx: &mut AwsContext<'_>) {
        aws::lower(valid, cx);
    }
}
