//! Instances, network interfaces, launch templates, Auto Scaling groups, Elastic Beanstalk.

use super::build::Builder;
use super::value::{own_name, truth, why_not};
use super::{Component, Interface};
use crate::reachability::bounded::{Tri, Whys};
use model::cfn::{Evaluated, Is};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn reads(kind: &str) -> bool {
    matches!(
        kind,
        "AWS::AutoScaling::AutoScalingGroup"
            | "AWS::AutoScaling::LaunchConfiguration"
            | "AWS::SageMaker::NotebookInstance"
            | "AWS::Batch::ComputeEnvironment"
            | "AWS::Batch::JobQueue"
            | "AWS::Batch::JobDefinition"
    )
}

/// What a launch template or configuration says about interfaces.
#[derive(Debug, Clone, Default)]
pub(super) struct Launch {
    pub(super) groups: Vec<Evaluated>,
    pub(super) subnet: Option<Evaluated>,
    pub(super) gives_public: Option<Tri>,
    pub(super) has_v6: bool,
    pub(super) unknown: Whys,
}

impl Builder<'_> {
    pub(super) fn computers(&mut self) {
        let mut loose = self.network_interfaces();
        let attached = self.attached_interfaces();
        for name in self.of_kind("AWS::EC2::Instance") {
            self.instance(name, &mut loose, &attached);
        }
        for (name, interface) in loose {
            let mut component = self.component(&name);
            component.interfaces.push(interface);
            self.picture.components.push(component);
        }
        for name in self.of_kind("AWS::AutoScaling::AutoScalingGroup") {
            self.scaling_group(name);
        }
        self.fleets();
        for name in self.of_kind("AWS::ElasticBeanstalk::Environment") {
            self.beanstalk(name);
        }
        for name in self.of_kind("AWS::SageMaker::NotebookInstance") {
            let (subnet, groups) = (self.get(name, "SubnetId").clone(), self.get(name, "SecurityGroupIds").clone());
            if subnet.is_absent() {
                continue;
            }
            let mut component = self.component(name);
            component.interfaces = self.interfaces(&[&subnet], &[&groups]);
            self.picture.components.push(component);
        }
        for name in self.of_kind("AWS::Batch::ComputeEnvironment") {
            let resources = self.get(name, "ComputeResources").clone();
            let mut component = self.component(name);
            component.interfaces = self.interfaces(&[resources.get("Subnets")], &[resources.get("SecurityGroupIds")]);
            self.give_public_by_subnet(&mut component.interfaces);
            if !component.interfaces.is_empty() {
                self.picture.components.push(component);
            }
        }
    }

    /// Interfaces of their own that get an elastic address by name.
    fn addressed_interfaces(&self) -> BTreeSet<String> {
        let associations = self.of_kind("AWS::EC2::EIPAssociation");
        let named = |name: &&str| own_name(self.get(name, "NetworkInterfaceId")).map(str::to_owned);
        associations.iter().filter_map(named).collect()
    }

    fn network_interfaces(&mut self) -> BTreeMap<String, Interface> {
        let mut interfaces = BTreeMap::new();
        let addressed = self.addressed_interfaces();
        for name in self.of_kind("AWS::EC2::NetworkInterface") {
            let (subnet, groups) = (self.get(name, "SubnetId").clone(), self.get(name, "GroupSet").clone());
            let subnet = self.subnet(&subnet);
            let mut interface = self.interface(subnet, &[&groups]);
            interface.address = self.get(name, "PrivateIpAddress").as_text().and_then(|text| text.parse().ok());
            if !self.get(name, "Ipv6Addresses").is_absent() || !self.get(name, "Ipv6AddressCount").is_absent() {
                interface.v6 = Tri::Yes;
            }
            if addressed.contains(name) {
                interface.public_v4 = Tri::Yes;
            }
            interfaces.insert(name.to_owned(), interface);
        }
        interfaces
    }

    /// Interfaces that a resource of its own attaches, by instance.
    fn attached_interfaces(&self) -> BTreeMap<String, Vec<String>> {
        let mut attached: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for name in self.of_kind("AWS::EC2::NetworkInterfaceAttachment") {
            let instance = own_name(self.get(name, "InstanceId"));
            if let (Some(instance), Some(interface)) = (instance, own_name(self.get(name, "NetworkInterfaceId"))) {
                attached.entry(instance.to_owned()).or_default().push(interface.to_owned());
            }
        }
        attached
    }

    fn instance(
        &mut self,
        name: &str,
        loose: &mut BTreeMap<String, Interface>,
        attached: &BTreeMap<String, Vec<String>>,
    ) {
        let mut component = self.component(name);
        let launch = self.launch_template(&self.get(name, "LaunchTemplate").clone());
        component.unknown.extend(launch.unknown.iter().cloned());
        let described = self.get(name, "NetworkInterfaces").clone();
        let v6 = launch.has_v6 || self.resources.get(name).is_some_and(|drawn| has_v6(&drawn.properties));
        if let Some(whys) = described.why() {
            component.unknown.extend(whys.iter().cloned());
        } else if described.items().is_empty() {
            let mut subnet = self.get(name, "SubnetId").clone();
            if subnet.is_absent() {
                subnet = launch.subnet.clone().unwrap_or(Evaluated::ABSENT);
            }
            let mut groups: Vec<Evaluated> = ["SecurityGroupIds", "SecurityGroups"]
                .iter()
                .flat_map(|property| self.get(name, property).items().to_vec())
                .collect();
            if groups.is_empty() {
                groups = launch.groups.clone();
            }
            let subnet = self.subnet(&subnet);
            let mut interface = self.interface(subnet, &groups.iter().collect::<Vec<_>>());
            interface.public_v4 =
                launch.gives_public.clone().unwrap_or_else(|| self.picture.subnets[subnet].gives_public_v4.clone());
            interface.address = self.get(name, "PrivateIpAddress").as_text().and_then(|text| text.parse().ok());
            if v6 {
                interface.v6 = Tri::Yes;
            }
            component.interfaces.push(interface);
        } else {
            for item in described.items() {
                if let Some(existing) = own_name(item.get("NetworkInterfaceId")) {
                    component.aliases.push(existing.to_owned());
                    if let Some(interface) = loose.remove(existing) {
                        component.interfaces.push(interface);
                    }
                    continue;
                }
                let interface = self.described_interface(item, &launch);
                component.interfaces.push(interface);
            }
        }
        for existing in attached.get(name).into_iter().flatten() {
            component.aliases.push(existing.clone());
            component.interfaces.extend(loose.remove(existing));
        }
        self.picture.components.push(component);
    }

    fn described_interface(&mut self, item: &Evaluated, launch: &Launch) -> Interface {
        let subnet = match item.get("SubnetId") {
            value if value.is_absent() => launch.subnet.clone().unwrap_or(Evaluated::ABSENT),
            value => value.clone(),
        };
        let subnet = self.subnet(&subnet);
        let mut groups: Vec<&Evaluated> =
            ["GroupSet", "Groups"].iter().flat_map(|property| item.get(property).items()).collect();
        if groups.is_empty() {
            groups = launch.groups.iter().collect();
        }
        let mut interface = self.interface(subnet, &groups);
        interface.public_v4 = truth(item.get("AssociatePublicIpAddress"))
            .or_else(|| launch.gives_public.clone())
            .unwrap_or_else(|| self.picture.subnets[subnet].gives_public_v4.clone());
        interface.address = item.get("PrivateIpAddress").as_text().and_then(|text| text.parse().ok());
        if has_v6(item) || launch.has_v6 {
            interface.v6 = Tri::Yes;
        }
        interface
    }

    /// What a reference to a launch template leads to.
    pub(super) fn launch_template(&self, value: &Evaluated) -> Launch {
        if value.is_absent() {
            return Launch::default();
        }
        let id = value.get("LaunchTemplateId");
        let named = if id.is_absent() { value.get("LaunchTemplateName") } else { id };
        let name = match &named.is {
            Is::Resource(name) | Is::Attribute(name, _) => Some(name.clone()),
            Is::Text(text) => self
                .of_kind("AWS::EC2::LaunchTemplate")
                .into_iter()
                .find(|name| self.get(name, "LaunchTemplateName").as_text() == Some(text))
                .map(str::to_owned),
            _ => None,
        };
        let Some(name) = name.filter(|name| self.kind(name) == "AWS::EC2::LaunchTemplate") else {
            return Launch { unknown: why_not(named, "launch template of this template"), ..Launch::default() };
        };
        let data = self.get(&name, "LaunchTemplateData");
        let mut launch = Launch::default();
        if let Some(whys) = data.why() {
            launch.unknown.extend(whys.iter().cloned());
        }
        for property in ["SecurityGroupIds", "SecurityGroups"] {
            launch.groups.extend(data.get(property).items().iter().cloned());
        }
        for interface in data.get("NetworkInterfaces").items() {
            launch.groups.extend(interface.get("Groups").items().iter().cloned());
            if !interface.get("SubnetId").is_absent() {
                launch.subnet = Some(interface.get("SubnetId").clone());
            }
            if let Some(gives) = truth(interface.get("AssociatePublicIpAddress")) {
                launch.gives_public = Some(gives);
            }
            launch.has_v6 |= has_v6(interface);
        }
        launch
    }

    fn launch_configuration(&self, value: &Evaluated) -> Launch {
        let Some(name) = own_name(value).filter(|name| self.kind(name) == "AWS::AutoScaling::LaunchConfiguration")
        else {
            return Launch { unknown: why_not(value, "launch configuration of this template"), ..Launch::default() };
        };
        Launch {
            groups: self.get(name, "SecurityGroups").items().to_vec(),
            subnet: None,
            gives_public: truth(self.get(name, "AssociatePublicIpAddress")),
            ..Launch::default()
        }
    }

    fn scaling_group(&mut self, name: &str) {
        let mut component = self.component(name);
        let policy = self.get(name, "MixedInstancesPolicy").get("LaunchTemplate").clone();
        let mut launches = vec![if !self.get(name, "LaunchTemplate").is_absent() {
            self.launch_template(self.get(name, "LaunchTemplate"))
        } else if !policy.is_absent() {
            self.launch_template(policy.get("LaunchTemplateSpecification"))
        } else if let Some(instance) = own_name(self.get(name, "InstanceId")) {
            Launch { groups: self.get(instance, "SecurityGroupIds").items().to_vec(), ..Launch::default() }
        } else {
            self.launch_configuration(self.get(name, "LaunchConfigurationName"))
        }];
        for other in policy.get("Overrides").items() {
            if !other.get("LaunchTemplateSpecification").is_absent() {
                launches.push(self.launch_template(other.get("LaunchTemplateSpecification")));
            }
        }
        let subnets = split_texts(self.get(name, "VPCZoneIdentifier"));
        for launch in launches {
            self.launched(&mut component, &launch, &subnets);
        }
        component.is_several = self.get(name, "MaxSize").as_text() != Some("1");
        self.picture.components.push(component);
    }

    /// The interfaces of what is launched in these subnets, or where the template itself says.
    pub(super) fn launched(&mut self, component: &mut Component, launch: &Launch, subnets: &[Evaluated]) {
        component.unknown.extend(launch.unknown.iter().cloned());
        let own = [launch.subnet.clone().unwrap_or(Evaluated::ABSENT)];
        for value in if subnets.is_empty() { &own } else { subnets } {
            let subnet = self.subnet(value);
            let mut interface = self.interface(subnet, &launch.groups.iter().collect::<Vec<_>>());
            interface.public_v4 =
                launch.gives_public.clone().unwrap_or_else(|| self.picture.subnets[subnet].gives_public_v4.clone());
            if launch.has_v6 {
                interface.v6 = Tri::Yes;
            }
            if !component.interfaces.contains(&interface) {
                component.interfaces.push(interface);
            }
        }
    }

    pub(super) fn give_public_by_subnet(&self, interfaces: &mut [Interface]) {
        for interface in interfaces {
            interface.public_v4 = self.picture.subnets[interface.subnet].gives_public_v4.clone();
        }
    }
}

/// Whether an interface is given IPv6 addresses.
fn has_v6(interface: &Evaluated) -> bool {
    ["Ipv6AddressCount", "Ipv6Addresses", "Ipv6PrefixCount", "Ipv6Prefixes"].iter().any(|property| {
        let value = interface.get(property);
        !value.is_absent() && value.as_text() != Some("0")
    })
}

/// A list, or a text of names with commas in between.
pub(super) fn split_texts(value: &Evaluated) -> Vec<Evaluated> {
    value
        .items()
        .iter()
        .flat_map(|item| match item.as_text() {
            Some(text) => text
                .split(',')
                .map(|part| Evaluated { is: Is::Text(part.trim().to_owned()), line: item.line })
                .collect(),
            None => vec![item.clone()],
        })
        .collect()
}
