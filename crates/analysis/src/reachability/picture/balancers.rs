//! Load balancers, their listeners and what they pass connections to.

use super::build::Builder;
use super::compute::split_texts;
use super::value::{own_name, port, truth, why_not};
use super::{Component, Filter, Forward, Listener, Place};
use crate::reachability::bounded::{Tri, why};
use crate::reachability::packets::{TCP, UDP};
use model::cfn::{Evaluated, Is};
use std::collections::BTreeSet;

const V2: &str = "AWS::ElasticLoadBalancingV2::";

pub(super) fn reads(kind: &str) -> bool {
    kind.starts_with(V2) || kind == "AWS::ElasticLoadBalancing::LoadBalancer"
}

impl Builder<'_> {
    pub(super) fn balancers(&mut self) {
        for name in self.of_kind("AWS::ElasticLoadBalancingV2::LoadBalancer") {
            self.balancer(name);
        }
        for name in self.of_kind("AWS::ElasticLoadBalancing::LoadBalancer") {
            self.classic(name);
        }
    }

    fn scheme(&self, name: &str) -> Tri {
        match self.get(name, "Scheme") {
            value if value.is_absent() => Tri::Yes,
            value => match value.as_text() {
                Some("internal") => Tri::No,
                Some("internet-facing") => Tri::Yes,
                _ => Tri::Unknown(why_not(value, "scheme")),
            },
        }
    }

    fn balancer(&mut self, name: &str) {
        let mut component = self.component(name);
        component.is_relay = true;
        let kind = self.get(name, "Type").clone();
        let is_network = match kind.as_text() {
            Some("network") => true,
            Some("application") => false,
            _ if kind.is_absent() => false,
            Some("gateway") => {
                component.unknown = why(format!("{name} is a gateway load balancer"));
                false
            }
            _ => {
                component.unknown = why_not(&kind, "type of load balancer");
                false
            }
        };
        let is_public = self.scheme(name);
        let mut subnets: Vec<Evaluated> = self.get(name, "Subnets").items().to_vec();
        for mapping in self.get(name, "SubnetMappings").items() {
            subnets.push(mapping.get("SubnetId").clone());
        }
        let groups = self.get(name, "SecurityGroups").clone();
        component.interfaces = self.interfaces(&subnets.iter().collect::<Vec<_>>(), &[&groups]);
        let is_dual = self.get(name, "IpAddressType").as_text().is_some_and(|kind| kind.starts_with("dualstack"));
        let is_v6_only = self.get(name, "IpAddressType").as_text() == Some("dualstack-without-public-ipv4");
        for interface in &mut component.interfaces {
            if is_network && groups.items().is_empty() {
                interface.filter = Filter::Open;
            }
            interface.public_v4 = if is_v6_only { Tri::No } else { is_public.clone() };
            interface.v6 = is_dual.into();
            // An internal balancer with IPv6 addresses blocks what comes through the internet gateway.
            interface.is_internal = is_public == Tri::No;
            if is_dual && let Tri::Unknown(whys) = &is_public {
                interface.v6 = Tri::Unknown(whys.clone());
            }
        }
        self.listeners(name, &mut component, is_network);
        self.picture.components.push(component);
    }

    fn listeners(&mut self, name: &str, component: &mut Component, is_network: bool) {
        for listener in self.of_kind("AWS::ElasticLoadBalancingV2::Listener") {
            if own_name(self.get(listener, "LoadBalancerArn")) != Some(name) {
                continue;
            }
            let place = self.place(listener);
            let given = self.get(listener, "Port");
            let Some(from_port) = port(given) else {
                component.unknown.extend(why_not(given, "port of a listener"));
                continue;
            };
            let protocols: &[u8] = match self.get(listener, "Protocol").as_text() {
                Some("UDP" | "QUIC") => &[UDP],
                Some("TCP_UDP" | "TCP_QUIC") => &[TCP, UDP],
                _ => &[TCP],
            };
            for protocol in protocols {
                component.listeners.push(Listener {
                    place: place.clone(),
                    protocol: *protocol,
                    ports: (from_port, from_port),
                });
            }
            let mut actions = self.get(listener, "DefaultActions").items().to_vec();
            for rule in self.of_kind("AWS::ElasticLoadBalancingV2::ListenerRule") {
                if own_name(self.get(rule, "ListenerArn")) == Some(listener) {
                    actions.extend(self.get(rule, "Actions").items().to_vec());
                }
            }
            let mut seen = BTreeSet::new();
            for target_group in actions.iter().flat_map(target_groups) {
                match own_name(&target_group) {
                    Some(group) if seen.insert(group.to_owned()) => {
                        for protocol in protocols {
                            component.forwards.extend(self.forwards(group, from_port, *protocol, is_network));
                        }
                    }
                    Some(_) => {}
                    None => {
                        let whys: Vec<String> =
                            why_not(&target_group, "target group").into_iter().map(|why| why.0).collect();
                        let note = format!("{name} passes connections on to something outside: {}", whys.join("; "));
                        self.picture.notes.push(note);
                    }
                }
            }
        }
    }

    /// Where a target group leads: its own targets and whatever registers itself with it.
    fn forwards(&self, group: &str, from_port: u16, protocol: u8, is_network: bool) -> Vec<Forward> {
        let place = self.place(group);
        let default_port = port(self.get(group, "Port"));
        let kind = self.get(group, "TargetType").as_text().unwrap_or("instance");
        let keeps_client_address = is_network && self.keeps_client_address(group, kind);
        let is_v6 = self.get(group, "IpAddressType").as_text() == Some("ipv6");
        let make = |to: &str, port: Option<u16>| {
            Some(Forward {
                from_port: Some(from_port),
                place: place.clone(),
                to: to.to_owned(),
                protocol,
                port: port.or(default_port)?,
                is_v6,
                keeps_client_address,
            })
        };
        let mut forwards: Vec<Option<Forward>> = Vec::new();
        for target in self.get(group, "Targets").items() {
            let id = target.get("Id");
            let owner = match &id.is {
                Is::Text(text) => self.owner_of_address(text),
                _ => own_name(id).map(str::to_owned),
            };
            if let Some(owner) = owner {
                forwards.push(make(&owner, port(target.get("Port"))));
            }
        }
        for name in self.of_kind("AWS::AutoScaling::AutoScalingGroup") {
            if self.get(name, "TargetGroupARNs").items().iter().any(|item| own_name(item) == Some(group)) {
                forwards.push(make(name, None));
            }
        }
        for name in self.of_kind("AWS::ECS::Service") {
            for balancer in self.get(name, "LoadBalancers").items() {
                if own_name(balancer.get("TargetGroupArn")) == Some(group) {
                    forwards.push(make(name, port(balancer.get("ContainerPort"))));
                }
            }
        }
        forwards.into_iter().flatten().collect()
    }

    fn owner_of_address(&self, text: &str) -> Option<String> {
        let address: std::net::IpAddr = text.parse().ok()?;
        self.picture
            .components
            .iter()
            .find(|component| component.interfaces.iter().any(|interface| interface.address == Some(address)))
            .map(|component| component.place.id.clone())
    }

    fn keeps_client_address(&self, group: &str, target_kind: &str) -> bool {
        let said = self
            .get(group, "TargetGroupAttributes")
            .items()
            .iter()
            .find(|item| item.get("Key").as_text() == Some("preserve_client_ip.enabled"))
            .and_then(|item| truth(item.get("Value")));
        let is_udp = matches!(self.get(group, "Protocol").as_text(), Some("UDP" | "TCP_UDP"));
        match said {
            // Connections over UDP keep it always.
            Some(Tri::No) => is_udp,
            Some(_) => true,
            None => target_kind == "instance" || is_udp || target_kind == "alb",
        }
    }

    fn classic(&mut self, name: &str) {
        let mut component = self.component(name);
        component.is_relay = true;
        let is_public = self.scheme(name);
        let (subnets, groups) = (self.get(name, "Subnets").clone(), self.get(name, "SecurityGroups").clone());
        if subnets.items().is_empty() {
            component.unknown = why(format!("{name} stands in the default VPC, which is not in this template"));
        }
        component.interfaces = self.interfaces(&[&subnets], &[&groups]);
        for interface in &mut component.interfaces {
            interface.public_v4 = is_public.clone();
            interface.v6 = Tri::No;
        }
        let mut targets: Vec<String> =
            self.get(name, "Instances").items().iter().filter_map(|item| own_name(item).map(str::to_owned)).collect();
        for scaling in self.of_kind("AWS::AutoScaling::AutoScalingGroup") {
            if split_texts(self.get(scaling, "LoadBalancerNames")).iter().any(|item| own_name(item) == Some(name)) {
                targets.push(scaling.to_owned());
            }
        }
        for service in self.of_kind("AWS::ECS::Service") {
            if self
                .get(service, "LoadBalancers")
                .items()
                .iter()
                .any(|item| own_name(item.get("LoadBalancerName")) == Some(name))
            {
                targets.push(service.to_owned());
            }
        }
        for listener in self.get(name, "Listeners").items() {
            let place = Place::new(format!("{name}.Listeners"), listener.line);
            let Some(from_port) = port(listener.get("LoadBalancerPort")) else {
                component.unknown.extend(why_not(listener.get("LoadBalancerPort"), "port of a listener"));
                continue;
            };
            component.listeners.push(Listener { place: place.clone(), protocol: TCP, ports: (from_port, from_port) });
            for target in &targets {
                component.forwards.push(Forward {
                    from_port: Some(from_port),
                    place: place.clone(),
                    to: target.clone(),
                    protocol: TCP,
                    port: port(listener.get("InstancePort")).unwrap_or(from_port),
                    is_v6: false,
                    keeps_client_address: false,
                });
            }
        }
        self.picture.components.push(component);
    }
}

fn target_groups(action: &Evaluated) -> Vec<Evaluated> {
    let mut groups = Vec::new();
    if !action.get("TargetGroupArn").is_absent() {
        groups.push(action.get("TargetGroupArn").clone());
    }
    for group in action.get("ForwardConfig").get("TargetGroups").items() {
        groups.push(group.get("TargetGroupArn").clone());
    }
    groups
}
