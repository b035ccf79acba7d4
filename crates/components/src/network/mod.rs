//! The network in which the components live.

mod aws;
mod carve;

use crate::aws_context::AwsContext;
use crate::component::{Component, ExportName, Need};
use crate::context::{LocalContext, ValidationContext};
use crate::said::report;
use model::scalar::Cidr;
use model::{FindingCode, Findings, ManifestPath, Severity};
use schemars::JsonSchema;
use serde::Deserialize;

/// The network in which the components of a deployment live, closed to everything that is not
/// stated. On this machine it is the loopback interface: services listen on 127.0.0.1 alone, and
/// a probe of each of them proves it. In a cloud it is a network of its own.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct NetworkSpec {
    /// Over how many availability zones it spreads, 1 to 6. Has no meaning on this machine.
    #[schemars(range(min = 1, max = 6))]
    #[serde(default = "two_zones")]
    pub zones: u8,
    /// How components reach the internet. Has no meaning on this machine.
    #[serde(default)]
    pub egress: Egress,
    /// Its IPv4 addresses in a cloud, a private block from /16 to /23. By default 10.64.0.0/16.
    pub block: Option<Cidr>,
    /// A network of the cloud that is there already, instead of one of its own.
    pub existing: Option<ExistingSpec>,
}

/// A network of the cloud that is there already. Its routes are its owner's; `egress` says what they allow.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ExistingSpec {
    /// Its id, as `vpc-0123456789abcdef0`.
    #[schemars(regex(pattern = r"^vpc-[0-9a-f]{8,17}$"))]
    pub vpc: String,
    /// Its IPv4 addresses.
    pub block: Cidr,
    /// Subnets that the internet reaches, for load balancers, each in a zone of its own.
    #[serde(default)]
    pub public: Vec<String>,
    /// Subnets that the internet does not reach, for services, each in a zone of its own.
    pub private: Vec<String>,
}

fn two_zones() -> u8 {
    2
}

/// How components reach the internet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Egress {
    /// Through address translation; nothing comes in that way.
    #[default]
    Nat,
    /// Through address translation in each zone, so that the loss of one zone cuts off no other.
    NatPerZone,
    /// Not at all.
    None,
    /// Only to the cloud's own services.
    Endpoints,
}

/// A network that makes sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ValidNetwork {
    zones: u8,
    egress: Egress,
    block: Option<Cidr>,
    existing: Option<ExistingSpec>,
    at: ManifestPath,
}

const NET001: FindingCode = FindingCode {
    code: "NET001",
    title: "a network in a single zone",
    explanation: "Load balancers and managed databases want two availability zones; in one zone they cannot be created. \
                  On this machine zones have no meaning.",
    severity: Severity::Warning,
};

pub(crate) struct Network;

impl Component for Network {
    const KIND: &'static str = "network";
    const ABOUT: &'static str = "The network in which the components live, closed to everything that is not stated.";
    const EXAMPLE: &'static str = include_str!("example.yaml");
    const CODES: &'static [&'static FindingCode] = &[&NET001];
    type Spec = NetworkSpec;
    type Valid = ValidNetwork;

    fn validate(spec: NetworkSpec, cx: &ValidationContext<'_>, findings: &mut Findings) -> Option<ValidNetwork> {
        if spec.zones == 1 && !cx.is_local {
            let at = cx.at.key("zones");
            report(findings, &NET001, &at, "a network in one zone holds no load balancer", "write `zones: 2`");
        }
        Some(ValidNetwork {
            zones: spec.zones,
            egress: spec.egress,
            block: spec.block,
            existing: spec.existing,
            at: cx.at.clone(),
        })
    }

    fn requires(_: &ValidNetwork) -> Vec<Need> {
        Vec::new()
    }

    fn exports(_: &ValidNetwork) -> Vec<ExportName> {
        Vec::new()
    }

    /// The loopback interface is there; services bind to it and prove it themselves.
    fn realise_locally(_: &ValidNetwork, _: &mut LocalContext<'_>) {}

    fn lower_to_aws(valid: &ValidNetwork, cx: &mut AwsContext<'_>) {
        aws::lower(valid, cx);
    }
}
