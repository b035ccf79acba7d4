//! The databases that a service uses: the role that it gets, and what it is told.

use super::codes::SVC016;
use super::schema::UseSpec;
use super::valid::{ValidService, ValidUse};
use crate::component::ExportName;
use crate::context::{LocalContext, ValidationContext};
use crate::database_use::{DatabaseUse, PARTS};
use crate::said::report_key;
use indexmap::IndexMap;
use model::{ComponentName, Findings, NodeId};

/// Checks the uses of a service. Which databases there are is seen by the rules between components.
pub(super) fn validate(
    said: IndexMap<String, UseSpec>,
    cx: &ValidationContext<'_>,
    findings: &mut Findings,
) -> Vec<ValidUse> {
    let mut uses = Vec::new();
    for (name, said) in said {
        let at = cx.at.key("uses").key(&name);
        match ComponentName::new(name.clone()) {
            Err(error) => {
                let help = "name a component of kind `database`, as `uses: { db: { grants: read-write } }`";
                report_key(findings, &SVC016, &at, format!("`{name}` is no component's name: {error}"), help);
            }
            Ok(component) => {
                let UseSpec { database, grants, connections, driver } = said;
                let (by, grants) = (cx.name.clone(), grants.level());
                let sources = Vec::new();
                let said = DatabaseUse { by, component, database, grants, connections, sources, at };
                uses.push(ValidUse { said, driver });
            }
        }
    }
    uses
}

/// What a service may say of the databases that it uses.
pub(super) fn exports(valid: &ValidService) -> Vec<ExportName> {
    let export = |said: &ValidUse, (part, about, secret): (&str, &'static str, bool)| ExportName {
        name: format!("uses.{}.{part}", said.said.component),
        about,
        secret,
    };
    valid.uses.iter().flat_map(|said| PARTS.map(|part| export(said, part))).collect()
}

/// Exports what the service is told of its databases. Returns the nodes that it waits for.
pub(super) fn realise(valid: &ValidService, cx: &mut LocalContext<'_>) -> Vec<NodeId> {
    let mut needs = Vec::new();
    for ValidUse { said, driver } in &valid.uses {
        let Some(way) = cx.database_way(&said.component).cloned() else { continue };
        for ((part, ..), text) in PARTS.into_iter().zip(way.parts(driver.as_deref())) {
            cx.export(format!("uses.{}.{part}", said.component), text);
        }
        needs.push(way.content);
    }
    needs
}
