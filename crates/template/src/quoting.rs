//! Values written so that the reader of the file gets exactly them back.

use crate::digests::invalid;
use minijinja::value::ValueKind;
use minijinja::{Environment, Error, Value};

pub(crate) fn add_to(engine: &mut Environment<'static>) {
    engine.add_filter("json", json);
    engine.add_filter("yaml", yaml);
    engine.add_filter("toml", toml);
    engine.add_filter("ini", ini);
    engine.add_filter("postgresql", postgresql);
    engine.add_filter("shell", |value: Value| shell(&plain(&value, "shell: only texts, numbers and booleans")?));
}

fn json(value: &Value) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|_| invalid("json: the value has no JSON form"))
}

/// JSON is YAML, but for characters that YAML 1.1 readers refuse when they are not escaped.
fn yaml(value: &Value) -> Result<String, Error> {
    let text = json(value)?;
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{7f}'..='\u{a0}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                escaped.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            other => escaped.push(other),
        }
    }
    Ok(escaped)
}

fn toml(value: &Value) -> Result<String, Error> {
    fn holds_only_toml(value: &serde_json::Value) -> bool {
        match value {
            serde_json::Value::Null | serde_json::Value::Object(_) => false,
            serde_json::Value::Array(items) => items.iter().all(holds_only_toml),
            _ => true,
        }
    }
    let said = serde_json::to_value(value).map_err(|_| invalid("toml: the value has no TOML form"))?;
    if !holds_only_toml(&said) {
        return Err(invalid("toml: only texts, numbers, booleans and lists of these"));
    }
    Ok(said.to_string().replace('\u{7f}', "\\u007f"))
}

/// For Python's `ConfigParser` with its usual interpolation, and for readers like it.
fn ini(value: &Value) -> Result<String, Error> {
    let text = plain(value, "ini: only texts, numbers and booleans")?;
    if text.chars().any(char::is_control) {
        return Err(invalid("ini: the value has a line feed or another control character"));
    }
    if text.trim() != text {
        return Err(invalid("ini: blanks at the ends of the value would get lost"));
    }
    Ok(text.replace('%', "%%"))
}

/// For PostgreSQL's configuration files.
fn postgresql(value: &Value) -> Result<String, Error> {
    let text = plain(value, "postgresql: only texts, numbers and booleans")?;
    if text.chars().any(char::is_control) {
        return Err(invalid("postgresql: the value has a line feed or another control character"));
    }
    Ok(format!("'{}'", text.replace('\\', r"\\").replace('\'', "''")))
}

fn shell(text: &str) -> Result<String, Error> {
    if text.contains('\0') {
        return Err(invalid("shell: the value has a NUL character"));
    }
    let safe = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+".contains(c);
    if !text.is_empty() && text.chars().all(safe) {
        return Ok(text.to_owned());
    }
    Ok(format!("'{}'", text.replace('\'', r"'\''")))
}

/// The text of a scalar; booleans as `true` and `false`.
fn plain(value: &Value, refusal: &'static str) -> Result<String, Error> {
    match value.kind() {
        ValueKind::Bool => Ok(if value.is_true() { "true" } else { "false" }.to_owned()),
        ValueKind::String | ValueKind::Number => Ok(value.to_string()),
        _ => Err(invalid(refusal)),
    }
}

#[cfg(test)]
mod tests {
    use crate::render::tests::{refused, rendered, rendered_with};
    use proptest::prelude::{ProptestConfig, proptest};
    use proptest::prop_assert_eq;
    use serde_json::json;

    #[test]
    fn each_format_gets_its_own_quotes() {
        let context = json!({ "v": "50% of \"it's\"", "on": true, "list": ["a", 1] });
        let quoted = rendered_with(
            "{{ v|json }}\n{{ v|yaml }}\n{{ v|toml }}\n{{ v|ini }}\n{{ v|shell }}\n{{ v|postgresql }}\n{{ on|ini }} {{ list|toml }}",
            context,
        );
        insta::assert_snapshot!(quoted, @r#"
        "50% of \"it's\""
        "50% of \"it's\""
        "50% of \"it's\""
        50%% of "it's"
        '50% of "it'\''s"'
        '50% of "it''s"'
        true ["a",1]
        "#);
    }

    #[test]
    fn what_a_format_cannot_say_is_refused() {
        insta::assert_snapshot!(refused("{{ 'a\nb' | ini }}"), @"line 1: ini: the value has a line feed or another control character");
        insta::assert_snapshot!(refused("{{ ' a' | ini }}"), @"line 1: ini: blanks at the ends of the value would get lost");
        insta::assert_snapshot!(refused("{{ [1] | ini }}"), @"line 1: ini: only texts, numbers and booleans");
        insta::assert_snapshot!(refused("{{ {'a': 1} | toml }}"), @"line 1: toml: only texts, numbers, booleans and lists of these");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn json_reads_back(text in "\\PC*") {
            let quoted = rendered_with("{{ v|json }}", json!({ "v": text }));
            prop_assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), text);
        }

        #[test]
        fn yaml_reads_back_as_json_does(text in ".*") {
            let quoted = rendered_with("{{ v|yaml }}", json!({ "v": text }));
            prop_assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), text);
        }
    }

    #[test]
    fn plain_words_stay_plain_for_the_shell() {
        assert_eq!(rendered("{{ 'a/b-c.d' | shell }} {{ '' | shell }}"), "a/b-c.d ''");
    }
}
