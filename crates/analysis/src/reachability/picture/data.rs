//! Managed services with interfaces in a VPC: databases, caches, search, files, brokers, endpoints.

use super::build::Builder;
use super::network::service_name;
use super::value::{own_name, port, truth, why_not};
use super::{Component, Listener, Place, PublicEndpoint};
use crate::reachability::bounded::{Bounded, Tri, Whys, why};
use crate::reachability::intervals::SetAlgebra as _;
use crate::reachability::packets::{AddressSet, TCP};
use model::cfn::{Evaluated, Is};

/// How a type says where it stands and what it listens on.
struct Service {
    kind: &'static str,
    /// Path to the subnets, with dots; or to a subnet group's name when the type below is set.
    subnets: &'static str,
    /// Type of the subnet group and where that names its subnets.
    subnet_group: Option<(&'static str, &'static str)>,
    groups: &'static str,
    port: &'static str,
    ports: &'static [u16],
    /// Property that gives public addresses.
    public: &'static str,
}

const fn service(kind: &'static str, subnets: &'static str, groups: &'static str, ports: &'static [u16]) -> Service {
    Service { kind, subnets, subnet_group: None, groups, port: "Port", ports, public: "PubliclyAccessible" }
}

const CACHE_SUBNETS: Option<(&str, &str)> = Some(("AWS::ElastiCache::SubnetGroup", "SubnetIds"));

/// Types that one shape fits.
const SERVICES: &[Service] = &[
    Service {
        subnet_group: CACHE_SUBNETS,
        ..service("AWS::ElastiCache::CacheCluster", "CacheSubnetGroupName", "VpcSecurityGroupIds", &[])
    },
    Service {
        subnet_group: CACHE_SUBNETS,
        ..service("AWS::ElastiCache::ReplicationGroup", "CacheSubnetGroupName", "SecurityGroupIds", &[6379])
    },
    Service {
        port: "",
        ..service("AWS::ElastiCache::ServerlessCache", "SubnetIds", "SecurityGroupIds", &[6379, 6380])
    },
    Service {
        subnet_group: Some(("AWS::MemoryDB::SubnetGroup", "SubnetIds")),
        ..service("AWS::MemoryDB::Cluster", "SubnetGroupName", "SecurityGroupIds", &[6379])
    },
    Service {
        subnet_group: Some(("AWS::DAX::SubnetGroup", "SubnetIds")),
        ..service("AWS::DAX::Cluster", "SubnetGroupName", "SecurityGroupIds", &[8111, 9111])
    },
    Service {
        subnet_group: Some(("AWS::Redshift::ClusterSubnetGroup", "SubnetIds")),
        ..service("AWS::Redshift::Cluster", "ClusterSubnetGroupName", "VpcSecurityGroupIds", &[5439])
    },
    service("AWS::RedshiftServerless::Workgroup", "SubnetIds", "SecurityGroupIds", &[5439]),
    Service {
        subnet_group: Some(("AWS::DocDB::DBSubnetGroup", "SubnetIds")),
        ..service("AWS::DocDB::DBCluster", "DBSubnetGroupName", "VpcSecurityGroupIds", &[27017])
    },
    Service {
        subnet_group: Some(("AWS::Neptune::DBSubnetGroup", "SubnetIds")),
        port: "DBPort",
        ..service("AWS::Neptune::DBCluster", "DBSubnetGroupName", "VpcSecurityGroupIds", &[8182])
    },
    Service { port: "", ..service("AWS::EFS::MountTarget", "SubnetId", "SecurityGroups", &[2049]) },
    Service { port: "", ..service("AWS::FSx::FileSystem", "SubnetIds", "SecurityGroupIds", &[445, 988, 2049, 5985]) },
    Service {
        port: "",
        ..service(
            "AWS::MSK::Cluster",
            "BrokerNodeGroupInfo.ClientSubnets",
            "BrokerNodeGroupInfo.SecurityGroups",
            &[2181, 9092, 9094, 9096, 9098],
        )
    },
    Service { port: "", ..service("AWS::AmazonMQ::Broker", "SubnetIds", "SecurityGroups", &[5671, 8162, 61617]) },
    Service {
        port: "",
        ..service("AWS::OpenSearchService::Domain", "VPCOptions.SubnetIds", "VPCOptions.SecurityGroupIds", &[80, 443])
    },
    Service {
        port: "",
        ..service("AWS::Elasticsearch::Domain", "VPCOptions.SubnetIds", "VPCOptions.SecurityGroupIds", &[80, 443])
    },
];

pub(super) fn reads(kind: &str) -> bool {
    SERVICES.iter().any(|service| service.kind == kind || service.subnet_group.is_some_and(|(group, _)| group == kind))
        || kind.starts_with("AWS::RDS::DB")
        || matches!(
            kind,
            "AWS::EFS::FileSystem"
                | "AWS::EFS::AccessPoint"
                | "AWS::RDS::OptionGroup"
                | "AWS::ElastiCache::ParameterGroup"
                | "AWS::ElastiCache::User"
                | "AWS::ElastiCache::UserGroup"
                | "AWS::DocDB::DBInstance"
                | "AWS::DocDB::DBClusterParameterGroup"
                | "AWS::Neptune::DBInstance"
                | "AWS::Neptune::DBParameterGroup"
                | "AWS::Neptune::DBClusterParameterGroup"
                | "AWS::Redshift::ClusterParameterGroup"
                | "AWS::RedshiftServerless::Namespace"
                | "AWS::DAX::ParameterGroup"
                | "AWS::MemoryDB::ACL"
                | "AWS::MemoryDB::ParameterGroup"
                | "AWS::MemoryDB::User"
                | "AWS::MSK::Configuration"
        )
}

fn at<'v>(value: &'v Evaluated, path: &str) -> &'v Evaluated {
    path.split('.').fold(value, Evaluated::get)
}

impl Builder<'_> {
    pub(super) fn data_services(&mut self) {
        self.databases();
        self.proxies();
        for service in SERVICES {
            for name in self.of_kind(service.kind) {
                self.service(service, name);
            }
        }
    }

    fn service(&mut self, service: &Service, name: &str) {
        let Some(drawn) = self.resources.get(name) else { return };
        let properties = drawn.properties.clone();
        let mut component = self.component(name);
        let subnets = at(&properties, service.subnets);
        let groups = at(&properties, service.groups).clone();
        let ports = match port(properties.get(service.port)) {
            Some(port) => vec![port],
            None => {
                let given = properties.get(service.port);
                if !service.port.is_empty() && !given.is_absent() {
                    component.unknown.extend(why_not(given, "port"));
                }
                match service.ports {
                    [] if properties.get("Engine").as_text() == Some("memcached") => vec![11211],
                    [] => vec![6379],
                    ports => ports.to_vec(),
                }
            }
        };
        listen(&mut component, &ports);
        match service.subnet_group {
            Some((kind, property)) => {
                let subnets = self.grouped_subnets(subnets, kind, property);
                component.interfaces = self.interfaces(&subnets.iter().collect::<Vec<_>>(), &[&groups]);
            }
            None if service.kind.ends_with("::Domain") && properties.get("VPCOptions").is_absent() => {
                component.public_endpoint = Some(PublicEndpoint {
                    place: component.place.clone(),
                    allowed: Bounded::known(AddressSet::everything()),
                    port: 443,
                });
            }
            None => component.interfaces = self.interfaces(&[&subnets.clone()], &[&groups]),
        }
        // Managed services have IPv4 addresses unless they are asked for more.
        let v6 = has_both_families(&properties);
        for interface in &mut component.interfaces {
            interface.v6 = v6.clone();
        }
        if let Some(is_public) = truth(properties.get(service.public)) {
            for interface in &mut component.interfaces {
                interface.public_v4 = is_public.clone();
            }
        }
        if service.kind == "AWS::EFS::MountTarget" {
            component.aliases.extend(own_name(properties.get("FileSystemId")).map(str::to_owned));
        }
        self.picture.components.push(component);
    }

    /// The subnets of a named subnet group; what is not known stands for itself.
    fn grouped_subnets(&self, value: &Evaluated, kind: &str, property: &str) -> Vec<Evaluated> {
        let name = match &value.is {
            Is::Resource(name) | Is::Attribute(name, _) => Some(name.as_str()),
            Is::Text(text) => self.of_kind(kind).into_iter().find(|name| {
                ["DBSubnetGroupName", "CacheSubnetGroupName", "SubnetGroupName", "ClusterSubnetGroupName"].iter().any(
                    |property| self.get(name, property).as_text().is_some_and(|own| own.eq_ignore_ascii_case(text)),
                )
            }),
            _ => None,
        };
        match name {
            Some(name) if self.kind(name) == kind => self.get(name, property).items().to_vec(),
            _ => vec![value.clone()],
        }
    }

    fn databases(&mut self) {
        const GROUP: &str = "AWS::RDS::DBSubnetGroup";
        let instances = self.of_kind("AWS::RDS::DBInstance");
        for name in self.of_kind("AWS::RDS::DBCluster") {
            let members: Vec<&str> = instances
                .iter()
                .copied()
                .filter(|instance| own_name(self.get(instance, "DBClusterIdentifier")) == Some(name))
                .collect();
            let subnets = self.grouped_subnets(self.get(name, "DBSubnetGroupName"), GROUP, "SubnetIds");
            let groups = self.get(name, "VpcSecurityGroupIds").clone();
            let mut component = self.database(name, &subnets, &groups, name);
            let public = std::iter::once(name)
                .chain(members)
                .map(|part| truth(self.get(part, "PubliclyAccessible")))
                .fold(None, |all: Option<Tri>, one| match (all, one) {
                    (Some(Tri::Yes), _) | (_, Some(Tri::Yes)) => Some(Tri::Yes),
                    (Some(Tri::Unknown(whys)), _) | (_, Some(Tri::Unknown(whys))) => Some(Tri::Unknown(whys)),
                    (known, None) | (_, known) => known,
                });
            self.publish(&mut component, public.as_ref());
            self.picture.components.push(component);
        }
        for name in instances {
            let cluster = own_name(self.get(name, "DBClusterIdentifier")).map(str::to_owned);
            let said_in = cluster.as_deref().unwrap_or(name);
            let mut subnet_group = self.get(name, "DBSubnetGroupName");
            if subnet_group.is_absent() {
                subnet_group = self.get(said_in, "DBSubnetGroupName");
            }
            let subnets = self.grouped_subnets(subnet_group, GROUP, "SubnetIds");
            let mut groups = self.get(said_in, "VpcSecurityGroupIds").clone();
            if groups.is_absent() {
                groups = self.get(name, "VPCSecurityGroups").clone();
            }
            let mut component = self.database(name, &subnets, &groups, said_in);
            let public = truth(self.get(name, "PubliclyAccessible"));
            self.publish(&mut component, public.as_ref());
            self.picture.components.push(component);
        }
    }

    fn database(&mut self, name: &str, subnets: &[Evaluated], groups: &Evaluated, said_in: &str) -> Component {
        let mut component = self.component(name);
        let given = self.get(said_in, "Port");
        let engine = match self.get(name, "Engine") {
            value if value.is_absent() => self.get(said_in, "Engine"),
            value => value,
        };
        match (port(given), engine.as_text().and_then(default_port)) {
            (Some(port), _) => listen(&mut component, &[port]),
            (None, Some(port)) if given.is_absent() => listen(&mut component, &[port]),
            (None, _) if !given.is_absent() => {
                component.unknown.extend(why_not(given, "port"));
                listen_anywhere(&mut component);
            }
            _ => {
                // Restored from a snapshot or with an engine that a parameter names: any port may be its own.
                listen_anywhere(&mut component);
            }
        }
        let mut all: Vec<&Evaluated> = subnets.iter().filter(|value| !value.is_absent()).collect();
        if all.is_empty() {
            all.push(&DEFAULT_SUBNETS);
        }
        component.interfaces = self.interfaces(&all, &[groups]);
        let v6 = self.resources.get(said_in).map_or(Tri::No, |drawn| has_both_families(&drawn.properties));
        for interface in &mut component.interfaces {
            interface.v6 = v6.clone();
        }
        component
    }

    /// Proxies of databases: they listen where their endpoints stand.
    fn proxies(&mut self) {
        for kind in ["AWS::RDS::DBProxy", "AWS::RDS::DBProxyEndpoint"] {
            for name in self.of_kind(kind) {
                let mut component = self.component(name);
                let proxy = self.resources_named("AWS::RDS::DBProxy", self.get(name, "DBProxyName"));
                let family = self.get(proxy.unwrap_or(name), "EngineFamily");
                match family.as_text() {
                    Some("MYSQL") => listen(&mut component, &[3306]),
                    Some("POSTGRESQL") => listen(&mut component, &[5432]),
                    Some("SQLSERVER") => listen(&mut component, &[1433]),
                    _ => listen_anywhere(&mut component),
                }
                let (subnets, groups) =
                    (self.get(name, "VpcSubnetIds").clone(), self.get(name, "VpcSecurityGroupIds").clone());
                component.interfaces = self.interfaces(&[&subnets], &[&groups]);
                for interface in &mut component.interfaces {
                    interface.v6 = Tri::No;
                }
                self.picture.components.push(component);
            }
        }
    }

    /// The resource of a kind that a value refers to, or names by its property of the same name.
    fn resources_named(&self, kind: &str, value: &Evaluated) -> Option<&'_ str> {
        let names = self.of_kind(kind);
        if let Some(own) = own_name(value) {
            return names.into_iter().find(|name| *name == own);
        }
        let text = value.as_text()?;
        names.into_iter().find(|name| self.get(name, "DBProxyName").as_text() == Some(text))
    }

    /// Public addresses of a database: as said, else by whether its VPC has an internet gateway.
    fn publish(&self, component: &mut Component, said: Option<&Tri>) {
        for interface in &mut component.interfaces {
            let vpc = &self.picture.vpcs[self.picture.subnets[interface.subnet].vpc];
            interface.public_v4 = match said {
                Some(said) => said.clone(),
                None if !vpc.internet_gateways.is_empty() => Tri::Yes,
                None if vpc.unknown_gateways.is_empty() => Tri::No,
                None => Tri::Unknown(vpc.unknown_gateways.clone()),
            };
        }
    }

    /// Interface endpoints.
    pub(super) fn endpoints(&mut self) {
        for name in self.of_kind("AWS::EC2::VPCEndpoint") {
            let kind = self.get(name, "VpcEndpointType").clone();
            match kind.as_text() {
                Some("Interface") => {}
                None if kind.is_absent() => continue,
                Some("Gateway") => continue,
                _ => {
                    let mut component = self.component(name);
                    component.unknown = if kind.why().is_some() {
                        why_not(&kind, "type")
                    } else {
                        why(format!("{name} is no interface endpoint"))
                    };
                    self.picture.components.push(component);
                    continue;
                }
            }
            let (subnets, groups) = (self.get(name, "SubnetIds").clone(), self.get(name, "SecurityGroupIds").clone());
            let mut component = self.component(name);
            component.interfaces = self.interfaces(&[&subnets], &[&groups]);
            let kind = self.get(name, "IpAddressType").clone();
            for interface in &mut component.interfaces {
                // Whatever the subnet assigns; not more than it has.
                let asks = matches!(kind.as_text(), Some("ipv6" | "dualstack"));
                let has = !self.picture.subnets[interface.subnet].v6.is_empty();
                interface.v6 = match kind.why() {
                    Some(whys) => Tri::Unknown(whys.clone()),
                    None => (asks && has).into(),
                };
            }
            component.is_relay = true;
            let v6 = self.resources.get(name).map_or(Tri::No, |drawn| has_both_families(&drawn.properties));
            for interface in &mut component.interfaces {
                interface.v6 = v6.clone();
            }
            let is_open_ended =
                !self.get(name, "ServiceName").as_text().is_some_and(|text| text.starts_with("com.amazonaws"));
            if is_open_ended {
                // Somebody else's service listens where it likes.
                listen_anywhere(&mut component);
            } else {
                listen(&mut component, &[443]);
            }
            let service = service_name(self.get(name, "ServiceName"));
            let policy = self.endpoint_policy(name);
            self.picture.interface_endpoints.insert(name.to_owned(), (service, policy));
            self.picture.components.push(component);
        }
    }
}

/// Whether a managed service has IPv6 addresses too.
fn has_both_families(properties: &Evaluated) -> Tri {
    for property in ["NetworkType", "IpAddressType", "IPAddressType", "NetworkTypes"] {
        let value = properties.get(property);
        if let Some(whys) = value.why() {
            return Tri::Unknown(whys.clone());
        }
        if let Some(text) = value.as_text() {
            let text = text.to_ascii_lowercase();
            return (text.contains("dual") || text.contains('6')).into();
        }
    }
    Tri::No
}

static DEFAULT_SUBNETS: Evaluated = Evaluated::ABSENT;

pub(super) fn listen(component: &mut Component, ports: &[u16]) {
    for port in ports {
        let place: Place = component.place.clone();
        component.listeners.push(Listener { place, protocol: TCP, ports: (*port, *port) });
    }
}

fn listen_anywhere(component: &mut Component) {
    let place = component.place.clone();
    component.listeners.push(Listener { place, protocol: TCP, ports: (0, u16::MAX) });
}

fn default_port(engine: &str) -> Option<u16> {
    let engine = engine.to_ascii_lowercase();
    Some(match engine.as_str() {
        "mysql" | "mariadb" | "aurora" | "aurora-mysql" => 3306,
        "postgres" | "aurora-postgresql" => 5432,
        _ if engine.starts_with("oracle") || engine.starts_with("custom-oracle") => 1521,
        _ if engine.starts_with("sqlserver") || engine.starts_with("custom-sqlserver") => 1433,
        _ if engine.starts_with("db2") => 50000,
        _ => return None,
    })
}

/// A public endpoint that only these blocks may use.
pub(super) fn allowed_blocks(value: &Evaluated) -> Bounded<AddressSet> {
    if value.is_absent() {
        return Bounded::known(AddressSet::everything());
    }
    let mut allowed = Bounded::none();
    for item in value.items() {
        allowed.add(&match super::network::block(item) {
            Some(block) => Bounded::known(block),
            None => Bounded {
                whys: why_not(item, "block of addresses"),
                ..Bounded::at_most(AddressSet::everything(), Whys::new())
            },
        });
    }
    allowed
}
