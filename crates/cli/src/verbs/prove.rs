//! `landfall prove`: who can reach whom, from any CloudFormation template, before anything exists.

use crate::arguments::{ProofExpectation, ProofFormat, ProveArguments};
use crate::command_error::CommandError;
use crate::console::Console;
use crate::project::read;
use analysis::reachability::{Expectation, Options, Problem, Question, prove, render};
use compiler::report::Sources;
use model::cfn::Given;
use model::yaml::{SourceMap, readable};
use std::collections::BTreeMap;

pub(crate) fn run(arguments: &ProveArguments, console: &Console) -> Result<(), CommandError> {
    let file = arguments.template.display().to_string();
    let bytes = read(&arguments.template)?;
    let text = readable(&bytes);
    let options = Options {
        question: Question { from: arguments.from.clone(), to: arguments.to.clone() },
        parameters: given(&arguments.parameter)?,
        expect: arguments.expect.map(|expected| match expected {
            ProofExpectation::Reachable => Expectation::Reachable,
            ProofExpectation::Unreachable => Expectation::Unreachable,
        }),
        only_answers: arguments.from.is_some() || arguments.to.is_some(),
        ..Options::default()
    };
    let report = prove(&text, &file, &options).map_err(|problem| match problem {
        Problem::Unreadable(_) if text.lines().any(|line| line.starts_with("landfall:")) => CommandError::usage(
            format!("{file} is a manifest; `prove` reads templates"),
            format!("type `landfall check {file} -e NAME` with an environment in AWS"),
        ),
        Problem::Unreadable(findings) => {
            let sources = Sources::new(SourceMap::of_text(&file, text.clone()));
            CommandError::Findings(findings, Box::new(sources))
        }
        Problem::Question(message) => {
            CommandError::usage(message, format!("type `landfall prove {file}` for the whole matrix"))
        }
    })?;
    match arguments.format {
        _ if console.json => console.document(&render::json(&report))?,
        None | Some(ProofFormat::Text) => console.text(&render::text(&report))?,
        Some(ProofFormat::Sarif) => console.document(&render::sarif(&report))?,
        Some(ProofFormat::Svg) => console.text(&render::svg(&report))?,
    }
    if report.holds() { Ok(()) } else { Err(CommandError::NotProved) }
}

/// What a parameter is given to say that its default is not to be relied on.
const UNKNOWN: &str = "?";

fn given(parameters: &[String]) -> Result<BTreeMap<String, Given>, CommandError> {
    let pair = |text: &String| match text.split_once('=') {
        Some((name, UNKNOWN)) => Ok((name.to_owned(), Given::Unknown)),
        Some((name, value)) => Ok((name.to_owned(), Given::Value(value.to_owned()))),
        None => Err(CommandError::usage(format!("`{text}` is no parameter"), "write --parameter NAME=VALUE")),
    };
    parameters.iter().map(pair).collect()
}
