//! `landfall version`.

use crate::command_error::CommandError;
use crate::console::Console;

pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

pub(crate) fn run(console: &Console) -> Result<(), CommandError> {
    if console.json {
        return console.document(&serde_json::json!({ "version": 1, "landfall": VERSION }));
    }
    console.line(&format!("landfall {VERSION}"))
}
