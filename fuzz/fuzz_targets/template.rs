//! Any bytes as a CloudFormation template: reading and proving never panics, every refusal has a reason,
//! nothing is called unreachable without a cut or unknown without a why, and every form of the report can be written.

#![no_main]

use analysis::reachability::{Options, Problem, Status, prove, render};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let report = match prove(&text, "fuzz.yaml", &Options::default()) {
        Ok(report) => report,
        Err(Problem::Unreadable(findings)) => {
            assert!(findings.has_errors(), "refused without a word");
            return;
        }
        Err(Problem::Question(text)) => panic!("nothing was asked, but: {text}"),
    };
    for cell in &report.cells {
        if let Some(verdict) = &cell.verdict {
            match cell.status {
                Status::Unknown => assert!(!verdict.whys.is_empty(), "{verdict:?}"),
                Status::Unreachable => assert!(verdict.cut.is_some(), "{verdict:?}"),
                Status::Partly | Status::Reachable => {}
            }
        }
    }
    let _ = render::text(&report);
    let _ = render::json(&report);
    let _ = render::svg(&report);
    let _ = render::sarif(&report);
});
