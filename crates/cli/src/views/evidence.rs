//! The evidence that an auditor keeps: a JSON record and a page that needs nothing else.

use minijinja::value::{Serde, Value};
use minijinja::{Environment, context};
use model::verification::VerificationReport;
use model::{Digest, Fault, FaultKind};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// The version of the record's JSON form.
pub(crate) const EVIDENCE_VERSION: u32 = 1;

/// What was checked, when, with what, and what came out.
#[derive(Debug, Serialize)]
pub(crate) struct Evidence {
    /// [`EVIDENCE_VERSION`].
    pub(crate) version: u32,
    pub(crate) deployment: String,
    pub(crate) environment: String,
    pub(crate) manifest_path: String,
    pub(crate) manifest_digest: String,
    pub(crate) tool_version: &'static str,
    /// The digest of the program file that did the checking.
    pub(crate) tool_digest: String,
    pub(crate) machine: String,
    pub(crate) user: String,
    pub(crate) proved: bool,
    pub(crate) passed: usize,
    pub(crate) report: VerificationReport,
}

/// Writes both files under names that carry the time, so that evidence is never overwritten.
///
/// # Errors
/// When the directory or a file cannot be written.
pub(crate) fn write(evidence: &Evidence, directory: &Path) -> Result<(PathBuf, PathBuf), Fault> {
    let fault = |error: &dyn std::fmt::Display| {
        Fault::new(FaultKind::NeedsPerson, format!("writing the evidence to {}", directory.display()), error)
            .help("give a directory that you may write to: --evidence DIR")
    };
    let stamp: String =
        evidence.report.started_at.chars().filter(|c| c.is_ascii_alphanumeric()).take(15).collect::<String>();
    let stem = format!("{}-{stamp}", evidence.deployment);
    let record = serde_json::to_string_pretty(evidence).map_err(|error| fault(&error))? + "\n";
    let record_name = format!("{stem}.json");
    let page = render(evidence, &record_name, &Digest::of_bytes(record.as_bytes())).map_err(|error| fault(&error))?;
    std::fs::create_dir_all(directory).map_err(|error| fault(&error))?;
    let (record_path, page_path) = (directory.join(&record_name), directory.join(format!("{stem}.html")));
    for (path, text) in [(&record_path, &record), (&page_path, &page)] {
        local_runtime::write_atomically(path, text.as_bytes(), 0o644)?;
    }
    Ok((record_path, page_path))
}

fn render(evidence: &Evidence, record_name: &str, record_digest: &Digest) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.add_template("evidence.html", include_str!("evidence.html"))?;
    environment.get_template("evidence.html")?.render(context! {
        record_name,
        record_digest => record_digest.as_str(),
        started_at => evidence.report.started_at.as_str(),
        waiting => evidence.report.waiting(),
        results => Serde(flat_results(evidence)),
        ..Value::from(Serde(evidence))
    })
}

/// The results with the verdict's fields beside the others, as the page's table wants them.
fn flat_results(evidence: &Evidence) -> Vec<serde_json::Value> {
    let flatten = |result: &model::verification::ProbeResult| {
        let mut value = serde_json::to_value(result).unwrap_or_default();
        if let Some(fields) = value.as_object_mut()
            && let Some(serde_json::Value::Object(verdict)) = fields.remove("verdict")
        {
            fields.extend(verdict);
            fields.insert("origin".into(), result.origin.to_string().into());
        }
        value
    };
    evidence.report.results.iter().map(flatten).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::verification::{ProbeResult, Verdict};
    use model::{ComponentName, ManifestPath, ProbeId};

    fn evidence() -> Evidence {
        let result = |probe: &str, verdict| ProbeResult {
            probe: ProbeId::new(probe),
            component: ComponentName::new("web").unwrap(),
            origin: ManifestPath::root().key("components").key("web"),
            claim: "a claim with <angle> brackets".into(),
            verdict,
            duration_ms: 3,
        };
        let passed = Verdict::Passed { seen: "200".into() };
        let failed = Verdict::Failed { expected: "401".into(), seen: "200".into(), help: "turn it on".into() };
        Evidence {
            version: EVIDENCE_VERSION,
            deployment: "tabpy".into(),
            environment: "local".into(),
            manifest_path: "landfall.yaml".into(),
            manifest_digest: "00".into(),
            tool_version: "0.1.0",
            tool_digest: "11".into(),
            machine: "host".into(),
            user: "me".into(),
            proved: false,
            passed: 1,
            report: VerificationReport {
                started_at: "2026-11-20T10:20:30Z".into(),
                results: vec![result("a", passed), result("b", failed)],
            },
        }
    }

    #[test]
    fn the_page_says_what_failed_and_escapes_texts() {
        let page = render(&evidence(), "x.json", &Digest::of_bytes(b"x")).unwrap();
        assert!(page.contains("Not proved: 1 of 2 claims do not hold."), "{page}");
        assert!(page.contains("a claim with &lt;angle&gt; brackets"));
        assert!(page.contains("<b>expected</b> 401<br><b>seen</b> 200<br>turn it on"), "{page}");
        assert!(page.contains("components.web"));
        assert!(!page.contains("http://") && !page.contains("https://"), "the page needs nothing else");
    }

    #[test]
    fn both_files_are_written_and_the_page_names_the_record_digest() {
        let directory = tempfile::tempdir().unwrap();
        let (record, page) = write(&evidence(), directory.path()).unwrap();
        assert_eq!(record.file_name().unwrap(), "tabpy-20261120T102030.json");
        let digest = Digest::of_bytes(&std::fs::read(record).unwrap());
        assert!(std::fs::read_to_string(page).unwrap().contains(digest.as_str()));
    }
}
