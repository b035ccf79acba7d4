//! What a tunnel promises, as probes: a query at the far end, and that nothing else comes through.

use super::local::{STAND_IN_ACCOUNT, page_that_answers};
use super::validate::{ValidReverse, ValidTunnel};
use crate::context::LocalContext;
use crate::database_use::DatabaseWay;
use indexmap::IndexMap;
use model::database::GrantLevel;
use model::probe::{
    Addresses, Endpoint, HttpExpectation, HttpRequest, Probe, Question, RequestBody, SqlExpectation, SshRequest,
};
use model::text::Atom;
use model::{ComponentName, NodeId, PortId, ProbeId, Text};

/// Seconds in which a tunnel whose connection was cut must be back.
const BACK_WITHIN_SECONDS: u32 = 30;
/// Seconds that an answer through a tunnel may take.
const PATIENCE_SECONDS: u32 = 10;

/// The server that stands for the vendor's.
pub(super) struct StandIn {
    pub(super) server: NodeId,
    pub(super) port: PortId,
    pub(super) host_key: NodeId,
    /// The tunnel's own key: what it may not do, nobody may.
    pub(super) key: NodeId,
    /// Where the tunnel comes out.
    pub(super) listen: PortId,
    /// Where it leads to.
    pub(super) target: PortId,
}

struct Promises<'a, 'c> {
    valid: &'a ValidTunnel,
    cx: &'a LocalContext<'c>,
    probes: Vec<Probe>,
}

impl Promises<'_, '_> {
    fn add(&mut self, what: &str, key: &str, claim: String, question: Question, help: String) {
        self.probes.push(Probe {
            id: ProbeId::new(format!("{}/{what}", self.cx.name)),
            component: self.cx.name.clone(),
            origin: self.valid.at.key(key),
            claim,
            question,
            help,
            contrast: None,
        });
    }

    fn state(&mut self, node: &NodeId, key: &str) {
        let name = &self.cx.name;
        let claim = format!("{name} is connected and works");
        let gate = self.valid.gate.as_deref().map(|gate| format!(" ({gate})")).unwrap_or_default();
        let help = match self.valid.reverse() {
            Some(ValidReverse { to: None, .. }) => format!("its log says why not: `landfall logs {name}`"),
            _ => format!(
                "its log says why not: `landfall logs {name}`; while the other side does not know its key, hand over the \
                 line of `landfall outputs --only {name}.authorized-keys`{gate}"
            ),
        };
        self.add("up", key, claim, Question::Tunnel { tunnel: node.clone() }, help);
    }

    fn comes_back(&mut self, node: &NodeId, alive: Question) {
        let name = &self.cx.name;
        let claim = format!("{name} comes back by itself when its connection is cut");
        let question =
            Question::Restart { program: node.clone(), within_seconds: BACK_WITHIN_SECONDS, alive: Box::new(alive) };
        let help = format!("its log says why it could not dial again: `landfall logs {name}`");
        self.add("comes-back", "direction", claim, question, help);
    }
}

/// A tunnel that listens here.
pub(super) fn forward(valid: &ValidTunnel, node: &NodeId, listen: &PortId, cx: &mut LocalContext<'_>) {
    let mut promises = Promises { valid, cx, probes: Vec::new() };
    promises.state(node, "through");
    promises.add(
        "loopback-only",
        "port",
        format!("{}'s port is closed on every other address of this machine", promises.cx.name),
        Question::Tcp { port: listen.clone(), on: Addresses::EveryOther, open: false },
        "something else listens there; `landfall status` names the port's owner".to_owned(),
    );
    promises.comes_back(node, Question::Tunnel { tunnel: node.clone() });
    for probe in promises.probes {
        cx.probe(probe);
    }
}

/// A tunnel at whose other end somebody else comes in.
pub(super) fn reverse(
    valid: &ValidTunnel,
    reverse: &ValidReverse,
    node: &NodeId,
    database: Option<&DatabaseWay>,
    stand_in: Option<&StandIn>,
    cx: &mut LocalContext<'_>,
) {
    let mut promises = Promises { valid, cx, probes: Vec::new() };
    promises.state(node, "target");
    let alive = match (stand_in, database) {
        (Some(stand_in), Some(database)) => {
            through(&mut promises, reverse, database, stand_in);
            query(database, &stand_in.listen, true, "SELECT 1", SqlExpectation::Rows { at_least: 1 })
        }
        (Some(stand_in), None) => {
            let question = service_answers(&reverse.target.0, &stand_in.listen, promises.cx);
            let claim = format!("{} answers at the vendor's side of {}", reverse.target.0, promises.cx.name);
            let help = format!("the tunnel may be open and {0} dead behind it: `landfall logs {0}`", reverse.target.0);
            promises.add("answers", "target", claim, question.clone(), help);
            match question {
                // The other server may listen for a moment after the cut.
                Question::Tcp { .. } => Question::Tunnel { tunnel: node.clone() },
                question => question,
            }
        }
        (None, _) => Question::Tunnel { tunnel: node.clone() },
    };
    if let Some(stand_in) = stand_in {
        nothing_else(&mut promises, stand_in);
    }
    promises.comes_back(node, alive);
    for probe in promises.probes {
        cx.probe(probe);
    }
}

/// The question by which a service shows that it can be used, at the far end. A port that is open there proves nothing:
/// the other server accepts whether anything is behind it or not.
fn service_answers(service: &ComponentName, far_end: &PortId, cx: &LocalContext<'_>) -> Question {
    match page_that_answers(service, cx) {
        Some((path, statuses)) => Question::Http {
            request: HttpRequest {
                to: Endpoint::Port { port: far_end.clone() },
                method: "GET".to_owned(),
                path,
                headers: IndexMap::new(),
                basic: None,
                body: RequestBody::Empty,
                timeout_seconds: PATIENCE_SECONDS,
            },
            expect: HttpExpectation { statuses, ..HttpExpectation::default() },
        },
        None => Question::Tcp { port: far_end.clone(), on: Addresses::Loopback, open: true },
    }
}

fn query(database: &DatabaseWay, port: &PortId, tls: bool, statement: &str, expect: SqlExpectation) -> Question {
    let statement = statement.to_owned();
    Question::Sql { port: port.clone(), login: database.login(), tls, statement, expect }
}

/// What whoever comes in at the far end can do in the database, and what not.
fn through(promises: &mut Promises<'_, '_>, reverse: &ValidReverse, database: &DatabaseWay, stand_in: &StandIn) {
    let (name, to) = (promises.cx.name.clone(), &reverse.target.0);
    let ask = |tls, statement: &str, expect| query(database, &stand_in.listen, tls, statement, expect);
    promises.add(
        "answers",
        "target",
        format!("{name} answers a query at the vendor's side"),
        ask(true, "SELECT 1", SqlExpectation::Rows { at_least: 1 }),
        format!("the tunnel may be open and {to} dead behind it: `landfall status`, `landfall logs {name}`"),
    );
    promises.add(
        "needs-tls",
        "target",
        format!("a login without TLS is refused through {name}"),
        ask(false, "SELECT 1", SqlExpectation::LoginRefused),
        format!("{to} takes logins that are not encrypted; `landfall up` sets that right"),
    );
    let rights = format!("somebody gave {name} more than the manifest does: `landfall drift`");
    if database.grants == GrantLevel::ReadOnly {
        let insert = insert_into_anything(database);
        promises.add(
            "no-insert",
            "grants",
            format!("INSERT is refused through {name}"),
            ask(true, &insert, SqlExpectation::Denied),
            rights.clone(),
        );
    }
    if database.grants != GrantLevel::Owner {
        promises.add(
            "no-create",
            "grants",
            format!("CREATE TABLE is refused through {name}"),
            ask(true, "CREATE TABLE landfall_probe (n integer)", SqlExpectation::Denied),
            rights.clone(),
        );
    }
    let accounts = if database.engine.speaks_mysql() { "mysql.user" } else { "pg_catalog.pg_authid" };
    promises.add(
        "no-accounts",
        "grants",
        format!("{accounts} cannot be read through {name}"),
        ask(true, &format!("SELECT * FROM {accounts}"), SqlExpectation::Denied),
        rights,
    );
}

/// An INSERT into a table of which nobody knows the name. MySQL looks at rights before it looks for the table; PostgreSQL
/// does not, so it takes the first table there is, and takes back what should never have worked.
fn insert_into_anything(database: &DatabaseWay) -> String {
    if database.engine.speaks_mysql() {
        return "INSERT INTO landfall_probe VALUES (1)".to_owned();
    }
    "DO $$ DECLARE name regclass; BEGIN \
     SELECT c.oid INTO name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
     WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema') \
     AND has_table_privilege(c.oid, 'SELECT') ORDER BY c.oid LIMIT 1; \
     IF name IS NULL THEN RAISE insufficient_privilege; END IF; \
     EXECUTE format('INSERT INTO %s SELECT * FROM %s LIMIT 1', name, name); \
     RAISE EXCEPTION 'a row could be inserted'; END $$"
        .to_owned()
}

/// What the tunnel's key opens besides: nothing.
fn nothing_else(promises: &mut Promises<'_, '_>, stand_in: &StandIn) {
    let name = promises.cx.name.clone();
    let target = Text::hole(Atom::Port(stand_in.target.clone()));
    let refusals = [
        ("no-other-port", "lets nothing listen on another port there", SshRequest::Listen { port: Text::literal("0") }),
        ("no-forward", "opens no way from there into this machine", {
            SshRequest::Forward { host: "127.0.0.1".to_owned(), port: target }
        }),
        ("no-shell", "gives nobody a shell there", SshRequest::Shell),
        ("no-command", "runs no command there", SshRequest::Command),
    ];
    let ask = |key: Option<&NodeId>, request| Question::Ssh {
        port: stand_in.port.clone(),
        host_key: stand_in.host_key.clone(),
        user: STAND_IN_ACCOUNT.to_owned(),
        key: key.cloned(),
        request,
        granted: false,
    };
    let help = || format!("`landfall up` gives the stand-in what the manifest says; its log: `landfall logs {name}`");
    for (what, claim, request) in refusals {
        promises.add(what, "to", format!("the key of {name} {claim}"), ask(Some(&stand_in.key), request), help());
    }
    let claim = format!("the other side of {name} refuses a key that it does not know");
    promises.add("unknown-key", "to", claim, ask(None, SshRequest::Login), help());
    for (what, port, which) in
        [("loopback-only", &stand_in.listen, "far end"), ("stand-in-loopback-only", &stand_in.port, "stand-in")]
    {
        promises.add(
            what,
            "to",
            format!("the {which} of {name} is closed on every other address of this machine"),
            Question::Tcp { port: port.clone(), on: Addresses::EveryOther, open: false },
            "something else listens there; `landfall status` names the port's owner".to_owned(),
        );
    }
}
