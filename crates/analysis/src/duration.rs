//! How long it takes to make a deployment: the longest chain of resources that wait for each other, from a dated table.

use model::cfn::{Kind, Layer, ResourceGraph, Value};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Table {
    as_of: String,
    source: String,
    usual: u32,
    kinds: BTreeMap<String, u32>,
}

impl Table {
    fn load() -> Self {
        serde_json::from_str(include_str!("duration/seconds.json")).expect("the table is read by a test")
    }
}

/// One link of the longest chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    /// The resource.
    pub id: String,
    /// How long it takes by itself.
    pub seconds: u32,
}

/// How long it takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DurationReport {
    /// All stacks, one after the other.
    pub seconds: u32,
    /// The resources that decide it, in order.
    pub critical_path: Vec<Link>,
    /// The day of the table.
    pub as_of: String,
    /// What the table says.
    pub source: String,
}

impl DurationReport {
    /// In minutes, rounded up.
    #[must_use]
    pub fn minutes(&self) -> u32 {
        self.seconds.div_ceil(60)
    }
}

/// How long a resource of that type usually takes to be made.
#[must_use]
pub fn seconds_to_create(kind: &str) -> u32 {
    static TABLE: std::sync::LazyLock<Table> = std::sync::LazyLock::new(Table::load);
    TABLE.kinds.get(kind).copied().unwrap_or(TABLE.usual)
}

/// How long it takes to make all resources: stacks one after the other, resources of a stack side by side.
#[must_use]
pub fn time_to_create(graph: &ResourceGraph) -> DurationReport {
    let table = Table::load();
    let mut report = DurationReport {
        seconds: 0,
        critical_path: Vec::new(),
        as_of: table.as_of.clone(),
        source: table.source.clone(),
    };
    for layer in Layer::ALL {
        let chain = longest_chain(graph, layer, &table);
        report.seconds += chain.iter().map(|link| link.seconds).sum::<u32>();
        report.critical_path.extend(chain);
    }
    report
}

/// The chain of a layer that takes the longest.
fn longest_chain(graph: &ResourceGraph, layer: Layer, table: &Table) -> Vec<Link> {
    /// When a resource is ready, and for whom it waited.
    type Ready<'g> = BTreeMap<&'g str, (u32, Option<&'g str>)>;
    fn ready<'g>(
        graph: &'g ResourceGraph,
        layer: Layer,
        table: &Table,
        id: &'g str,
        known: &mut Ready<'g>,
        open: &mut Vec<&'g str>,
    ) -> u32 {
        if let Some((seconds, _)) = known.get(id) {
            return *seconds;
        }
        // Whoever waits for itself would never be ready; CloudFormation refuses that.
        let Some(resource) = graph.resources.get(id).filter(|_| !open.contains(&id)) else { return 0 };
        open.push(id);
        let mut last = (0, None);
        for need in needs(graph, id).into_iter().filter(|need| is_in(graph, layer, need)) {
            let seconds = ready(graph, layer, table, need, known, open);
            if seconds > last.0 {
                last = (seconds, Some(need));
            }
        }
        open.pop();
        let seconds = last.0 + own_seconds(resource, table);
        known.insert(id, (seconds, last.1));
        seconds
    }
    let mut known = Ready::new();
    for id in graph.resources.keys().filter(|id| is_in(graph, layer, id)) {
        ready(graph, layer, table, id, &mut known, &mut Vec::new());
    }
    let mut chain = Vec::new();
    let mut next = known.iter().max_by_key(|(_, (seconds, _))| *seconds).map(|(id, _)| *id);
    while let Some(id) = next {
        let seconds = graph.resources.get(id).map_or(0, |resource| own_seconds(resource, table));
        chain.push(Link { id: id.to_owned(), seconds });
        next = known.get(id).and_then(|(_, before)| *before);
    }
    chain.reverse();
    chain
}

fn is_in(graph: &ResourceGraph, layer: Layer, id: &str) -> bool {
    graph.resources.get(id).is_some_and(|resource| resource.layer == Some(layer))
}

fn own_seconds(resource: &model::cfn::Resource, table: &Table) -> u32 {
    table.kinds.get(&resource.kind).copied().unwrap_or(table.usual)
}

/// For what a resource waits: what it refers to, and what it says that it depends on.
fn needs<'g>(graph: &'g ResourceGraph, id: &str) -> Vec<&'g str> {
    let Some(resource) = graph.resources.get(id) else { return Vec::new() };
    let mut needs = resource.properties.mentions();
    let depends = resource.attributes.get("DependsOn");
    let items = depends.map(|value| if matches!(value.kind, Kind::List(_)) { value.children() } else { vec![value] });
    needs.extend(items.into_iter().flatten().filter_map(|value: &Value| match &value.kind {
        Kind::Text(text) => Some(text.as_str()),
        _ => None,
    }));
    needs
}

#[cfg(test)]
mod tests {
    use super::time_to_create;
    use model::Findings;
    use model::cfn::{Layer, read};

    #[test]
    fn the_longest_chain_decides() {
        let text = "
Resources:
  Vpc: { Type: 'AWS::EC2::VPC' }
  Nat: { Type: 'AWS::EC2::NatGateway', DependsOn: Address, Properties: { SubnetId: !Ref Subnet } }
  Address: { Type: 'AWS::EC2::EIP' }
  Subnet: { Type: 'AWS::EC2::Subnet', Properties: { VpcId: !Ref Vpc } }
  Loop: { Type: T, DependsOn: [Loop] }
";
        let mut graph = read("t", text, &mut Findings::new()).unwrap().graph;
        for resource in graph.resources.values_mut() {
            resource.layer = Some(Layer::Network);
        }
        let report = time_to_create(&graph);
        let ids: Vec<&str> = report.critical_path.iter().map(|link| link.id.as_str()).collect();
        assert_eq!(ids, ["Vpc", "Subnet", "Nat"]);
        assert_eq!((report.seconds, report.minutes()), (15 + 10 + 120, 3));
    }
}
