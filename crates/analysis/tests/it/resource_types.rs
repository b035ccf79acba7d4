//! The table of resource types against the schemas of the cfn-lint that is installed here; it is made anew with
//! `UPDATE_RESOURCE_TYPES=1 cargo test -p landfall-analysis resource_types`.

use analysis::resource_types::{Table, TypeFacts, table};
use model::cfn::types;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};

const REGION: &str = "us-east-1";

/// The schemas in the cache of tools, with the version that carries them.
fn schemas() -> Option<(PathBuf, String)> {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let base = base.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
    let libraries = std::fs::read_dir(base.join("landfall-gates/venv/lib")).ok()?.flatten();
    let packages = libraries.map(|library| library.path().join("site-packages"));
    packages.filter(|packages| packages.join("cfnlint/data/schemas").is_dir()).find_map(|packages| {
        let names = std::fs::read_dir(&packages).ok()?.flatten().map(|entry| entry.file_name().into_string());
        let version = names
            .flatten()
            .find_map(|name| Some(name.strip_prefix("cfn_lint-")?.strip_suffix(".dist-info")?.to_owned()))?;
        Some((packages.join("cfnlint/data/schemas"), version))
    })
}

fn json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|cause| panic!("{}: {cause}", path.display()));
    serde_json::from_str(&text).unwrap()
}

fn texts(value: &Value) -> BTreeSet<String> {
    let items = value.as_array().into_iter().flatten().filter_map(Value::as_str);
    items.map(|text| text.strip_prefix("/properties/").unwrap_or(text).to_owned()).collect()
}

/// What the schemas say about the types of a deployment.
fn read(schemas: &Path, version: &str) -> Table {
    let hashes = json(&schemas.join(format!("providers/{REGION}.json")));
    let facts = |kind: &str| {
        let hash = hashes[kind].as_str().unwrap_or_else(|| panic!("no schema of {kind}"));
        let schema = json(&schemas.join(format!("resources/{hash}.json")));
        let handlers = schema["handlers"].as_object().unwrap_or_else(|| panic!("no handlers of {kind}"));
        // Nobody lists resources of a type to deploy one.
        let handlers = handlers.iter().filter(|(name, _)| *name != "list");
        TypeFacts {
            create_only: texts(&schema["createOnlyProperties"]),
            conditional_create_only: texts(&schema["conditionalCreateOnlyProperties"]),
            permissions: handlers.map(|(name, handler)| (name.clone(), texts(&handler["permissions"]))).collect(),
        }
    };
    let date = json(&schemas.join("version.json"))["schema_date"].as_str().unwrap_or_default()[..10].to_owned();
    Table {
        version: 1,
        as_of: date,
        source: format!("cfn-lint {version}"),
        region: REGION.to_owned(),
        types: types::ALL.iter().map(|kind| ((*kind).to_owned(), facts(kind))).collect::<BTreeMap<_, _>>(),
    }
}

#[test]
fn every_type_is_in_the_table() {
    let known: Vec<&str> = table().types.keys().map(String::as_str).collect();
    let mut all = types::ALL.to_vec();
    all.sort_unstable();
    assert_eq!(known, all, "make it anew: UPDATE_RESOURCE_TYPES=1 cargo test -p landfall-analysis resource_types");
}

#[test]
fn the_table_is_what_the_schemas_say() {
    let Some((schemas, version)) = schemas() else {
        let _ = writeln!(std::io::stderr(), "skipped: there is no cfn-lint in the cache of tools");
        return;
    };
    let read = read(&schemas, &version);
    if std::env::var_os("UPDATE_RESOURCE_TYPES").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/resource_types/table.json");
        std::fs::write(path, serde_json::to_string_pretty(&read).unwrap() + "\n").unwrap();
        return;
    }
    assert_eq!(&read, table());
}
