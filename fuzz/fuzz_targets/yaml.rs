//! Any bytes: reading them as YAML never panics, and what comes of it points into the text.

#![no_main]

use libfuzzer_sys::fuzz_target;
use model::yaml::{Document, Kind, Limits, Node, read};
use model::{Findings, Place};
use std::ops::Range;

fuzz_target!(|bytes: &[u8]| {
    let mut findings = Findings::new();
    let document = read("fuzz.yaml", bytes, &Limits::default(), &mut findings);
    assert!(document.is_some() || findings.has_errors(), "refused without a word");
    // What is no UTF-8 is shown with replacement characters, and findings point into what is shown.
    let shown = String::from_utf8_lossy(bytes).len();
    for finding in findings.iter() {
        if let Place::Span { range, .. } = &finding.place {
            assert!(range.start <= range.end && range.end <= shown, "{range:?} of {shown}");
        }
    }
    if let Some(document) = document {
        points_into(&document, &document.root);
        let _ = document.root.to_json();
    }
});

fn points_into(document: &Document, node: &Node) {
    inside(document, &node.range);
    match &node.kind {
        Kind::Scalar { .. } => {}
        Kind::Sequence(items) => items.iter().for_each(|item| points_into(document, item)),
        Kind::Mapping(entries) => {
            for entry in entries {
                inside(document, &entry.key_range);
                points_into(document, &entry.value);
            }
        }
    }
}

fn inside(document: &Document, range: &Range<usize>) {
    assert!(document.text.get(range.clone()).is_some(), "{range:?} is no part of the text");
}
