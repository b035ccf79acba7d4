//! What people see.

use crate::fixtures::ask;
use analysis::reachability::{Expectation, Guarantee, Options, Outcome, Problem, Question, Reaches, prove, render};
use model::cfn::Given;
use std::collections::BTreeMap;

const TIERS: &str = include_str!("../fixtures/three-tiers.yaml");

fn answer(from: &str, to: &str) -> String {
    render::text(&ask(TIERS, from, to))
}

#[test]
fn a_witness_names_every_hop_with_its_line() {
    insta::assert_snapshot!(answer("internet-v4", "Edge:443"), @r"
    internet-v4 -> Edge:443: reachable
      internet gateway: attached to Net - Gateway (t.yaml:9)
      security group rule: tcp 443 from 0.0.0.0/0 - EdgeGroup.SecurityGroupIngress[0] (t.yaml:62)
      route of the answer: 0.0.0.0/0 in PublicRoutes - PublicDefault (t.yaml:32)
      listener: Edge listens on 443 - Https (t.yaml:87)
      for example 1.0.0.10 port 40000 to 10.20.1.10 port 443
    ");
    insta::assert_snapshot!(answer("Edge", "App:9004"), @r"
    Edge -> App:9004: reachable
      target: port 443 of Edge passes on to port 9004 - Targets (t.yaml:94)
      security group rule: everything to everywhere (the default) - EdgeGroup (t.yaml:56)
      security group rule: tcp 9004 from EdgeGroup - AppGroup.SecurityGroupIngress[0] (t.yaml:69)
      listener: App listens on 9004 - AppGroup.SecurityGroupIngress[0] (t.yaml:69)
      for example 10.20.1.10 port 40000 to 10.20.3.10 port 9004
    ");
}

#[test]
fn a_denial_names_the_cut_and_the_smallest_change() {
    insta::assert_snapshot!(answer("internet-v4", "Data:5432"), @r"
    internet-v4 -> Data:5432: unreachable
      stopped by public address: Data has no public address - Data (t.yaml:115)
      to open it: give Data a public address: PubliclyAccessible: true
             and: add to the main route table of Net a route for the internet (IPv4) to an attached internet gateway
             and: add to DataGroup an ingress rule: tcp 5432 from the internet (IPv4)
    ");
    insta::assert_snapshot!(answer("Jump", "Data:5432"), @r"
    Jump -> Data:5432: unreachable
      stopped by security group: no ingress rule of DataGroup allows tcp 5432 from JumpGroup - DataGroup (t.yaml:71)
      to open it: add to DataGroup an ingress rule: tcp 5432 from JumpGroup
    ");
    insta::assert_snapshot!(answer("Data", "internet-v4:443"), @r"
    Data -> internet-v4:443: unreachable
      stopped by route: the main route table of Net has no route to the internet (IPv4) - the main route table of Net
      to open it: add to the main route table of Net a route for the internet (IPv4) to an internet gateway or a NAT gateway
    ");
}

#[test]
fn expectations_and_questions_that_make_no_sense() {
    let prove_that = |from: &str, to: &str, expect| {
        let question = Question { from: Some(from.to_owned()), to: Some(to.to_owned()) };
        prove(TIERS, "t.yaml", &Options { question, expect: Some(expect), ..Options::default() })
    };
    let holds = |from, to, expect| prove_that(from, to, expect).unwrap().holds();
    assert!(holds("internet", "Data", Expectation::Unreachable));
    assert!(!holds("internet", "Edge:443", Expectation::Unreachable));
    assert!(holds("internet", "Edge:443", Expectation::Reachable));
    // Only one office comes in: neither is proved of the internet.
    assert!(!holds("internet", "Jump:22", Expectation::Reachable));
    assert!(!holds("internet", "Jump:22", Expectation::Unreachable));
    let report = prove_that("internet", "Edge:443", Expectation::Unreachable).unwrap();
    let sarif = render::sarif(&report);
    let result = &sarif["runs"][0]["results"][0];
    assert_eq!(result["ruleId"], "reachability/expectation");
    assert_eq!(result["locations"][0]["physicalLocation"]["region"]["startLine"], 62);
    for (from, to) in [("internet", "Nobody:1"), ("Nobody", "Data"), ("internet", "Data:x"), ("internet", "10.0.0.0/8")]
    {
        assert!(matches!(prove_that(from, to, Expectation::Reachable), Err(Problem::Question(_))), "{from} {to}");
    }
}

#[test]
fn parameters_change_the_answer() {
    let parameters = BTreeMap::from([("Office".to_owned(), Given::Value("0.0.0.0/0".to_owned()))]);
    let question = Question { from: Some("internet-v4".to_owned()), to: Some("Jump:22".to_owned()) };
    let options = Options { question: question.clone(), parameters, ..Options::default() };
    assert_eq!(prove(TIERS, "t.yaml", &options).unwrap().answers[0].verdict.status.word(), "reachable");
    let parameters = BTreeMap::from([("Office".to_owned(), Given::Unknown)]);
    let verdict =
        &prove(TIERS, "t.yaml", &Options { question, parameters, ..Options::default() }).unwrap().answers[0].verdict;
    assert_eq!(verdict.status.word(), "unknown");
    assert_eq!(verdict.whys.iter().map(ToString::to_string).collect::<Vec<_>>(), ["parameter Office has no value"]);
}

#[test]
fn guarantees_hold_or_show_what_breaks_them() {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let guarantee = |who, reaches: &str, through: Option<&str>| Guarantee {
        who,
        reaches: reaches.to_owned(),
        through: through.map(str::to_owned).into_iter().collect(),
    };
    let judged = |text: &str, guarantee: Guarantee| {
        let options = Options { guarantees: vec![guarantee], ..Options::default() };
        prove(text, "t.yaml", &options).unwrap().guarantees.remove(0)
    };
    assert_eq!(judged(TIERS, guarantee(Reaches::Nothing(names(&["internet"])), "Data", None)).outcome, Outcome::Holds);
    assert_eq!(judged(TIERS, guarantee(Reaches::Only(names(&["App"])), "Data:5432", None)).outcome, Outcome::Holds);
    assert_eq!(
        judged(TIERS, guarantee(Reaches::Every(names(&["App", "Edge"])), "Data", None)).outcome,
        Outcome::Violated
    );
    assert_eq!(
        judged(TIERS, guarantee(Reaches::Only(names(&["internet"])), "App", Some("Edge"))).outcome,
        Outcome::Violated
    );
    assert_eq!(judged(TIERS, guarantee(Reaches::Nothing(names(&["mars"])), "Data", None)).outcome, Outcome::Unknown);
    // Workers reach what they need, with no way to the internet.
    let closed = include_str!("../fixtures/no-way-out.yaml");
    for (who, reaches) in [
        (Reaches::Nothing(names(&["Worker"])), "internet"),
        (Reaches::Every(names(&["Worker"])), "service:ssm"),
        (Reaches::Every(names(&["Worker"])), "service:logs"),
    ] {
        assert_eq!(judged(closed, guarantee(who, reaches, None)).outcome, Outcome::Holds, "{reaches}");
    }
    assert_eq!(
        judged(TIERS, guarantee(Reaches::Nothing(names(&["App"])), "internet", None)).outcome,
        Outcome::Violated
    );
    // Without the jump host the only way to the database leads through the edge.
    let without_jump = TIERS.replace("- { IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: !Ref Office }", "[]");
    let through = judged(&without_jump, guarantee(Reaches::Only(names(&["internet"])), "Data", Some("Edge")));
    assert_eq!(through.outcome, Outcome::Holds, "{through:?}");
    let broken = TIERS.replace("SourceSecurityGroupId: !Ref AppGroup }", "CidrIp: 0.0.0.0/0 }");
    let report = judged(&broken, guarantee(Reaches::Only(names(&["App"])), "Data:5432", None));
    assert_eq!(report.outcome, Outcome::Violated);
    assert!(report.evidence.iter().any(|found| found.text == "Jump to Data:5432: reachable"), "{:?}", report.evidence);
}

#[test]
fn overlapping_subnets_are_noted() {
    let text =
        TIERS.replace("CidrBlock: !Select [5, !Cidr [!GetAtt Net.CidrBlock, 6, 8]]", "CidrBlock: 10.20.4.128/25");
    let report = prove(&text, "t.yaml", &Options::default()).unwrap();
    assert!(report.notes.iter().any(|note| note.starts_with("IsolatedA and IsolatedB overlap")), "{:?}", report.notes);
    assert!(prove(TIERS, "t.yaml", &Options::default()).unwrap().notes.is_empty());
}

#[test]
fn hints_name_what_could_go() {
    let text = TIERS
        .replace("FromPort: 5432, ToPort: 5432,", "FromPort: 0, ToPort: 65535,")
        .replace("- { IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIp: 0.0.0.0/0 }", "- { IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIp: 0.0.0.0/0 }\n        - { IpProtocol: tcp, FromPort: 80, ToPort: 80, CidrIp: 0.0.0.0/0 }\n        - { IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIp: 198.51.100.0/24 }");
    let report = prove(&text, "t.yaml", &Options::default()).unwrap();
    let hints: Vec<String> =
        report.hints.iter().map(|hint| format!("{} {}: {}", hint.place.line, hint.kind, hint.text)).collect();
    insta::assert_snapshot!(hints.join("\n"), @r"
    76 wide: tcp any from AppGroup: only 5432 listens
    63 unused: tcp 80 from 0.0.0.0/0: nothing listens there
    64 unused: tcp 443 from 198.51.100.0/24: EdgeGroup.SecurityGroupIngress[0] allows the same already
    ");
}
