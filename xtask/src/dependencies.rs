//! What everything we build on must be: freely licensed, from the registry, one kind of TLS.
//!
//! `deny.toml` asks cargo-deny the same; this asks with Cargo alone, so that it is always asked.

use crate::Result;
use crate::shell::Shell;
use crate::workspace::{Metadata, Package};
use std::collections::BTreeSet;

/// Licences that ask for nothing but their own text.
const PERMISSIVE: [&str; 13] = [
    "MIT",
    "MIT-0",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "0BSD",
    "Unlicense",
    "CC0-1.0",
    "Unicode-3.0",
    "CDLA-Permissive-2.0",
];

/// A second TLS or crypto provider, and crates that nobody keeps any more.
const FORBIDDEN: [&str; 7] = ["ring", "openssl", "openssl-sys", "native-tls", "serde_yaml", "async-std", "atty"];

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Looks at every package that is built on this machine, those of tests too.
pub(crate) fn check() -> Result {
    let metadata = Metadata::read()?;
    let built = built()?;
    let packages = metadata.packages.iter().filter(|package| built.contains(&package.label()));
    let packages: Vec<&Package> = packages.collect();
    if packages.len() < built.len() {
        return Err(
            format!("cargo tree names {} packages, cargo metadata {} of them", built.len(), packages.len()).into()
        );
    }
    let wrong: Vec<String> = packages.iter().filter_map(|package| objection(package)).collect();
    if wrong.is_empty() {
        println!("{} packages: licences permissive, sources known, none forbidden", packages.len());
        return Ok(());
    }
    Err(wrong.join("\n").into())
}

/// The labels of what is really built. `cargo metadata` knows more: it also turns on what only a
/// phone would need.
fn built() -> Result<BTreeSet<String>> {
    let tree = ["tree", "--workspace", "--locked", "--edges=normal,build,dev", "--prefix=none", "--format={p}"];
    let text = Shell::cargo(tree).output()?;
    let label = |line: &str| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    Ok(text.lines().map(label).filter(|label| !label.is_empty()).collect())
}

fn objection(package: &Package) -> Option<String> {
    let name = package.label();
    if FORBIDDEN.contains(&package.name.as_str()) {
        return Some(format!("{name} is forbidden"));
    }
    if let Some(source) = package.source.as_deref().filter(|source| *source != REGISTRY) {
        return Some(format!("{name} comes from {source}"));
    }
    match package.license.as_deref() {
        None => Some(format!("{name} names no licence")),
        Some(license) if !permits(license) => Some(format!("{name} is under {license}")),
        Some(_) => None,
    }
}

/// Whether one way through an SPDX expression leads over permissive licences alone.
fn permits(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    any(&words, &mut at) && at == words.len()
}

fn any(words: &[&str], at: &mut usize) -> bool {
    let mut holds = all(words, at);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        holds |= all(words, at);
    }
    holds
}

fn all(words: &[&str], at: &mut usize) -> bool {
    let mut holds = one(words, at);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        holds &= one(words, at);
    }
    holds
}

fn one(words: &[&str], at: &mut usize) -> bool {
    let Some(&word) = words.get(*at) else { return false };
    *at += 1;
    if word == "(" {
        let holds = any(words, at);
        let closed = words.get(*at) == Some(&")");
        *at += 1;
        return holds && closed;
    }
    if words.get(*at) == Some(&"WITH") {
        let exception = words.get(*at + 1).copied().unwrap_or_default();
        *at += 2;
        return PERMISSIVE.contains(&format!("{word} WITH {exception}").as_str());
    }
    PERMISSIVE.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissive_expressions_pass() {
        for expression in [
            "MIT",
            "MIT/Apache-2.0",
            "MIT OR Apache-2.0 OR LGPL-2.1-or-later",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR GPL-3.0-only",
            "ISC AND (Apache-2.0 OR ISC)",
        ] {
            assert!(permits(expression), "{expression}");
        }
    }

    #[test]
    fn copyleft_and_nonsense_do_not() {
        for expression in [
            "GPL-3.0-only",
            "MIT AND GPL-3.0-only",
            "(MIT OR Apache-2.0) AND OpenSSL",
            "",
            "(MIT",
            "MIT MIT",
            "MPL-2.0",
        ] {
            assert!(!permits(expression), "{expression}");
        }
    }

    #[test]
    fn a_forbidden_package_is_named() {
        let package = |name: &str, source: Option<&str>| Package {
            id: String::new(),
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            license: Some("MIT".to_owned()),
            source: source.map(str::to_owned),
            manifest_path: "Cargo.toml".into(),
            dependencies: Vec::new(),
        };
        assert_eq!(objection(&package("ring", Some(REGISTRY))), Some("ring v1.0.0 is forbidden".to_owned()));
        assert_eq!(objection(&package("fine", Some(REGISTRY))), None);
        assert!(objection(&package("forked", Some("git+https://example.org/x"))).is_some());
    }
}
