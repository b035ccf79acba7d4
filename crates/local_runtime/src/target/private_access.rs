//! SSH servers and tunnels: their orders with all holes filled, and how they are.

use crate::ports;
use crate::supervisor::protocol::{
    AccountOrder, Ask, ForwardOrder, HealthOrder, LoginOrder, QuestionOrder, SshServerOrder, TunnelOrder, WayOrder,
};
use crate::supervisor::{TunnelReport, has_given_up};
use crate::target::LocalTarget;
use crate::target::fill::{fill, number};
use crate::target::perform::{end_survivors_of_dead_supervisor, outcome, revision, vanished};
use engine::ports::{Job, Running as _, TunnelFacts, TunnelStanding};
use jiff::{SignedDuration, Timestamp};
use model::event::Outcome;
use model::private_access::{SshAccount, SshServerSpec, TunnelHealth, TunnelQuestion, TunnelSpec, TunnelWay};
use model::text::{Atom, SecretPart};
use model::{Digest, Fault, FaultKind, NodeId, PortId, Text};
use ssh::TunnelState;
use std::time::Duration;

/// Starts an SSH server, or gives the running one its new rights.
pub(super) async fn ssh_server(target: &LocalTarget, job: Job<'_>, spec: &SshServerSpec) -> Result<Outcome, Fault> {
    let node = &job.step.node;
    let accounts = spec.accounts.iter().map(|(name, said)| Ok((name.clone(), account(target, job, said)?)));
    let further = spec.further_host_keys.iter().map(|key| private_key(target, job, key));
    let mut order = SshServerOrder {
        node: node.clone(),
        component: job.step.component.clone(),
        revision: Digest::of_bytes(b""),
        port: number(job.ports, &spec.port)?,
        host_key: private_key(target, job, &spec.host_key)?,
        further_host_keys: further.collect::<Result<_, Fault>>()?,
        accounts: accounts.collect::<Result<_, Fault>>()?,
        sources: spec.sources.clone(),
        log: target.home.log(node, ""),
    };
    order.revision = revision(job, &order);
    let runs = target.client.status(false).await?.is_some_and(|status| status.ssh_servers.contains_key(node));
    make_way(target, job, (!runs).then_some(&spec.port)).await?;
    let said = target.client.order(Ask::StartSshServer(Box::new(order)), &|_| {}).await?;
    Ok(outcome(said.ok_or_else(|| vanished(node))?, None))
}

fn account(target: &LocalTarget, job: Job<'_>, said: &SshAccount) -> Result<AccountOrder, Fault> {
    let key = |text: &Text| Ok(fill(target, job.ports, text)?.expose().to_owned());
    let forwards = said.forwards.iter().map(|to| {
        Ok(ForwardOrder { name: to.name.clone(), said_port: to.said_port, port: number(job.ports, &to.port)? })
    });
    Ok(AccountOrder {
        keys: said.keys.iter().map(key).collect::<Result<_, Fault>>()?,
        forwards: forwards.collect::<Result<_, Fault>>()?,
        listens: said.listens.iter().map(|port| number(job.ports, port)).collect::<Result<_, Fault>>()?,
    })
}

/// Opens a tunnel. That somebody else has not done their part yet is no failure.
pub(super) async fn tunnel(target: &LocalTarget, job: Job<'_>, spec: &TunnelSpec) -> Result<Outcome, Fault> {
    let node = &job.step.node;
    let text = |text: &Text| Ok::<_, Fault>(fill(target, job.ports, text)?.expose().to_owned());
    let port = |said: &Text| {
        let said = text(said)?;
        said.parse().map_err(|_| Fault::new(FaultKind::Bug, format!("opening {node}"), format!("`{said}` is no port")))
    };
    let way = match &spec.way {
        TunnelWay::Reverse { listen, target } => {
            WayOrder::Reverse { listen: port(listen)?, target: number(job.ports, target)? }
        }
        TunnelWay::Forward { listen, host, port } => {
            WayOrder::Forward { listen: number(job.ports, listen)?, host: host.clone(), port: *port }
        }
    };
    let health = match (&spec.health, &spec.way) {
        (Some(health), TunnelWay::Reverse { target: behind, .. }) => Some(asked(target, job, health, behind)?),
        _ => None,
    };
    let mut order = TunnelOrder {
        node: node.clone(),
        component: job.step.component.clone(),
        revision: Digest::of_bytes(b""),
        host: text(&spec.server.host)?,
        port: port(&spec.server.port)?,
        user: spec.server.user.clone(),
        host_key: text(&spec.server.host_key)?,
        key: private_key(target, job, &spec.key)?,
        way,
        health,
        keep_alive_seconds: spec.keep_alive_seconds,
        log: target.home.log(node, ""),
    };
    order.revision = revision(job, &order);
    let runs = target.client.status(false).await?.is_some_and(|status| status.tunnels.contains_key(node));
    let listens = match &spec.way {
        TunnelWay::Forward { listen, .. } if !runs => Some(listen),
        _ => None,
    };
    make_way(target, job, listens).await?;
    let tell = |words: &str| (job.progress)(words, None);
    let said = target.client.order(Ask::StartTunnel(Box::new(order)), &tell).await?;
    Ok(outcome(said.ok_or_else(|| vanished(node))?, None))
}

fn asked(target: &LocalTarget, job: Job<'_>, health: &TunnelHealth, behind: &PortId) -> Result<HealthOrder, Fault> {
    let question = match &health.question {
        TunnelQuestion::Query(login) => QuestionOrder::Query(LoginOrder {
            engine: login.engine,
            server_name: login.server_name.clone(),
            database: login.database.clone(),
            user: fill(target, job.ports, &login.user)?.expose().to_owned(),
            password: fill(target, job.ports, &login.password)?.expose().to_owned(),
            authority: target.authority()?,
        }),
        TunnelQuestion::Http { path, statuses } => {
            QuestionOrder::Http { path: path.clone(), statuses: statuses.clone() }
        }
        TunnelQuestion::Connection => QuestionOrder::Connection,
    };
    Ok(HealthOrder {
        far_end: health.far_end.as_ref().map(|port| number(job.ports, port)).transpose()?,
        target: number(job.ports, behind)?,
        question,
        interval_seconds: health.interval_seconds,
    })
}

fn private_key(target: &LocalTarget, job: Job<'_>, node: &NodeId) -> Result<String, Fault> {
    let value = fill(target, job.ports, &Text::hole(Atom::Secret(node.clone(), SecretPart::Value)))?;
    Ok(value.expose().to_owned())
}

/// Sees to it that a port is free that is about to be listened on, and that a supervisor runs.
async fn make_way(target: &LocalTarget, job: Job<'_>, listens: Option<&PortId>) -> Result<(), Fault> {
    if let Some(port) = listens {
        end_survivors_of_dead_supervisor(target).await?;
        ports::check_free(port, number(job.ports, port)?)?;
    }
    target.client.ensure_running(&target.setup.supervisor, &target.setup.variables).await
}

/// What only a new start can mend. A server that is away is dialled again and again anyway.
pub(super) fn trouble(tunnel: &TunnelReport) -> Option<String> {
    let state = &tunnel.status.state;
    has_given_up(state).then(|| state.to_string())
}

/// How often it is looked whether a tunnel's target has come back, and how long apart: a little longer than a tunnel waits
/// between two questions to a dead target.
const LOOKS: u32 = 10;
const BETWEEN_LOOKS: Duration = Duration::from_millis(250);

/// How a tunnel is, for the prober.
pub(super) async fn facts(target: &LocalTarget, node: &NodeId) -> Result<TunnelFacts, Fault> {
    let missing = |cause: &str| {
        Fault::new(FaultKind::Permanent, format!("looking at {node}"), cause)
            .help("run `landfall up` again; it starts what is missing")
    };
    let mut looks = LOOKS;
    let tunnel = loop {
        let status = target.client.status(false).await?.ok_or_else(|| missing("no supervisor runs"))?;
        let tunnel = status.tunnels.get(node).ok_or_else(|| missing("it does not run"))?;
        looks -= 1;
        // What was dead behind it may just have come back: that is known after the next question.
        let target_failed =
            matches!(&tunnel.status.state, TunnelState::TargetDead { .. } | TunnelState::Unhealthy { .. });
        if looks == 0 || !target_failed {
            break tunnel.clone();
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    };
    let state = &tunnel.status.state;
    let standing = match state {
        TunnelState::Up => TunnelStanding::Up,
        TunnelState::WaitingForRegistration { .. } => TunnelStanding::Waiting,
        _ => TunnelStanding::Down,
    };
    let words = match (state, tunnel.status.up_since) {
        (TunnelState::Up, Some(since)) => {
            let asked = match tunnel.status.healthy_at {
                Some(_) => ", a question through it was answered",
                None => "",
            };
            format!("up for {} s{asked}", seconds_since(since))
        }
        // What to do is another thing in each state.
        _ => match tunnel.status.last_error.as_ref().and_then(|error| error.help.as_deref()) {
            Some(help) if standing == TunnelStanding::Down => format!("{state}; {help}"),
            _ => state.to_string(),
        },
    };
    Ok(TunnelFacts { standing, words })
}

fn seconds_since(then: Timestamp) -> i64 {
    Timestamp::now().duration_since(then).max(SignedDuration::ZERO).as_secs()
}
