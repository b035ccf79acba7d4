//! The administrator's password, set in a data folder that no server uses: nobody needs to know the old one.

use crate::Variables;
use crate::database::guise::Guise;
use crate::database::programs::Programs;
use crate::database::tool::Tool;
use crate::secrets::random;
use ::database::verifier::{CachingSha2, Native, Scram};
use model::database::Engine;
use model::process_graph::DATABASE_ADMINISTRATOR;
use model::{Fault, FaultKind, Secret};
use std::path::Path;

/// Makes the administrator, or gives it this password.
///
/// # Errors
/// When the server's program refuses.
pub(super) async fn set(
    programs: &Programs,
    guise: &Guise,
    data: &Path,
    password: &Secret,
    variables: &Variables,
) -> Result<(), Fault> {
    let operation = format!("setting the password of {DATABASE_ADMINISTRATOR}");
    let server = programs.server.display().to_string();
    let (command, statements) = match programs.engine {
        Engine::Postgres => {
            let command = ["--single", "-D", &data.display().to_string(), "-c", "log_statement=none", "template1"];
            let verifier = scram(password);
            // Each line is a statement.
            let statements = format!(
                "DO $$ BEGIN CREATE ROLE {DATABASE_ADMINISTRATOR}; EXCEPTION WHEN duplicate_object THEN NULL; END $$\n\
                 ALTER ROLE {DATABASE_ADMINISTRATOR} WITH SUPERUSER LOGIN PASSWORD '{verifier}'\n"
            );
            (command.map(str::to_owned).to_vec(), statements)
        }
        Engine::Mariadb => {
            let (datadir, temporary) = (format!("--datadir={}", data.display()), own_temporary_folder(data));
            let command = ["--no-defaults", "--bootstrap", &datadir, &temporary];
            let account = format!("'{DATABASE_ADMINISTRATOR}'@'localhost'");
            // The installation leaves administrators without a password.
            let statements = format!(
                "DELETE FROM mysql.global_priv WHERE User IN ('root', '');\n\
                 FLUSH PRIVILEGES;\n\
                 CREATE OR REPLACE USER {account} IDENTIFIED BY PASSWORD '{}';\n\
                 GRANT ALL PRIVILEGES ON *.* TO {account} WITH GRANT OPTION;\n",
                Native::new(password.expose())
            );
            (command.map(str::to_owned).to_vec(), statements)
        }
        Engine::Mysql => return mysql(programs, guise, data, password, variables).await,
    };
    let command = [server].into_iter().chain(command).collect();
    let tool = Tool { operation: operation.clone(), guise, command, input: &statements, folder: data, variables };
    let said = tool.run(&|_| {}).await?;
    // Neither program ends with an error when a statement fails.
    match said.lines().find(|line| line.contains("ERROR:") || line.contains("FATAL:") || line.starts_with("ERROR")) {
        Some(line) => Err(Fault::new(FaultKind::Permanent, operation, line.trim())),
        None => Ok(()),
    }
}

/// The private folder around the data: a server that starts removes the temporary tables in its folder, those of other servers too,
/// which in `/tmp` may be at work just then.
pub(super) fn own_temporary_folder(data: &Path) -> String {
    format!("--tmpdir={}", data.parent().unwrap_or(data).display())
}

/// MySQL reads statements from a file when it starts; it is started without a network and ends by the last one.
async fn mysql(
    programs: &Programs,
    guise: &Guise,
    data: &Path,
    password: &Secret,
    variables: &Variables,
) -> Result<(), Fault> {
    let account = format!("'{DATABASE_ADMINISTRATOR}'@'localhost'");
    let mut salt = [0; 20];
    random(&mut salt);
    let verifier = CachingSha2::new(password.expose(), salt).literal();
    let statements = format!(
        "CREATE USER IF NOT EXISTS {account} IDENTIFIED WITH caching_sha2_password AS {verifier};\n\
         ALTER USER {account} IDENTIFIED WITH caching_sha2_password AS {verifier};\n\
         GRANT ALL PRIVILEGES ON *.* TO {account} WITH GRANT OPTION;\n\
         DROP USER IF EXISTS 'root'@'localhost';\n\
         SHUTDOWN;\n"
    );
    let file = data.with_file_name(".administrator.sql");
    crate::disk::write_atomically(&file, statements.as_bytes(), 0o600)?;
    let command = vec![
        programs.server.display().to_string(),
        "--no-defaults".to_owned(),
        format!("--datadir={}", data.display()),
        "--skip-networking".to_owned(),
        "--mysqlx=OFF".to_owned(),
        "--skip-log-bin".to_owned(),
        // The folder that a package built in need not be there, and nobody uses it.
        "--secure-file-priv=NULL".to_owned(),
        own_temporary_folder(data),
        format!("--socket={}", data.join("making.sock").display()),
        format!("--pid-file={}", data.join("making.pid").display()),
        format!("--init-file={}", file.display()),
    ];
    let operation = format!("setting the password of {DATABASE_ADMINISTRATOR}");
    let outcome = Tool { operation, guise, command, input: "", folder: data, variables }.run(&|_| {}).await;
    crate::disk::remove(&file)?;
    outcome.map(drop)
}

/// What PostgreSQL keeps instead of a password.
fn scram(password: &Secret) -> String {
    let mut salt = [0; 16];
    random(&mut salt);
    Scram::new(password.expose(), salt).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verifiers_are_those_of_the_engines() {
        // `SELECT PASSWORD('password')` of MariaDB.
        assert_eq!(Native::new("password").to_string(), "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19");
        let verifier = scram(&Secret::new("password"));
        assert!(verifier.starts_with("SCRAM-SHA-256$4096:"), "{verifier}");
        assert_ne!(verifier, scram(&Secret::new("password")), "each has a salt of its own");
    }
}
