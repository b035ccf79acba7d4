//! A login at a database and one statement: who must not get in, what must be denied, what must bring rows.

use crate::answer::Answer;
use crate::ask::Asker;
use database::{Access, Address, Connection, Error, Found, Tls};
use engine::ports::Running;
use model::PortId;
use model::database::Engine;
use model::private_access::DatabaseLogin;
use model::probe::SqlExpectation;
use std::time::{Duration, Instant};

/// How long a login may take, and the answer to the statement.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long to wait before a login that has all its connections tries again.
const PAUSE: Duration = Duration::from_millis(100);

/// A question to a database.
pub(crate) struct SqlQuestion<'a> {
    pub(crate) port: &'a PortId,
    pub(crate) login: &'a DatabaseLogin,
    pub(crate) tls: bool,
    pub(crate) statement: &'a str,
    pub(crate) expect: &'a SqlExpectation,
}

/// Asks it.
pub(crate) async fn ask<R: Running>(asker: &Asker<'_, R>, question: &SqlQuestion<'_>) -> Answer {
    let expected = in_words(question);
    match access(asker.running, question) {
        Err(trouble) => Answer::fails(expected, trouble),
        Ok(access) => {
            if access.tls == Tls::Off && access.engine == Engine::Mysql {
                log_in_with_tls(asker.running, &access).await;
            }
            let outcome = say(&access, question.statement).await;
            let answer = judge(outcome, question.expect, expected);
            match answer {
                Answer::Holds { seen } => Answer::holds(asker.redactor.clean(&seen)),
                Answer::Fails { expected, seen } => Answer::fails(expected, asker.redactor.clean(&seen)),
                waits @ Answer::Waits { .. } => waits,
            }
        }
    }
}

fn in_words(question: &SqlQuestion<'_>) -> String {
    let way = if question.tls { "with TLS" } else { "without TLS" };
    let statement = question.statement;
    match question.expect {
        SqlExpectation::Rows { at_least } => format!("a login {way}, and at least {at_least} rows for `{statement}`"),
        SqlExpectation::Denied => format!("a login {way}, and `{statement}` denied for want of rights"),
        SqlExpectation::LoginRefused => format!("a login {way} that is refused"),
    }
}

fn access(running: &impl Running, question: &SqlQuestion<'_>) -> Result<Access, String> {
    let login = question.login;
    let fill = |text| running.fill(text).map_err(|fault| fault.to_string());
    let end = running.database(question.port).map_err(|fault| fault.to_string())?;
    let tls = if question.tls { Tls::VerifyFull { authority_pem: end.authority } } else { Tls::Off };
    Ok(Access {
        engine: login.engine,
        address: Address::Tcp {
            host: "127.0.0.1".to_owned(),
            port: end.port,
            server_name: login.server_name.clone().or(end.server_name),
        },
        user: fill(&login.user)?.expose().to_owned(),
        password: fill(&login.password)?,
        database: Some(login.database.clone()),
        tls,
        timeout: PATIENCE,
    })
}

/// Who comes to MySQL without TLS is asked for its password behind a key of the server's, before the server says what it thinks of
/// the login; but for a password that it has just seen. Whether this login succeeds is of no interest here.
async fn log_in_with_tls(running: &impl Running, access: &Access) {
    let Ok(authority_pem) = running.authority() else { return };
    let access = Access { tls: Tls::VerifyFull { authority_pem }, ..access.clone() };
    if let Ok(connection) = Connection::open(&access).await {
        connection.close().await;
    }
}

/// What a login and a statement brought.
enum Said {
    /// The login was not let in, or not into this database.
    AtTheDoor(Error),
    /// The login is in.
    Inside(Result<Found, Error>),
}

async fn say(access: &Access, statement: &str) -> Said {
    let begun = Instant::now();
    let mut connection = loop {
        match Connection::open(access).await {
            Ok(connection) => break connection,
            Err(error) if is_full(&error) && begun.elapsed() < PATIENCE => tokio::time::sleep(PAUSE).await,
            Err(error) => return Said::AtTheDoor(error),
        }
    };
    let found = database::query(&mut connection, statement).await;
    connection.close().await;
    Said::Inside(found)
}

/// Whether the login has all the connections that it may have: other probes give theirs back.
fn is_full(error: &Error) -> bool {
    // PostgreSQL's too_many_connections; MySQL's of the server, of a user, and of what a user may have in all.
    ["53300", "1040", "1203", "1226"].iter().any(|code| error.has_code(code))
}

fn judge(said: Said, expect: &SqlExpectation, expected: String) -> Answer {
    let denied = |error: &Error| matches!(error, Error::Denied { .. });
    match (said, expect) {
        (Said::Inside(Ok(found)), SqlExpectation::Rows { at_least }) => {
            let rows = found.count.max(found.affected);
            let seen = if rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") };
            if rows >= *at_least { Answer::holds(seen) } else { Answer::fails(expected, seen) }
        }
        (Said::Inside(Err(error)) | Said::AtTheDoor(error), SqlExpectation::Denied) if denied(&error) => {
            Answer::holds(error.to_string())
        }
        (Said::AtTheDoor(error @ Error::LoginRefused { .. }), SqlExpectation::LoginRefused) => {
            Answer::holds(error.to_string())
        }
        (Said::Inside(Ok(found)), SqlExpectation::Denied) => {
            Answer::fails(expected, format!("the statement was carried out: {} rows", found.count.max(found.affected)))
        }
        (Said::Inside(_), SqlExpectation::LoginRefused) => Answer::fails(expected, "the login was let in"),
        (Said::Inside(Err(error)) | Said::AtTheDoor(error), _) => Answer::fails(expected, error.to_string()),
    }
}
