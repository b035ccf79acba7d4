//! The commands that the documents show, run as they stand there.
//!
//! A fenced block marked `console` holds commands (lines that begin with `$ `, a `\` at the end goes
//! on) and what they print. Commands of one document run in order, in one empty home beside a copy
//! of `blueprints/`. `# exit 3` after a command says how it must end, when not with 0. A comment
//! before the block says more:
//!
//! - `<!-- test: skip because ... -->` does not run it, and is reported;
//! - `<!-- test: output -->` compares what is shown: each line must be printed, in that order;
//!   `[..]` stands for any text;
//! - `<!-- test: file PATH -->` before a block of any language writes it there, for the commands after it.

use crate::sandbox::Sandbox;
use crate::suite::Tally;
use crate::{Result, workspace};
use std::path::Path;
use std::time::{Duration, Instant};

/// The longest that a command of a document may take; the first `up` fetches packages.
const PATIENCE: Duration = Duration::from_secs(400);

/// A fenced block that is of use here.
#[derive(Debug, PartialEq, Eq)]
enum Block {
    /// Commands with what the document says about them.
    Commands { skip: Option<String>, compare: bool, commands: Vec<Shown> },
    /// A file that the commands after it find.
    File { path: String, text: String },
}

/// A command with what the document says about it.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    line: usize,
    text: String,
    exit: i32,
    output: Vec<String>,
}

/// Runs the commands of `README.md` and of every page under `docs/`.
pub(crate) fn check(binary: &Path) -> Result<Tally> {
    let mut total = Tally::default();
    for file in workspace::files()? {
        let page = file == Path::new("README.md") || file.starts_with("docs");
        if !page || file.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let blocks = blocks(&std::fs::read_to_string(workspace::root().join(&file))?)
            .map_err(|fault| format!("{}:{fault}", file.display()))?;
        if !blocks.is_empty() {
            total.add(document(&file, &blocks, binary)?);
        }
    }
    Ok(total)
}

fn document(file: &Path, blocks: &[Block], binary: &Path) -> Result<Tally> {
    let sandbox = Sandbox::new(binary)?;
    let mut tally = Tally::default();
    for block in blocks {
        let (skip, compare, commands) = match block {
            Block::Commands { skip, compare, commands } => (skip, *compare, commands),
            Block::File { path, text } => {
                let path = sandbox.here().join(path);
                std::fs::create_dir_all(path.parent().ok_or("a file in no folder")?)?;
                std::fs::write(path, text)?;
                continue;
            }
        };
        for command in commands {
            let at = format!("{}:{}: $ {}", file.display(), command.line, command.text);
            if let Some(reason) = skip {
                println!("{at} ... skipped because {reason}");
                tally.skipped += 1;
                continue;
            }
            let began = Instant::now();
            match follow(&sandbox, command, compare) {
                Ok(()) => {
                    println!("{at} ... ok ({:.1} s)", began.elapsed().as_secs_f64());
                    tally.passed += 1;
                }
                Err(fault) => {
                    println!("{at} ... FAILED\n{fault}");
                    tally.failed += 1;
                }
            }
        }
    }
    Ok(tally)
}

/// Reads the blocks of a page.
fn blocks(text: &str) -> std::result::Result<Vec<Block>, String> {
    let mut blocks = Vec::new();
    let mut wish: Option<&str> = None;
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let line = line.trim();
        if let Some(said) = line.strip_prefix("<!-- test:").and_then(|rest| rest.strip_suffix("-->")) {
            wish = Some(said.trim());
            continue;
        }
        let Some(language) = line.strip_prefix("```") else {
            if !line.is_empty() && wish.is_some() {
                return Err(format!("{}: a test comment stands right before its block", number + 1));
            }
            continue;
        };
        let body: Vec<_> = lines.by_ref().take_while(|(_, line)| !line.trim().starts_with("```")).collect();
        let wish = wish.take();
        if let Some(path) = wish.and_then(|wish| wish.strip_prefix("file ")) {
            let text = body.iter().map(|(_, line)| format!("{line}\n")).collect();
            blocks.push(Block::File { path: path.to_owned(), text });
        } else if language == "console" {
            blocks.push(commands(wish, &body).map_err(|fault| format!("{}: {fault}", number + 1))?);
        } else if let Some(wish) = wish {
            return Err(format!("{}: `test: {wish}` before a block that is no `console`", number + 1));
        }
    }
    Ok(blocks)
}

fn commands(wish: Option<&str>, body: &[(usize, &str)]) -> std::result::Result<Block, String> {
    let (mut skip, mut compare, mut commands) = (None, false, Vec::<Shown>::new());
    match wish {
        None => {}
        Some("output") => compare = true,
        Some(other) => match other.strip_prefix("skip because ") {
            Some(reason) if !reason.trim().is_empty() => skip = Some(reason.trim().to_owned()),
            _ => return Err(format!("`test: {other}` is none of `output`, `skip because ...`, `file PATH`")),
        },
    }
    let mut goes_on = false;
    for &(number, line) in body {
        if let Some(command) = commands.last_mut().filter(|_| goes_on) {
            command.text =
                format!("{} {}", command.text.trim_end_matches('\\').trim_end(), line.trim_start_matches("> ").trim());
            goes_on = line.ends_with('\\');
        } else if let Some(text) = line.strip_prefix("$ ") {
            goes_on = text.ends_with('\\');
            commands.push(Shown { line: number + 1, text: text.to_owned(), exit: 0, output: Vec::new() });
        } else {
            commands.last_mut().ok_or("output before the first command")?.output.push(line.to_owned());
        }
    }
    for command in &mut commands {
        if let Some((text, exit)) = command.text.rsplit_once("# exit ") {
            command.exit = exit.trim().parse().map_err(|_| format!("`# exit {exit}` names no number"))?;
            command.text = text.trim_end().to_owned();
        }
    }
    Ok(Block::Commands { skip, compare, commands })
}

/// Runs one command and says how it differs from what the document tells.
fn follow(sandbox: &Sandbox, shown: &Shown, compare: bool) -> std::result::Result<(), String> {
    let (code, words) = finish(sandbox, &shown.text).map_err(|fault| fault.to_string())?;
    if code != Some(shown.exit) {
        let code = code.map_or("a signal, or too late".to_owned(), |code| code.to_string());
        return Err(format!("expected to end with {}, ended with {code}:\n{words}", shown.exit));
    }
    match missing(&shown.output, &words).filter(|_| compare) {
        Some(line) => Err(format!("shown but not printed (or not in that order): {line}\nprinted:\n{words}")),
        None => Ok(()),
    }
}

/// Runs a line of shell to its end. Output goes through a file: what is left running in the
/// background would hold a pipe open.
fn finish(sandbox: &Sandbox, text: &str) -> Result<(Option<i32>, String)> {
    let printed = sandbox.aside("printed");
    let out = std::fs::File::create(&printed)?;
    let mut command = sandbox.command("bash")?;
    let text = text.replace("cargo run --release --", "landfall");
    let mut child = command.args(["-c", &text]).stdout(out.try_clone()?).stderr(out).spawn()?;
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if began.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            break None;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let words = String::from_utf8_lossy(&std::fs::read(printed)?).into_owned();
    Ok((status.and_then(|status| status.code()), words))
}

/// The first line that is shown and not printed after those before it.
fn missing<'a>(shown: &'a [String], printed: &str) -> Option<&'a str> {
    let mut printed = printed.lines();
    shown
        .iter()
        .map(|line| line.trim_end())
        .filter(|line| !line.is_empty())
        .find(|line| !printed.any(|said| fits(line, said.trim_end())))
}

/// Whether a line fits a pattern in which `[..]` stands for any text.
fn fits(pattern: &str, line: &str) -> bool {
    let Some((first, rest)) = pattern.split_once("[..]") else { return pattern == line };
    let Some(mut left) = line.strip_prefix(first) else { return false };
    let parts: Vec<&str> = rest.split("[..]").collect();
    let Some((last, middle)) = parts.split_last() else { return false };
    for part in middle {
        let Some((_, after)) = left.split_once(part) else { return false };
        left = after;
    }
    left.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: usize, text: &str, exit: i32, output: &[&str]) -> Shown {
        Shown { line, text: text.to_owned(), exit, output: output.iter().map(|&line| line.to_owned()).collect() }
    }

    #[test]
    fn commands_exit_codes_and_output_are_read() {
        let text = "# Page\n\n```console\n$ landfall check  # exit 3\nerror\n$ landfall up \\\n    --yes\n```\n";
        let commands = vec![shown(4, "landfall check", 3, &["error"]), shown(6, "landfall up --yes", 0, &[])];
        assert_eq!(blocks(text), Ok(vec![Block::Commands { skip: None, compare: false, commands }]));
    }

    #[test]
    fn wishes_are_read_and_misspelt_ones_refused() {
        let page = |wish: &str| format!("<!-- test: {wish} -->\n```console\n$ true\n```\n");
        let read = |wish: &str| match blocks(&page(wish)).unwrap().remove(0) {
            Block::Commands { skip, compare, .. } => (skip, compare),
            Block::File { .. } => panic!("a file"),
        };
        assert_eq!(read("skip because it takes an hour"), (Some("it takes an hour".to_owned()), false));
        assert_eq!(read("output"), (None, true));
        blocks(&page("skip")).unwrap_err();
        blocks("<!-- test: output -->\nwords\n").unwrap_err();
    }

    #[test]
    fn files_are_read() {
        let text = "<!-- test: file a/b.yaml -->\n```yaml\none: 1\ntwo: 2\n```\n";
        let file = Block::File { path: "a/b.yaml".to_owned(), text: "one: 1\ntwo: 2\n".to_owned() };
        assert_eq!(blocks(text), Ok(vec![file]));
    }

    #[test]
    fn other_languages_are_not_run() {
        assert_eq!(blocks("```sh\nrm -r x\n```\n"), Ok(vec![]));
    }

    #[test]
    fn patterns_fit() {
        assert!(fits("took [..] s", "took 3.4 s"));
        assert!(fits("a[..]b[..]c", "a1b2b3c"));
        assert!(!fits("a[..]b[..]c", "a1c"));
        assert!(!fits("exact", "exactly"));
    }

    #[test]
    fn lines_are_wanted_in_order() {
        let shown = ["one".to_owned(), "t[..]".to_owned()];
        assert_eq!(missing(&shown, "zero\none\ntwo\n"), None);
        assert_eq!(missing(&shown, "two\none\n"), Some("t[..]"));
    }
}
