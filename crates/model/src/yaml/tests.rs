use super::*;
use crate::{ManifestPath, Place};
use proptest::prelude::*;
use serde_json::json;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

fn read_text(text: &str) -> (Option<Document>, Findings) {
    let mut findings = Findings::new();
    let document = read("x.yaml", text.as_bytes(), &Limits::default(), &mut findings);
    (document, findings)
}

fn tree(text: &str) -> Node {
    let (document, findings) = read_text(text);
    assert!(findings.is_empty(), "{findings:?}");
    document.unwrap().root
}

/// One line a finding: code, the text that it points to, summary, related texts.
fn problems_of(bytes: &[u8]) -> String {
    let mut findings = Findings::new();
    let _ = read("x.yaml", bytes, &Limits::default(), &mut findings);
    let text = readable(bytes);
    let mut out = String::new();
    let slice = |place: &Place| match place {
        Place::Span { range, .. } => {
            let position = LineIndex::new(&text).position(&text, range.start);
            format!("{}:{} {:?}", position.line, position.column, &text[range.clone()])
        }
        other => format!("{other:?}"),
    };
    for finding in &findings.into_iter().collect::<Vec<_>>() {
        write!(out, "{} {} {}", finding.code.code, slice(&finding.place), finding.summary).unwrap();
        for (place, label) in &finding.related {
            write!(out, " [{} {label}]", slice(place)).unwrap();
        }
        out.push('\n');
    }
    out
}

fn problems(text: &str) -> String {
    problems_of(text.as_bytes())
}

#[test]
fn reads_values_with_their_places() {
    let text = "\u{feff}# a comment\nname: tabpy\nports: [80, \"443\"]\nnested:\n  - a: null\n    b: !Ref x\n    c:\nlast: é\n";
    let (document, findings) = read_text(text);
    assert!(findings.is_empty(), "{findings:?}");
    let document = document.unwrap();
    assert_eq!(
        document.root.to_json(),
        json!({ "name": "tabpy", "ports": [80, "443"], "nested": [{ "a": null, "b": "x", "c": null }], "last": "é" })
    );
    let map = SourceMap::new(&document);
    let root = ManifestPath::root();
    let shown = |range: std::ops::Range<usize>| &text[range];
    assert_eq!(shown(map.value(&root.key("ports").index(1)).unwrap()), "\"443\"");
    assert_eq!(shown(map.key(&root.key("ports")).unwrap()), "ports");
    assert_eq!(shown(map.value(&root.key("ports")).unwrap()), "[80, \"443\"]");
    let item = root.key("nested").index(0);
    assert_eq!(shown(map.value(&item.key("c")).unwrap()), "c");
    assert_eq!(shown(map.value(&item).unwrap()), "a: null\n    b: !Ref x\n    c");
    assert_eq!(document.root.at(&item.key("b")).unwrap().1.tag.as_deref(), Some("!Ref"));
    let last = map.value(&root.key("last")).unwrap();
    assert_eq!((shown(last.clone()), map.position(last.start)), ("é", Position { line: 8, column: 7 }));
    assert_eq!(map.value(&root.key("absent")), None);
}

#[test]
fn json_is_read_too() {
    assert_eq!(tree("{\"a\": [1, true, null, \"x\\n\"]}").to_json(), json!({ "a": [1, true, null, "x\n"] }));
}

#[test]
fn tags_of_the_core_schema_decide_the_type() {
    assert_eq!(tree("[!!str 12, !!int \"12\", ! 12]").to_json(), json!(["12", 12, "12"]));
}

#[test]
fn aliases_are_expanded_where_they_stand() {
    let root = tree("a: &x { p: 1 }\nb: *x\n");
    assert_eq!(root.to_json(), json!({ "a": { "p": 1 }, "b": { "p": 1 } }));
    assert_eq!(root.get("b").unwrap().range, 18..20);
}

#[test]
fn reports_all_problems_of_one_file() {
    insta::assert_snapshot!(problems("a: 1\nb: *nowhere\n? [x]\n: 2\n<<: { c: 1 }\na: 3\nd: &d [*d]\n"), @r#"
    YML012 2:4 "*nowhere" no anchor `&nowhere` stands before this alias
    YML010 3:3 "[x]" a list stands where a key is expected
    YML013 5:1 "<<" `<<` does not merge
    YML002 6:1 "a" `a` is given twice [1:1 "a" first given here]
    YML012 7:8 "*d" this alias stands inside of the value that it refers to
    "#);
}

#[test]
fn refuses_what_is_no_text() {
    insta::assert_snapshot!(problems_of(b"name: caf\xe9\n"), @r#"YML004 1:10 "" the byte 0xe9 is no UTF-8"#);
    insta::assert_snapshot!(problems_of(b"\x7fELF\x02\x00\x00"), @r#"YML005 1:6 "" the file is binary, not text"#);
    insta::assert_snapshot!(problems_of(b"\xff\xfen\x00"), @r#"YML004 1:1 "" the file is UTF-16, not UTF-8"#);
    insta::assert_snapshot!(problems(""), @r#"YML003 1:1 "" the file is empty"#);
    insta::assert_snapshot!(problems("# only this\n\n"), @r#"YML003 1:1 "" the file is empty"#);
    insta::assert_snapshot!(problems("---\n"), @r#"YML003 1:1 "" the file is empty"#);
}

#[test]
fn refuses_broken_forms() {
    insta::assert_snapshot!(problems("a:\n\tb: 1\n\tc: 2\n"), @r#"YML011 2:1 "\t" a tab stands in this line's indentation, and in 1 more"#);
    insta::assert_snapshot!(problems("a: [1, 2\nb: 3\n"), @r#"YML001 2:2 "" illegal placement of ':' indicator [1:4 "[" this is still open]"#);
    insta::assert_snapshot!(problems("a: b: c\n"), @r#"YML001 1:5 "" mapping values are not allowed in this context"#);
    insta::assert_snapshot!(problems("a: 1\n---\nb: 2\n"), @r#"YML009 2:1 "---" a second document begins here"#);
    insta::assert_snapshot!(problems("a: \"open\n"), @r#"YML001 2:1 "" invalid indentation in multiline quoted scalar"#);
}

#[expect(clippy::disallowed_methods, reason = "tests take the time")]
fn within(limit: Duration, work: impl FnOnce()) {
    let begun = Instant::now();
    work();
    assert!(begun.elapsed() < limit, "took {:?}", begun.elapsed());
}

#[test]
fn refuses_a_bomb_quickly() {
    let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..12 {
        let previous = format!("*a{}", level - 1);
        writeln!(bomb, "a{level}: &a{level} [{}]", vec![previous; 9].join(",")).unwrap();
    }
    within(Duration::from_secs(2), || assert!(problems(&bomb).starts_with("YML008 ")));
}

#[test]
fn refuses_depth_and_size_quickly() {
    within(Duration::from_secs(2), || assert!(problems(&"[".repeat(20_000)).starts_with("YML007 ")));
    let blocks: String = (0..200).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    assert!(problems(&blocks).starts_with("YML007 "));
    within(Duration::from_secs(2), || assert!(problems_of(&vec![b'a'; 10 << 20]).starts_with("YML006 ")));
}

/// Every range lies inside the text and on boundaries of characters.
fn check_ranges(text: &str, node: &Node) {
    assert!(text.get(node.range.clone()).is_some(), "{:?}", node.range);
    for entry in node.entries().unwrap_or_default() {
        assert!(text.get(entry.key_range.clone()).is_some(), "{:?}", entry.key_range);
        check_ranges(text, &entry.value);
    }
    for item in node.items().unwrap_or_default() {
        check_ranges(text, item);
    }
}

proptest! {
    #[test]
    fn never_panics_on_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut findings = Findings::new();
        let document = read("x.yaml", &bytes, &Limits::default(), &mut findings);
        prop_assert!(document.is_some() || findings.has_errors());
    }

    #[test]
    fn ranges_lie_inside(text in "([a-c&*!\\[\\]{},:#'\"|>?<~é\t \n-]|: |\n  |- ){0,60}") {
        let (document, findings) = read_text(&text);
        if let Some(document) = &document {
            check_ranges(&document.text, &document.root);
        }
        prop_assert!(document.is_some() || findings.has_errors());
        for finding in findings.iter() {
            if let Place::Span { range, .. } = &finding.place {
                prop_assert!(text.get(range.clone()).is_some());
            }
        }
    }

    #[test]
    fn json_means_itself(value in json_value()) {
        let text = serde_json::to_string_pretty(&value).unwrap();
        let (document, findings) = read_text(&text);
        prop_assert!(findings.is_empty(), "{:?}", findings);
        prop_assert_eq!(document.unwrap().root.to_json(), value);
    }
}

fn json_value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        "[ -~é]{0,12}".prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            proptest::collection::btree_map("[a-z ]{1,6}", inner, 0..4)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}
