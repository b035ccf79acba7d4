//! References that know what they lead to: a `Ref<Subnet>` cannot be passed for a `Ref<RouteTable>`.

use super::value::Value;
use std::fmt;
use std::marker::PhantomData;

/// A type of resource.
pub trait ResourceType {
    /// Its name: `AWS::EC2::Subnet`.
    const NAME: &'static str;
    /// The attribute that identifies it where `Ref` does not.
    const IDENTITY: Option<&'static str> = None;
}

/// What identifies a resource of one type: a reference inside of the graph, or a literal id of one that is there already.
pub struct Ref<T> {
    value: Value,
    of: PhantomData<fn() -> T>,
}

impl<T: ResourceType> Ref<T> {
    /// Of a resource of the same graph.
    pub fn to(logical_id: impl Into<String>) -> Self {
        let id = logical_id.into();
        let value = match T::IDENTITY {
            Some(attribute) => Value::attribute(id, attribute),
            None => Value::reference(id),
        };
        Self { value, of: PhantomData }
    }

    /// Of a resource that was there before.
    pub fn existing(id: impl Into<String>) -> Self {
        Self { value: Value::text(id), of: PhantomData }
    }

    /// As a value of a property.
    #[must_use]
    pub fn value(&self) -> Value {
        self.value.clone()
    }

    /// The logical id, unless it leads to one that was there before.
    #[must_use]
    pub fn logical_id(&self) -> Option<&str> {
        self.value.mentions().first().copied()
    }

    /// An attribute of a resource of the same graph.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<Value> {
        self.logical_id().map(|id| Value::attribute(id, name))
    }
}

impl<T> Clone for Ref<T> {
    fn clone(&self) -> Self {
        Self { value: self.value.clone(), of: PhantomData }
    }
}

impl<T> PartialEq for Ref<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T> fmt::Debug for Ref<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.value, f)
    }
}

impl<T: ResourceType> From<Ref<T>> for Value {
    fn from(reference: Ref<T>) -> Self {
        reference.value
    }
}

impl<T: ResourceType> From<&Ref<T>> for Value {
    fn from(reference: &Ref<T>) -> Self {
        reference.value.clone()
    }
}

macro_rules! resource_types {
    ($($name:ident = $text:literal $(by $identity:literal)?),* $(,)?) => {$(
        #[doc = concat!("`", $text, "`.")]
        #[derive(Debug, Clone, Copy)]
        pub enum $name {}
        impl ResourceType for $name {
            const NAME: &'static str = $text;
            $(const IDENTITY: Option<&'static str> = Some($identity);)?
        }
    )*
        /// The name of every type that a deployment may have.
        pub const ALL: &[&str] = &[$($text),*];
    };
}

/// The types of resources that are referred to.
pub mod types {
    use super::ResourceType;

    resource_types! {
        Alarm = "AWS::CloudWatch::Alarm",
        AutoScalingGroup = "AWS::AutoScaling::AutoScalingGroup",
        Bucket = "AWS::S3::Bucket",
        BucketPolicy = "AWS::S3::BucketPolicy",
        Certificate = "AWS::CertificateManager::Certificate",
        DbCluster = "AWS::RDS::DBCluster",
        DbClusterParameterGroup = "AWS::RDS::DBClusterParameterGroup",
        DbInstance = "AWS::RDS::DBInstance",
        DbParameterGroup = "AWS::RDS::DBParameterGroup",
        DbSubnetGroup = "AWS::RDS::DBSubnetGroup",
        Eip = "AWS::EC2::EIP" by "AllocationId",
        FlowLog = "AWS::EC2::FlowLog",
        GatewayAttachment = "AWS::EC2::VPCGatewayAttachment",
        InstanceProfile = "AWS::IAM::InstanceProfile",
        InternetGateway = "AWS::EC2::InternetGateway",
        Ipv6Block = "AWS::EC2::VPCCidrBlock",
        Key = "AWS::KMS::Key" by "Arn",
        KeyAlias = "AWS::KMS::Alias",
        LaunchTemplate = "AWS::EC2::LaunchTemplate",
        Listener = "AWS::ElasticLoadBalancingV2::Listener",
        ListenerRule = "AWS::ElasticLoadBalancingV2::ListenerRule",
        LoadBalancer = "AWS::ElasticLoadBalancingV2::LoadBalancer",
        LogGroup = "AWS::Logs::LogGroup",
        NatGateway = "AWS::EC2::NatGateway",
        RecordSet = "AWS::Route53::RecordSet",
        Role = "AWS::IAM::Role",
        Route = "AWS::EC2::Route",
        RouteTable = "AWS::EC2::RouteTable",
        RouteTableAssociation = "AWS::EC2::SubnetRouteTableAssociation",
        Secret = "AWS::SecretsManager::Secret",
        SecurityGroup = "AWS::EC2::SecurityGroup" by "GroupId",
        SecurityGroupEgress = "AWS::EC2::SecurityGroupEgress",
        SecurityGroupIngress = "AWS::EC2::SecurityGroupIngress",
        Subnet = "AWS::EC2::Subnet",
        Subscription = "AWS::SNS::Subscription",
        TargetGroup = "AWS::ElasticLoadBalancingV2::TargetGroup",
        Topic = "AWS::SNS::Topic",
        TopicPolicy = "AWS::SNS::TopicPolicy",
        Vpc = "AWS::EC2::VPC",
        VpcEndpoint = "AWS::EC2::VPCEndpoint",
    }
}
