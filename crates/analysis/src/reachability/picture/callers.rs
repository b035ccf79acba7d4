//! Services that only open connections from interfaces of their own: functions, builds, links of gateways.

use super::build::Builder;
use super::compute::split_texts;
use crate::reachability::bounded::Tri;
use model::cfn::Evaluated;

/// Type, and where its subnets and groups stand, with dots.
const CALLERS: &[(&str, &str, &str)] = &[
    ("AWS::Lambda::Function", "VpcConfig.SubnetIds", "VpcConfig.SecurityGroupIds"),
    ("AWS::Serverless::Function", "VpcConfig.SubnetIds", "VpcConfig.SecurityGroupIds"),
    ("AWS::CodeBuild::Project", "VpcConfig.Subnets", "VpcConfig.SecurityGroupIds"),
    ("AWS::Synthetics::Canary", "VPCConfig.SubnetIds", "VPCConfig.SecurityGroupIds"),
    ("AWS::AppRunner::VpcConnector", "Subnets", "SecurityGroups"),
    ("AWS::ApiGatewayV2::VpcLink", "SubnetIds", "SecurityGroupIds"),
    ("AWS::EC2::InstanceConnectEndpoint", "SubnetId", "SecurityGroupIds"),
    (
        "AWS::Glue::Connection",
        "ConnectionInput.PhysicalConnectionRequirements.SubnetId",
        "ConnectionInput.PhysicalConnectionRequirements.SecurityGroupIdList",
    ),
    (
        "AWS::SecretsManager::RotationSchedule",
        "HostedRotationLambda.VpcSubnetIds",
        "HostedRotationLambda.VpcSecurityGroupIds",
    ),
];

pub(super) fn reads(kind: &str) -> bool {
    CALLERS.iter().any(|(known, ..)| *known == kind)
}

impl Builder<'_> {
    pub(super) fn callers(&mut self) {
        for (kind, subnets, groups) in CALLERS {
            for name in self.of_kind(kind) {
                let Some(drawn) = self.resources.get(name) else { continue };
                let at = |path: &str| path.split('.').fold(&drawn.properties, Evaluated::get);
                let (subnets, groups) = (split_texts(at(subnets)), split_texts(at(groups)));
                let has_v6 = at("VpcConfig.Ipv6AllowedForDualStack").as_text() == Some("true");
                if subnets.is_empty() {
                    continue;
                }
                let mut component = self.component(name);
                let (subnets, groups): (Vec<_>, Vec<_>) = (subnets.iter().collect(), groups.iter().collect());
                component.interfaces = self.interfaces(&subnets, &groups);
                for interface in component.interfaces.iter_mut().filter(|_| !has_v6) {
                    interface.v6 = Tri::No;
                }
                self.picture.components.push(component);
            }
        }
    }
}
