//! How a password is drawn, and when it is too weak.

use super::{SEC003, SEC004};
use crate::said::report;
use model::process_graph::SecretRecipe;
use model::{Findings, ManifestPath};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeSet;

/// A password: characters drawn evenly from an alphabet.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct PasswordSpec {
    /// How many characters, 8 to 1024.
    #[schemars(range(min = 8, max = 1024))]
    pub length: u16,
    /// The characters to draw from: `url-safe` (A-Z a-z 0-9 _ -), `alphanumeric`, `unambiguous`
    /// (without 0 O 1 l I), `hex`, `digits`, or the characters themselves.
    pub alphabet: String,
}

impl Default for PasswordSpec {
    fn default() -> Self {
        Self { length: 32, alphabet: "url-safe".into() }
    }
}

/// The alphabets that have a name.
const ALPHABETS: &[(&str, &str)] = &[
    ("alphanumeric", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"),
    ("digits", "0123456789"),
    ("hex", "0123456789abcdef"),
    ("unambiguous", "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"),
    ("url-safe", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"),
];

/// Bits below which a password can be guessed by somebody who has its hash.
const ENOUGH_BITS: f64 = 64.0;

impl PasswordSpec {
    /// What passwords of roles look like: nothing in them needs quoting anywhere.
    pub(crate) fn usual() -> SecretRecipe {
        let Self { length, .. } = Self::default();
        let alphabet =
            ALPHABETS.iter().find(|(name, _)| *name == "url-safe").map(|(_, characters)| (*characters).to_owned());
        SecretRecipe::Password { length, alphabet: alphabet.unwrap_or_default() }
    }

    /// Checks it. Reports everything that is wrong.
    pub(crate) fn recipe(self, at: &ManifestPath, findings: &mut Findings) -> Option<SecretRecipe> {
        let before = findings.error_count();
        let named = ALPHABETS.iter().find(|(name, _)| *name == self.alphabet);
        let alphabet = named.map_or(self.alphabet.as_str(), |(_, characters)| characters);
        let distinct: BTreeSet<char> = alphabet.chars().collect();
        let place = at.key("alphabet");
        let names: Vec<&str> = ALPHABETS.iter().map(|(name, _)| *name).collect();
        let help = format!("write one of {}, or at least ten different characters", names.join(", "));
        let is_word = alphabet.len() < 20 && alphabet.chars().all(|c| c.is_ascii_lowercase() || c == '-');
        if is_word && distinct.len() != alphabet.len() {
            report(findings, &SEC004, &place, format!("there is no alphabet `{alphabet}`"), &help);
        } else if !alphabet.chars().all(|c| c.is_ascii_graphic()) {
            report(findings, &SEC004, &place, "an alphabet has printable ASCII characters without blanks", &help);
        } else if distinct.len() != alphabet.len() {
            report(
                findings,
                &SEC004,
                &place,
                "a character stands in the alphabet twice; it would be drawn more often",
                &help,
            );
        } else if distinct.len() < 10 {
            report(
                findings,
                &SEC004,
                &place,
                format!("an alphabet of {} characters is too small", distinct.len()),
                &help,
            );
        } else {
            #[expect(clippy::cast_precision_loss, reason = "at most 94 characters")]
            let per_character = (distinct.len() as f64).log2();
            let bits = f64::from(self.length) * per_character;
            if bits < ENOUGH_BITS {
                let summary = format!("{} characters of these are {bits:.0} bits, which can be guessed", self.length);
                let enough = (ENOUGH_BITS / per_character).ceil();
                report(findings, &SEC003, &at.key("length"), summary, format!("write `length: {enough}` or more"));
            }
        }
        let alphabet = alphabet.to_owned();
        (findings.error_count() == before).then_some(SecretRecipe::Password { length: self.length, alphabet })
    }
}
