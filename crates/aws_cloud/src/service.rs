//! The services that are called: where they are and how they speak.
//!
//! Source: the endpoints and protocols in AWS's service models (botocore 1.43), 2026-11.

use aws_types::SdkConfig;
use aws_types::service_config::ServiceConfigKey;

/// A service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    AutoScaling,
    Certificates,
    CloudFormation,
    Ec2,
    Identities,
    Keys,
    LoadBalancers,
    Logs,
    Quotas,
    Rds,
    Route53,
    S3,
    Secrets,
    Sts,
    Systems,
    Tagging,
}

/// What is to be known of a service.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts {
    /// Its name in the SDKs; from it comes `AWS_ENDPOINT_URL_<NAME>`.
    id: &'static str,
    /// The first part of its host's name.
    host: &'static str,
    /// The name for which calls are signed.
    pub(crate) signing: &'static str,
    /// The first part of its actions in policies.
    pub(crate) actions: &'static str,
    /// The API's version (query) or the first part of its targets (JSON).
    pub(crate) api: &'static str,
    /// Whether there is one for all regions.
    is_global: bool,
}

/// How many services there are.
pub(crate) const SERVICES: usize = 16;

impl Service {
    pub(crate) fn facts(self) -> Facts {
        let (id, host, signing, actions, api) = match self {
            Self::AutoScaling => ("Auto Scaling", "autoscaling", "autoscaling", "autoscaling", "2011-01-01"),
            Self::Certificates => ("ACM", "acm", "acm", "acm", "CertificateManager"),
            Self::CloudFormation => {
                ("CloudFormation", "cloudformation", "cloudformation", "cloudformation", "2010-05-15")
            }
            Self::Ec2 => ("EC2", "ec2", "ec2", "ec2", "2016-11-15"),
            Self::Identities => ("IAM", "iam", "iam", "iam", "2010-05-08"),
            Self::Keys => ("KMS", "kms", "kms", "kms", "TrentService"),
            Self::LoadBalancers => (
                "Elastic Load Balancing v2",
                "elasticloadbalancing",
                "elasticloadbalancing",
                "elasticloadbalancing",
                "2015-12-01",
            ),
            Self::Logs => ("CloudWatch Logs", "logs", "logs", "logs", "Logs_20140328"),
            Self::Quotas => {
                ("Service Quotas", "servicequotas", "servicequotas", "servicequotas", "ServiceQuotasV20190624")
            }
            Self::Rds => ("RDS", "rds", "rds", "rds", "2014-10-31"),
            Self::Route53 => ("Route 53", "route53", "route53", "route53", "2013-04-01"),
            Self::S3 => ("S3", "s3", "s3", "s3", ""),
            Self::Secrets => {
                ("Secrets Manager", "secretsmanager", "secretsmanager", "secretsmanager", "secretsmanager")
            }
            Self::Sts => ("STS", "sts", "sts", "sts", "2011-06-15"),
            Self::Systems => ("SSM", "ssm", "ssm", "ssm", "AmazonSSM"),
            Self::Tagging => {
                ("Resource Groups Tagging API", "tagging", "tagging", "tag", "ResourceGroupsTaggingAPI_20170126")
            }
        };
        Facts { id, host, signing, actions, api, is_global: matches!(self, Self::Identities | Self::Route53) }
    }

    /// The region for which its calls are signed.
    pub(crate) fn signing_region(self, region: &str) -> &str {
        if !self.facts().is_global {
            return region;
        }
        match region {
            _ if region.starts_with("cn-") && self == Self::Identities => "cn-north-1",
            _ if region.starts_with("cn-") => "cn-northwest-1",
            _ if region.starts_with("us-gov-") => "us-gov-west-1",
            _ => "us-east-1",
        }
    }

    /// Where it is: what the environment or the profile says (`AWS_ENDPOINT_URL_<NAME>`, `AWS_ENDPOINT_URL`), or AWS's own address.
    pub(crate) fn endpoint(self, config: &SdkConfig, region: &str) -> String {
        let facts = self.facts();
        let own =
            ServiceConfigKey::builder().service_id(facts.id).env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
        let said = match (config.service_config(), own) {
            // An address in the options is for all services.
            _ if config.get_origin("endpoint_url").is_client_config() => None,
            (Some(service_config), Ok(key)) => service_config.load_config(key),
            _ => None,
        };
        if let Some(url) = said.as_deref().or(config.endpoint_url()) {
            return url.trim_end_matches('/').to_owned();
        }
        let host = if config.use_fips() == Some(true) { format!("{}-fips", facts.host) } else { facts.host.to_owned() };
        let is_dual = config.use_dual_stack() == Some(true) && !facts.is_global;
        let domain = match (region.starts_with("cn-"), is_dual && self != Self::S3) {
            (true, true) => "api.amazonwebservices.com.cn",
            (true, false) => "amazonaws.com.cn",
            (false, true) => "api.aws",
            (false, false) => "amazonaws.com",
        };
        let dual = if is_dual && self == Self::S3 { "dualstack." } else { "" };
        match self {
            Self::Identities if region.starts_with("cn-") => format!("https://{host}.cn-north-1.{domain}"),
            Self::Identities if region.starts_with("us-gov-") => format!("https://{host}.us-gov.{domain}"),
            Self::Route53 if region.starts_with("us-gov-") => format!("https://{host}.us-gov.{domain}"),
            _ if facts.is_global => format!("https://{host}.{domain}"),
            _ => format!("https://{host}.{dual}{region}.{domain}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(service: Service, region: &str) -> String {
        service.endpoint(&SdkConfig::builder().build(), region)
    }

    #[test]
    fn services_are_where_aws_says() {
        assert_eq!(at(Service::CloudFormation, "us-west-2"), "https://cloudformation.us-west-2.amazonaws.com");
        assert_eq!(at(Service::Route53, "eu-central-1"), "https://route53.amazonaws.com");
        assert_eq!(at(Service::Route53, "us-gov-east-1"), "https://route53.us-gov.amazonaws.com");
        assert_eq!(at(Service::Identities, "cn-northwest-1"), "https://iam.cn-north-1.amazonaws.com.cn");
        assert_eq!(at(Service::Secrets, "cn-north-1"), "https://secretsmanager.cn-north-1.amazonaws.com.cn");
        assert_eq!(Service::Route53.signing_region("eu-central-1"), "us-east-1");
        assert_eq!(Service::Logs.signing_region("eu-central-1"), "eu-central-1");
    }

    #[test]
    fn federal_and_dual_stack_addresses_are_used_when_asked_for() {
        let fips = SdkConfig::builder().use_fips(true).build();
        assert_eq!(Service::Sts.endpoint(&fips, "us-east-1"), "https://sts-fips.us-east-1.amazonaws.com");
        let dual = SdkConfig::builder().use_dual_stack(true).build();
        assert_eq!(Service::S3.endpoint(&dual, "us-east-1"), "https://s3.dualstack.us-east-1.amazonaws.com");
        assert_eq!(Service::Systems.endpoint(&dual, "us-east-1"), "https://ssm.us-east-1.api.aws");
    }
}
