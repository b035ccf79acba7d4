//! From a component to a service of the provider: over an endpoint of its network, or over the internet.

use super::Judge;
use crate::reachability::bounded::{Tri, Whys, why};
use crate::reachability::packets::{AddressSet, Family, TCP};
use crate::reachability::picture::{Component, Interface, Place, Policy};
use crate::reachability::road::{Gate, Kind, Look, Passes, Road};
use crate::reachability::verdict::{Status, Verdict, any, every, judge};

impl<'p> Judge<'p> {
    /// Over an endpoint, or over the internet.
    pub(super) fn to_service(&self, from: &'p Component, service: &str) -> Verdict {
        if from.interfaces.is_empty() {
            return Self::nowhere(from);
        }
        let mut ways = Vec::new();
        for (name, (known, policy)) in &self.picture.interface_endpoints {
            if known == service
                && let Some(index) = self.picture.component(name)
            {
                let endpoint = &self.picture.components[index];
                let way = self.between(from, endpoint, TCP, (443, 443));
                let policy = self.by_policy(from, &endpoint.place, policy);
                ways.push(if policy.as_ref().is_some_and(|policy| policy.status < way.status) {
                    policy.unwrap_or(way)
                } else {
                    way
                });
            }
        }
        let parts: Vec<(String, Verdict)> = from
            .interfaces
            .iter()
            .map(|interface| {
                (
                    self.picture.subnets[interface.subnet].place.id.clone(),
                    self.over_gateway_endpoint(interface, service),
                )
            })
            .collect();
        ways.extend(every(parts));
        ways.push(self.to_outside(from, self.atlas.internet(Family::V4), Family::V4, (TCP, (443, 443))));
        let verdict = any(ways).unwrap_or_else(|| Self::nowhere(from));
        if verdict.status == Status::Unreachable {
            let text = format!("{} has neither an endpoint for {service} nor a way to the internet", from.place.id);
            let fix = format!("add an endpoint for {service} to its VPC");
            let deeper = verdict.cut.map(|cut| format!("{text} ({})", cut.text));
            return Verdict::unreachable("endpoint", from.place.clone(), deeper.unwrap_or(text), fix);
        }
        verdict
    }

    /// What the policy of an interface endpoint says of a component's addresses.
    fn by_policy(&self, from: &'p Component, place: &Place, policy: &Policy) -> Option<Verdict> {
        let parts = from.interfaces.iter().map(|interface| {
            let subnet = &self.picture.subnets[interface.subnet];
            let (sources, unknown_sources) = self.picture.addresses(interface, Family::V4);
            let mut gates = vec![policy_gate(place, Passes::Addresses(policy.sources.clone()))];
            if policy.vpcs.as_ref().is_some_and(|vpcs| !vpcs.contains(&subnet.vpc)) {
                gates.push(policy_gate(place, Passes::All(Tri::No)));
            }
            let road = Road {
                gates,
                sources,
                unknown_sources: unknown_sources.clone(),
                destinations: AddressSet::everything(),
                unknown_destinations: Whys::new(),
            };
            (subnet.place.id.clone(), judge(self.picture, &road, TCP, (443, 443)))
        });
        every(parts.collect())
    }

    fn over_gateway_endpoint(&self, interface: &'p Interface, service: &str) -> Verdict {
        let subnet = &self.picture.subnets[interface.subnet];
        let none = || {
            let text = format!("the routes of {} have no endpoint for {service}", subnet.place.id);
            Verdict::unreachable(
                "endpoint",
                subnet.place.clone(),
                text,
                format!("add a gateway endpoint for {service}"),
            )
        };
        let Some(endpoint) = self.picture.gateway_endpoints.iter().find(|endpoint| {
            endpoint.service == service && (endpoint.tables.contains(&subnet.table) || !endpoint.unknown.is_empty())
        }) else {
            return none();
        };
        let addresses = AddressSet::internet(Family::V4);
        let is_on_table =
            if endpoint.tables.contains(&subnet.table) { Tri::Yes } else { Tri::Unknown(endpoint.unknown.clone()) };
        let Some(mut road) = self.atlas.to_outside(interface, &addresses, Family::V4).into_iter().next() else {
            return none();
        };
        road.gates.retain(|gate| matches!(gate.kind, Kind::Egress(_)) || self.is_own_acl(gate, subnet.acl));
        road.gates.push(Gate {
            kind: Kind::Endpoint(endpoint.place.clone()),
            look: Look::Destination,
            passes: Passes::All(is_on_table),
            travel: 20,
        });
        let policy = &endpoint.policy;
        road.gates.push(policy_gate(&endpoint.place, Passes::Addresses(policy.sources.clone())));
        if policy.vpcs.as_ref().is_some_and(|vpcs| !vpcs.contains(&subnet.vpc)) {
            road.gates.push(policy_gate(&endpoint.place, Passes::All(Tri::No)));
        }
        road.destinations = addresses;
        road.unknown_destinations = why(format!("the addresses of {service} are not in the template"));
        judge(self.picture, &road, TCP, (443, 443))
    }

    fn is_own_acl(&self, gate: &Gate<'_>, own: usize) -> bool {
        matches!(&gate.kind, Kind::Acl { acl, .. } if *acl == own)
            && matches!(gate.look, Look::Destination | Look::AnswerFromDestination)
    }
}

fn policy_gate<'p>(place: &Place, passes: Passes<'p>) -> Gate<'p> {
    Gate { kind: Kind::EndpointPolicy(place.clone()), look: Look::Source, passes, travel: 45 }
}
