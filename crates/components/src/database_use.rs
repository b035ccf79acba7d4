//! How components and databases find each other: who uses one says so, the database answers with the way.

use model::database::{Engine, GrantLevel};
use model::private_access::DatabaseLogin;
use model::text::{Atom, DatabaseFile, Part};
use model::{ComponentName, ManifestPath, NodeId, PortId, Text};

/// Somebody other than a person uses a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseUse {
    /// Who: the role has this name too.
    pub by: ComponentName,
    /// The component of kind `database`.
    pub component: ComponentName,
    /// Which of its databases; may be absent when it has only one.
    pub database: Option<String>,
    /// What it may do there.
    pub grants: GrantLevel,
    /// How many connections it may hold.
    pub connections: Option<u32>,
    /// From which addresses it comes, as CIDR blocks; empty: wherever the network lets it.
    pub sources: Vec<String>,
    /// Where it was said.
    pub at: ManifestPath,
}

/// What is told of a component that holds databases, for rules between components.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseFacts {
    /// Which family.
    pub engine: Engine,
    /// The databases in it.
    pub databases: Vec<String>,
    /// The people who have a role in it.
    pub people: Vec<RoleWanted>,
}

/// A role that there must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleWanted {
    /// Its name.
    pub name: String,
    /// Why.
    pub at: ManifestPath,
    /// Whether it is a person's.
    pub is_person: bool,
}

/// A database server on this machine, for those who lead to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalDatabase {
    /// Which family.
    pub engine: Engine,
    /// Where it listens.
    pub port: PortId,
    /// The `DatabaseServer` node.
    pub server: NodeId,
    /// The node of the running server.
    pub program: NodeId,
    /// The `DatabaseContent` node: whoever needs a role waits for it.
    pub content: NodeId,
    /// The databases in it.
    pub databases: Vec<String>,
}

/// How one component uses a database: where it is and with what to log in.
#[derive(Debug, Clone, PartialEq)]
pub struct DatabaseWay {
    /// Which family.
    pub engine: Engine,
    /// The `DatabaseServer` node.
    pub server: NodeId,
    /// The `DatabaseContent` node: whoever logs in waits for it.
    pub content: NodeId,
    /// Where it listens.
    pub port: PortId,
    /// The database.
    pub database: String,
    /// What the login may do there.
    pub grants: GrantLevel,
    /// The login's name; another one after each rotation.
    pub user: Text,
    /// Its password.
    pub password: Text,
}

/// What whoever logs in is told: name, meaning, whether it is secret.
pub(crate) const PARTS: [(&str, &str, bool); 7] = [
    ("url", "the URL of the database that it uses, with user, password and TLS settings", true),
    ("host", "the address of the database server", false),
    ("port", "the port of the database server", false),
    ("database", "the name of the database", false),
    ("user", "the login", false),
    ("password", "the login's password", true),
    ("ca", "the file of the authority that the server's certificate is checked with", false),
];

impl DatabaseWay {
    /// The values of [`PARTS`], in their order. `driver` is SQLAlchemy's word for one.
    pub(crate) fn parts(&self, driver: Option<&str>) -> [Text; PARTS.len()] {
        [
            self.url(driver),
            self.host(),
            Text::hole(Atom::Port(self.port.clone())),
            self.name(),
            self.user.clone(),
            self.password.clone(),
            self.authority(),
        ]
    }

    /// The URL, with the server's certificate and name checked. Logins and generated passwords have no character that
    /// would have to be encoded in it. For MySQL the words are SQLAlchemy's: PyMySQL's own `ssl_verify_identity` makes it
    /// forget the authority when it comes by a URL. Drivers that know other words get those.
    fn url(&self, driver: Option<&str>) -> Text {
        let scheme = self.engine.scheme();
        let scheme = driver.map_or_else(|| scheme.to_owned(), |driver| format!("{scheme}+{driver}"));
        let literal = |text: &str| Text::literal(text);
        let tls = match (driver, self.engine.speaks_mysql()) {
            // The file is taken from PGSSLROOTCERT.
            (Some("asyncpg"), false) => "?ssl=verify-full",
            // These take TLS settings as an object of the program's, and fail with a word about them in the URL.
            (Some("pg8000"), false) | (Some("aiomysql"), true) => "",
            (Some("mysqlconnector"), true) => "?ssl_ca=<ca>&ssl_verify_cert=true&ssl_verify_identity=true",
            (_, true) => "?ssl_ca=<ca>&ssl_check_hostname=true",
            (_, false) => "?sslmode=verify-full&sslrootcert=<ca>",
        };
        let (before_ca, after_ca) = tls.split_once("<ca>").unwrap_or((tls, ""));
        let authority = if tls.contains("<ca>") { self.authority() } else { Text::literal("") };
        let texts = [
            literal(&format!("{scheme}://")),
            self.user.clone(),
            literal(":"),
            self.password.clone(),
            literal("@"),
            self.host(),
            literal(":"),
            Text::hole(Atom::Port(self.port.clone())),
            literal("/"),
            self.name(),
            literal(before_ca),
            authority,
            literal(after_ca),
        ];
        let is_empty = |part: &Part| matches!(part, Part::Literal(text) if text.is_empty());
        texts.iter().flat_map(|text| text.parts().to_vec()).filter(|part| !is_empty(part)).collect()
    }

    fn name(&self) -> Text {
        Text::hole(Atom::DatabaseName(self.server.clone(), self.database.clone()))
    }

    /// The address of the server.
    #[must_use]
    pub fn host(&self) -> Text {
        Text::hole(Atom::DatabaseHost(self.server.clone()))
    }

    /// The file of the authorities that the server's certificate is checked with.
    #[must_use]
    pub fn authority(&self) -> Text {
        Text::hole(Atom::DatabaseFile(self.server.clone(), DatabaseFile::Authority))
    }

    /// The same for somebody who asks over this machine's loopback address.
    #[must_use]
    pub fn login(&self) -> DatabaseLogin {
        DatabaseLogin {
            engine: self.engine,
            server_name: None,
            database: self.database.clone(),
            user: self.user.clone(),
            password: self.password.clone(),
        }
    }
}
