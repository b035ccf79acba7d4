//! How a kind says what can be wrong with it.

/// Declares the code of a finding: its name is its code; an error unless a severity is given.
macro_rules! code {
    ($name:ident, $title:literal, $explanation:literal) => {
        code!($name, Error, $title, $explanation);
    };
    ($name:ident, $severity:ident, $title:literal, $explanation:literal) => {
        pub(crate) const $name: model::FindingCode = model::FindingCode {
            code: stringify!($name),
            title: $title,
            explanation: $explanation,
            severity: model::Severity::$severity,
        };
    };
}
