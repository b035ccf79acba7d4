//! What other programs have to be told to reach a database.

use crate::command_error::CommandError;
use crate::console::Console;
use crate::views::table;
use model::database::Engine;
use std::path::PathBuf;

/// How a database is reached on this machine. Holds no secret.
pub(crate) struct Settings {
    pub(crate) engine: Engine,
    pub(crate) port: u16,
    pub(crate) database: String,
    pub(crate) user: String,
    /// The certificate of the authority that signed the server's; none where it is not at hand.
    pub(crate) authority: Option<PathBuf>,
    /// What to type to see the password.
    pub(crate) password: String,
}

impl Settings {
    /// A URL that says everything but the password.
    pub(crate) fn url(&self) -> String {
        let Self { engine, port, database, user, .. } = self;
        let tls = match (&self.authority, engine.speaks_mysql()) {
            (Some(file), true) => format!("?ssl_ca={}&ssl_check_hostname=true", file.display()),
            (Some(file), false) => format!("?sslmode=verify-full&sslrootcert={}", file.display()),
            // Through a forwarded port the server's name is not the one that is dialled, so that only encryption can be asked for.
            (None, true) => "?ssl-mode=REQUIRED".to_owned(),
            (None, false) => "?sslmode=require".to_owned(),
        };
        format!("{}://{user}@127.0.0.1:{port}/{database}{tls}", engine.scheme())
    }
}

/// Prints them.
pub(crate) fn print(settings: &Settings, console: &Console) -> Result<(), CommandError> {
    let Settings { engine, port, database, user, authority, password } = settings;
    if console.json {
        return console.document(&serde_json::json!({
            "version": 1,
            "engine": engine,
            "host": "127.0.0.1",
            "port": port,
            "database": database,
            "user": user,
            "authority": authority,
            "url": settings.url(),
        }));
    }
    let mut rows = vec![
        ("engine", engine.to_string()),
        ("host", "127.0.0.1".to_owned()),
        ("port", port.to_string()),
        ("database", database.clone()),
        ("user", user.clone()),
        ("password", format!("`{password}`")),
    ];
    rows.extend(authority.iter().map(|file| ("TLS", format!("required; the authority is {}", file.display()))));
    rows.push(("URL", settings.url()));
    let rows = rows.into_iter().map(|(name, value)| [name.to_owned(), value]);
    console.text(&table::columns(&[], rows))
}
