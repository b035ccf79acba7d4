//! One connection to one database. Statements go as texts, answers come as texts: the same for all engines.

use crate::access::{Access, Address, Tls};
use crate::error::{Error, Result};
use crate::relay::Relay;
use futures_util::TryStreamExt as _;
use model::database::Engine;
use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, Either, Executor, MySqlConnection, PgConnection, Row as _,
};
use std::future::Future;
use std::path::Path;
use std::time::Duration;

/// The columns of a row as texts.
pub type Row = Vec<Option<String>>;

/// What a statement brought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The rows.
    pub rows: Vec<Row>,
    /// How many rows it touched.
    pub affected: u64,
}

/// The wire.
#[derive(Debug)]
enum Wire {
    Postgres(PgConnection),
    Mysql(MySqlConnection),
}

/// A connection to one database of a server.
#[derive(Debug)]
pub struct Connection {
    wire: Wire,
    engine: Engine,
    timeout: Duration,
    // Ends after the connection that goes through it.
    _relay: Option<Relay>,
}

/// How this command's connections behave, whatever the server's settings: quoting depends on it.
const MYSQL_SESSION: &str = "SET SESSION sql_mode = 'STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION', \
                             lock_wait_timeout = 30, innodb_lock_wait_timeout = 30, group_concat_max_len = 16777216";

/// How the administrator's connections to PostgreSQL behave, whatever an owner made of a database by `ALTER DATABASE ... SET`.
const ADMINISTRATORS: [(&str, &str); 3] =
    [("search_path", "pg_catalog"), ("default_transaction_read_only", "off"), ("statement_timeout", "0")];

impl Connection {
    /// Connects and logs in.
    ///
    /// # Errors
    /// [`Error::NotReachable`], [`Error::TimedOut`], [`Error::Tls`], [`Error::LoginRefused`]; [`Error::Denied`] when the login
    /// is right but may not enter this database.
    pub async fn open(access: &Access) -> Result<Self> {
        Self::open_with(access, &[]).await
    }

    /// Connects and logs in as the administrator, to whom names without a schema are the server's own: what others made under such
    /// a name would otherwise run with the administrator's rights.
    ///
    /// # Errors
    /// As [`Connection::open`].
    pub async fn open_as_administrator(access: &Access) -> Result<Self> {
        Self::open_with(access, &ADMINISTRATORS).await
    }

    async fn open_with(access: &Access, settings: &[(&str, &str)]) -> Result<Self> {
        let address = access.address.to_string();
        let work = Self::dial(access, &address, settings);
        let what = format!("connecting to {address}");
        within(access.timeout, &what, work).await
    }

    async fn dial(access: &Access, address: &str, settings: &[(&str, &str)]) -> Result<Self> {
        let relay = match &access.address {
            Address::Tcp { host, port, server_name: Some(name) } if name != host && access.tls != Tls::Off => {
                let unreachable = |cause: std::io::Error| Error::NotReachable {
                    address: address.to_owned(),
                    cause: cause.to_string(),
                };
                Some(Relay::to(host, *port).await.map_err(unreachable)?)
            }
            _ => None,
        };
        let socket = relay.as_ref().map(Relay::socket);
        let failed = |error| Error::of_connecting(error, address, &access.user);
        let wire = if access.engine.speaks_mysql() {
            let mut wire = mysql_options(access, socket.as_deref()).connect().await.map_err(failed)?;
            wire.execute(MYSQL_SESSION).await.map_err(failed)?;
            Wire::Mysql(wire)
        } else {
            let options = postgres_options(access, socket.as_deref()).options(settings.iter().copied());
            Wire::Postgres(options.connect().await.map_err(failed)?)
        };
        if let Some(relay) = &relay {
            relay.hide();
        }
        Ok(Self { wire, engine: access.engine, timeout: access.timeout, _relay: relay })
    }

    /// Which family it was opened for. MariaDB may stand in for MySQL: the version tells.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// How long a probe's statement may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Sends statements in one message and takes what each brought.
    ///
    /// # Errors
    /// The first that failed; those behind it were not run.
    pub(crate) async fn ask(&mut self, sql: impl Into<String>) -> Result<Vec<Answer>> {
        let statement = sqlx::raw_sql(AssertSqlSafe(sql.into()));
        let mut answers = vec![Answer::default()];
        match &mut self.wire {
            Wire::Postgres(wire) => {
                let mut stream = statement.fetch_many(wire);
                while let Some(next) = stream.try_next().await.map_err(Error::of_statement)? {
                    match next {
                        Either::Left(done) => close(&mut answers, done.rows_affected()),
                        Either::Right(row) => push(&mut answers, texts(row.len(), |i| row.try_get_unchecked(i))?),
                    }
                }
            }
            Wire::Mysql(wire) => {
                let mut stream = statement.fetch_many(wire);
                while let Some(next) = stream.try_next().await.map_err(Error::of_statement)? {
                    match next {
                        Either::Left(done) => close(&mut answers, done.rows_affected()),
                        // As bytes: a column may hold what is no text.
                        Either::Right(row) => {
                            let bytes = |i| row.try_get_unchecked::<Option<Vec<u8>>, _>(i);
                            let text = |i| Ok(bytes(i)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()));
                            push(&mut answers, texts(row.len(), text)?);
                        }
                    }
                }
            }
        }
        answers.pop();
        Ok(answers)
    }

    /// Sends statements whose answers are of no interest.
    ///
    /// # Errors
    /// The first that failed.
    pub(crate) async fn run(&mut self, sql: impl Into<String>) -> Result<()> {
        self.ask(sql).await.map(drop)
    }

    /// The rows of one statement.
    ///
    /// # Errors
    /// What the server says.
    pub(crate) async fn rows(&mut self, sql: impl Into<String>) -> Result<Vec<Row>> {
        Ok(self.ask(sql).await?.into_iter().next().unwrap_or_default().rows)
    }

    /// The first column of the first row.
    ///
    /// # Errors
    /// What the server says.
    pub(crate) async fn value(&mut self, sql: impl Into<String>) -> Result<Option<String>> {
        Ok(self.rows(sql).await?.into_iter().next().and_then(|row| row.into_iter().next()).flatten())
    }

    /// Feeds `COPY ... FROM STDIN` (PostgreSQL).
    ///
    /// # Errors
    /// What the server says; also that another engine has no COPY.
    pub(crate) async fn copy_in(&mut self, statement: &str, data: &[u8]) -> Result<u64> {
        let Wire::Postgres(wire) = &mut self.wire else {
            return Err(crate::error::refused("COPY is PostgreSQL's", "write INSERT instead"));
        };
        let mut copy = wire.copy_in_raw(statement).await.map_err(Error::of_statement)?;
        for chunk in data.chunks(1 << 20) {
            copy.send(chunk).await.map_err(Error::of_statement)?;
        }
        copy.finish().await.map_err(Error::of_statement)
    }

    /// Says goodbye, so that the server logs no broken connection.
    pub async fn close(self) {
        let _ = match self.wire {
            Wire::Postgres(wire) => wire.close().await,
            Wire::Mysql(wire) => wire.close().await,
        };
    }
}

fn close(answers: &mut Vec<Answer>, affected: u64) {
    if let Some(last) = answers.last_mut() {
        last.affected = affected;
    }
    answers.push(Answer::default());
}

fn push(answers: &mut [Answer], row: Row) {
    if let Some(last) = answers.last_mut() {
        last.rows.push(row);
    }
}

fn texts(columns: usize, text: impl Fn(usize) -> sqlx::Result<Option<String>>) -> Result<Row> {
    (0..columns).map(text).collect::<sqlx::Result<Row>>().map_err(Error::of_statement)
}

/// Gives some work a time.
pub(crate) async fn within<T>(limit: Duration, what: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
    let late = || Error::TimedOut { what: what.to_owned(), seconds: limit.as_secs() };
    tokio::time::timeout(limit, work).await.map_err(|_| late())?
}

fn postgres_options(access: &Access, relay: Option<&Path>) -> PgConnectOptions {
    let mut options = PgConnectOptions::new_without_pgpass()
        .username(&access.user)
        .password(access.password.expose())
        .database(access.database.as_deref().unwrap_or("postgres"))
        .application_name("landfall")
        .statement_cache_capacity(0)
        .disable_statement_logging();
    match &access.address {
        Address::Tcp { host, port, server_name } => {
            options = options.host(server_name.as_deref().filter(|_| relay.is_some()).unwrap_or(host)).port(*port);
        }
        Address::Socket(path) => {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let port = name.strip_prefix(".s.PGSQL.").and_then(|port| port.parse::<u16>().ok());
            options = match (port, path.parent()) {
                (Some(port), Some(folder)) => options.socket(folder).port(port),
                _ => options.socket(path).port(5432),
            };
        }
    }
    if let Some(relay) = relay {
        options = options.socket(relay.parent().unwrap_or(relay)).port(5432);
    }
    match &access.tls {
        Tls::VerifyFull { authority_pem } => {
            options.ssl_mode(PgSslMode::VerifyFull).ssl_root_cert_from_pem(authority_pem.clone().into_bytes())
        }
        Tls::Off => options.ssl_mode(PgSslMode::Disable),
    }
}

fn mysql_options(access: &Access, relay: Option<&Path>) -> MySqlConnectOptions {
    let mut options = MySqlConnectOptions::new()
        .username(&access.user)
        .password(access.password.expose())
        .pipes_as_concat(false)
        .timezone(None)
        .statement_cache_capacity(0)
        .disable_statement_logging();
    if let Some(database) = &access.database {
        options = options.database(database);
    }
    match &access.address {
        Address::Tcp { host, port, server_name } => {
            options = options.host(server_name.as_deref().filter(|_| relay.is_some()).unwrap_or(host)).port(*port);
        }
        Address::Socket(path) => options = options.socket(path),
    }
    if let Some(relay) = relay {
        options = options.socket(relay);
    }
    match &access.tls {
        Tls::VerifyFull { authority_pem } => {
            options.ssl_mode(MySqlSslMode::VerifyIdentity).ssl_ca_from_pem(authority_pem.clone().into_bytes())
        }
        Tls::Off => options.ssl_mode(MySqlSslMode::Disabled),
    }
}
