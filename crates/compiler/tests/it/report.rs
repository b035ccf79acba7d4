//! Findings for machines.

use crate::support::compile_text;
use compiler::report::{to_json, to_sarif};
use insta::assert_snapshot;

const BROKEN: &str =
    "landfall: 1\nname: shop\nabout: é\ncomponents:\n  é: { kind: netwerk }\n  a: { kind: network, zone: 1, x-a: 1 }\n";

#[test]
fn json_has_a_version_and_places() {
    let compilation = compile_text(BROKEN);
    let json = to_json(&compilation.findings, &compilation.sources);
    assert_snapshot!(serde_json::to_string_pretty(&json).unwrap(), @r#"
    {
      "version": 1,
      "findings": [
        {
          "code": "COM001",
          "severity": "error",
          "title": "a component's name is not valid",
          "summary": "`é` is no name of a component",
          "help": "start with a lower-case letter and use at most 40 of a-z, 0-9 and '-'",
          "place": {
            "file": "landfall.yaml",
            "line": 5,
            "column": 3,
            "end_line": 5,
            "end_column": 4,
            "path": "components.é"
          },
          "related": []
        },
        {
          "code": "COM002",
          "severity": "error",
          "title": "a component has a kind that does not exist",
          "summary": "there is no kind `netwerk`",
          "help": "did you mean `network`? Known: `bastion`, `database`, `edge`, `network`, `secret`, `service`, `tunnel`",
          "place": {
            "file": "landfall.yaml",
            "line": 5,
            "column": 14,
            "end_line": 5,
            "end_column": 21,
            "path": "components.é.kind"
          },
          "related": []
        },
        {
          "code": "SHP001",
          "severity": "error",
          "title": "a key is not known here",
          "summary": "`zone` is not known here",
          "help": "did you mean `zones`?",
          "place": {
            "file": "landfall.yaml",
            "line": 6,
            "column": 23,
            "end_line": 6,
            "end_column": 27,
            "path": "components.a.zone"
          },
          "related": []
        }
      ]
    }
    "#);
}

#[test]
fn sarif_names_rules_and_regions() {
    let compilation = compile_text(BROKEN);
    let sarif = to_sarif(&compilation.findings, &compilation.sources, "0.1.0");
    assert_eq!(sarif["version"], "2.1.0");
    let run = &sarif["runs"][0];
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 3);
    for result in results {
        let rule = &run["tool"]["driver"]["rules"][usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], result["ruleId"]);
    }
    let last = &results[2];
    assert_eq!(last["ruleId"], "SHP001");
    let region = &last["locations"][0]["physicalLocation"]["region"];
    assert_eq!((region["startLine"].as_u64(), region["startColumn"].as_u64()), (Some(6), Some(23)));
}
