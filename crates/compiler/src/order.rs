//! An order in which each name comes after those that it needs, and the circles that prevent one.

use std::collections::HashMap;

#[derive(Clone, Copy, PartialEq)]
enum Mark {
    Open(usize),
    Done,
    InCircle,
}

/// Orders names by their needs, otherwise in the order given. Each circle is returned once, as the
/// path around it; its names are not in the order, nor are names that need them left out.
pub(crate) fn order(names: &[String], needs: impl Fn(&str) -> Vec<String>) -> (Vec<String>, Vec<Vec<String>>) {
    let mut marks: HashMap<String, Mark> = HashMap::new();
    let mut order = Vec::new();
    let mut circles = Vec::new();
    for name in names {
        visit(name, &needs, &mut Vec::new(), &mut marks, &mut order, &mut circles);
    }
    (order, circles)
}

fn visit(
    name: &str,
    needs: &impl Fn(&str) -> Vec<String>,
    path: &mut Vec<String>,
    marks: &mut HashMap<String, Mark>,
    order: &mut Vec<String>,
    circles: &mut Vec<Vec<String>>,
) {
    match marks.get(name) {
        Some(Mark::Done | Mark::InCircle) => return,
        Some(Mark::Open(start)) => {
            let circle: Vec<String> = path[*start..].to_vec();
            for member in &circle {
                marks.insert(member.clone(), Mark::InCircle);
            }
            circles.push(circle);
            return;
        }
        None => {}
    }
    marks.insert(name.to_owned(), Mark::Open(path.len()));
    path.push(name.to_owned());
    for need in needs(name) {
        visit(&need, needs, path, marks, order, circles);
    }
    path.pop();
    if marks.get(name) != Some(&Mark::InCircle) {
        marks.insert(name.to_owned(), Mark::Done);
        order.push(name.to_owned());
    }
}

/// How much of a circle is shown.
const SHOWN: usize = 12;

/// The path around a circle, for people: `a` -> `b` -> `a`.
pub(crate) fn around(circle: &[String]) -> String {
    let names = circle.iter().take(SHOWN).map(|name| format!("`{name}`"));
    let rest = (circle.len() > SHOWN).then(|| "...".to_owned());
    let back = circle.first().map(|name| format!("`{name}`"));
    names.chain(rest).chain(back).collect::<Vec<_>>().join(" -> ")
}

/// The members after the first one that are worth a place of their own, with their positions.
pub(crate) fn shown_members(circle: &[String]) -> impl Iterator<Item = (usize, &String)> {
    circle.iter().enumerate().take(SHOWN).skip(1)
}

#[cfg(test)]
mod tests {
    use super::order;

    fn run(edges: &[(&str, &[&str])]) -> (Vec<String>, Vec<Vec<String>>) {
        let names: Vec<String> = edges.iter().map(|(name, _)| (*name).to_owned()).collect();
        order(&names, |name| {
            let needs = edges.iter().find(|(known, _)| *known == name).map(|(_, needs)| *needs).unwrap_or_default();
            needs.iter().map(|need| (*need).to_owned()).collect()
        })
    }

    #[test]
    fn puts_needs_first_and_keeps_the_rest() {
        assert_eq!(run(&[("b", &["c"]), ("a", &[]), ("c", &[])]).0, ["c", "b", "a"]);
    }

    #[test]
    fn shows_each_circle_once() {
        let (order, circles) = run(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"]), ("d", &["d"]), ("e", &[])]);
        assert_eq!(circles, [vec!["b".to_owned(), "c".into()], vec!["d".into()]]);
        assert_eq!(order, ["a", "e"]);
    }
}
