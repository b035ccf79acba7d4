//! The floors of the house, held: what `docs/architecture.md` says in its table is compared with
//! what the Cargo manifests say.

use crate::workspace::{self, Metadata, Package};
use crate::{Result, purity};
use std::collections::{BTreeMap, BTreeSet};

/// Crates from outside that belong to one floor alone: who may name them.
const CONFINED: [(&str, &str); 3] = [("clap", "cli"), ("indicatif", "cli"), ("aws-", "aws_cloud")];

/// Crates whose name begins like a confined one's and that are something else.
const NOT_MEANT: [&str; 2] = ["aws-lc-rs", "aws-lc-sys"];

/// Crates that a pure crate must not even reach through others, since there is nothing pure in them.
const IMPURE: [&str; 8] = ["tokio", "hyper", "reqwest", "rustls", "nix", "tempfile", "etcetera", "indicatif"];

/// The kinds of crates that the table knows.
const KINDS: [&str; 4] = ["pure", "effects", "wiring", "dev"];

/// One row of the table.
#[derive(Debug, PartialEq, Eq)]
struct Floor {
    kind: String,
    /// `None`: all of them.
    may: Option<BTreeSet<String>>,
}

/// Compares, and names every difference.
pub(crate) fn check() -> Result {
    let text = std::fs::read_to_string(workspace::root().join("docs/architecture.md"))?;
    let floors = table(&text)?;
    let metadata = Metadata::read()?;
    let mut wrong = Vec::new();
    let members = metadata.members();
    for (name, package) in &members {
        match floors.get(*name) {
            Some(floor) => edges(name, package, floor, &floors, &mut wrong),
            None => wrong.push(format!("crate `{name}` has no row in the table of docs/architecture.md")),
        }
        confinement(name, package, &mut wrong);
        let manifest = std::fs::read_to_string(&package.manifest_path)?;
        if !manifest.contains("[lints]\nworkspace = true") {
            wrong.push(format!("crate `{name}` does not inherit the lints of the workspace"));
        }
        if floors.get(*name).is_some_and(|floor| floor.kind == "pure") {
            for other in metadata.below(package) {
                if IMPURE.contains(&other.name.as_str()) {
                    wrong.push(format!("pure crate `{name}` reaches `{}`", other.name));
                }
            }
        }
    }
    for name in floors.keys().filter(|name| !members.contains_key(name.as_str())) {
        wrong.push(format!("docs/architecture.md has a row for `{name}`, which is no crate"));
    }
    let pure: BTreeSet<&str> =
        floors.iter().filter(|(_, floor)| floor.kind == "pure").map(|(name, _)| name.as_str()).collect();
    if pure != purity::CRATES.into_iter().collect() {
        wrong.push(format!("the table calls {pure:?} pure, the bans are laid in {:?}", purity::CRATES));
    }
    if wrong.is_empty() {
        println!("{} crates keep to their floors", members.len());
        return Ok(());
    }
    Err(wrong.join("\n").into())
}

/// The edges to our own crates. Tests may use what the floor may, and what exists for tests.
fn edges(name: &str, package: &Package, floor: &Floor, floors: &BTreeMap<String, Floor>, wrong: &mut Vec<String>) {
    for dependency in &package.dependencies {
        let Some(other) = dependency.ours() else { continue };
        let Some(allowed) = &floor.may else { continue };
        let for_tests =
            dependency.kind.as_deref() == Some("dev") && floors.get(other).is_some_and(|floor| floor.kind == "dev");
        if !allowed.contains(other) && !for_tests {
            wrong.push(format!("crate `{name}` depends on `{other}`, which the table does not allow"));
        }
    }
}

fn confinement(name: &str, package: &Package, wrong: &mut Vec<String>) {
    for dependency in package.dependencies.iter().filter(|dependency| dependency.kind.as_deref() != Some("dev")) {
        let outside = dependency.name.as_str();
        for (prefix, home) in CONFINED {
            if outside.starts_with(prefix) && !NOT_MEANT.contains(&outside) && name != home {
                wrong.push(format!("crate `{name}` names `{outside}`, which belongs under `{home}` alone"));
            }
        }
    }
}

/// Reads the rows that begin with a crate's name and one of the [`KINDS`].
fn table(text: &str) -> Result<BTreeMap<String, Floor>> {
    let mut floors = BTreeMap::new();
    for line in text.lines() {
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        let [name, kind, _, may, _] = cells[..] else { continue };
        if !KINDS.contains(&kind) {
            continue;
        }
        let may = match may {
            "all" => None,
            "nothing" => Some(BTreeSet::new()),
            names => Some(names.split(',').map(|name| name.trim().trim_matches('`').to_owned()).collect()),
        };
        floors.insert(name.trim_matches('`').to_owned(), Floor { kind: kind.to_owned(), may });
    }
    if floors.is_empty() {
        return Err("docs/architecture.md holds no table of crates".into());
    }
    Ok(floors)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;
    use std::path::PathBuf;

    const TABLE: &str = "\
| crate | kind | is | may depend on (ours) | must never |
|---|---|---|---|---|
| `model` | pure | the words | nothing | print |
| `engine` | effects | plans | `model` | print |
| `testkit` | dev | tests | `model`, `engine` | ship |
| `cli` | wiring | verbs | all | decide |
";

    fn package(name: &str, dependencies: Vec<Dependency>) -> Package {
        Package {
            id: name.to_owned(),
            name: name.to_owned(),
            version: String::new(),
            license: None,
            source: None,
            manifest_path: PathBuf::from(format!("crates/{name}/Cargo.toml")),
            dependencies,
        }
    }

    fn ours(name: &str, kind: Option<&str>) -> Dependency {
        let path = Some(PathBuf::from(format!("/somewhere/crates/{name}")));
        Dependency { name: format!("landfall-{name}"), kind: kind.map(str::to_owned), path }
    }

    fn judged(name: &str, dependencies: Vec<Dependency>) -> Vec<String> {
        let floors = table(TABLE).unwrap();
        let mut wrong = Vec::new();
        let package = package(name, dependencies);
        edges(name, &package, &floors[name], &floors, &mut wrong);
        confinement(name, &package, &mut wrong);
        wrong
    }

    #[test]
    fn an_edge_upwards_is_named() {
        let wrong = judged("model", vec![ours("engine", None)]);
        assert_eq!(wrong, ["crate `model` depends on `engine`, which the table does not allow"]);
    }

    #[test]
    fn edges_of_the_table_and_of_tests_are_allowed() {
        assert_eq!(judged("engine", vec![ours("model", None), ours("testkit", Some("dev"))]), Vec::<String>::new());
        assert_eq!(judged("cli", vec![ours("model", None), ours("engine", None)]), Vec::<String>::new());
    }

    #[test]
    fn a_test_crate_must_not_ship() {
        assert_eq!(judged("engine", vec![ours("testkit", None)]).len(), 1);
    }

    #[test]
    fn confined_crates_have_one_home() {
        let outside = |name: &str| Dependency { name: name.to_owned(), kind: None, path: None };
        assert_eq!(judged("engine", vec![outside("clap"), outside("aws-config")]).len(), 2);
        assert_eq!(judged("cli", vec![outside("clap"), outside("aws-lc-rs")]), Vec::<String>::new());
    }

    #[test]
    fn a_document_without_table_is_refused() {
        table("# nothing").unwrap_err();
    }
}
