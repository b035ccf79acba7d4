//! What a person chooses besides the manifest.

use crate::parameter::ValuesFile;
use components::context::Files;
use std::collections::BTreeMap;

/// The environment that always exists.
pub const LOCAL: &str = "local";

/// What to compile the manifest for. The command line collects it; nothing here reads the world.
pub struct Options<'a> {
    /// The environment's name, [`LOCAL`] by default.
    pub environment: String,
    /// The texts after `--set`, as they are: `name=value`.
    pub set: Vec<String>,
    /// The file after `--values`.
    pub values: Option<ValuesFile>,
    /// The environment variables; those that begin with `LANDFALL_PARAM_` give parameters.
    pub variables: BTreeMap<String, String>,
    /// Today, as `2026-11-20`.
    pub today: String,
    /// The user's files beside the manifest.
    pub files: &'a dyn Files,
}

impl<'a> Options<'a> {
    /// Nothing chosen: the environment `local`, parameters by their defaults.
    pub fn new(files: &'a dyn Files, today: impl Into<String>) -> Self {
        Self {
            environment: LOCAL.to_owned(),
            set: Vec::new(),
            values: None,
            variables: BTreeMap::new(),
            today: today.into(),
            files,
        }
    }
}
