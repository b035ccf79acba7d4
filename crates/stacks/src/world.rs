//! What the account shows of a deployment.

use crate::account::{HostedZone, Stack, StackStatus};
use crate::deployment::{Deployment, MANIFEST_TAG};
use crate::{Account, Session};
use futures_util::future::try_join_all;
use indexmap::IndexMap;
use model::Fault;
use model::cfn::{Layer, ParameterSource, StackTemplate};

/// What the account shows of a deployment: each stack was asked for once.
#[derive(Debug, Clone, PartialEq)]
pub struct World {
    /// The stacks that are there, wanted or not.
    pub stacks: IndexMap<Layer, Seen>,
    /// The hosted zones of the domains that the deployment names; none where the account has none.
    pub zones: IndexMap<String, Option<HostedZone>>,
}

/// A stack that is there.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// The stack.
    pub stack: Stack,
    /// Its template, of one that is wanted and rests in a good state.
    pub template: Option<String>,
}

/// The values of a stack's parameters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters {
    /// Those that are handed over. What the template says itself is not.
    pub given: IndexMap<String, String>,
    /// Those whose value is not known yet, with the reason.
    pub unknown: Vec<(String, String)>,
}

impl World {
    /// A stack that is there.
    #[must_use]
    pub fn stack(&self, layer: Layer) -> Option<&Stack> {
        self.stacks.get(&layer).map(|seen| &seen.stack)
    }

    /// The values of the parameters of a wanted stack, from what the stacks say now.
    #[must_use]
    pub fn parameters(&self, deployment: &Deployment, stack: &StackTemplate) -> Parameters {
        let mut parameters = Parameters::default();
        for (name, source) in &stack.parameters {
            let value = match source {
                ParameterSource::Default => continue,
                ParameterSource::Output { layer, name } => self
                    .stack(*layer)
                    .and_then(|stack| stack.outputs.get(name))
                    .cloned()
                    .ok_or_else(|| format!("the stack {} tells it when it is made", deployment.stack_name(*layer))),
                ParameterSource::HostedZone { domain } => self
                    .zones
                    .get(domain)
                    .and_then(Option::as_ref)
                    .map(|zone| zone.id.clone())
                    .ok_or_else(|| format!("the account has no hosted zone for {domain}")),
            };
            match value {
                Ok(value) => drop(parameters.given.insert(name.clone(), value)),
                Err(why) => parameters.unknown.push((name.clone(), why)),
            }
        }
        parameters
    }
}

/// Whether a stack rests in a state that is good.
pub(crate) fn is_good(status: StackStatus) -> bool {
    matches!(
        status,
        StackStatus::CreateComplete
            | StackStatus::UpdateComplete
            | StackStatus::UpdateRollbackComplete
            | StackStatus::ImportComplete
            | StackStatus::ImportRollbackComplete
    )
}

/// Whether a stack is as wanted: its template, its parameters, its tags.
///
/// The template itself is compared, not a digest that somebody wrote down: so a stack that was changed by other hands is seen,
/// and one that was deployed by hand from the same template is known. The tag that names the manifest does not count: a manifest
/// that changed and gives the same template changes nothing.
pub(crate) fn is_as_wanted(
    deployment: &Deployment,
    stack: &Stack,
    template: Option<&str>,
    wanted: &StackTemplate,
    parameters: &Parameters,
) -> bool {
    is_good(stack.status)
        && parameters.unknown.is_empty()
        && template.is_some_and(|there| is_same_template(there, &wanted.text))
        && has_parameters(deployment, stack, wanted, parameters)
        && wanted.tags.iter().all(|(key, value)| key == MANIFEST_TAG || stack.tags.get(key) == Some(value))
}

/// CloudFormation gives back what it was given, except that characters outside of ASCII have become question marks.
pub(crate) fn is_same_template(there: &str, wanted: &str) -> bool {
    let plain = |text: &str| -> String {
        text.trim_end().replace("\r\n", "\n").chars().map(|c| if c.is_ascii() { c } else { '?' }).collect()
    };
    there == wanted || plain(there) == plain(wanted)
}

/// Whether a stack has the wanted parameters. Those with a default must have it, except those that AWS looks up: their value is
/// the moment's, and a moment later is no change.
fn has_parameters(deployment: &Deployment, stack: &Stack, wanted: &StackTemplate, parameters: &Parameters) -> bool {
    wanted.parameters.iter().all(|(name, source)| {
        let there = stack.parameters.get(name);
        match source {
            ParameterSource::Default => match deployment.graph.parameters.get(name) {
                Some(said) if !said.is_looked_up() => said.default.is_none() || there == said.default.as_ref(),
                _ => true,
            },
            ParameterSource::Output { .. } | ParameterSource::HostedZone { .. } => there == parameters.given.get(name),
        }
    })
}

impl<A: Account> Session<'_, A> {
    /// Looks at the account. Changes nothing.
    ///
    /// # Errors
    /// When the account does not answer.
    pub async fn observe(&self) -> Result<World, Fault> {
        let doing = || format!("looking at {}", self.deployment.name);
        let looks = Layer::ALL.into_iter().map(async |layer| {
            let name = self.deployment.stack_name(layer);
            let Some(stack) = self.account.stack(&name).await.map_err(|error| error.fault(doing()))? else {
                return Ok(None);
            };
            let wants_template = is_good(stack.status) && self.deployment.wanted(layer).is_some();
            let template = match wants_template {
                true => self.account.template(&stack.id).await.map_err(|error| error.fault(doing()))?,
                false => None,
            };
            Ok::<_, Fault>(Some((layer, Seen { stack, template })))
        });
        let domains: std::collections::BTreeSet<&String> = self
            .deployment
            .templates
            .stacks
            .iter()
            .flat_map(|stack| stack.parameters.values())
            .filter_map(|source| match source {
                ParameterSource::HostedZone { domain } => Some(domain),
                ParameterSource::Output { .. } | ParameterSource::Default => None,
            })
            .collect();
        let zones = domains.into_iter().map(async |domain| {
            let zones = self
                .account
                .hosted_zones(domain)
                .await
                .map_err(|error| error.fault(format!("looking for the hosted zone of {domain}")))?;
            Ok::<_, Fault>((domain.clone(), zones.into_iter().next()))
        });
        let (stacks, zones) = futures_util::future::try_join(try_join_all(looks), try_join_all(zones)).await?;
        Ok(World { stacks: stacks.into_iter().flatten().collect(), zones: zones.into_iter().collect() })
    }
}
