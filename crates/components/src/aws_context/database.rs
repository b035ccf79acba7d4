//! Databases in an account, and the only ways to them.

use super::{AwsContext, Other, Party, Rule, pascal};
use model::cfn::types::{AutoScalingGroup, SecurityGroup};
use model::cfn::{DatabasePlace, Layer, Ref, Value};
use model::database::Engine;
use model::{ComponentName, ManifestPath, NodeId, PortId};

/// What others need of a database to reach it.
#[derive(Debug, Clone)]
pub struct DatabaseInAws {
    /// The component.
    pub component: ComponentName,
    /// Which family.
    pub engine: Engine,
    /// The node of its server.
    pub server: NodeId,
    /// Its group of interfaces.
    pub group: Ref<SecurityGroup>,
    /// What is called an end of a way in a proof: the instance, or the cluster and its members.
    pub ends: Vec<String>,
    /// The certificates of the authorities of its server, where they were said.
    pub authorities: Option<String>,
    /// Its name in the network.
    pub address: Value,
    /// The port on which it listens.
    pub port: u16,
    /// What the process graph calls that port.
    pub port_id: PortId,
}

/// Somebody who reaches a database.
pub struct Caller<'a> {
    /// The stack of the rules.
    pub layer: Layer,
    /// What stands before the names of the rules.
    pub part: &'a str,
    /// Its group of interfaces.
    pub group: &'a Ref<SecurityGroup>,
    /// What it is called in a proof.
    pub hosts: &'a str,
    /// The line that states it.
    pub because: &'a ManifestPath,
}

impl AwsContext<'_> {
    /// Says what others need of this database, and where it is for whoever changes what is in it.
    pub fn export_database(&mut self, database: DatabaseInAws, place: DatabasePlace) {
        self.aws.databases.insert(self.name.clone(), database);
        self.aws.places_of_databases.push(place);
    }

    /// What others need of a database.
    #[must_use]
    pub fn database(&self, component: &ComponentName) -> Option<DatabaseInAws> {
        self.aws.databases.get(component).cloned()
    }

    /// The databases, in the order of the manifest.
    #[must_use]
    pub fn databases(&self) -> Vec<DatabaseInAws> {
        self.aws.databases.values().cloned().collect()
    }

    /// Says that hosts reach databases, so that what is in them can be changed through these hosts. The first ones count.
    pub fn leads_to(&mut self, databases: &[ComponentName], hosts: &Ref<AutoScalingGroup>) {
        let output = format!("{}Through", pascal(self.name.as_str()));
        let mut is_used = false;
        for place in &mut self.aws.places_of_databases {
            if databases.contains(&place.component) && place.through.is_empty() {
                place.through.clone_from(&output);
                is_used = true;
            }
        }
        if is_used {
            self.output(
                Layer::Access,
                "Through",
                "The group of hosts through which one gets at databases",
                hosts.value(),
            );
        }
    }

    /// Opens the way to a database, on both sides, and states it.
    pub fn let_reach(&mut self, caller: &Caller<'_>, database: &DatabaseInAws) {
        let Caller { layer, part, group, hosts, because } = *caller;
        let name = self.name;
        let to = &database.component;
        let about = if name == to { format!("The way to {to}") } else { format!("{name} to {to}") };
        let port = database.port;
        let part = |way: &str| if part.is_empty() { format!("{way}-{to}") } else { format!("{part}-{way}-{to}") };
        let rule = Rule { group, other: Other::Group(&database.group), port, about: about.clone(), because };
        self.let_out(layer, &part("to"), &rule);
        let rule = Rule { group: &database.group, other: Other::Group(group), port, about, because };
        self.let_in(layer, &part("into"), &rule);
        for end in &database.ends {
            self.way(Party::Resource(hosts.to_owned()), format!("{end}:{port}"), because);
        }
    }
}
