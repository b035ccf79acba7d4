//! Names in an account, and which secrets CloudFormation can draw itself.

use model::cfn::Value;
use model::process_graph::SecretRecipe;
use std::collections::BTreeSet;

/// A name of letters and digits with a capital at the start of each word, as logical ids are.
#[must_use]
pub fn pascal(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words
        .flat_map(|word| {
            let (first, rest) = word.split_at(1);
            [first.to_ascii_uppercase(), rest.to_owned()]
        })
        .collect()
}

/// A name of lower-case words with `-` between them.
pub(super) fn kebab(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        let starts_word = c.is_ascii_uppercase() || !c.is_ascii_alphanumeric();
        if starts_word && !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
        if c.is_ascii_alphanumeric() {
            out.push(c.to_ascii_lowercase());
        }
    }
    out.trim_end_matches('-').to_owned()
}

const PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

/// The `GenerateSecretString` that draws such a value, when there is one.
pub(super) fn drawing(recipe: &SecretRecipe) -> Option<Value> {
    let SecretRecipe::Password { length, alphabet } = recipe else { return None };
    let drawn: BTreeSet<char> = alphabet.chars().collect();
    let known: BTreeSet<char> = ('a'..='z').chain('A'..='Z').chain('0'..='9').chain(PUNCTUATION.chars()).collect();
    if !drawn.is_subset(&known) || *length > 4096 {
        return None;
    }
    let lacks = |class: &str| !class.chars().any(|c| drawn.contains(&c));
    let lower: String = ('a'..='z').collect();
    let upper = lower.to_ascii_uppercase();
    let classes = [
        ("ExcludeLowercase", lower.as_str()),
        ("ExcludeUppercase", upper.as_str()),
        ("ExcludeNumbers", "0123456789"),
        ("ExcludePunctuation", PUNCTUATION),
    ];
    let mut entries = vec![("PasswordLength".to_owned(), Value::from(*length))];
    let mut left_out = String::new();
    for (name, class) in classes {
        if lacks(class) {
            entries.push((name.to_owned(), Value::from(true)));
        } else {
            left_out.extend(class.chars().filter(|c| !drawn.contains(c)));
        }
    }
    if !left_out.is_empty() {
        entries.push(("ExcludeCharacters".to_owned(), Value::text(left_out)));
    }
    // Every character of the alphabet is equally likely in every place.
    entries.push(("RequireEachIncludedType".to_owned(), Value::from(false)));
    Some(Value::map(entries))
}

#[cfg(test)]
mod tests {
    use super::{drawing, kebab, pascal};
    use model::cfn::Kind;
    use model::process_graph::SecretRecipe;

    #[test]
    fn names_are_letters_and_digits() {
        assert_eq!(pascal("web-2/users/a.b_c"), "Web2UsersABC");
        assert_eq!(kebab("FlowLogRole"), "flow-log-role");
        assert_eq!(kebab("/users/a.b"), "users-a-b");
    }

    #[test]
    fn an_alphabet_is_what_is_not_left_out() {
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".to_owned();
        let value = drawing(&SecretRecipe::Password { length: 32, alphabet }).unwrap();
        assert_eq!(value.get("ExcludeCharacters").unwrap().kind, Kind::Text("!\"#$%&'()*+,./:;<=>?@[\\]^`{|}~".into()));
        let hex = drawing(&SecretRecipe::Password { length: 32, alphabet: "0123456789abcdef".into() }).unwrap();
        assert_eq!(hex.get("ExcludeCharacters").unwrap().kind, Kind::Text("ghijklmnopqrstuvwxyz".into()));
        assert_eq!(hex.get("ExcludeUppercase").unwrap().kind, Kind::Text("true".into()));
        assert!(drawing(&SecretRecipe::Password { length: 32, alphabet: "äöü".into() }).is_none());
        assert!(drawing(&SecretRecipe::Ed25519).is_none());
    }
}
