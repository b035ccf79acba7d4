//! Everything that has interfaces, and what it listens on.

use super::build::Builder;
use super::{Component, Filter, Interface, Listener};
use crate::reachability::bounded::Tri;
use model::cfn::Is;
use std::collections::BTreeSet;

impl Builder<'_> {
    pub(super) fn components(&mut self) {
        self.computers();
        self.containers();
        self.data_services();
        self.callers();
        self.endpoints();
        self.balancers();
        self.picture.index();
        self.vpcs_by_groups();
        self.public_addresses();
        self.host_ports();
    }

    /// An interface and its groups are of one VPC: that tells the VPC of subnets outside of the template.
    fn vpcs_by_groups(&mut self) {
        for component in &self.picture.components {
            for interface in &component.interfaces {
                let subnet = &mut self.picture.subnets[interface.subnet];
                let Filter::Groups(groups) = &interface.filter else { continue };
                let known = groups.iter().find_map(|group| self.picture.groups[*group].vpc);
                if let Some(vpc) = known.filter(|_| subnet.is_external) {
                    subnet.vpc = vpc;
                }
            }
        }
    }

    /// Elastic addresses, once it is known what they are given to; interfaces of their own have theirs already.
    fn public_addresses(&mut self) {
        let mut given: Vec<(Option<String>, Tri)> = Vec::new();
        for kind in ["AWS::EC2::EIP", "AWS::EC2::EIPAssociation"] {
            for name in self.of_kind(kind) {
                let value = self.get(name, "InstanceId");
                match &value.is {
                    Is::Resource(owner) | Is::Attribute(owner, _) => given.push((Some(owner.clone()), Tri::Yes)),
                    // A parameter or an import names nothing of this template; a function that is not
                    // evaluated may.
                    Is::Unknown(whys) if whys.iter().any(|why| why.0.contains("is not evaluated")) => {
                        given.push((None, Tri::Unknown(whys.clone())));
                    }
                    _ => {}
                }
            }
        }
        for (owner, has) in given {
            let owners = match &owner {
                Some(owner) => self.picture.component(owner).into_iter().collect::<Vec<_>>(),
                None => (0..self.picture.components.len()).collect(),
            };
            for index in owners {
                let component = &mut self.picture.components[index];
                let is_meant = owner.is_some() || component.kind == "AWS::EC2::Instance";
                // Of several interfaces the first has the address.
                if let Some(interface) = component.interfaces.first_mut().filter(|_| is_meant)
                    && interface.public_v4 != Tri::Yes
                {
                    interface.public_v4 = has.clone();
                }
            }
        }
    }

    /// What listens on a host is not in the template: every port that its groups open may be one.
    fn host_ports(&mut self) {
        for index in 0..self.picture.components.len() {
            let component = &self.picture.components[index];
            if component.is_relay || !is_host(&component.kind) {
                continue;
            }
            let opened = self.opened_ports(&component.interfaces, component);
            let component = &mut self.picture.components[index];
            for listener in opened {
                let is_known = component
                    .listeners
                    .iter()
                    .any(|known| known.protocol == listener.protocol && known.ports == listener.ports);
                if !is_known {
                    component.listeners.push(listener);
                }
            }
        }
        let forwards: Vec<(String, u8, u16, super::Place)> = self
            .picture
            .components
            .iter()
            .flat_map(|component| &component.forwards)
            .map(|forward| (forward.to.clone(), forward.protocol, forward.port, forward.place.clone()))
            .collect();
        for (to, protocol, port, place) in forwards {
            let Some(index) = self.picture.component(&to) else { continue };
            let component = &mut self.picture.components[index];
            let ports = (port, port);
            if !component.listeners.iter().any(|known| known.protocol == protocol && known.ports == ports) {
                component.listeners.push(Listener { place, protocol, ports });
            }
        }
        for component in &mut self.picture.components {
            component.listeners.sort_by_key(|listener| (listener.protocol, listener.ports));
        }
    }

    fn opened_ports(&self, interfaces: &[Interface], component: &Component) -> Vec<Listener> {
        let mut seen = BTreeSet::new();
        let mut listeners = Vec::new();
        for interface in interfaces {
            let Filter::Groups(groups) = &interface.filter else { continue };
            for rule in groups.iter().flat_map(|group| &self.picture.groups[*group].ingress) {
                let protocols: &[u8] = match rule.protocols {
                    (6, 6) => &[6],
                    (17, 17) => &[17],
                    (0, u8::MAX) => &[6],
                    _ => continue,
                };
                for protocol in protocols {
                    if seen.insert((*protocol, rule.ports)) {
                        listeners.push(Listener { place: rule.place.clone(), protocol: *protocol, ports: rule.ports });
                    }
                }
            }
        }
        if listeners.is_empty() && component.listeners.is_empty() {
            listeners.push(Listener { place: component.place.clone(), protocol: 6, ports: (0, u16::MAX) });
        }
        listeners
    }
}

/// Types whose programs may listen on any port.
fn is_host(kind: &str) -> bool {
    matches!(
        kind,
        "AWS::EC2::Instance"
            | "AWS::EC2::NetworkInterface"
            | "AWS::AutoScaling::AutoScalingGroup"
            | "AWS::EC2::EC2Fleet"
            | "AWS::EC2::SpotFleet"
            | "AWS::EKS::Nodegroup"
            | "AWS::ECS::Service"
            | "AWS::ElasticBeanstalk::Environment"
            | "AWS::SageMaker::NotebookInstance"
            | "AWS::Batch::ComputeEnvironment"
    )
}
