//! The databases that a service uses: the role that it gets, and what it is told.

use super::codes::SVC016;
use super::schema::UseSpec;
use super::valid::{ValidService, ValidUse};
use crate::component::ExportName;
use crate::context::{LocalContext, ValidationContext};
use crate::database_use::{DatabaseUse, DatabaseWay};
use crate::said::report_key;
use indexmap::IndexMap;
use model::text::{Atom, Part};
use model::{ComponentName, Findings, NodeId, Text};

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
    const PARTS: [(&str, &str, bool); 7] = [
        ("url", "the URL of the database that it uses, with user, password and TLS settings", true),
        ("host", "the address of the database server", false),
        ("port", "the port of the database server", false),
        ("database", "the name of the database", false),
        ("user", "the login", false),
        ("password", "the login's password", true),
        ("ca", "the file of the authority that the server's certificate is checked with", false),
    ];
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
        let ca = way.authority();
        let parts = [
            ("url", url(&way, driver.as_deref())),
            ("host", way.host()),
            ("port", Text::hole(Atom::Port(way.port.clone()))),
            ("database", Text::literal(&way.database)),
            ("user", way.user.clone()),
            ("password", way.password.clone()),
            ("ca", ca),
        ];
        for (part, text) in parts {
            cx.export(format!("uses.{}.{part}", said.component), text);
        }
        needs.push(way.content);
    }
    needs
}

/// The URL, with the server's certificate and name checked. Logins and generated passwords have no character that would have
/// to be encoded in it.
fn url(way: &DatabaseWay, driver: Option<&str>) -> Text {
    let scheme = way.engine.scheme();
    let scheme = driver.map_or_else(|| scheme.to_owned(), |driver| format!("{scheme}+{driver}"));
    let literal = |text: &str| Text::literal(text);
    let ca = way.authority();
    let (before_ca, after_ca) = if way.engine.speaks_mysql() {
        ("?ssl_ca=", "&ssl_verify_identity=true")
    } else {
        ("?sslmode=verify-full&sslrootcert=", "")
    };
    let texts = [
        literal(&format!("{scheme}://")),
        way.user.clone(),
        literal(":"),
        way.password.clone(),
        literal("@"),
        way.host(),
        literal(":"),
        Text::hole(Atom::Port(way.port.clone())),
        literal(&format!("/{}{before_ca}", way.database)),
        ca,
        literal(after_ca),
    ];
    let is_empty = |part: &Part| matches!(part, Part::Literal(text) if text.is_empty());
    texts.iter().flat_map(|text| text.parts().to_vec()).filter(|part| !is_empty(part)).collect()
}
