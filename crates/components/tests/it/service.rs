use crate::support::{AnyFile, json_map, node, validated, validated_with};
use model::process_graph::{NodeSpec, PortWish, ReadinessCheck};
use model::{NodeId, PortId};

const SERVICE: &str = r#"
app:
  kind: service
  python: { packages: [a==1], imports: [a] }
  command: "${self.python} -m a --config ${self.file.z.conf}"
  environment: { PASSWORD: "${self.users.ann.password}", DEBUG: false, WORKERS: 4 }
  files:
    z.conf: { text: "{{ parameters.domain }} {{ port }} {{ other }}", with: { other: "${self.file.a.txt}" } }
    a.txt: { text: "{% for user in users %}{{ user.name }}{% endfor %}" }
  users: { names: [ann, bob] }
  port: 8000
"#;

#[test]
fn a_file_comes_after_those_that_it_names() {
    let graph = validated(SERVICE).graph();
    let ids: Vec<&str> = graph.nodes.keys().map(NodeId::as_str).collect();
    assert_eq!(
        ids,
        ["app/users/ann", "app/users/bob", "app/python", "app/file/a.txt", "app/file/z.conf", "app/program"]
    );
    assert!(graph.nodes[&NodeId::new("app/file/z.conf")].needs.contains(&NodeId::new("app/file/a.txt")));
    let needs = &graph.nodes[&NodeId::new("app/program")].needs;
    assert_eq!(needs.len(), 5, "all parts of the service: {needs:?}");
}

#[test]
fn every_need_comes_first() {
    let graph = validated(SERVICE).graph();
    for (position, (id, node)) in graph.nodes.iter().enumerate() {
        for need in &node.needs {
            let index = graph.nodes.get_index_of(need).unwrap_or_else(|| panic!("{id} needs {need}"));
            assert!(index < position, "{id} comes before {need}");
        }
    }
}

#[test]
fn a_file_sees_only_what_it_uses() {
    let with = |parameters: &str| validated_with(SERVICE, &json_map(parameters), &AnyFile("")).graph();
    let one = with("{ domain: a.example.org, size: small }");
    let other = with("{ domain: a.example.org, size: large }");
    assert_eq!(one, other, "a parameter that no template uses changes nothing");
    assert_ne!(one, with("{ domain: b.example.org, size: small }"));
    let NodeSpec::File(file) = node(&one, "app/file/z.conf") else { panic!() };
    assert_eq!(file.context.keys().map(String::as_str).collect::<Vec<_>>(), ["other", "parameters", "port"]);
    assert_eq!(file.mode, 0o600);
}

#[test]
fn secrets_stand_in_no_command() {
    let graph = validated(SERVICE).graph();
    let NodeSpec::Program(program) = node(&graph, "app/program") else { panic!() };
    assert!(!program.command.iter().any(model::Text::has_secret));
    assert!(program.environment["PASSWORD"].has_secret());
    assert_eq!(program.environment["WORKERS"].as_literal().as_deref(), Some("4"));
    assert_eq!(program.environment["DEBUG"].as_literal().as_deref(), Some("false"));
}

#[test]
fn readiness_follows_from_port_and_health() {
    let check = |rest: &str| {
        let graph = validated(&format!("app: {{ kind: service, command: [app], {rest} }}")).graph();
        let NodeSpec::Program(program) = node(&graph, "app/program") else { panic!() };
        (program.readiness.check.clone(), graph.ports.values().map(|port| port.wish).next())
    };
    let port = PortId::new("app/http");
    assert_eq!(check("needs: []"), (ReadinessCheck::Running, None));
    assert_eq!(check("port: any"), (ReadinessCheck::Port { port: port.clone() }, Some(PortWish::Any)));
    let health = ReadinessCheck::Http { port, path: "/h".into(), statuses: vec![200, 401] };
    assert_eq!(check("port: 80, health: { path: /h, status: [200, 401] }"), (health, Some(PortWish::Preferably(80))));
}

#[test]
fn size_gives_memory_and_memory_wins() {
    let memory = |rest: &str| {
        let graph = validated(&format!("app: {{ kind: service, command: [app], {rest} }}")).graph();
        let NodeSpec::Program(program) = node(&graph, "app/program") else { panic!() };
        program.memory_limit
    };
    assert_eq!(memory("size: small"), Some(1 << 30));
    assert_eq!(memory("size: large, memory: 512MiB"), Some(512 << 20));
    assert_eq!(memory("needs: []"), None);
}

#[test]
fn a_program_waits_for_what_it_needs() {
    let text = "db: { kind: service, command: [db] }\napp: { kind: service, command: [app], needs: [db] }";
    let graph = validated(text).graph();
    assert!(graph.nodes[&NodeId::new("app/program")].needs.contains(&NodeId::new("db/program")));
}

#[test]
fn all_problems_are_found_at_once() {
    let outcome = validated(
        r#"app: { kind: service, command: [], port: any, users: { names: [a, A] }, memory: 1B,
           files: { x: { text: "{{ nothing }}" } }, health: { path: x } }"#,
    );
    insta::assert_snapshot!(outcome.lines(), @r#"
    SVC015 1B of memory is less than any program needs
    SVC012 the user `A` is there already
    SVC001 the command is empty
    SVC010 line 1 of the template: there is no variable `nothing`
    SVC014 the path `x` does not start with `/`
    "#);
}
