//! `landfall tunnel`: a way to something private while the command runs, and the tunnels that are kept open.

mod open;
mod person;
mod status;

use crate::arguments::TunnelVerb;
use crate::command_error::CommandError;
use crate::console::Console;
use crate::surroundings::Surroundings;

pub(crate) fn run(verb: &TunnelVerb, surroundings: &Surroundings, console: &Console) -> Result<(), CommandError> {
    match verb {
        TunnelVerb::Open(arguments) => open::run(arguments, surroundings, console),
        TunnelVerb::Status(arguments) => status::run(arguments, surroundings, console),
    }
}
