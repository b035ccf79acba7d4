//! `landfall drift`: what differs in an account from what was deployed.

use crate::account;
use crate::account::cloud::Cloud;
use crate::arguments::DeploymentArguments;
use crate::command_error::CommandError;
use crate::console::Console;
use crate::surroundings::Surroundings;

pub(crate) fn run(
    arguments: &DeploymentArguments,
    surroundings: &Surroundings,
    console: &Console,
) -> Result<(), CommandError> {
    match Cloud::find(arguments, surroundings, console)? {
        Some(cloud) => account::drift::run(&cloud, arguments, surroundings, console),
        None => Err(CommandError::usage(
            "drift is of deployments in an account; on this machine `plan` sees what was changed by hand",
            "name an environment with `target: aws`: -e production",
        )),
    }
}
