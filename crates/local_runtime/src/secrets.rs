//! The deployment's secrets: made once and kept, or read from where the user says. Each lies in a
//! file that only its owner can read.

use crate::Variables;
use crate::disk;
use crate::folders::Home;
use model::process_graph::{SecretRecipe, SecretSource, SecretSpec};
use model::text::SecretPart;
use model::{Digest, Fault, FaultKind, NodeId, Secret};
use serde::{Deserialize, Serialize};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Written last: says by which description the value beside it was made.
#[derive(Serialize, Deserialize, PartialEq, Eq)]
struct Record {
    made_by: SecretSpec,
}

/// The secrets of one deployment.
pub(crate) struct Secrets<'a> {
    pub(crate) home: &'a Home,
    pub(crate) variables: &'a Variables,
    /// The folder to which given files are relative.
    pub(crate) manifest_folder: &'a Path,
}

impl Secrets<'_> {
    /// Makes or reads a secret, unless it is there as described. Returns what happened, in words.
    pub(crate) fn ensure(&self, node: &NodeId, spec: &SecretSpec) -> Result<String, Fault> {
        let folder = self.home.secret(node)?;
        match spec {
            SecretSpec::Generated { recipe, generation } => {
                if self.is_as_described(node, spec)? {
                    return keep(&folder);
                }
                let made = generate(node, recipe)?;
                disk::private_folder(&folder)?;
                if let Some(public) = &made.public {
                    disk::write_atomically(&folder.join("public"), public.as_bytes(), 0o600)?;
                }
                disk::write_atomically(&folder.join("value"), made.value.expose().as_bytes(), 0o600)?;
                disk::write_json(&folder.join("record.json"), &Record { made_by: spec.clone() })?;
                Ok(format!("generated (generation {generation})"))
            }
            SecretSpec::Given { source } => {
                let (value, warning) = match self.given(node, source) {
                    Ok(given) => given,
                    // Another shell may run `up` again without the variable: what was given once is kept.
                    Err(_)
                        if matches!(source, SecretSource::Environment(name) if self.variables.get(name).is_none())
                            && self.is_as_described(node, spec)? =>
                    {
                        return keep(&folder);
                    }
                    Err(fault) => return Err(fault),
                };
                disk::private_folder(&folder)?;
                disk::write_atomically(&folder.join("value"), value.expose().as_bytes(), 0o600)?;
                disk::write_json(&folder.join("record.json"), &Record { made_by: spec.clone() })?;
                Ok(warning.unwrap_or_else(|| "given".to_owned()))
            }
        }
    }

    fn is_as_described(&self, node: &NodeId, spec: &SecretSpec) -> Result<bool, Fault> {
        let folder = self.home.secret(node)?;
        let record = disk::read_json::<Record>(&folder.join("record.json"))?;
        Ok(record.is_some_and(|record| record.made_by == *spec) && disk::read(&folder.join("value"))?.is_some())
    }

    /// What is wrong with a secret that was made; none when it is as it was left.
    pub(crate) fn wrong(&self, node: &NodeId, spec: &SecretSpec, evidence: Option<&Digest>) -> Option<String> {
        let value = match self.value(node, SecretPart::Value) {
            Ok(value) => value,
            Err(_) => return Some("the stored value is gone".to_owned()),
        };
        let file = self.home.secret(node).ok()?.join("value");
        if file.metadata().is_ok_and(|facts| facts.permissions().mode() & 0o077 != 0) {
            return Some("others can read the stored value".to_owned());
        }
        if evidence.is_some() && self.fingerprint(value.expose().as_bytes()).ok().as_ref() != evidence {
            return Some("the stored value was changed".to_owned());
        }
        match spec {
            SecretSpec::Given { source } => match self.given(node, source) {
                Ok((given, _)) if given != value => Some("another value is given now".to_owned()),
                _ => None,
            },
            SecretSpec::Generated { .. } => None,
        }
    }

    /// The value of a secret or its public half.
    pub(crate) fn value(&self, node: &NodeId, part: SecretPart) -> Result<Secret, Fault> {
        let name = match part {
            SecretPart::Value => "value",
            SecretPart::Public => "public",
        };
        let path = self.home.secret(node)?.join(name);
        let bytes = disk::read(&path)?.ok_or_else(|| {
            Fault::new(
                FaultKind::Permanent,
                format!("reading the secret {node}"),
                format!("{} is not there", path.display()),
            )
            .help("run `landfall up` again; it makes what is missing")
        })?;
        String::from_utf8(bytes).map(Secret::new).map_err(|_| {
            Fault::new(FaultKind::Permanent, format!("reading the secret {node}"), "the stored value is no text")
        })
    }

    /// A digest that tells whether a content is the same without telling what it is: salted by the
    /// deployment's seed, so that a short secret cannot be guessed from the journal.
    pub(crate) fn fingerprint(&self, content: &[u8]) -> Result<Digest, Fault> {
        let mut salted = self.seed()?.expose().as_bytes().to_vec();
        salted.extend_from_slice(content);
        Ok(Digest::of_bytes(&salted))
    }

    /// The deployment's random seed.
    pub(crate) fn seed(&self) -> Result<Secret, Fault> {
        let path = self.home.seed();
        if let Some(bytes) = disk::read(&path)? {
            return String::from_utf8(bytes).map(Secret::new).map_err(|_| {
                Fault::new(FaultKind::IncompatibleState, format!("reading {}", path.display()), "it is no text")
            });
        }
        let seed = template::generate(
            &SecretRecipe::Key { bytes: 32, encoding: model::process_graph::KeyEncoding::Hex },
            &mut random,
        )
        .map_err(|error| Fault::new(FaultKind::Bug, "making the deployment's seed", error))?;
        disk::private_folder(&self.home.secrets())?;
        disk::write_atomically(&path, seed.value.expose().as_bytes(), 0o600)?;
        Ok(seed.value)
    }

    /// Removes a secret.
    pub(crate) fn remove(&self, node: &NodeId) -> Result<(), Fault> {
        disk::remove_with_empty_parents(&self.home.secret(node)?, &self.home.secrets())
    }

    /// Reads a given secret; the second half is a warning.
    pub(crate) fn given(&self, node: &NodeId, source: &SecretSource) -> Result<(Secret, Option<String>), Fault> {
        given_secret(self.variables, self.manifest_folder, node, source)
    }
}

/// Reads a secret that the user gives, from a variable or from a file below the manifest's folder; the second half is a warning.
///
/// # Errors
/// When it is not there, is no text, or every user of this machine can read it.
pub fn given_secret(
    variables: &Variables,
    manifest_folder: &Path,
    node: &NodeId,
    source: &SecretSource,
) -> Result<(Secret, Option<String>), Fault> {
    let operation = format!("reading the secret {node}");
    let refuse = |cause: String, help: String| Err(Fault::new(FaultKind::NeedsPerson, &operation, cause).help(help));
    match source {
        SecretSource::Environment(name) => match variables.get(name) {
            None => refuse(
                format!("the environment variable {name} is not set"),
                format!("set it in the shell that runs landfall, as: read -rs {name} && export {name}"),
            ),
            Some(value) => match value.to_str() {
                Some(text) => Ok((Secret::new(text), None)),
                None => refuse(format!("{name} is no UTF-8 text"), "encode it, for example with base64".to_owned()),
            },
        },
        SecretSource::File(name) => {
            let path = manifest_folder.join(name);
            let bytes = match disk::read(&path)? {
                Some(bytes) => bytes,
                None => {
                    return refuse(
                        format!("the file {} does not exist", path.display()),
                        format!("write the value into it and protect it: (umask 077 && cat > {})", path.display()),
                    );
                }
            };
            let mode = path.metadata().map_or(0, |facts| facts.permissions().mode() & 0o777);
            if mode & 0o007 != 0 {
                return refuse(
                    format!("every user of this machine can read {} (mode {mode:04o})", path.display()),
                    format!(
                        "protect it with `chmod 600 {}`; if others may have seen it, change the value",
                        path.display()
                    ),
                );
            }
            let warning = (mode & 0o070 != 0).then(|| {
                format!("given; its group can read {} (mode {mode:04o}), consider `chmod 600`", path.display())
            });
            let Ok(mut text) = String::from_utf8(bytes) else {
                return refuse(
                    format!("{} is no UTF-8 text", path.display()),
                    "encode it, for example with base64".to_owned(),
                );
            };
            if text.ends_with('\n') {
                text.pop();
                if text.ends_with('\r') {
                    text.pop();
                }
            }
            if text.is_empty() {
                return refuse(format!("{} is empty", path.display()), "write the value into it".to_owned());
            }
            Ok((Secret::new(text), warning))
        }
    }
}

/// Random bytes of the operating system, by way of the cryptographic library.
pub fn random(buffer: &mut [u8]) {
    // The library's generator cannot fail once it is seeded; were it to leave zeros, `template` refuses them.
    let _ = aws_lc_rs::rand::fill(buffer);
}

fn generate(node: &NodeId, recipe: &SecretRecipe) -> Result<template::GeneratedSecret, Fault> {
    template::generate(recipe, &mut random)
        .map_err(|error| Fault::new(FaultKind::Permanent, format!("generating the secret {node}"), error))
}

/// Where a deployment's secret lies, for a person who asks how to read it.
pub(crate) fn value_file(home: &Home, node: &NodeId) -> Result<PathBuf, Fault> {
    Ok(home.secret(node)?.join("value"))
}

impl crate::target::LocalTarget {
    /// When a secret was made, RFC 3339; none when it was not.
    #[must_use]
    pub fn secret_made(&self, node: &NodeId) -> Option<String> {
        let made = value_file(&self.home, node).ok()?.metadata().ok()?.modified().ok()?;
        let made = jiff::Timestamp::try_from(made).ok()?;
        Some(made.round(jiff::Unit::Second).unwrap_or(made).to_string())
    }
}
/// Keeps a secret that is there, for its owner alone.
fn keep(folder: &Path) -> Result<String, Fault> {
    let file = folder.join("value");
    let failed = |error: std::io::Error| disk::io_fault("protecting", &file, &error);
    let mut permissions = file.metadata().map_err(failed)?.permissions();
    if permissions.mode() & 0o077 == 0 {
        return Ok("kept".to_owned());
    }
    permissions.set_mode(0o600);
    std::fs::set_permissions(&file, permissions).map_err(failed)?;
    Ok("kept, and hidden from others again".to_owned())
}
