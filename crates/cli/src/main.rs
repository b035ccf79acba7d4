//! The `landfall` command: verbs, views, wiring, exit codes. It holds no rule of the domain.

mod access;
mod account;
mod arguments;
mod blueprints;
mod command_error;
mod console;
mod deployment;
mod exit_code;
mod files;
mod interrupt;
mod project;
mod record;
mod rotation;
mod surroundings;
mod verbs;
mod views;

use crate::arguments::{CommandLine, Verb};
use crate::command_error::CommandError;
use crate::console::Console;
use crate::exit_code::ExitCode;
use crate::surroundings::Surroundings;
use clap::Parser as _;

fn main() -> std::process::ExitCode {
    let command_line = match CommandLine::try_parse() {
        Ok(command_line) => command_line,
        Err(error) => {
            let _ = error.print();
            let code = if error.use_stderr() { ExitCode::Invalid } else { ExitCode::Ok };
            return std::process::ExitCode::from(code as u8);
        }
    };
    let code = match run(command_line) {
        Ok(()) => ExitCode::Ok as u8,
        Err((CommandError::Client(code), _)) => code,
        Err((error, console)) => {
            views::error::print(&error, &console);
            error.exit_code() as u8
        }
    };
    std::process::ExitCode::from(code)
}

fn run(command_line: CommandLine) -> Result<(), (CommandError, Console)> {
    let output = &command_line.output;
    if output.no_color {
        anstream::ColorChoice::Never.write_global();
    }
    let mut console = Console {
        json: output.json,
        quiet: output.quiet,
        verbose: output.verbose,
        stderr_is_terminal: false,
        can_ask: false,
    };
    let here = match &output.directory {
        Some(directory) => std::env::set_current_dir(directory).map_err(|error| {
            CommandError::usage(format!("cannot work in {}: {error}", directory.display()), "give another -C DIR")
        }),
        None => Ok(()),
    };
    here.map_err(|error| (error, console))?;
    let surroundings = Surroundings::read();
    console.stderr_is_terminal = surroundings.stderr_is_terminal;
    console.can_ask = surroundings.can_ask;
    dispatch(command_line.verb, &surroundings, &console).map_err(|error| (error, console))
}

fn dispatch(verb: Verb, surroundings: &Surroundings, console: &Console) -> Result<(), CommandError> {
    match verb {
        Verb::Init(arguments) => verbs::init::run(&arguments, console),
        Verb::Check(arguments) => verbs::check::run(&arguments, surroundings, console),
        Verb::Plan(arguments) => verbs::plan::run(&arguments, surroundings, console),
        Verb::Up(arguments) => verbs::up::run(&arguments, surroundings, console),
        Verb::Verify(arguments) => verbs::verify::run(&arguments, surroundings, console),
        Verb::Status(arguments) => verbs::status::run(&arguments, surroundings, console),
        Verb::Outputs(arguments) => verbs::outputs::run(&arguments, surroundings, console),
        Verb::Connect(arguments) => verbs::connect::run(&arguments, surroundings, console),
        Verb::Tunnel(verb) => verbs::tunnel::run(&verb, surroundings, console),
        Verb::Logs(arguments) => verbs::logs::run(&arguments, surroundings, console),
        Verb::Events(arguments) => verbs::events::run(&arguments, surroundings, console),
        Verb::Secret(verb) => verbs::secret::run(&verb, surroundings, console),
        Verb::User(verb) => verbs::user::run(&verb, surroundings, console),
        Verb::WhoCan(arguments) => verbs::who_can::run(&arguments, surroundings, console),
        Verb::Backup(arguments) => verbs::backup::run(&arguments, surroundings, console),
        Verb::Restore(arguments) => verbs::restore::run(&arguments, surroundings, console),
        Verb::Down(arguments) => verbs::down::run(&arguments, surroundings, console),
        Verb::Drift(arguments) => verbs::drift::run(&arguments, surroundings, console),
        Verb::Unlock(arguments) => verbs::unlock::run(&arguments, surroundings, console),
        Verb::Explain(arguments) => verbs::explain::run(&arguments, surroundings, console),
        Verb::Schema => console.document(&compiler::json_schema()),
        Verb::Doctor => verbs::doctor::run(console),
        Verb::Prove(arguments) => verbs::prove::run(&arguments, console),
        Verb::Export(arguments) => verbs::export::run(&arguments, surroundings, console),
        Verb::Completions { shell } => verbs::completions::run(shell, console),
        Verb::Version => verbs::version::run(console),
        Verb::Reference => verbs::reference::run(console),
        Verb::Supervise { home, sockets } => verbs::supervise::run(&home, &sockets),
    }
}
