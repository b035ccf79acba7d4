//! `fixtures/invalid/CODE[-name].yaml` holds a manifest that must give a finding of that code; the
//! file of the same name that ends in `.txt` holds what people are shown. With `UPDATE_FIXTURES=1`
//! in the environment the texts are written anew.
//!
//! A fixture's first lines may say what was given besides: `#! --set name=value`, `#! --env NAME`,
//! `#! --values TEXT` (with `\n` between lines), `#! VARIABLE=value`, `#! file NAME TEXT`, and what a defect of the
//! lowering would add to the resources: `#! resource ID JSON`.

use crate::support::{MemoryFiles, TODAY, text_of};
use compiler::{Compilation, Options, Target, ValuesFile, codes, compile, lower_to_aws, prove, render_templates};
use model::Findings;
use model::cfn::read;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Codes whose file is too large to be kept.
const GENERATED: &[(&str, Generate)] = &[
    ("YML006", || vec![b'#'; 10 << 20]),
    ("MAN005", || {
        let keys: String = (0..600).map(|number| format!("key-{number}: 1\n")).collect();
        format!("landfall: 1\nname: shop\ncomponents: {{ net: {{ kind: network }} }}\n{keys}").into_bytes()
    }),
    ("AWS005", || {
        // Text that no compression makes small.
        let text: String =
            (0_u32..4096).map(|number| format!("{:08x}", number.wrapping_mul(2_654_435_761) ^ number << 7)).collect();
        format!(
            "#! --env production\nlandfall: 1\nname: shop\nenvironments:\n  production: {{ target: aws, account: \"123456789012\", \
             region: eu-central-1 }}\ncomponents:\n  app: {{ kind: service, command: [app], files: {{ a: {{ text: \"{text}\" }} }} }}\n"
        )
        .into_bytes()
    }),
    ("TPL001", || {
        let sources: String = (0..61).map(|number| format!("10.0.{number}.0/24, ")).collect();
        format!(
            "#! --env production\nlandfall: 1\nname: shop\nenvironments:\n  production: {{ target: aws, account: \"123456789012\", \
             region: eu-central-1 }}\ncomponents:\n  app: {{ kind: service, command: [app], port: 80 }}\n  web: {{ kind: edge, domain: \
             shop.example.org, redirect: false, routes: {{ /: app }}, allow: {{ owner: ops, review-by: \"2027-01-31\", sources: \
             [{sources}] }} }}\n"
        )
        .into_bytes()
    }),
];

type Generate = fn() -> Vec<u8>;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/invalid")
}

fn fixtures() -> Vec<PathBuf> {
    let entries = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut fixtures: Vec<_> = entries.filter(|path| path.extension().is_some_and(|end| end == "yaml")).collect();
    fixtures.sort();
    fixtures
}

fn code_of(fixture: &Path) -> String {
    let name = fixture.file_stem().unwrap().to_str().unwrap();
    name.split('-').next().unwrap().to_owned()
}

fn compile_fixture(bytes: &[u8]) -> Compilation {
    let mut files = MemoryFiles::default();
    let text = String::from_utf8_lossy(bytes).into_owned();
    let mut defects = Findings::new();
    let settings: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("#! ")).collect();
    for setting in &settings {
        if let Some((name, text)) = setting.strip_prefix("file ").and_then(|rest| rest.split_once(' ')) {
            files = files.with(name, &text.replace("\\n", "\n"));
        }
    }
    let mut options = Options::new(&files, TODAY);
    let resources: Vec<&str> = settings.iter().filter_map(|setting| setting.strip_prefix("resource ")).collect();
    let resources: Vec<String> = resources.iter().map(|said| said.replacen(' ', ": ", 1)).collect();
    let added = format!("Resources:\n  Nothing: {{ Type: AWS::SNS::Topic }}\n  {}\n", resources.join("\n  "));
    let added = read("added.yaml", &added, &mut defects).unwrap();
    for setting in settings {
        if let Some(given) = setting.strip_prefix("--set ") {
            options.set.push(given.to_owned());
        } else if let Some(name) = setting.strip_prefix("--env ") {
            options.environment = name.to_owned();
        } else if let Some(values) = setting.strip_prefix("--values ") {
            let bytes = values.replace("\\n", "\n").into_bytes();
            options.values = Some(ValuesFile { name: "values.yaml".into(), bytes });
        } else if let Some((name, value)) =
            setting.split_once('=').filter(|_| !setting.starts_with("file ") && !setting.starts_with("resource "))
        {
            options.variables.insert(name.to_owned(), value.to_owned());
        }
    }
    let mut compilation = compile("landfall.yaml", bytes, &options);
    if let Some(application) = compilation.application.as_ref().filter(|it| it.environment.target == Target::Aws)
        && let Some(mut deployment) = lower_to_aws(application, &model::Rotations::default(), &mut compilation.findings)
    {
        let _ = render_templates(&deployment, &mut compilation.findings);
        for (id, mut resource) in added.graph.resources {
            resource.origin =
                deployment.interfaces.first().and_then(|id| deployment.graph.resources[id].origin.clone());
            deployment.graph.resources.insert(id, resource);
        }
        let _ = prove(application, &deployment, &compilation.sources, &mut compilation.findings);
    }
    assert!(defects.is_empty(), "{defects:?}");
    compilation
}

#[test]
fn each_fixture_shows_its_finding() {
    let mut wrong = Vec::new();
    for fixture in fixtures() {
        let bytes = fs::read(&fixture).unwrap();
        let compilation = compile_fixture(&bytes);
        let code = code_of(&fixture);
        let text = text_of(&compilation);
        if !compilation.findings.iter().any(|finding| finding.code.code == code) {
            wrong.push(format!("{} does not give {code}:\n{text}", fixture.display()));
        }
        let expected = fixture.with_extension("txt");
        if std::env::var_os("UPDATE_FIXTURES").is_some() {
            fs::write(&expected, &text).unwrap();
        } else if fs::read_to_string(&expected).unwrap_or_default() != text {
            wrong.push(format!("{} shows something else:\n{text}", fixture.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn each_code_has_a_fixture() {
    let fixtures: BTreeSet<String> = fixtures().iter().map(|fixture| code_of(fixture)).collect();
    let generated: BTreeSet<&str> = GENERATED.iter().map(|(code, _)| *code).collect();
    let missing: Vec<_> = codes()
        .into_iter()
        .map(|code| code.code)
        .filter(|code| !fixtures.contains(*code) && !generated.contains(code))
        .collect();
    assert!(missing.is_empty(), "no fixture for {missing:?}");
    let known: BTreeSet<&str> = codes().into_iter().map(|code| code.code).collect();
    let unknown: Vec<_> = fixtures.iter().filter(|code| !known.contains(code.as_str())).collect();
    assert!(unknown.is_empty(), "fixtures of unknown codes: {unknown:?}");
}

#[test]
fn each_code_stands_for_one_thing() {
    let codes = codes();
    assert!(codes.windows(2).all(|pair| pair[0].code < pair[1].code), "sorted, each once");
    for code in codes {
        let (letters, digits) = code.code.split_at(3);
        assert!(letters.bytes().all(|byte| byte.is_ascii_uppercase()), "{}", code.code);
        assert!(digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit()), "{}", code.code);
        assert!(!code.explanation.is_empty() && !code.title.is_empty(), "{}", code.code);
    }
}

#[test]
fn generated_files_are_refused_at_once() {
    for (code, make) in GENERATED {
        let bytes = make();
        let begun = std::time::Instant::now();
        let compilation = compile_fixture(&bytes);
        assert!(begun.elapsed().as_millis() < 2000, "{:?}", begun.elapsed());
        let text = text_of(&compilation);
        assert!(text.contains(&format!("[{code}]: ")), "{code}:\n{text}");
        assert!(begun.elapsed().as_secs() < 10, "{code}: {:?}", begun.elapsed());
    }
}
