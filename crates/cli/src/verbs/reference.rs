//! `landfall reference`: what the generated documents are made of. Hidden; `cargo xtask generate` calls it.

use crate::arguments::CommandLine;
use crate::command_error::CommandError;
use crate::console::Console;
use crate::exit_code::MEANINGS;
use clap::{Command, CommandFactory as _};
use serde_json::{Value, json};

pub(crate) fn run(console: &Console) -> Result<(), CommandError> {
    let mut command = CommandLine::command();
    command.build();
    let commands: Vec<Value> = command.get_subcommands_mut().filter(|verb| !verb.is_hide_set()).map(describe).collect();
    let codes: Vec<Value> = super::explain::codes()
        .into_iter()
        .map(|code| {
            json!({
                "code": code.code,
                "title": code.title,
                "severity": code.severity,
                "explanation": code.explanation,
            })
        })
        .collect();
    let exit_codes: Vec<Value> =
        MEANINGS.iter().map(|(code, meaning)| json!({ "code": code, "meaning": meaning })).collect();
    console.document(&json!({
        "version": 1,
        "schema": compiler::json_schema(),
        "codes": codes,
        "exit_codes": exit_codes,
        "commands": commands,
    }))
}

fn describe(verb: &mut Command) -> Value {
    let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
    // The usual width of a terminal, so that the document does not depend on who makes it.
    let help = verb.clone().term_width(100).render_long_help().to_string();
    json!({ "name": verb.get_name(), "about": about, "help": help })
}
