//! EC2 Fleet and Spot Fleet: the same instances as elsewhere, bought otherwise.

use super::build::Builder;
use super::compute::{Launch, split_texts};
use super::value::truth;
use model::cfn::Evaluated;

impl Builder<'_> {
    pub(super) fn fleets(&mut self) {
        for name in self.of_kind("AWS::EC2::EC2Fleet") {
            let configurations = self.get(name, "LaunchTemplateConfigs").clone();
            self.fleet(name, &configurations, &[]);
        }
        for name in self.of_kind("AWS::EC2::SpotFleet") {
            let data = self.get(name, "SpotFleetRequestConfigData").clone();
            let specifications: Vec<Evaluated> = data.get("LaunchSpecifications").items().to_vec();
            self.fleet(name, &data.get("LaunchTemplateConfigs").clone(), &specifications);
        }
    }

    fn fleet(&mut self, name: &str, configurations: &Evaluated, specifications: &[Evaluated]) {
        let mut component = self.component(name);
        component.is_several = true;
        component.unknown.extend(configurations.why().into_iter().flatten().cloned());
        for configuration in configurations.items() {
            let launch = self.launch_template(configuration.get("LaunchTemplateSpecification"));
            let overrides = configuration.get("Overrides").items();
            let subnets: Vec<Evaluated> = overrides.iter().flat_map(|item| split_texts(item.get("SubnetId"))).collect();
            self.launched(&mut component, &launch, &subnets);
        }
        for specification in specifications {
            component.unknown.extend(specification.why().into_iter().flatten().cloned());
            let mut launch = Launch::default();
            for group in specification.get("SecurityGroups").items() {
                launch.groups.push(if group.get("GroupId").is_absent() { group } else { group.get("GroupId") }.clone());
            }
            let mut subnets = split_texts(specification.get("SubnetId"));
            for interface in specification.get("NetworkInterfaces").items() {
                launch.groups.extend(interface.get("Groups").items().iter().cloned());
                launch.gives_public = truth(interface.get("AssociatePublicIpAddress")).or(launch.gives_public);
                subnets.extend(split_texts(interface.get("SubnetId")));
            }
            self.launched(&mut component, &launch, &subnets);
        }
        self.picture.components.push(component);
    }
}
