//! A manifest's surroundings without a file system.

use compiler::report::{Style, to_text};
use compiler::{Compilation, Options, compile};
use components::context::Files;
use model::Digest;
use std::collections::BTreeMap;

/// The day on which tests run.
pub(crate) const TODAY: &str = "2026-11-20";

/// Files in memory.
#[derive(Default)]
pub(crate) struct MemoryFiles(pub(crate) BTreeMap<String, String>);

impl MemoryFiles {
    pub(crate) fn with(mut self, path: &str, text: &str) -> Self {
        self.0.insert(path.to_owned(), text.to_owned());
        self
    }
}

impl Files for MemoryFiles {
    fn text(&self, path: &str) -> Result<String, String> {
        self.0.get(path).cloned().ok_or_else(|| "it does not exist".to_owned())
    }

    fn folder_digest(&self, path: &str) -> Result<Digest, String> {
        let below: BTreeMap<_, _> = self.0.iter().filter(|(name, _)| name.starts_with(&format!("{path}/"))).collect();
        if below.is_empty() { Err("it does not exist".to_owned()) } else { Ok(Digest::of(&below)) }
    }
}

/// The findings of a compilation as people see them.
pub(crate) fn text_of(compilation: &Compilation) -> String {
    to_text(&compilation.findings, &compilation.sources, Style::Plain)
}

/// Compiles a manifest for `local` with nothing given.
pub(crate) fn compile_text(manifest: &str) -> Compilation {
    let files = MemoryFiles::default();
    compile("landfall.yaml", manifest.as_bytes(), &Options::new(&files, TODAY))
}
