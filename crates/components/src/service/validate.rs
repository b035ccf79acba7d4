//! From what was said of a service to what makes sense.

use super::codes::{SVC001, SVC005, SVC006, SVC014, SVC015, SVC016};
use super::files::{self, Surroundings};
use super::python;
use super::schema::{HealthSpec, ServiceSpec};
use super::valid::{ValidHealth, ValidService};
use super::{users, uses};
use crate::command_line;
use crate::context::ValidationContext;
use crate::path_rules;
use crate::reference::{Piece, ReferenceText};
use crate::said::{OneOrMany, PortSaid, Scalar, reference_text, report, report_key};
use indexmap::IndexMap;
use model::process_graph::SourceSpec;
use model::scalar::{Duration, Size};
use model::{ComponentName, Findings, ManifestPath};

const SMALLEST_MEMORY: Size = Size::from_bytes(16 << 20);
const LONGEST_GRACE: Duration = Duration::from_seconds(3600);

/// Checks a service. Reports everything that is wrong.
pub(super) fn validate(spec: ServiceSpec, cx: &ValidationContext<'_>, findings: &mut Findings) -> Option<ValidService> {
    let before = findings.error_count();
    let memory = match (spec.memory, spec.size) {
        (Some(memory), _) => Some((memory, cx.at.key("memory"))),
        (None, Some(size)) => Some((size.memory(), cx.at.key("size"))),
        (None, None) => None,
    };
    check_limits(&spec, findings, cx);
    let port = spec.port.map(PortSaid::wish);
    let has_port = spec.port.is_some();
    let users_said = spec.users.is_some();
    let users = spec.users.map(|said| users::validate(said, &cx.at.key("users"), cx, findings));
    let uses = uses::validate(spec.uses, cx, findings);
    let around = Surroundings {
        user_names: users.iter().flatten().flat_map(|users| &users.all).map(|user| user.name.clone()).collect(),
        has_users: users_said,
        has_port,
        has_python: spec.python.is_some(),
        has_source: spec.source.is_some(),
    };
    let python = spec.python.map(|said| python::validate(said, cx, findings));
    let source = spec.source.map(|said| source(&said, cx, findings));
    let command = command(spec.command, cx, findings);
    let working_directory =
        spec.working_directory.map(|said| working_directory(&said, &cx.at.key("working-directory"), findings));
    let environment = environment(spec.environment, &cx.at.key("environment"), findings);
    let files = files::validate(spec.files, &around, cx, findings);
    let health = spec.health.map(|said| health(said, has_port, &cx.at.key("health"), findings));
    let needs = needs(&spec.needs, cx, findings);
    if findings.error_count() > before {
        return None;
    }
    Some(ValidService {
        instances: spec.instances,
        python: python.flatten(),
        source: source.flatten(),
        command: command?,
        working_directory: working_directory.flatten(),
        environment,
        files: files?,
        users: users.flatten(),
        uses,
        port,
        health: health.flatten(),
        longest_request: spec.longest_request,
        restart: spec.restart,
        memory,
        stop_grace: spec.stop_grace,
        needs,
        at: cx.at.clone(),
    })
}

fn check_limits(spec: &ServiceSpec, findings: &mut Findings, cx: &ValidationContext<'_>) {
    if let Some(memory) = spec.memory
        && memory < SMALLEST_MEMORY
    {
        let summary = format!("{memory} of memory is less than any program needs");
        report(findings, &SVC015, &cx.at.key("memory"), summary, "write at least 16MiB, as `memory: 512MiB`");
    }
    if spec.stop_grace > LONGEST_GRACE {
        let at = cx.at.key("stop-grace");
        report(findings, &SVC015, &at, "nothing may take longer than an hour to stop", "write `stop-grace: 10s`");
    }
    if spec.longest_request.is_some_and(|longest| longest.milliseconds() == 0) {
        let at = cx.at.key("longest-request");
        report(findings, &SVC015, &at, "no request takes no time", "write `longest-request: 30s`");
    }
}

fn source(said: &str, cx: &ValidationContext<'_>, findings: &mut Findings) -> Option<SourceSpec> {
    let at = cx.at.key("source");
    if let Err(why) = path_rules::below(said) {
        report(findings, &SVC005, &at, format!("the path `{said}` {why}"), "write it relative to the manifest");
        return None;
    }
    match cx.files.folder_digest(said) {
        Ok(content) => Some(SourceSpec { folder: said.to_owned(), content }),
        Err(why) => {
            report(findings, &SVC005, &at, format!("{said}: {why}"), "name a folder beside the manifest, as `./app`");
            None
        }
    }
}

fn command(said: OneOrMany<String>, cx: &ValidationContext<'_>, findings: &mut Findings) -> Option<Vec<ReferenceText>> {
    let at = cx.at.key("command");
    let (words, places): (Vec<String>, Vec<ManifestPath>) = match said {
        OneOrMany::One(text) => match command_line::split(&text) {
            Ok(words) => {
                let places = vec![at.clone(); words.len()];
                (words, places)
            }
            Err(error) => {
                report(findings, &SVC001, &at, format!("the command cannot be split: {error}"), "write it as a list");
                return None;
            }
        },
        OneOrMany::Many(words) => {
            let places = (0..words.len()).map(|index| at.index(index)).collect();
            (words, places)
        }
    };
    let texts: Vec<Option<ReferenceText>> = words.iter().map(|word| reference_text(word)).collect();
    let texts: Vec<ReferenceText> = texts.into_iter().collect::<Option<_>>()?;
    let Some(program) = texts.first() else {
        report(
            findings,
            &SVC001,
            &at,
            "the command is empty",
            "name a program, as `[\"${self.python}\", \"-m\", \"NAME\"]`",
        );
        return None;
    };
    check_program(program, &places[0], findings);
    for (word, place) in words.iter().zip(&places) {
        if ["|", "||", "&", "&&", ";", "<", ">", ">>", "2>&1"].contains(&word.as_str()) {
            let summary = format!("`{word}` would be an argument: no shell runs");
            report(findings, &SVC001, place, summary, "put the pipeline into a script among `files` and run that");
        }
        if word.contains('\0') {
            report(findings, &SVC001, place, "an argument cannot hold a NUL character", "remove it");
        }
    }
    Some(texts)
}

fn check_program(program: &ReferenceText, at: &ManifestPath, findings: &mut Findings) {
    let Some(Piece::Literal(start)) = program.0.first() else {
        if program.0.is_empty() {
            report(findings, &SVC001, at, "the program's name is empty", "name a program, as `${self.python}`");
        }
        return;
    };
    let is_bare = program.0.len() == 1 && !start.contains('/');
    if start.trim().is_empty() || start.contains(char::is_whitespace) && is_bare {
        let summary = format!("`{start}` is no program; each argument is an item of its own");
        report(findings, &SVC001, at, summary, "write `[\"program\", \"argument\"]`, or the whole command as one text");
    } else if !start.starts_with('/') && !is_bare {
        let summary = format!("`{start}` depends on where it is run");
        let help = "write `${self.source}/NAME` for a program in the source folder, or an absolute path";
        report(findings, &SVC001, at, summary, help);
    }
}

fn working_directory(said: &str, at: &ManifestPath, findings: &mut Findings) -> Option<ReferenceText> {
    let text = reference_text(said)?;
    if let Some(Piece::Literal(start)) = text.0.first()
        && !start.starts_with('/')
    {
        let help = "write `${self.source}`, `${self.data}`, or an absolute path";
        report(findings, &SVC001, at, format!("`{said}` is no absolute path"), help);
        return None;
    }
    Some(text)
}

fn environment(
    said: IndexMap<String, Scalar>,
    at: &ManifestPath,
    findings: &mut Findings,
) -> IndexMap<String, ReferenceText> {
    let mut environment = IndexMap::new();
    for (name, value) in said {
        let place = at.key(&name);
        let fits = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !fits {
            let help = "use letters, digits and `_`, as `DATABASE_URL`";
            report_key(findings, &SVC006, &place, format!("`{name}` cannot be the name of a variable"), help);
        }
        if let Some(text) = reference_text(&value.into_text()) {
            environment.insert(name, text);
        }
    }
    environment
}

fn health(said: HealthSpec, has_port: bool, at: &ManifestPath, findings: &mut Findings) -> Option<ValidHealth> {
    let before = findings.error_count();
    if !has_port {
        report(findings, &SVC014, at, "there is no port to ask", "give the service a `port`, for example `port: any`");
    }
    if let Err(why) = path_rules::url_path(&said.path) {
        let summary = format!("the path `{}` {why}", said.path);
        report(findings, &SVC014, &at.key("path"), summary, "write it from the root, as `/health`");
    }
    let statuses = said.status.into_vec();
    if statuses.is_empty() {
        report(findings, &SVC014, &at.key("status"), "no status counts as healthy", "write `status: [200]`");
    }
    for status in statuses.iter().filter(|status| !(100..=599).contains(*status)) {
        report(findings, &SVC014, &at.key("status"), format!("there is no HTTP status {status}"), "write 100 to 599");
    }
    if said.timeout.milliseconds() == 0 || said.interval.milliseconds() == 0 {
        report(findings, &SVC014, at, "its `timeout` and `interval` are above zero", "write `timeout: 60s`");
    } else if said.interval > said.timeout {
        let summary = format!("it is asked every {} but must answer within {}", said.interval, said.timeout);
        report(findings, &SVC014, &at.key("interval"), summary, "write an interval below the timeout, as `5s`");
    }
    (findings.error_count() == before).then_some(ValidHealth { path: said.path, statuses, timeout: said.timeout })
}

fn needs(said: &[String], cx: &ValidationContext<'_>, findings: &mut Findings) -> Vec<(ComponentName, ManifestPath)> {
    let mut needs: Vec<(ComponentName, ManifestPath)> = Vec::new();
    for (index, name) in said.iter().enumerate() {
        let at = cx.at.key("needs").index(index);
        match ComponentName::new(name.clone()) {
            Err(error) => {
                report(findings, &SVC016, &at, format!("`{name}` is no component's name: {error}"), "name a component");
            }
            Ok(need) if need == *cx.name => {
                report(findings, &SVC016, &at, "a component cannot wait for itself", "remove it");
            }
            Ok(need) if needs.iter().any(|(known, _)| *known == need) => {
                report(findings, &SVC016, &at, format!("`{name}` is needed twice"), "remove one of them");
            }
            Ok(need) => needs.push((need, at)),
        }
    }
    needs
}
