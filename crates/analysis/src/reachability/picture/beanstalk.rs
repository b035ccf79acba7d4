//! Elastic Beanstalk environments as far as their options say; the rest they make by themselves.

use super::build::Builder;
use super::compute::split_texts;
use super::value::{own_name, truth};
use super::{Filter, Forward, Listener, Place};
use crate::reachability::bounded::{Tri, Whys, why};
use crate::reachability::packets::TCP;
use model::cfn::Evaluated;

pub(super) fn reads(kind: &str) -> bool {
    kind.starts_with("AWS::ElasticBeanstalk::")
}

/// The options of an environment, its own before those of its template.
struct Settings(Vec<Evaluated>);

impl Settings {
    fn get(&self, namespace: &str, option: &str) -> Evaluated {
        let is_it = |item: &&Evaluated| {
            item.get("Namespace").as_text() == Some(namespace) && item.get("OptionName").as_text() == Some(option)
        };
        self.0.iter().find(is_it).map_or(Evaluated::ABSENT, |item| item.get("Value").clone())
    }
}

impl Builder<'_> {
    pub(super) fn beanstalk(&mut self, name: &str) {
        let mut items = self.get(name, "OptionSettings").items().to_vec();
        if let Some(template) = own_name(self.get(name, "TemplateName")) {
            items.extend(self.get(template, "OptionSettings").items().to_vec());
        }
        let doubts: Whys = items.iter().filter_map(Evaluated::why).flatten().cloned().collect();
        let settings = Settings(items);
        let mut component = self.component(name);
        let made = why(format!("{name} makes its own security group and load balancer"));
        let subnets = split_texts(&settings.get("aws:ec2:vpc", "Subnets"));
        let groups = split_texts(&settings.get("aws:autoscaling:launchconfiguration", "SecurityGroups"));
        let environment = settings.get("aws:elasticbeanstalk:environment", "EnvironmentType");
        let is_single = environment.as_text() == Some("SingleInstance");
        let gives_public = match truth(&settings.get("aws:ec2:vpc", "AssociatePublicIpAddress")) {
            // A single instance gets an elastic address.
            None if is_single => Some(Tri::Yes),
            said => said,
        };
        let own = self.external_group(&format!("the group that {name} makes"), &made);
        for value in &subnets {
            let subnet = self.subnet(value);
            let mut interface = self.interface(subnet, &groups.iter().collect::<Vec<_>>());
            with_group(&mut interface.filter, own, groups.is_empty());
            interface.public_v4 =
                gives_public.clone().unwrap_or_else(|| self.picture.subnets[subnet].gives_public_v4.clone());
            component.interfaces.push(interface);
        }
        // When its interfaces are known, what is not known stands in its own group.
        component.unknown = if component.interfaces.is_empty() { made.clone() } else { doubts };
        component.is_several = !is_single;
        self.picture.components.push(component);
        if !is_single && settings.get("aws:ec2:vpc", "Subnets").why().is_none() && !subnets.is_empty() {
            self.beanstalk_balancer(name, &settings, &subnets, &made);
        }
    }

    /// The load balancer that an environment makes.
    fn beanstalk_balancer(&mut self, name: &str, settings: &Settings, hosts: &[Evaluated], made: &Whys) {
        let tier = self.get(name, "Tier").get("Name").as_text();
        if tier == Some("Worker") {
            return;
        }
        let mut subnets = split_texts(&settings.get("aws:ec2:vpc", "ELBSubnets"));
        if subnets.is_empty() {
            subnets = hosts.to_vec();
        }
        let own = self.external_group(&format!("the group that {name} makes for its load balancer"), made);
        let mut component = self.component(name);
        component.place = Place::new(format!("{name}.LoadBalancer"), component.place.line);
        component.kind = "AWS::ElasticLoadBalancing (of AWS::ElasticBeanstalk::Environment)".to_owned();
        component.is_relay = true;
        let groups: Vec<Evaluated> = ["aws:elb:loadbalancer", "aws:elbv2:loadbalancer"]
            .iter()
            .flat_map(|namespace| split_texts(&settings.get(namespace, "SecurityGroups")))
            .collect();
        let scheme = settings.get("aws:ec2:vpc", "ELBScheme");
        for value in &subnets {
            let subnet = self.subnet(value);
            let mut interface = self.interface(subnet, &groups.iter().collect::<Vec<_>>());
            with_group(&mut interface.filter, own, groups.is_empty());
            interface.public_v4 = match scheme.as_text() {
                Some("internal") => Tri::No,
                Some(_) => Tri::Yes,
                None if scheme.is_absent() => Tri::Yes,
                None => Tri::Unknown(scheme.why().cloned().unwrap_or_else(|| made.clone())),
            };
            interface.v6 = Tri::No;
            component.interfaces.push(interface);
        }
        for port in [80, 443] {
            let place = component.place.clone();
            component.listeners.push(Listener { place: place.clone(), protocol: TCP, ports: (port, port) });
            component.forwards.push(Forward {
                from_port: Some(port),
                place,
                to: name.to_owned(),
                protocol: TCP,
                port: 80,
                is_v6: false,
                keeps_client_address: false,
            });
        }
        self.picture.components.push(component);
    }
}

/// Adds the group that the environment makes to those of an interface, or puts it in their place.
fn with_group(filter: &mut Filter, group: usize, is_alone: bool) {
    if let Filter::Groups(groups) = filter {
        if is_alone {
            groups.clear();
        }
        groups.push(group);
        groups.sort_unstable();
        groups.dedup();
    }
}
