//! Makes the changes.

use crate::change::{Change, Form, Place, Step, What};
use crate::check::{Passwords, password};
use crate::error::{Error, Result};
use crate::load;
use crate::mysql::{made_by_question, sessions_question};
use crate::quote;
use crate::server::{LEDGER, Server};
use crate::verifier::{self, CachingSha2, Native, Scram};
use model::database::Engine;
use std::path::Path;
use std::time::{Duration, Instant};

/// So many databases are made at once.
const AT_ONCE: usize = 4;

/// What changes are made with.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// The passwords of all logins.
    pub passwords: &'a Passwords,
    /// The folder that the paths of data files are relative to.
    pub folder: &'a Path,
}

/// What `apply` is at.
#[derive(Debug, Clone, Copy)]
pub enum Progress<'a> {
    /// A change begins.
    Begun(&'a Change),
    /// A change was made; in PostgreSQL it may still be in an open transaction.
    Done(&'a Change),
}

/// Makes changes in order. In PostgreSQL neighbouring changes in the same place are one transaction; where that cannot be, and in
/// MySQL, each statement stands on its own: cut off anywhere, looking and applying again comes to the same end.
///
/// # Errors
/// The first failure; `progress` was told which change it was. An error that `progress` returns ends the work too.
pub async fn apply(
    server: &mut Server,
    changes: &[Change],
    given: Given<'_>,
    progress: &mut (dyn FnMut(Progress<'_>) -> Result<()> + Send),
) -> Result<()> {
    let mut work = Work { server, given, transaction: None };
    let result = work.all(changes, progress).await;
    match result {
        Ok(()) => work.commit().await,
        Err(error) => {
            work.roll_back().await;
            Err(error)
        }
    }
}

struct Work<'a> {
    server: &'a mut Server,
    given: Given<'a>,
    /// Where a transaction is open.
    transaction: Option<Place>,
}

impl Work<'_> {
    async fn all(
        &mut self,
        changes: &[Change],
        progress: &mut (dyn FnMut(Progress<'_>) -> Result<()> + Send),
    ) -> Result<()> {
        let is_mysql = self.is_mysql();
        // A new database of PostgreSQL is the copy of a whole template: several are made at once.
        let is_copied = |change: &Change| !is_mysql && matches!(change.what, What::CreateDatabase { .. });
        for together in changes.chunk_by(|one, next| is_copied(one) && is_copied(next)) {
            if together.len() > 1 {
                self.databases(together, progress).await?;
                continue;
            }
            for change in together {
                progress(Progress::Begun(change))?;
                for steps in change.steps.chunk_by(are_together) {
                    self.steps(steps).await?;
                }
                progress(Progress::Done(change))?;
            }
        }
        Ok(())
    }

    async fn databases(
        &mut self,
        changes: &[Change],
        progress: &mut (dyn FnMut(Progress<'_>) -> Result<()> + Send),
    ) -> Result<()> {
        self.commit().await?;
        for change in changes {
            progress(Progress::Begun(change))?;
        }
        let server = &*self.server;
        let lines = changes.chunks(changes.len().div_ceil(AT_ONCE)).map(|line| async move {
            let mut connection = server.fresh(LEDGER).await.map_err(|error| (line.first(), error))?;
            for change in line {
                for step in &change.steps {
                    let Step::Alone { sql, .. } = step else { continue };
                    connection.run(sql).await.map_err(|error| (Some(change), error))?;
                }
            }
            connection.close().await;
            Ok(())
        });
        // All are waited for, so that nothing goes on behind an error.
        let failed = futures_util::future::join_all(lines).await.into_iter().find_map(std::result::Result::err);
        if let Some((change, error)) = failed {
            if let Some(change) = change {
                progress(Progress::Begun(change))?;
            }
            return Err(error);
        }
        changes.iter().try_for_each(|change| progress(Progress::Done(change)))
    }

    fn is_mysql(&self) -> bool {
        self.server.access().engine.speaks_mysql()
    }

    /// One step, or several that go in one message.
    async fn steps(&mut self, steps: &[Step]) -> Result<()> {
        let statements = |step: &Step| match step {
            Step::Sql { sql, .. } => sql.clone(),
            _ => String::new(),
        };
        match steps {
            [Step::Sql { place, .. }, _, ..] => {
                let sql: Vec<String> = steps.iter().map(statements).collect();
                self.begin(place).await?;
                self.run(place, &sql.join(" ")).await
            }
            _ => {
                for step in steps {
                    self.step(step).await?;
                }
                Ok(())
            }
        }
    }

    async fn step(&mut self, step: &Step) -> Result<()> {
        match step {
            Step::Sql { place, sql } => {
                self.begin(place).await?;
                self.run(place, sql).await
            }
            Step::Alone { place, sql } => {
                self.commit().await?;
                self.run(place, sql).await
            }
            Step::Password { login, host, node, form, before, after } => {
                self.begin(&Place::Home).await?;
                let secret = password(self.given.passwords, node)?;
                let verifier = match form {
                    Form::Scram => {
                        quote::text(Engine::Postgres, &Scram::new(secret.expose(), verifier::random()).to_string())
                    }
                    Form::Native => quote::text(Engine::Mysql, &Native::new(secret.expose()).to_string()),
                    Form::CachingSha2 => CachingSha2::new(secret.expose(), verifier::random()).literal(),
                };
                self.run(&Place::Home, &format!("{before}{verifier}{after}")).await?;
                if host.is_none() {
                    let fingerprint = write_down(login, secret.expose());
                    self.run(&Place::Home, &fingerprint).await?;
                }
                Ok(())
            }
            Step::DropAccount { login, host } => {
                let account = (login.clone(), host.clone());
                let made = self.server.home().await?.value(made_by_question(&account)).await?;
                let quoted = quote::account(login, host);
                let sql = match made.as_deref() {
                    None | Some("0") => format!("DROP USER IF EXISTS {quoted};"),
                    Some(_) => format!("ALTER USER {quoted} ACCOUNT LOCK;"),
                };
                self.run(&Place::Home, &sql).await
            }
            Step::EndSessions { login } => {
                self.commit().await?;
                self.end_sessions(login).await
            }
            Step::Load { database, data } => {
                self.commit().await?;
                load::load(self.server, database, data, self.given.folder).await
            }
        }
    }

    async fn run(&mut self, place: &Place, sql: &str) -> Result<()> {
        let connection = match place {
            Place::Home => self.server.home().await?,
            Place::In(database) => self.server.inside(database).await?,
        };
        connection.run(sql).await
    }

    /// Makes sure that a transaction is open in this place, and nowhere else.
    async fn begin(&mut self, place: &Place) -> Result<()> {
        if self.is_mysql() || self.transaction.as_ref() == Some(place) {
            return Ok(());
        }
        self.commit().await?;
        self.run(place, "BEGIN; SET LOCAL lock_timeout = '30s';").await?;
        self.transaction = Some(place.clone());
        Ok(())
    }

    async fn commit(&mut self) -> Result<()> {
        match self.transaction.take() {
            Some(place) => self.run(&place, "COMMIT;").await,
            None => Ok(()),
        }
    }

    async fn roll_back(&mut self) {
        if let Some(place) = self.transaction.take() {
            // Where this fails the connection is gone, and the transaction with it.
            let _ = self.run(&place, "ROLLBACK;").await;
        }
    }

    async fn end_sessions(&mut self, login: &str) -> Result<()> {
        let is_mysql = self.is_mysql();
        let home = self.server.home().await?;
        if !is_mysql {
            let login = quote::text(Engine::Postgres, login);
            let sessions = format!("FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename = {login};");
            // What an ending session still has, as temporary tables, would be in the way of what comes next.
            let begun = Instant::now();
            while home.value(format!("SELECT count(pg_terminate_backend(pid)) {sessions}")).await?.as_deref()
                != Some("0")
            {
                if begun.elapsed() > ENDING {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            return Ok(());
        }
        for row in home.rows(sessions_question(login)).await? {
            let Some(id) = row.into_iter().next().flatten() else { continue };
            match home.run(format!("KILL {id};")).await {
                // RDS gives its administrator no right to kill, but a procedure that does.
                Err(Error::Denied { .. }) => home.run(format!("CALL mysql.rds_kill({id});")).await?,
                // It ended by itself.
                Err(error) if error.has_code("1094") => {}
                other => other?,
            }
        }
        Ok(())
    }
}

/// How long a session may take to end before what follows is tried all the same.
const ENDING: Duration = Duration::from_secs(10);

/// Whether two steps may go in one message: statements in the same place.
fn are_together(one: &Step, next: &Step) -> bool {
    matches!((one, next), (Step::Sql { place: one, .. }, Step::Sql { place: next, .. }) if one == next)
}

/// Writes down which password a login has: where the server does not show what it stores, only this tells a changed one.
fn write_down(login: &str, password: &str) -> String {
    let salt: [u8; 16] = verifier::random();
    let values = [login, &verifier::hex(&salt), &verifier::fingerprint(password, &salt)]
        .map(|value| quote::text(Engine::Postgres, value));
    format!(
        "INSERT INTO landfall.login (login, role, salt, fingerprint, grants) VALUES ({0}, '', {1}, {2}, '') \
         ON CONFLICT (login) DO UPDATE SET salt = excluded.salt, fingerprint = excluded.fingerprint;",
        values[0], values[1], values[2]
    )
}
