//! The project's own tasks: `cargo xtask help` lists them.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a developer's tool talks on the terminal")]

mod bench;
mod binary;
mod console;
mod dependencies;
mod fuzz;
mod generate;
mod hygiene;
mod layers;
mod purity;
mod sandbox;
mod shell;
mod suite;
mod tools;
mod workspace;

use std::process::ExitCode;

/// What went wrong, in words for the person at the terminal.
type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

const HELP: &str = "\
cargo xtask <task>

  test                run everything that must hold: format, lints, layers, generated files, all tests, the docs' commands
  generate [--check]  write what is made from the code (or say what is stale): docs/reference/, the pure crates' clippy.toml
  documents           run every command that README.md and docs/ show
  bench [SECTION...] [--cold] [--peers DIR]
                      measure time, processor and memory; sections: check, proof, up, edge, build
  fuzz [SECONDS]      feed the parsers of manifests and templates with what nobody would write, with the nightly compiler
  layers              compare the crates' edges with the table in docs/architecture.md
  dependencies        licences and forbidden crates of Cargo.lock
  hygiene             what must not stand in the repository
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(code) => code,
        Err(fault) => {
            eprintln!("error: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Result<ExitCode> {
    match words {
        ["test"] => return suite::run(),
        ["bench", words @ ..] => bench::run(words)?,
        ["measured", words @ ..] => return Ok(ExitCode::from(bench::measured(words)?)),
        ["fuzz"] => fuzz::run("60")?,
        ["fuzz", seconds] => fuzz::run(seconds)?,
        ["layers"] => layers::check()?,
        ["dependencies"] => dependencies::check()?,
        ["hygiene"] => hygiene::check()?,
        ["generate"] => generate::write(binary::alone)?,
        ["generate", "--check"] => generate::check(&binary::alone()?)?,
        ["documents"] => println!("{}", console::check(&binary::alone()?)?),
        ["help" | "--help" | "-h"] | [] => print!("{HELP}"),
        other => {
            eprint!("error: no task `{}`\n\n{HELP}", other.join(" "));
            return Ok(ExitCode::from(2));
        }
    }
    Ok(ExitCode::SUCCESS)
}
