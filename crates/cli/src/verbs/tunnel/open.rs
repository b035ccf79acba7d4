//! `landfall tunnel open`: a port of this machine as a way to a database or service, until Ctrl-C.

use crate::account;
use crate::account::cloud::Cloud;
use crate::arguments::TunnelOpenArguments;
use crate::command_error::CommandError;
use crate::console::Console;
use crate::deployment::{Existing, block_on, find_existing};
use crate::interrupt;
use crate::surroundings::Surroundings;
use crate::verbs::tunnel::person;
use crate::views::progress::print_json_line;
use crate::views::settings::Settings;
use engine::ports::Running as _;
use local_runtime::authority_certificate;
use model::process_graph::{NodeSpec, ProcessGraph};
use model::text::{Atom, SecretPart};
use model::{Fault, FaultKind, NodeId, PortId, Text};
use ssh::{ClientConfig, ClientLimits, ForwardCounters, HostKeys, Pauses, Tunnel, TunnelConfig, TunnelState, Way};
use std::io::Write as _;
use std::time::Duration;

/// How often the status line is written anew.
const TICK: Duration = Duration::from_millis(500);
/// Names of accounts that are no people's hold this.
const NO_PERSON: char = '_';

/// A bastion that leads to the target.
struct Door<'g> {
    component: &'g str,
    spec: &'g model::private_access::SshServerSpec,
}

pub(super) fn run(
    arguments: &TunnelOpenArguments,
    surroundings: &Surroundings,
    console: &Console,
) -> Result<(), CommandError> {
    if let Some(cloud) = Cloud::find(&arguments.deployment, surroundings, console)? {
        return account::tunnel_open::run(&cloud, arguments, surroundings, console);
    }
    let existing = find_existing(&arguments.deployment)?;
    let graph = &existing.finished()?.graph;
    let port = target(&arguments.target, graph)?;
    let door = door(&arguments.target, graph).ok_or_else(|| no_bastion(&arguments.target, &existing, port))?;
    let config = config(arguments, &door, &existing, surroundings)?;
    block_on(hold(arguments, config, &door, &existing, console))
}

/// The port on which a component of a graph listens.
fn target<'g>(name: &str, graph: &'g ProcessGraph) -> Result<&'g PortId, CommandError> {
    let of = |name: &str| {
        let mut nodes = graph.nodes.values().filter(|node| node.component.as_str() == name);
        nodes.find_map(|node| match &node.spec {
            NodeSpec::Program(program) => program.ports.first(),
            _ => None,
        })
    };
    of(name).ok_or_else(|| {
        let mut known: Vec<&str> = graph.nodes.values().map(|node| node.component.as_str()).collect();
        known.dedup();
        known.retain(|name| of(name).is_some());
        let message = format!("{} has no database or service `{name}`", graph.deployment);
        CommandError::usage(message, format!("one can reach: {}", known.join(", ")))
    })
}

/// The first bastion that leads to a component.
fn door<'g>(target: &str, graph: &'g ProcessGraph) -> Option<Door<'g>> {
    graph.nodes.values().find_map(|node| match &node.spec {
        NodeSpec::SshServer(spec) => {
            let leads = spec.accounts.values().any(|account| account.forwards.iter().any(|to| to.name == target));
            leads.then_some(Door { component: node.component.as_str(), spec })
        }
        _ => None,
    })
}

fn no_bastion(target: &str, existing: &Existing, port: &PortId) -> CommandError {
    let cause = format!("no bastion of {} leads to {target}", existing.name);
    let here = existing.target.port(port).map(|port| format!("127.0.0.1:{port}")).unwrap_or_default();
    let help = format!(
        "on this machine it can be reached without one, at {here}: `landfall connect {target}`; a component of the kind \
         `bastion` makes a way for others"
    );
    CommandError::Preflight(Fault::new(FaultKind::NeedsPerson, format!("opening a way to {target}"), cause).help(help))
}

fn config(
    arguments: &TunnelOpenArguments,
    door: &Door<'_>,
    existing: &Existing,
    surroundings: &Surroundings,
) -> Result<TunnelConfig, CommandError> {
    let name = &arguments.target;
    let leads = |account: &&model::private_access::SshAccount| account.forwards.iter().any(|to| to.name == *name);
    let accounts: Vec<_> = door
        .spec
        .accounts
        .iter()
        .filter(|(name, account)| !name.contains(NO_PERSON) && leads(account))
        .map(|(name, account)| (name.as_str(), account))
        .collect();
    let identities = person::identities(arguments, surroundings)?;
    let said = arguments.person.as_deref();
    let user = person::account(said, &accounts, &identities, door.component, surroundings)?.to_owned();
    let host_key = existing.target.fill(&public(&door.spec.host_key)).map_err(CommandError::Fault)?;
    let origin = format!("the deployment {}", existing.name);
    let host_keys = HostKeys::pinned(host_key.expose(), origin)
        .map_err(|error| CommandError::Fault(error.to_fault("reading the bastion's host key")))?;
    let forwards = door.spec.accounts.values().flat_map(|account| &account.forwards);
    let to = forwards.into_iter().find(|to| to.name == *name);
    let real = || to.and_then(|to| existing.target.port(&to.port).ok()).unwrap_or_default();
    let port = to.and_then(|to| to.said_port).unwrap_or_else(real);
    Ok(TunnelConfig {
        server: ClientConfig {
            host: "127.0.0.1".to_owned(),
            port: existing.target.port(&door.spec.port).map_err(CommandError::Fault)?,
            user,
            host_keys,
            identities,
            limits: ClientLimits::default(),
        },
        way: Way::Forward { listen: arguments.port.unwrap_or(0), host: name.clone(), port },
        health: None,
        pauses: Pauses::default(),
    })
}

fn public(key: &NodeId) -> Text {
    Text::hole(Atom::Secret(key.clone(), SecretPart::Public))
}

/// Opens the way and holds it until somebody ends it.
async fn hold(
    arguments: &TunnelOpenArguments,
    config: TunnelConfig,
    door: &Door<'_>,
    existing: &Existing,
    console: &Console,
) -> Result<(), CommandError> {
    let interrupt = interrupt::listen_saying(String::new())?;
    let user = config.server.user.clone();
    let tunnel = Tunnel::start(config).await.map_err(|error| CommandError::Preflight(error.to_fault("listening")))?;
    let first = tokio::select! {
        status = tunnel.wait_for(|state| !matches!(state, TunnelState::Dialling)) => status,
        () = interrupt.cancelled() => return Err(CommandError::Interrupted),
    };
    if first.state != TunnelState::Up {
        let cause = first.last_error.as_ref().map_or_else(|| first.state.to_string(), |error| error.message.clone());
        let fault = Fault::new(FaultKind::NeedsPerson, format!("logging in at {}", door.component), cause);
        let help = first.last_error.and_then(|error| error.help);
        return Err(CommandError::Fault(match help {
            Some(help) => fault.help(help),
            None => fault,
        }));
    }
    let port = first.local_port.unwrap_or_default();
    let url = url(&arguments.target, existing, port);
    if console.json {
        print_json_line(&serde_json::json!({
            "version": 1, "event": "tunnel_open", "target": arguments.target, "through": door.component, "as": user,
            "host": "127.0.0.1", "port": port, "url": url,
        }));
    } else {
        let name = &arguments.target;
        console.line(&url.unwrap_or_else(|| format!("127.0.0.1:{port}")))?;
        console
            .tell(&format!("127.0.0.1:{port} leads to {name} through {} as {user}. Ctrl-C ends it.", door.component));
    }
    let mut line = StatusLine { is_shown: console.stderr_is_terminal && !console.quiet && !console.json };
    loop {
        tokio::select! {
            () = tokio::time::sleep(TICK) => line.show(&tunnel),
            () = interrupt.cancelled() => break,
        }
    }
    line.end();
    let counters = tunnel.status().traffic;
    tunnel.stop().await;
    if !console.json {
        console.tell(&format!("Closed. {}", in_words(&counters)));
    }
    Ok(())
}

/// How clients reach a database through the open port; none for a service.
fn url(name: &str, existing: &Existing, port: u16) -> Option<String> {
    let graph = &existing.record.as_ref()?.graph;
    let content = graph.nodes.values().find_map(|node| match &node.spec {
        NodeSpec::DatabaseContent(content) if node.component.as_str() == name => Some(&content.content),
        _ => None,
    })?;
    let folders = Surroundings::folders().ok()?;
    let database = content.databases.keys().next()?.clone();
    let settings = Settings {
        engine: content.engine,
        port,
        database,
        user: "USER".to_owned(),
        authority: Some(authority_certificate(&folders)),
        password: String::new(),
    };
    Some(settings.url())
}

/// The line at the bottom that says how it is.
struct StatusLine {
    is_shown: bool,
}

impl StatusLine {
    fn show(&mut self, tunnel: &Tunnel) {
        if self.is_shown {
            let status = tunnel.status();
            let _ = write!(anstream::stderr().lock(), "\r\x1b[K{}: {}", status.state, in_words(&status.traffic));
        }
    }

    fn end(&mut self) {
        if self.is_shown {
            let _ = write!(anstream::stderr().lock(), "\r\x1b[K");
        }
    }
}

fn in_words(counters: &ForwardCounters) -> String {
    format!(
        "{} open, {} so far, {} KiB there, {} KiB back",
        counters.open,
        counters.opened,
        counters.sent / 1024,
        counters.received / 1024
    )
}
