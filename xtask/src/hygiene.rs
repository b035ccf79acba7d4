//! What must not stand in the repository: unfinished work, paths of somebody's machine, files
//! that have grown past reading.

use crate::{Result, workspace};
use std::path::Path;

/// A source file longer than this wants to be split by noun; it is listed, not refused.
const LONG: usize = 450;

/// A source file longer than this is refused.
const TOO_LONG: usize = 900;

/// Texts that no file may hold. Written in two halves, so that this file does not hold them.
const FORBIDDEN: [(&str, &str, &str); 7] = [
    ("/wo", "rk/", "a path of a development machine"),
    ("/home", "/user", "a path of a development machine"),
    ("/ro", "ot/.", "a path of a development machine"),
    ("todo", "!(", "unfinished work"),
    ("unimplemented", "!(", "unfinished work"),
    ("#[ign", "ore]", "a test that nobody runs, without a reason"),
    ("FIX", "ME", "a note to oneself: do it, or open an issue"),
];

/// Looks at every text file that git knows or would add.
pub(crate) fn check() -> Result {
    let mut wrong = Vec::new();
    let mut long = Vec::new();
    let files = workspace::files()?;
    for file in &files {
        let Ok(text) = std::fs::read_to_string(workspace::root().join(file)) else { continue };
        wrong.extend(objections(file, &text));
        let lines = text.lines().count();
        if is_source(file) && lines > LONG {
            long.push(format!("{} has {lines} lines", file.display()));
        }
        if is_source(file) && lines > TOO_LONG {
            wrong.push(format!("{} has {lines} lines: split it by noun", file.display()));
        }
    }
    for line in &long {
        println!("note: {line}, more than {LONG}");
    }
    forgotten_modules(&mut wrong)?;
    if wrong.is_empty() {
        println!("{} files looked at", files.len());
        return Ok(());
    }
    Err(wrong.join("\n").into())
}

fn is_source(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "rs")
}

fn objections(file: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for (first, second, why) in FORBIDDEN {
            if line.contains(&format!("{first}{second}")) {
                found.push(format!("{}:{}: `{first}{second}`: {why}", file.display(), number + 1));
            }
        }
        if is_source(file) && line.trim_end() != line {
            found.push(format!("{}:{}: space at the end of the line", file.display(), number + 1));
        }
    }
    if !text.is_empty() && !text.ends_with('\n') && is_source(file) {
        found.push(format!("{}: the last line has no end", file.display()));
    }
    found
}

/// A file under `tests/it/` that no `mod` line names is never compiled: its tests pass by absence.
fn forgotten_modules(wrong: &mut Vec<String>) -> Result {
    for file in workspace::files()? {
        let Some(folder) = file.parent().filter(|folder| folder.ends_with("tests/it")) else { continue };
        let (Some(name), true) = (file.file_stem().and_then(|name| name.to_str()), is_source(&file)) else { continue };
        let main = std::fs::read_to_string(workspace::root().join(folder).join("main.rs"))?;
        if name != "main" && !main.lines().any(|line| line.trim() == format!("mod {name};")) {
            wrong.push(format!("{}: `{}` has no `mod {name};`", folder.join("main.rs").display(), file.display()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_forbidden_text_is_found_with_its_line() {
        for (first, second, _) in FORBIDDEN {
            let text = format!("fine\nso {first}{second} is not\n");
            let found = objections(Path::new("a.md"), &text);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].starts_with("a.md:2: "), "{found:?}");
        }
    }

    #[test]
    fn ordinary_text_passes() {
        assert_eq!(objections(Path::new("a.rs"), "//! Words.\n\nfn f() {}\n"), Vec::<String>::new());
    }
}
