//! `landfall unlock`: ends the lease of a run that is gone.

use crate::account;
use crate::account::cloud::Cloud;
use crate::arguments::UnlockArguments;
use crate::command_error::CommandError;
use crate::console::Console;
use crate::surroundings::Surroundings;

pub(crate) fn run(
    arguments: &UnlockArguments,
    surroundings: &Surroundings,
    console: &Console,
) -> Result<(), CommandError> {
    match Cloud::find(&arguments.deployment, surroundings, console)? {
        Some(cloud) => account::unlock::run(&cloud, arguments, surroundings, console),
        None => Err(CommandError::usage(
            "on this machine a lock ends with the process that holds it",
            "name an environment with `target: aws`: -e production",
        )),
    }
}
