//! A tunnel on this machine: dialled by the supervisor, towards the real server or one that stands for it.

use super::promises::{self, StandIn};
use super::validate::{ValidPeer, ValidReverse, ValidTunnel, ValidWay};
use crate::context::{LocalContext, needs_of};
use crate::database_use::{DatabaseWay, PARTS};
use indexmap::IndexMap;
use model::private_access::{SshAccount, SshPeer, SshServerSpec, TunnelHealth, TunnelQuestion, TunnelSpec, TunnelWay};
use model::process_graph::{NodeSpec, PortWish, ProgramSpec, ReadinessCheck, SecretRecipe, SecretSpec};
use model::text::{Atom, Part, SecretPart};
use model::{ComponentName, NodeId, PortId, Text};
use std::collections::BTreeSet;

/// The account of a tunnel at a stand-in.
pub(super) const STAND_IN_ACCOUNT: &str = "tunnel";

/// Adds the tunnel to the graph.
pub(super) fn realise(valid: &ValidTunnel, cx: &mut LocalContext<'_>) {
    let key = key("key", valid, cx);
    let public = Text::hole(Atom::Secret(key.clone(), SecretPart::Public));
    cx.export("public-key", public.clone());
    match &valid.way {
        ValidWay::Reverse(reverse) => realise_reverse(valid, reverse, key, public, cx),
        ValidWay::Forward { through, host, port, wish } => {
            let listen = cx.port("local", valid.at.key("port"), *wish);
            let way = TunnelWay::Forward { listen: listen.clone(), host: host.clone(), port: *port };
            let node = add("tunnel", valid, peer(through), key, way, None, BTreeSet::new(), cx);
            cx.export("address", Text::hole(Atom::Loopback));
            cx.export("port", Text::hole(Atom::Port(listen.clone())));
            let address =
                [Part::Hole(Atom::Loopback), Part::Literal(":".to_owned()), Part::Hole(Atom::Port(listen.clone()))];
            cx.output(format!("{}.address", cx.name), format!("leads to {host}:{port}"), address.into_iter().collect());
            let line =
                text("restrict,port-forwarding,permitopen=\"", [Part::Literal(format!("{host}:{port}\" "))], &public);
            authorized_keys(valid, through, line, cx);
            promises::forward(valid, &node, &listen, cx);
        }
    }
}

fn realise_reverse(valid: &ValidTunnel, reverse: &ValidReverse, key: NodeId, public: Text, cx: &mut LocalContext<'_>) {
    let database = cx.database_way(&reverse.target.0).cloned();
    let target = match &database {
        Some(database) => Some((database.content.clone(), database.port.clone())),
        None => cx.listening_program(&reverse.target.0),
    };
    let Some((needed, target)) = target else { return };
    let needs = BTreeSet::from([needed]);
    if let Some((server, listen)) = &reverse.to {
        let way = TunnelWay::Reverse { listen: Text::literal(listen.to_string()), target };
        let health = health(valid, reverse, database.as_ref(), None, cx);
        let node = add("tunnel", valid, peer(server), key, way, Some(health), needs, cx);
        // The second permission lets the tunnel ask for itself whether it works, at the far end, as the vendor would.
        let ends =
            format!("127.0.0.1:{listen}\",permitlisten=\"localhost:{listen}\",permitopen=\"127.0.0.1:{listen}\" ");
        let line = text("restrict,port-forwarding,permitlisten=\"", [Part::Literal(ends)], &public);
        authorized_keys(valid, server, line, cx);
        promises::reverse(valid, reverse, &node, database.as_ref(), None, cx);
        return;
    }
    let stand_in = stand_in(valid, reverse, key.clone(), target.clone(), &public, cx);
    let far_end = Text::hole(Atom::Port(stand_in.listen.clone()));
    let way = TunnelWay::Reverse { listen: far_end.clone(), target };
    let server = SshPeer {
        host: Text::hole(Atom::Loopback),
        port: Text::hole(Atom::Port(stand_in.port.clone())),
        user: STAND_IN_ACCOUNT.to_owned(),
        host_key: Text::hole(Atom::Secret(stand_in.host_key.clone(), SecretPart::Public)),
    };
    let health = health(valid, reverse, database.as_ref(), Some(stand_in.listen.clone()), cx);
    let needs = needs.into_iter().chain([stand_in.server.clone(), stand_in.host_key.clone()]).collect();
    let node = add("tunnel", valid, server, key, way, Some(health), needs, cx);
    let address =
        [Part::Hole(Atom::Loopback), Part::Literal(":".to_owned())].into_iter().chain(far_end.parts().iter().cloned());
    let about = "where the vendor's end of the tunnel comes out; an SSH server of this machine stands for the vendor's";
    cx.output(format!("{}.far-end", cx.name), about, address.collect());
    cx.output(format!("{}.public-key", cx.name), "the public half of its key, for the vendor", public);
    if reverse.reads_through_stand_in() {
        export_far_end(database.as_ref(), &stand_in.listen, cx);
    }
    promises::reverse(valid, reverse, &node, database.as_ref(), Some(&stand_in), cx);
}

/// What the vendor is told of the database, for a component that plays the vendor here. Nothing of a service.
fn export_far_end(database: Option<&DatabaseWay>, listen: &PortId, cx: &mut LocalContext<'_>) {
    let far_end = database.map(|database| DatabaseWay { port: listen.clone(), ..database.clone() });
    let parts = far_end.map_or_else(|| PARTS.map(|_| Text::literal("")), |far_end| far_end.parts(None));
    for ((part, ..), text) in PARTS.into_iter().zip(parts) {
        cx.export(format!("far-end.{part}"), text);
    }
}

/// The server that stands for the vendor's: it accepts exactly what the vendor's would, a key and a port to listen on.
fn stand_in(
    valid: &ValidTunnel,
    reverse: &ValidReverse,
    key_of_tunnel: NodeId,
    target: PortId,
    public: &Text,
    cx: &mut LocalContext<'_>,
) -> StandIn {
    let at = valid.at.clone();
    let port = cx.port("stand-in", at.clone(), PortWish::Any);
    let listen = cx.port("far-end", at.clone(), reverse.listen.map_or(PortWish::Any, PortWish::Preferably));
    let host_key = key("stand-in-host-key", valid, cx);
    let account = SshAccount { keys: vec![public.clone()], forwards: Vec::new(), listens: vec![listen.clone()] };
    let spec = SshServerSpec {
        port: port.clone(),
        host_key: host_key.clone(),
        further_host_keys: Vec::new(),
        accounts: IndexMap::from([(STAND_IN_ACCOUNT.to_owned(), account)]),
        sources: Vec::new(),
    };
    let needs = needs_of([public]).into_iter().chain([host_key.clone()]).collect();
    let server = cx.node("stand-in", at, needs, NodeSpec::SshServer(spec));
    StandIn { server, port, host_key, key: key_of_tunnel, listen, target }
}

#[expect(clippy::too_many_arguments, reason = "one call for each direction, each with what makes a tunnel")]
fn add(
    part: &str,
    valid: &ValidTunnel,
    server: SshPeer,
    key: NodeId,
    way: TunnelWay,
    health: Option<TunnelHealth>,
    needs: BTreeSet<NodeId>,
    cx: &mut LocalContext<'_>,
) -> NodeId {
    let login = health.iter().flat_map(|health| match &health.question {
        TunnelQuestion::Query(login) => vec![&login.user, &login.password],
        TunnelQuestion::Http { .. } | TunnelQuestion::Connection => Vec::new(),
    });
    let needs = needs.into_iter().chain(needs_of(login)).chain([key.clone()]).collect();
    let keep_alive_seconds = valid.keep_alive_seconds;
    cx.node(
        part,
        valid.at.clone(),
        needs,
        NodeSpec::Tunnel(TunnelSpec { server, key, way, health, keep_alive_seconds }),
    )
}

fn key(part: &str, valid: &ValidTunnel, cx: &mut LocalContext<'_>) -> NodeId {
    let spec = SecretSpec::Generated { recipe: SecretRecipe::Ed25519, generation: 1 };
    cx.secret(part, valid.at.clone(), spec)
}

fn peer(said: &ValidPeer) -> SshPeer {
    SshPeer {
        host: Text::literal(&said.host),
        port: Text::literal(said.port.to_string()),
        user: said.user.clone(),
        host_key: Text::literal(&said.host_key),
    }
}

fn health(
    valid: &ValidTunnel,
    reverse: &ValidReverse,
    database: Option<&DatabaseWay>,
    far_end: Option<PortId>,
    cx: &LocalContext<'_>,
) -> TunnelHealth {
    let question = match (database, page_that_answers(&reverse.target.0, cx)) {
        (Some(database), _) => TunnelQuestion::Query(database.login()),
        (None, Some((path, statuses))) => TunnelQuestion::Http { path, statuses },
        (None, None) => TunnelQuestion::Connection,
    };
    TunnelHealth { far_end, question, interval_seconds: valid.interval_seconds }
}

/// The page by which a service shows that it can be used, with what it may answer.
pub(super) fn page_that_answers(service: &ComponentName, cx: &LocalContext<'_>) -> Option<(String, Vec<u16>)> {
    let mut nodes = cx.local.graph().nodes.values().filter(|node| node.component == *service);
    nodes.find_map(|node| match &node.spec {
        NodeSpec::Program(ProgramSpec { readiness, .. }) => match &readiness.check {
            ReadinessCheck::Http { path, statuses, .. } => Some((path.clone(), statuses.clone())),
            ReadinessCheck::Running | ReadinessCheck::Port { .. } => None,
        },
        _ => None,
    })
}

/// What the owner of the other server has to do: a line for `authorized_keys`.
fn authorized_keys(valid: &ValidTunnel, server: &ValidPeer, line: Text, cx: &mut LocalContext<'_>) {
    let ValidPeer { host, user, .. } = server;
    let todo = valid.gate.as_deref().map(|gate| format!("; {gate}")).unwrap_or_default();
    let about = format!("the line for `authorized_keys` of {user} at {host}{todo}");
    cx.output(format!("{}.authorized-keys", cx.name), about, line);
}

fn text(start: &str, middle: impl IntoIterator<Item = Part>, end: &Text) -> Text {
    let start = std::iter::once(Part::Literal(start.to_owned()));
    start.chain(middle).chain(end.parts().iter().cloned()).collect()
}
