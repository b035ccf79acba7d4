//! A bastion on this machine: an SSH server inside the supervisor.

use super::promises::{self, Door};
use super::validate::{USUAL_PORT, ValidBastion};
use crate::context::{LocalContext, needs_of};
use indexmap::IndexMap;
use model::private_access::{ForwardTarget, SshAccount, SshServerSpec};
use model::process_graph::{FileSpec, NodeSpec, PortWish, SecretRecipe, SecretSpec};
use model::text::{Atom, Part, SecretPart, TemplateValue};
use model::{ComponentName, NodeId, PortId, Text};
use std::collections::BTreeSet;

/// This machine itself, which always may connect.
const THIS_MACHINE: [&str; 2] = ["127.0.0.0/8", "::1/128"];
/// The account through which the bastion is tried. No person can be called so: names have no `_`.
pub(super) const PROBE_ACCOUNT: &str = "landfall_probe";
/// How far from the usual port the local ends of shown commands are, so that they meet no server of this machine.
const LOCAL_END: u16 = 10_000;
/// Where those of services begin.
const LOCAL_END_OF_SERVICES: u16 = 18_080;

/// Something that it leads to.
pub(super) struct Way {
    pub(super) name: ComponentName,
    pub(super) port: PortId,
    /// The number that clients say: that of the engine, or the real one.
    pub(super) said: Text,
    /// The local end in shown commands.
    local_end: u16,
    needs: Vec<NodeId>,
}

/// Adds the bastion to the graph.
pub(super) fn realise(valid: &ValidBastion, cx: &mut LocalContext<'_>) {
    let port = cx.port("ssh", valid.at.key("port"), valid.wish.unwrap_or(PortWish::Preferably(USUAL_PORT)));
    let host_keys = HostKeys {
        ed25519: key("host-key", SecretRecipe::Ed25519, valid, cx),
        ecdsa: key("host-key-ecdsa", SecretRecipe::EcdsaP256, valid, cx),
    };
    let probe_key = key("probe-key", SecretRecipe::Ed25519, valid, cx);
    let ways = ways(valid, cx);
    let forwards: Vec<ForwardTarget> = ways
        .iter()
        .map(|way| ForwardTarget {
            name: way.name.to_string(),
            said_port: way.said.as_literal().and_then(|said| said.parse().ok()),
            port: way.port.clone(),
        })
        .collect();
    let account = |key: Text| SshAccount { keys: vec![key], forwards: forwards.clone(), listens: Vec::new() };
    let mut accounts: IndexMap<String, SshAccount> =
        valid.people.iter().map(|(name, key)| (name.clone(), account(Text::literal(key)))).collect();
    accounts.insert(PROBE_ACCOUNT.to_owned(), account(public(&probe_key)));
    let sources = if valid.sources.is_empty() {
        Vec::new()
    } else {
        let said = valid.sources.iter().map(ToString::to_string);
        THIS_MACHINE.iter().map(|&block| block.to_owned()).chain(said).collect()
    };
    let mut needs: BTreeSet<NodeId> = ways.iter().flat_map(|way| way.needs.clone()).collect();
    needs.extend([host_keys.ed25519.clone(), host_keys.ecdsa.clone(), probe_key.clone()]);
    let spec = SshServerSpec {
        port: port.clone(),
        host_key: host_keys.ed25519.clone(),
        further_host_keys: vec![host_keys.ecdsa.clone()],
        accounts,
        sources,
    };
    cx.node("ssh", valid.at.clone(), needs, NodeSpec::SshServer(spec));
    let known_hosts = known_hosts(valid, &port, &host_keys, cx);
    tell(valid, &port, &host_keys.ed25519, &known_hosts, &ways, cx);
    promises::bastion(valid, &Door { port, host_key: host_keys.ed25519, probe_key, ways: &ways }, cx);
}

/// Its host keys. Everybody pins the first; the second is for clients that cannot check it, as JSch 0.1.
struct HostKeys {
    ed25519: NodeId,
    ecdsa: NodeId,
}

fn key(part: &str, recipe: SecretRecipe, valid: &ValidBastion, cx: &mut LocalContext<'_>) -> NodeId {
    let spec = SecretSpec::Generated { recipe, generation: 1 };
    cx.secret(part, valid.at.clone(), spec)
}

fn public(key: &NodeId) -> Text {
    Text::hole(Atom::Secret(key.clone(), SecretPart::Public))
}

fn ways(valid: &ValidBastion, cx: &LocalContext<'_>) -> Vec<Way> {
    let mut ways = Vec::new();
    for (name, _) in &valid.to {
        if let Some(database) = cx.database(name) {
            let usual = database.engine.usual_port();
            ways.push(Way {
                name: name.clone(),
                port: database.port.clone(),
                said: Text::literal(usual.to_string()),
                local_end: usual + LOCAL_END,
                needs: vec![database.program.clone(), database.content.clone()],
            });
        } else if let Some((program, port)) = cx.listening_program(name) {
            ways.push(Way {
                name: name.clone(),
                said: Text::hole(Atom::Port(port.clone())),
                port,
                local_end: LOCAL_END_OF_SERVICES.saturating_add(u16::try_from(ways.len()).unwrap_or_default()),
                needs: vec![program],
            });
        }
    }
    ways
}

/// The lines by which clients know the bastion, as a file and for people.
fn known_hosts(valid: &ValidBastion, port: &PortId, keys: &HostKeys, cx: &mut LocalContext<'_>) -> NodeId {
    let line = |key: &NodeId| {
        text([
            Part::Literal("[".to_owned()),
            Part::Hole(Atom::Loopback),
            Part::Literal("]:".to_owned()),
            Part::Hole(Atom::Port(port.clone())),
            Part::Literal(" ".to_owned()),
            Part::Hole(Atom::Secret(key.clone(), SecretPart::Public)),
        ])
    };
    let (usual, other) = (line(&keys.ed25519), line(&keys.ecdsa));
    let needs = needs_of([&usual, &other]);
    let lines = [("ed25519", usual.clone()), ("ecdsa", other.clone())];
    let spec = FileSpec {
        name: "known_hosts".to_owned(),
        template_name: "known_hosts".to_owned(),
        template: "{{ ed25519 }}\n{{ ecdsa }}\n".to_owned(),
        context: lines.map(|(kind, line)| (kind.to_owned(), TemplateValue::Text(line))).into(),
        mode: 0o600,
    };
    let about = "the line of `known_hosts` by which clients know it";
    cx.output(format!("{}.known-hosts", cx.name), about, usual);
    let about = "the same for clients without ed25519, as JSch 0.1";
    cx.output(format!("{}.known-hosts-ecdsa", cx.name), about, other);
    cx.node("file/known_hosts", valid.at.clone(), needs, NodeSpec::File(spec))
}

/// Exports and outputs.
fn tell(
    valid: &ValidBastion,
    port: &PortId,
    host_key: &NodeId,
    known_hosts: &NodeId,
    ways: &[Way],
    cx: &mut LocalContext<'_>,
) {
    let number = || Part::Hole(Atom::Port(port.clone()));
    let literal = |words: &str| Part::Literal(words.to_owned());
    cx.export("address", Text::hole(Atom::Loopback));
    cx.export("port", Text::hole(Atom::Port(port.clone())));
    cx.export("host-key", public(host_key));
    let address = text([Part::Hole(Atom::Loopback), literal(":"), number()]);
    cx.output(format!("{}.address", cx.name), "where it listens, for SSH clients", address);
    // People log in as themselves; a command that can be pasted names one of them.
    let person = valid.people.first().map_or("NAME", |(name, _)| name.as_str());
    for way in ways {
        let command = [
            literal("ssh -N -p "),
            number(),
            literal(" -o UserKnownHostsFile="),
            Part::Hole(Atom::File(known_hosts.clone())),
            literal(&format!(" -L 127.0.0.1:{}:{}:", way.local_end, way.name)),
        ];
        let account = [literal(&format!(" {person}@")), Part::Hole(Atom::Loopback)];
        let command = command.into_iter().chain(way.said.parts().iter().cloned()).chain(account).collect();
        let about =
            format!("holds 127.0.0.1:{} open as a way to {}; everybody writes their own name", way.local_end, way.name);
        cx.output(format!("{}.command.{}", cx.name, way.name), about, command);
        let settings = [literal("SSH host "), Part::Hole(Atom::Loopback), literal(", SSH port "), number()];
        let rest = [literal(&format!(", SSH user {person}, SSH key your own; server {}, port ", way.name))];
        let settings = settings.into_iter().chain(rest).chain(way.said.parts().iter().cloned()).collect();
        let about = format!("what to fill in at MySQL Workbench, DBeaver and the like to reach {}", way.name);
        cx.output(format!("{}.settings.{}", cx.name, way.name), about, settings);
    }
}

fn text<const N: usize>(parts: [Part; N]) -> Text {
    parts.into_iter().collect()
}
