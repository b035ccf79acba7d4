//! "Did you mean": the known word that is nearest to an unknown one.

/// More words are not compared: a hostile file could make that take minutes.
const COMPARED: usize = 300;

/// The nearest of the known words, unless all are far off.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > 100 {
        return None;
    }
    let plain = |text: &str| text.to_lowercase().replace(['_', '.'], "-");
    let wanted = plain(word);
    let allowed = (wanted.chars().count() / 3).max(1);
    let score = |candidate: &str| {
        let candidate = plain(candidate);
        let (one, other) = (wanted.chars().count(), candidate.chars().count());
        let shorter = one.min(other);
        let is_part = shorter >= 3 && (candidate.starts_with(&wanted) || wanted.starts_with(&candidate));
        if !is_part && one.abs_diff(other) > allowed {
            return None;
        }
        let distance = strsim::osa_distance(&wanted, &candidate);
        if distance <= allowed || is_part { Some(distance) } else { None }
    };
    known
        .into_iter()
        .take(COMPARED)
        .filter_map(|candidate| Some((score(candidate)?, candidate)))
        .min_by_key(|(score, _)| *score)
        .map(|(_, word)| word)
}

/// A help text for an unknown word: the nearest known one, or all of them where they are few.
pub(crate) fn suggest(word: &str, known: &[&str], what: &str) -> Option<String> {
    if let Some(nearest) = nearest(word, known.iter().copied()) {
        return Some(format!("did you mean `{nearest}`?"));
    }
    match known {
        [] => None,
        [only] => Some(format!("the only {what} is `{only}`")),
        _ => Some(format!("known here: {}", list(known))),
    }
}

/// Words in a row, for people; long lists are cut.
pub(crate) fn list(words: &[&str]) -> String {
    const SHOWN: usize = 24;
    let mut text = words.iter().take(SHOWN).map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    if words.len() > SHOWN {
        text.push_str(", ...");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_typing_mistakes_only() {
        let known = ["domain", "routes", "redirect", "allow", "evaluate-timeout"];
        assert_eq!(nearest("domian", known), Some("domain"));
        assert_eq!(nearest("route", known), Some("routes"));
        assert_eq!(nearest("evaluate_timeout", known), Some("evaluate-timeout"));
        assert_eq!(nearest("Allow", known), Some("allow"));
        assert_eq!(nearest("banana", known), None);
        assert_eq!(nearest("", known), None);
    }
}
