//! Durations and sizes as the plain numbers that configuration files want.

use minijinja::{Environment, Error, ErrorKind, Value};
use model::scalar::{Duration, Size};
use std::fmt::Display;
use std::str::FromStr;

pub(crate) fn add_to(engine: &mut Environment<'static>) {
    engine.add_filter("seconds", |value: Value| {
        let milliseconds = read::<Duration>("seconds", &value)?.milliseconds();
        whole("seconds", milliseconds, 1000, "a whole number of seconds")
    });
    engine.add_filter("milliseconds", |value: Value| {
        Ok::<_, Error>(read::<Duration>("milliseconds", &value)?.milliseconds())
    });
    engine.add_filter("bytes", |value: Value| Ok::<_, Error>(read::<Size>("bytes", &value)?.bytes()));
    engine.add_filter("mib", |value: Value| {
        whole("mib", read::<Size>("mib", &value)?.bytes(), 1 << 20, "a whole number of MiB; write it as 100MiB")
    });
    engine.add_filter("mb", |value: Value| {
        whole("mb", read::<Size>("mb", &value)?.bytes(), 1_000_000, "a whole number of MB; write it as 100MB")
    });
}

fn read<T: FromStr<Err: Display>>(filter: &str, value: &Value) -> Result<T, Error> {
    let text = value.to_string();
    text.parse().map_err(|error: T::Err| Error::new(ErrorKind::InvalidOperation, format!("{filter}: {error}")))
}

/// Never rounds: the reader of the file would get another value than the manifest says.
fn whole(filter: &str, value: u64, unit: u64, what: &str) -> Result<u64, Error> {
    if value.is_multiple_of(unit) {
        Ok(value / unit)
    } else {
        Err(Error::new(ErrorKind::InvalidOperation, format!("{filter}: the value is not {what}")))
    }
}

#[cfg(test)]
mod tests {
    use crate::render::tests::{refused, rendered};

    #[test]
    fn units_become_numbers() {
        let text = r#"{{ "1m 30s"|seconds }} {{ "1s"|milliseconds }} {{ "1KiB"|bytes }} {{ 7|bytes }} {{ "100MiB"|mib }} {{ "2GB"|mb }}"#;
        assert_eq!(rendered(text), "90 1000 1024 7 100 2000");
    }

    #[test]
    fn nothing_is_rounded() {
        insta::assert_snapshot!(refused(r#"{{ "100MB"|mib }}"#), @"line 1: mib: the value is not a whole number of MiB; write it as 100MiB");
        insta::assert_snapshot!(refused(r#"{{ "1500ms"|seconds }}"#), @"line 1: seconds: the value is not a whole number of seconds");
        insta::assert_snapshot!(refused(r#"{{ "soon"|seconds }}"#), @"line 1: seconds: write a number and a unit (ms, s, m, h, d), as 30s or 1h 30m");
    }
}
