//! What hosts reach because the network lets them.

use super::Hosts;
use crate::aws_context::{AwsContext, EgressInAws, IpVersion, NetworkInAws, Other, Party, Rule};
use model::cfn::Value;

/// Lets hosts reach what the network lets them reach.
pub(super) fn add(hosts: &Hosts<'_>, cx: &mut AwsContext<'_>) {
    let Hosts { group, network, .. } = hosts;
    let because = network.at.key("egress");
    let name = cx.name;
    match &network.egress {
        EgressInAws::Internet => {
            let about = format!("{name} to packages and services of AWS");
            let other = Other::Block(Value::text("0.0.0.0/0"), IpVersion::V4);
            cx.let_out(
                hosts.layer,
                &hosts.part("ToInternet"),
                &Rule { group, other, port: 443, about, because: &because },
            );
        }
        EgressInAws::Endpoints { group: endpoints, .. } => {
            let about = format!("{name} to services of AWS");
            let rule =
                Rule { group, other: Other::Group(endpoints), port: 443, about: about.clone(), because: &because };
            cx.let_out(hosts.layer, &hosts.part("ToEndpoints"), &rule);
            let rule = Rule { group: endpoints, other: Other::Group(group), port: 443, about, because: &because };
            cx.let_in(hosts.layer, &hosts.part("IntoEndpoints"), &rule);
        }
        EgressInAws::Nothing => {}
    }
}

/// What the manifest says by the network's `egress`.
pub(super) fn state(hosts: &str, network: &NetworkInAws, cx: &mut AwsContext<'_>) {
    let because = network.at.key("egress");
    let mut way = |to: String| cx.way(Party::Resource(hosts.to_owned()), to, &because);
    match &network.egress {
        EgressInAws::Internet => {
            way("internet-v4:443".to_owned());
            if network.has_storage_endpoint {
                way("service:s3".to_owned());
            }
        }
        EgressInAws::Endpoints { services, .. } => {
            for (endpoint, service) in services {
                way(format!("{endpoint}:443"));
                way(format!("service:{service}"));
            }
        }
        EgressInAws::Nothing => {}
    }
}
