//! The ways to databases that a verification keeps open while it asks. That one gets there at all is a claim like any other.

use crate::account::askable::{database_asked, database_ports};
use crate::account::cloud::Cloud;
use crate::account::way::{Tell, Way, Ways, Whereabouts};
use engine::ports::DatabaseEnd;
use model::cfn::DatabasePlace;
use model::probe::Probe;
use model::verification::{ProbeResult, Verdict};
use model::{Fault, FaultKind, PortId, ProbeId};
use stacks::World;
use std::collections::BTreeMap;
use std::time::Instant;

/// Ways that are open, and why others are not.
#[derive(Default)]
pub(crate) struct OpenWays {
    open: BTreeMap<PortId, (DatabaseEnd, Way)>,
    /// The databases to which no way leads, each with the reason.
    pub(crate) closed: BTreeMap<PortId, String>,
    results: Vec<ProbeResult>,
}

impl OpenWays {
    /// Opens one way for each database that is asked.
    pub(crate) async fn open(
        ways: &Ways,
        cloud: &Cloud,
        world: &World,
        tell: &Tell<'_>,
        probes: &[Probe],
        show: &(dyn Fn(&ProbeResult) + Sync),
    ) -> Self {
        let mut all = Self::default();
        for (port, place) in database_ports(cloud) {
            if !probes.iter().any(|probe| database_asked(probe) == Some(port)) {
                continue;
            }
            let began = Instant::now();
            let name = &place.component;
            let reached = async {
                let to = Whereabouts::of(place, world, cloud)?;
                let reached = ways.reach(&to, &format!("landfall: proving what {name} lets in"), tell).await?;
                Ok::<_, Fault>((to, reached))
            };
            let verdict = match reached.await {
                Ok((to, reached)) => {
                    all.open.insert(port.clone(), reached);
                    Verdict::Passed { seen: format!("a session leads to {}:{}", to.address, to.port) }
                }
                Err(fault) => {
                    // What the caller may not ask is no failure of the deployment.
                    if fault.kind == FaultKind::Permission {
                        all.closed.insert(port.clone(), told(&fault));
                        continue;
                    }
                    all.closed.insert(port.clone(), format!("no session leads to {name}"));
                    Verdict::Failed {
                        expected: format!("a session that leads to {name}"),
                        seen: fault.to_string(),
                        help: fault.help.unwrap_or_else(|| format!("`{}` says more", cloud.command("status"))),
                    }
                }
            };
            let result = result(place, verdict, began);
            show(&result);
            all.results.push(result);
        }
        all
    }

    /// Where the databases are reached to which a way is open.
    pub(crate) fn ends(&self) -> BTreeMap<PortId, DatabaseEnd> {
        self.open.iter().map(|(port, (end, _))| (port.clone(), end.clone())).collect()
    }

    /// Ends the sessions. Returns what opening them showed.
    pub(crate) async fn close(self) -> Vec<ProbeResult> {
        for (_, way) in self.open.into_values() {
            way.close().await;
        }
        self.results
    }
}

fn told(fault: &Fault) -> String {
    let help = fault.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
    format!("{fault}{help}")
}

fn result(place: &DatabasePlace, verdict: Verdict, began: Instant) -> ProbeResult {
    ProbeResult {
        probe: ProbeId::new(format!("{}/session", place.component)),
        component: place.component.clone(),
        origin: place.origin.clone(),
        claim: format!("a session of the account leads to {}", place.component),
        verdict,
        duration_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
    }
}
