//! From a template and its variables to the text of a file.

use crate::check::{TemplateProblem, problem};
use crate::environment::{Workshop, environment};
use indexmap::IndexMap;
use minijinja::{Error, ErrorKind, Value};
use model::text::TemplateValue;
use model::{Secret, Text};
use std::io;
use std::sync::Arc;
use zeroize::Zeroizing;

/// The largest text that a template may have, and may give.
pub(crate) const LARGEST: usize = 4 << 20;

/// The variables of a template, all holes filled.
pub type Context = serde_json::Map<String, serde_json::Value>;

/// Why a template could not be rendered. Never holds a value of the context.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}, line {line}: {message}")]
pub struct TemplateError {
    /// The template's name.
    pub name: String,
    /// Its line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub message: String,
}

/// Renders a template. The same template, context and seed always give the same text.
///
/// The result is a secret, since any of the variables may be one. `seed` is what derived keys and
/// salts come from: at least 16 random bytes, kept with the deployment's secrets.
///
/// # Errors
/// When the template is wrong, uses what the context has not, or wants too much.
pub fn render(name: &str, text: &str, context: &Context, seed: &[u8]) -> Result<Secret, TemplateError> {
    let written = run(&Workshop::real(seed), name, text, context).map_err(|problem| TemplateError {
        name: name.to_owned(),
        line: problem.line,
        message: problem.message,
    })?;
    Ok(Secret::new(written.as_str()))
}

/// Renders with stand-ins for what is known only later, to find what would fail then. Password
/// verifiers answer at once with filler of the right shape; their arguments are checked.
///
/// # Errors
/// The problem, with its place in the template.
pub fn rehearse(name: &str, text: &str, context: &Context) -> Result<(), TemplateProblem> {
    run(&Workshop::rehearsal(), name, text, context).map(drop)
}

/// Fills the holes of a file's variables.
///
/// # Errors
/// What `fill` says.
pub fn fill<E>(
    context: &IndexMap<String, TemplateValue>,
    mut fill: impl FnMut(&Text) -> Result<Secret, E>,
) -> Result<Context, E> {
    fn value<E>(
        said: &TemplateValue,
        fill: &mut impl FnMut(&Text) -> Result<Secret, E>,
    ) -> Result<serde_json::Value, E> {
        Ok(match said {
            TemplateValue::Plain(plain) => plain.clone(),
            TemplateValue::Text(text) => serde_json::Value::String(fill(text)?.expose().to_owned()),
            TemplateValue::List(items) => {
                serde_json::Value::Array(items.iter().map(|item| value(item, fill)).collect::<Result<_, E>>()?)
            }
            TemplateValue::Map(entries) => serde_json::Value::Object(
                entries.iter().map(|(key, item)| Ok((key.clone(), value(item, fill)?))).collect::<Result<_, E>>()?,
            ),
        })
    }
    context.iter().map(|(key, said)| Ok((key.clone(), value(said, &mut fill)?))).collect()
}

fn run(
    workshop: &Arc<Workshop>,
    name: &str,
    text: &str,
    context: &Context,
) -> Result<Zeroizing<String>, TemplateProblem> {
    if text.len() > LARGEST {
        return Err(TemplateProblem { line: 1, range: 0..0, message: "the template is larger than 4 MiB".into() });
    }
    let mut engine = environment(workshop);
    // Gives errors their byte ranges.
    engine.set_debug(true);
    let explain = |error: &Error| {
        let mut problem = problem(error, text);
        // A rehearsal knows no secret.
        if !workshop.is_rehearsal() {
            redact(&mut problem.message, context);
        }
        problem
    };
    let template = engine.template_from_named_str(name, text).map_err(|error| explain(&error))?;
    let mut written = Limited(Zeroizing::new(Vec::new()));
    let outcome = template.render_captured_to(Value::from(minijinja::value::Serde(context)), &mut written).map(drop);
    outcome.map_err(|error| {
        if written.0.len() >= LARGEST && error.kind() == ErrorKind::WriteFailure {
            let message = "the file would be larger than 4 MiB".into();
            return TemplateProblem { message, ..problem(&error, text) };
        }
        explain(&error)
    })?;
    let written = String::from_utf8(std::mem::take(&mut *written.0));
    Ok(Zeroizing::new(written.expect("templates write text")))
}

/// Takes the context's own texts out of a message.
fn redact(message: &mut String, context: &Context) {
    fn each(value: &serde_json::Value, message: &mut String) {
        match value {
            serde_json::Value::String(text) if text.len() > 2 && message.contains(text.as_str()) => {
                *message = message.replace(text.as_str(), "[value]");
            }
            serde_json::Value::Array(items) => items.iter().for_each(|item| each(item, message)),
            serde_json::Value::Object(entries) => entries.values().for_each(|item| each(item, message)),
            _ => {}
        }
    }
    context.values().for_each(|value| each(value, message));
}

/// A buffer that takes no more than [`LARGEST`] bytes.
struct Limited(Zeroizing<Vec<u8>>);

impl io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = LARGEST - self.0.len();
        if room == 0 && !bytes.is_empty() {
            return Err(io::Error::other("full"));
        }
        let taken = bytes.len().min(room);
        self.0.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::json;

    const SEED: &[u8] = b"0123456789abcdef0123456789abcdef";

    pub(crate) fn rendered(text: &str) -> String {
        rendered_with(text, json!({}))
    }

    pub(crate) fn rendered_with(text: &str, context: serde_json::Value) -> String {
        let serde_json::Value::Object(context) = context else { panic!("a mapping") };
        render("t", text, &context, SEED).unwrap().expose().to_owned()
    }

    pub(crate) fn refused(text: &str) -> String {
        refused_with(text, json!({}))
    }

    fn refused_with(text: &str, context: serde_json::Value) -> String {
        let serde_json::Value::Object(context) = context else { panic!("a mapping") };
        let error = render("t", text, &context, SEED).unwrap_err();
        format!("line {}: {}", error.line, error.message)
    }

    #[test]
    fn a_name_that_does_not_exist_is_an_error() {
        insta::assert_snapshot!(refused("a\n{{ nothing }}"), @"line 2: undefined value: `nothing` is undefined");
        insta::assert_snapshot!(refused_with("a\n{{ p.b }}", json!({"p": {"a": 1}})), @"line 2: undefined value: `p.b` is undefined");
        insta::assert_snapshot!(refused("{{ 'a' | nofilter }}"), @"line 1: unknown filter: filter nofilter is unknown");
        insta::assert_snapshot!(refused("{{ nofunction() }}"), @"line 1: unknown function: nofunction is unknown");
    }

    #[test]
    fn nothing_hangs_and_nothing_grows_without_end() {
        insta::assert_snapshot!(refused("{% for a in range(90000) %}{% for b in range(90000) %}{% endfor %}{% endfor %}"), @"line 1: the template runs for too long");
        insta::assert_snapshot!(refused("{% for a in range(9000) %}{{ 'x' * 9000 }}{% endfor %}"), @"line 1: the file would be larger than 4 MiB");
        insta::assert_snapshot!(refused("{{ 'p' | pbkdf2(salt='s', rounds=4000000000) }}"), @"line 1: the rounds of all password verifiers together are too many for one file; lower them");
        insta::assert_snapshot!(refused("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}"), @"line 1: recursion limit exceeded");
    }

    #[test]
    fn no_file_is_read() {
        insta::assert_snapshot!(refused("{% include '/etc/passwd' %}"), @"line 1: template not found: tried to include non-existing template '/etc/passwd'");
    }

    #[test]
    fn messages_hold_no_value() {
        let message = refused_with("{{ password | int }}", json!({ "password": "hunter2" }));
        assert!(!message.contains("hunter2"), "{message}");
        let message = refused_with("{{ password.x.y }}{{ debug() }}", json!({ "password": "hunter2" }));
        assert!(!message.contains("hunter2"), "{message}");
    }

    #[test]
    fn derived_keys_stay_and_differ_by_name_and_seed() {
        let key = |name: &str, seed: &[u8]| {
            let text = format!("{{{{ random_key('{name}', bytes=16) }}}}");
            render("t", &text, &Context::new(), seed).unwrap()
        };
        assert_eq!(key("a", SEED), key("a", SEED));
        assert_ne!(key("a", SEED), key("b", SEED));
        assert_ne!(key("a", SEED), key("a", b"another seed of 32 bytes is here"));
        assert_eq!(key("a", SEED).expose().len(), 32);
        assert!(render("t", "{{ random_key('a') }}", &Context::new(), b"short").is_err());
    }

    #[test]
    fn layout_stays_as_written() {
        assert_eq!(rendered("a\n{% if true %}\nb\n{% endif %}\nc\n"), "a\nb\nc\n");
        assert_eq!(rendered_with("{{ v }}", json!({"v": "<&>"})), "<&>");
    }

    #[test]
    fn a_rehearsal_checks_arguments_but_computes_nothing() {
        let context = Context::new();
        assert_eq!(rehearse("t", "{{ 'p' | pbkdf2(salt='s', rounds=1000000) }}", &context), Ok(()));
        let problem = rehearse("t", "one\n{{ 'p' | pbkdf2(salt='s') }}", &context).unwrap_err();
        assert_eq!(problem.line, 2);
        insta::assert_snapshot!(problem.message, @"missing argument: missing keyword argument 'rounds'");
    }
}
