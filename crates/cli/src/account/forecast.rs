//! What can be said of a deployment without asking its account: its parts, how long they take, what they cost.

use crate::account::cloud::Cloud;
use analysis::cost::{CostReport, fixed_cost};
use analysis::duration::{DurationReport, time_to_create};
use analysis::inventory::{ComponentInventory, inventory};
use analysis::resource_types::is_stateful;
use serde::Serialize;

/// The version of the forecast's JSON form.
const FORECAST_VERSION: u32 = 1;

/// What only the account can tell.
const ASK_THE_ACCOUNT: [&str; 4] = [
    "what is there already, and so what would be changed or replaced",
    "whether names are taken and quotas suffice",
    "whether the domain's zone is in the account and delegated",
    "whether the caller has the rights (`landfall export --format permissions` lists them)",
];

/// A plan made offline.
#[derive(Debug, Serialize)]
pub(crate) struct Forecast {
    version: u32,
    offline: bool,
    pub(crate) deployment: String,
    pub(crate) environment: String,
    pub(crate) account: Option<String>,
    pub(crate) region: String,
    manifest_digest: String,
    pub(crate) stacks: Vec<StackForecast>,
    pub(crate) components: Vec<ComponentInventory>,
    /// What holds something that cannot be made again.
    pub(crate) stateful: Vec<Stateful>,
    pub(crate) duration: DurationReport,
    pub(crate) cost: CostReport,
    /// What cannot be known offline.
    pub(crate) unknown: Vec<&'static str>,
}

/// A stack that would be made.
#[derive(Debug, Serialize)]
pub(crate) struct StackForecast {
    pub(crate) name: String,
    layer: &'static str,
    pub(crate) resources: usize,
    template_digest: String,
    template_bytes: usize,
}

/// A resource whose loss loses data.
#[derive(Debug, Serialize)]
pub(crate) struct Stateful {
    pub(crate) component: Option<String>,
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) origin: Option<String>,
    /// Whether it stays when its stack goes.
    pub(crate) is_kept: bool,
}

impl Forecast {
    /// Of a deployment that was lowered.
    pub(crate) fn new(cloud: &Cloud) -> Self {
        let Cloud { application, deployment, .. } = cloud;
        let environment = &application.environment;
        let region = environment.region.clone().unwrap_or_default();
        let components = inventory(&deployment.graph);
        let stateful = components
            .iter()
            .flat_map(|part| part.resources.iter().map(move |item| (part, item)))
            .filter(|(_, item)| is_stateful(&item.kind))
            .map(|(part, item)| Stateful {
                component: part.component.as_ref().map(ToString::to_string),
                id: item.id.clone(),
                kind: item.kind.clone(),
                origin: item.origin.clone(),
                is_kept: item.is_kept,
            })
            .collect();
        let stacks = deployment.templates.stacks.iter().map(|stack| StackForecast {
            name: stack.name.clone(),
            layer: stack.layer.name(),
            resources: stack.resource_count,
            template_digest: stack.digest.to_string(),
            template_bytes: stack.text.len(),
        });
        Self {
            version: FORECAST_VERSION,
            offline: true,
            deployment: application.name.to_string(),
            environment: environment.name.clone(),
            account: environment.account.clone(),
            cost: fixed_cost(&deployment.graph, &region),
            region,
            manifest_digest: deployment.digest.to_string(),
            stacks: stacks.collect(),
            components,
            stateful,
            duration: time_to_create(&deployment.graph),
            unknown: ASK_THE_ACCOUNT.to_vec(),
        }
    }
}
