use super::{Evaluated, Evaluator, Given, Is, Scenario, Template, read, scenarios};
use crate::Findings;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn template(text: &str) -> Template {
    let mut findings = Findings::new();
    read("t.yaml", text, &mut findings).unwrap_or_else(|| panic!("{findings:?}"))
}

fn property(text: &str, given: &BTreeMap<String, Given>) -> Evaluated {
    let template = template(text);
    let scenario = scenarios(&template.graph, given, 64).examined.remove(0);
    let evaluator = Evaluator::new(&template.graph, given, &scenario);
    evaluator.evaluate(&template.graph.resources["X"].properties).get("P").clone()
}

fn show(value: &Evaluated) -> String {
    match &value.is {
        Is::Absent => "-".to_owned(),
        Is::Text(text) => text.clone(),
        Is::List(items) => format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(" ")),
        Is::Map(entries) => {
            let entries: Vec<_> = entries.iter().map(|(key, value)| format!("{key}:{}", show(value))).collect();
            format!("{{{}}}", entries.join(" "))
        }
        Is::Resource(name) => format!("@{name}"),
        Is::Attribute(name, attribute) => format!("@{name}.{attribute}"),
        Is::Unknown(whys) => format!("?{}", whys.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")),
    }
}

const HEAD: &str = "
Parameters:
  Net: { Type: String, Default: 10.0.0.0/16 }
  Ids: { Type: CommaDelimitedList, Default: 'a, b,c' }
  Open: { Type: String }
  Ami: { Type: 'AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>', Default: /aws/ami }
Mappings:
  Sizes: { us-east-1: { cidr: 10.1.0.0/16 }, eu-west-1: { cidr: 10.1.0.0/16 } }
Conditions:
  No: !Equals [!Ref Net, none]
  Yes: !Not [!Condition No]
  Both: !And [!Condition Yes, !Or [!Condition No, !Equals [a, a]]]
";

#[test]
fn evaluates_every_intrinsic_in_both_forms() {
    let cases = [
        ("!Ref Net", "10.0.0.0/16"),
        ("{ Ref: Ids }", "[a b c]"),
        ("!Ref Open", "?parameter Open has no value"),
        ("!Ref Ami", "?parameter Ami is looked up in the account"),
        ("!Ref Y", "@Y"),
        ("!GetAtt Y.GroupId", "@Y.GroupId"),
        ("{ 'Fn::GetAtt': [Y, GroupId] }", "@Y.GroupId"),
        ("!Sub '${Y.GroupId}'", "@Y.GroupId"),
        ("!Sub 'a-${Net}-${!b}'", "a-10.0.0.0/16-${b}"),
        ("!Sub ['${v}/32', { v: 1.2.3.4 }]", "1.2.3.4/32"),
        ("!Join ['.', [10, 0, 0, 0/8]]", "10.0.0.0/8"),
        ("{ 'Fn::Join': ['', [x, !Ref Open]] }", "?parameter Open has no value"),
        ("!Select [1, !Ref Ids]", "b"),
        ("!Select ['1', !Split ['/', !Ref Net]]", "16"),
        ("!Select [7, !Ref Ids]", "?Fn::Select at line 14 selects nothing"),
        ("!FindInMap [Sizes, !Ref 'AWS::Region', cidr]", "10.1.0.0/16"),
        ("!FindInMap [Sizes, mars, cidr]", "?the mapping Sizes has no mars.cidr (line 14)"),
        ("!FindInMap [Sizes, mars, cidr, { DefaultValue: z }]", "z"),
        ("!If [Both, !Ref Net, x]", "10.0.0.0/16"),
        ("{ 'Fn::If': [No, x, !Ref 'AWS::NoValue'] }", "-"),
        ("!Select [2, !Cidr [!Ref Net, 3, 8]]", "10.0.2.0/24"),
        ("!Select [0, !Cidr [!GetAtt Y.CidrBlock, 3, 8]]", "10.9.0.0/24"),
        ("!GetAtt Y.CidrBlock", "10.9.0.0/16"),
        ("!GetAtt X.CidrBlock", "@X.CidrBlock"),
        ("!ImportValue shared-group", "?the imported value shared-group is not in this template"),
        ("!Select [0, !GetAZs '']", "${AWS::Zone0}"),
        ("{ 'Fn::Transform': { Name: M } }", "?Fn::Transform at line 14 is not evaluated"),
        ("!Ref Ghost", "?Ghost is neither parameter nor resource (line 14)"),
        ("!GetAtt [1, 2, 3]", "?Fn::GetAtt at line 14 is not evaluated"),
        ("[1, !Ref 'AWS::NoValue', true]", "[1 true]"),
        ("!Nonsense x", "?Fn::Nonsense at line 14 is not evaluated"),
    ];
    for (expression, expected) in cases {
        let text = format!(
            "{HEAD}Resources:\n  X: {{ Type: T, Properties: {{ P: {expression} }} }}\n  Y: {{ Type: T, Properties: {{ CidrBlock: 10.9.0.0/16 }} }}\n"
        );
        assert_eq!(show(&property(&text, &BTreeMap::new())), expected, "{expression}");
    }
}

#[test]
fn reads_json_with_tabs_and_knows_lines() {
    let text = "{\n\t\"Resources\": {\n\t\t\"X\": {\"Type\": \"T\", \"Properties\":\n\t\t{\"P\": [\n\t\t\t{\"Ref\": \"AWS::Region\"}]}}}}";
    let template = template(text);
    assert_eq!(template.graph.resources["X"].line, 3);
    let value = property(text, &BTreeMap::from([("AWS::Region".to_owned(), Given::Value("eu-west-1".to_owned()))]));
    assert_eq!((show(&value), value.line, value.items()[0].line), ("[eu-west-1]".to_owned(), 4, 5));
}

#[test]
fn finds_the_satisfiable_combinations_only() {
    let graph = template(
        "
Parameters: { Env: { Type: String }, Size: { Type: String, AllowedValues: [s, l] } }
Conditions:
  Prod: !Equals [!Ref Env, prod]
  Stage: !Equals [stage, !Ref Env]
  Large: !And [!Condition Prod, !Equals [!Ref Size, l]]
  Here: !Equals [!Ref 'AWS::Region', eu-west-1]
Resources: { X: { Type: T } }",
    )
    .graph;
    let given = BTreeMap::new();
    let found = scenarios(&graph, &given, 64);
    assert!(found.is_complete);
    // prod small, prod large, stage, neither - each with Here both ways; never prod and stage at once.
    assert_eq!(found.examined.len(), 8);
    assert!(found.examined.iter().all(|one| !(one.conditions["Prod"] && one.conditions["Stage"])));
    let few = scenarios(&graph, &given, 3);
    assert!(!few.is_complete && few.examined.len() == 3);
    let given = BTreeMap::from([("Env".to_owned(), Given::Value("prod".to_owned()))]);
    assert_eq!(scenarios(&graph, &given, 64).examined.len(), 4);
}

#[test]
fn attributes_in_a_circle_end() {
    let text = "Resources:\n  X: { Type: T, Properties: { CidrBlock: !GetAtt Y.CidrBlock, P: !GetAtt Y.CidrBlock } }\n  \
                Y: { Type: T, Properties: { CidrBlock: !Sub '${X.CidrBlock}${X.CidrBlock}' } }\n";
    assert!(show(&property(text, &BTreeMap::new())).starts_with('@'));
}

#[test]
fn cycles_and_missing_conditions_end() {
    let graph = template(
        "Conditions: { A: !Condition B, B: !Not [!Condition A] }\nResources: { X: { Type: T, Condition: C } }",
    )
    .graph;
    assert_eq!(scenarios(&graph, &BTreeMap::new(), 64).examined.len(), 2);
    assert_eq!(graph.gaps.len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn any_text_is_read_or_refused(text in "(\\PC|[\\n {}\\[\\]:!&*'\"]){0,200}") {
        let mut findings = Findings::new();
        if read("t.yaml", &text, &mut findings).is_none() {
            prop_assert!(findings.has_errors());
        }
    }

    #[test]
    fn any_pile_of_functions_is_evaluated(
        calls in proptest::collection::vec(prop_oneof![
            Just("!Ref "), Just("!Sub "), Just("!Join "), Just("!Select "), Just("!If "), Just("!Cidr "), Just("!Split "),
            Just("[Yes, "), Just("[1, "), Just("{ 'Fn::Join': "), Just("!FindInMap "), Just("Net"), Just("]"), Just("}"),
            Just(", "), Just("'${Net}"), Just("'"), Just("!GetAtt X.P"), Just("!Equals "), Just("!Condition Both"),
        ], 0..24)
    ) {
        let text = format!("{HEAD}Resources:\n  X: {{ Type: T, Properties: {{ P: {} }} }}\n", calls.concat());
        let mut findings = Findings::new();
        if let Some(template) = read("t.yaml", &text, &mut findings) {
            let given = BTreeMap::new();
            let scenario = Scenario::default();
            let evaluator = Evaluator::new(&template.graph, &given, &scenario);
            for resource in template.graph.resources.values() {
                let value = evaluator.evaluate(&resource.properties);
                prop_assert!(show(&value).len() < 10_000);
            }
        }
    }
}
