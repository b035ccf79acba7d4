//! ECS services with interfaces of their own, EKS clusters and nodes, functions in a VPC.

use super::build::Builder;
use super::data::{allowed_blocks, listen};
use super::value::{own_name, port, truth};
use super::{Component, Listener, PublicEndpoint};
use crate::reachability::bounded::{Bounded, Tri, why};
use crate::reachability::packets::{AddressSet, TCP, UDP};
use model::cfn::Evaluated;

pub(super) fn reads(kind: &str) -> bool {
    matches!(
        kind,
        "AWS::ECS::Cluster"
            | "AWS::ECS::Service"
            | "AWS::ECS::TaskDefinition"
            | "AWS::EKS::Cluster"
            | "AWS::EKS::Nodegroup"
            | "AWS::EKS::Addon"
            | "AWS::EKS::AccessEntry"
            | "AWS::EKS::FargateProfile"
            | "AWS::EKS::PodIdentityAssociation"
    )
}

impl Builder<'_> {
    pub(super) fn containers(&mut self) {
        for name in self.of_kind("AWS::ECS::Service") {
            self.ecs_service(name);
        }
        for name in self.of_kind("AWS::EKS::Cluster") {
            self.eks_cluster(name);
        }
        for name in self.of_kind("AWS::EKS::Nodegroup") {
            self.eks_nodes(name);
        }
        for name in self.of_kind("AWS::EKS::FargateProfile") {
            self.eks_pods(name);
        }
    }

    fn ecs_service(&mut self, name: &str) {
        let mut component = self.component(name);
        component.is_several = self.get(name, "DesiredCount").as_text() != Some("1");
        self.container_ports(name, &mut component);
        let network = self.get(name, "NetworkConfiguration").get("AwsvpcConfiguration").clone();
        if network.is_absent() {
            component.unknown =
                why(format!("{name} has no interfaces of its own; its tasks run on instances that are not named"));
        } else {
            component.interfaces = self.interfaces(&[network.get("Subnets")], &[network.get("SecurityGroups")]);
            let is_public = match network.get("AssignPublicIp") {
                value if value.is_absent() => Tri::No,
                value => truth(value).unwrap_or(Tri::No),
            };
            for interface in &mut component.interfaces {
                interface.public_v4 = is_public.clone();
            }
        }
        self.picture.components.push(component);
    }

    fn container_ports(&self, name: &str, component: &mut Component) {
        let Some(task) = own_name(self.get(name, "TaskDefinition")) else { return };
        let containers = self.get(task, "ContainerDefinitions");
        for mapping in containers.items().iter().flat_map(|container| container.get("PortMappings").items()) {
            let Some(port) = port(mapping.get("ContainerPort")) else { continue };
            let protocol = if mapping.get("Protocol").as_text() == Some("udp") { UDP } else { TCP };
            let place = super::Place::new(format!("{task}.ContainerDefinitions"), mapping.line);
            let listener = Listener { place, protocol, ports: (port, port) };
            if !component.listeners.iter().any(|known| known.ports == listener.ports && known.protocol == protocol) {
                component.listeners.push(listener);
            }
        }
    }

    /// The group that EKS makes for a cluster; nodes and pods have it.
    fn cluster_group(&mut self, cluster: &Evaluated) -> Option<usize> {
        let name = own_name(cluster).or_else(|| {
            let text = cluster.as_text()?;
            self.of_kind("AWS::EKS::Cluster").into_iter().find(|name| self.get(name, "Name").as_text() == Some(text))
        });
        match name.and_then(|name| self.groups.get(&format!("{name}.ClusterSecurityGroupId"))) {
            Some(index) => Some(*index),
            None => {
                let whys = why("the cluster's own security group is not in this template");
                Some(self.external_group("the cluster's own security group", &whys))
            }
        }
    }

    fn eks_cluster(&mut self, name: &str) {
        let config = self.get(name, "ResourcesVpcConfig").clone();
        let own = self.groups[&format!("{name}.ClusterSecurityGroupId")];
        let mut component = self.component(name);
        let subnets = config.get("SubnetIds");
        component.interfaces = self.interfaces(&[subnets], &[config.get("SecurityGroupIds")]);
        let groups_given = !config.get("SecurityGroupIds").items().is_empty();
        for interface in &mut component.interfaces {
            if let super::Filter::Groups(groups) = &mut interface.filter {
                if !groups_given {
                    groups.clear();
                }
                groups.push(own);
                groups.sort_unstable();
            }
        }
        listen(&mut component, &[443]);
        component.is_relay = true;
        component.listens_inside = truth(config.get("EndpointPrivateAccess")).unwrap_or(Tri::No);
        let allowed = match truth(config.get("EndpointPublicAccess")).unwrap_or(Tri::Yes) {
            Tri::Yes => allowed_blocks(config.get("PublicAccessCidrs")),
            Tri::No => Bounded::none(),
            Tri::Unknown(whys) => Bounded {
                certain: Bounded::<AddressSet>::none().certain,
                possible: allowed_blocks(config.get("PublicAccessCidrs")).possible,
                whys,
            },
        };
        component.public_endpoint = Some(PublicEndpoint { place: component.place.clone(), allowed, port: 443 });
        self.picture.components.push(component);
    }

    fn eks_nodes(&mut self, name: &str) {
        let (subnets, cluster) = (self.get(name, "Subnets").clone(), self.get(name, "ClusterName").clone());
        let own = self.cluster_group(&cluster);
        let mut component = self.component(name);
        component.is_several = true;
        let mut groups: Vec<Evaluated> = Vec::new();
        if let Some(template) = own_name(self.get(name, "LaunchTemplate").get("Id")) {
            groups = self.get(template, "LaunchTemplateData").get("SecurityGroupIds").items().to_vec();
        } else if !self.get(name, "LaunchTemplate").is_absent() {
            component.unknown.extend(why(format!("the launch template of {name} is not in this template")));
        }
        component.interfaces = self.interfaces(&[&subnets], &groups.iter().collect::<Vec<_>>());
        let remote = !self.get(name, "RemoteAccess").is_absent();
        for interface in &mut component.interfaces {
            interface.public_v4 = self.picture.subnets[interface.subnet].gives_public_v4.clone();
            if groups.is_empty() {
                interface.filter = super::Filter::Groups(own.into_iter().collect());
            }
        }
        if remote {
            self.remote_access(name, &mut component);
        }
        self.picture.components.push(component);
    }

    /// A key for logging in makes EKS open port 22: to the groups that are named, else to everybody.
    fn remote_access(&mut self, name: &str, component: &mut Component) {
        let access = self.get(name, "RemoteAccess").clone();
        let place = super::Place::new(format!("{name}.RemoteAccess"), access.line);
        let sources: Vec<usize> =
            access.get("SourceSecurityGroups").items().iter().filter_map(|item| self.group(item)).collect();
        let rule = |peer, text| super::GroupRule {
            place: place.clone(),
            protocols: (TCP, TCP),
            ports: (22, 22),
            peer,
            unknown: crate::reachability::bounded::Whys::new(),
            text,
        };
        let ingress = if sources.is_empty() {
            vec![rule(
                super::Peer::Addresses(AddressSet::everything()),
                "tcp 22 from everywhere (EKS opens it)".to_owned(),
            )]
        } else {
            sources
                .into_iter()
                .map(|group| {
                    rule(super::Peer::Group(group), format!("tcp 22 from {}", self.picture.groups[group].place.id))
                })
                .collect()
        };
        let index = self.picture.groups.len();
        self.picture.groups.push(super::Group {
            place: place.clone(),
            ingress,
            egress: Vec::new(),
            unknown: crate::reachability::bounded::Whys::new(),
            is_external: false,
            vpc: None,
        });
        for interface in &mut component.interfaces {
            if let super::Filter::Groups(groups) = &mut interface.filter {
                groups.push(index);
                groups.sort_unstable();
            }
        }
    }

    fn eks_pods(&mut self, name: &str) {
        let (subnets, cluster) = (self.get(name, "Subnets").clone(), self.get(name, "ClusterName").clone());
        let Some(own) = self.cluster_group(&cluster) else { return };
        let mut component = self.component(name);
        component.interfaces = self.interfaces(&[&subnets], &[]);
        for interface in &mut component.interfaces {
            interface.filter = super::Filter::Groups(vec![own]);
        }
        component.interfaces.sort();
        component.interfaces.dedup();
        component.is_several = true;
        self.picture.components.push(component);
    }
}
