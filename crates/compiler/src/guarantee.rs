//! The guarantees of a manifest: their form and their names. The proof is made on the generated
//! resources, not here.

use crate::codes;
use crate::manifest::{Guarantee, Parties};
use crate::nearest::suggest;
use model::{Finding, Findings, ManifestPath, Place};

/// What is outside.
const INTERNET: &str = "internet";

/// Checks what a shape cannot say. `parties` are the names of components and people.
pub(crate) fn check(guarantees: &[Guarantee], parties: &[&str], findings: &mut Findings) {
    let all = ManifestPath::root().key("guarantees");
    for (index, guarantee) in guarantees.iter().enumerate() {
        let at = all.index(index);
        let subjects = [&guarantee.nothing, &guarantee.only, &guarantee.every];
        let problem = match subjects.iter().filter(|subject| subject.is_some()).count() {
            0 => Some("the guarantee does not say whose paths it is about"),
            1 if guarantee.every.is_some() && guarantee.through.is_none() => {
                Some("`every` needs `through`: the way that each path goes")
            }
            1 if guarantee.every.is_none() && guarantee.through.is_some() => Some("`through` belongs to `every`"),
            1 => None,
            _ => Some("the guarantee says several things at once"),
        };
        if let Some(problem) = problem {
            let finding = Finding::new(&codes::UNCLEAR_GUARANTEE, Place::Value(at.clone()), problem);
            findings.push(finding.help(
                "write one of { nothing: A, reaches: B }, { only: A, reaches: B }, { every: A, reaches: B, through: C }",
            ));
        }
        let named = [
            ("nothing", &guarantee.nothing),
            ("only", &guarantee.only),
            ("every", &guarantee.every),
            ("through", &guarantee.through),
        ];
        let named = named.iter().filter_map(|(key, parties)| Some((*key, parties.as_ref()?)));
        for (key, said) in named.chain([("reaches", &guarantee.reaches)]) {
            for (index, name) in said.names().iter().enumerate() {
                if name != INTERNET && !parties.contains(&name.as_str()) {
                    let mut known = parties.to_vec();
                    known.push(INTERNET);
                    let at = at.key(key);
                    let is_list = matches!(said, Parties::Several(_));
                    let place = Place::Value(if is_list { at.index(index) } else { at });
                    let summary = format!("there is neither a component nor a person `{name}`");
                    let mut finding = Finding::new(&codes::UNKNOWN_PARTY, place, summary);
                    finding.help = suggest(name, &known, "name");
                    findings.push(finding);
                }
            }
        }
    }
}
