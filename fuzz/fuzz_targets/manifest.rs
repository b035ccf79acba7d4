//! Any bytes as a manifest: compiling them never panics, every refusal has a reason, and the
//! report of the reasons can be written.

#![no_main]

use compiler::{Options, compile, report};
use components::context::Files;
use libfuzzer_sys::fuzz_target;
use model::Digest;

/// A folder in which every file exists and says the same.
struct AnyFile;

impl Files for AnyFile {
    fn text(&self, path: &str) -> Result<String, String> {
        if path.contains("missing") {
            Err("it does not exist".to_owned())
        } else {
            Ok(format!("{path} {{{{ port }}}}\n"))
        }
    }

    fn folder_digest(&self, path: &str) -> Result<Digest, String> {
        Ok(Digest::of_bytes(path.as_bytes()))
    }
}

fuzz_target!(|bytes: &[u8]| {
    let compilation = compile("landfall.yaml", bytes, &Options::new(&AnyFile, "2026-11-20"));
    assert!(compilation.application.is_some() || compilation.findings.has_errors(), "refused without a word");
    let _ = report::to_text(&compilation.findings, &compilation.sources, report::Style::Plain);
    let _ = report::to_sarif(&compilation.findings, &compilation.sources, "0");
    if let Some(application) = &compilation.application {
        let graph = compiler::realise_locally(application);
        let _ = serde_json::to_string(&graph);
    }
});
