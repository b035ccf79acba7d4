//! The difference between two texts of which one place changed.

use std::fmt::Write as _;

/// How many lines around the place are shown.
const AROUND: usize = 3;

/// The difference in the unified form, as `diff -u` and `git` print it.
pub(crate) fn text(file: &str, before: &str, after: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let same = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let rest = old.len().min(new.len()) - same;
    let tail = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(old, new)| old == new).count();
    let first = same.saturating_sub(AROUND);
    let (old_end, new_end) = (old.len() - tail, new.len() - tail);
    let shown = tail.min(AROUND);
    let mut text = format!("--- {file}\n+++ {file}\n");
    let range = |from: usize, to: usize| format!("{},{}", if to > from { from + 1 } else { from }, to - from);
    let _ = writeln!(text, "@@ -{} +{} @@", range(first, old_end + shown), range(first, new_end + shown));
    let marked = old[first..same].iter().map(|line| (' ', line));
    let marked = marked.chain(old[same..old_end].iter().map(|line| ('-', line)));
    let marked = marked.chain(new[same..new_end].iter().map(|line| ('+', line)));
    let marked = marked.chain(old[old_end..old_end + shown].iter().map(|line| (' ', line)));
    for (mark, line) in marked {
        let _ = writeln!(text, "{mark}{line}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn a_place_is_shown_with_what_is_around_it() {
        let before = "a\nb\nc\nd\ne\nf\ng\n";
        insta::assert_snapshot!(text("x", before, "a\nb\nc\nd\nnew\ne\nf\ng\n"), @r"
        --- x
        +++ x
        @@ -2,6 +2,7 @@
         b
         c
         d
        +new
         e
         f
         g
        ");
        insta::assert_snapshot!(text("x", before, "b\nc\nd\ne\nf\ng\n"), @r"
        --- x
        +++ x
        @@ -1,4 +1,3 @@
        -a
         b
         c
         d
        ");
        insta::assert_snapshot!(text("x", "a\n", "a\nb\n"), @r"
        --- x
        +++ x
        @@ -1,1 +1,2 @@
         a
        +b
        ");
    }
}
