//! The part of a graph that one stack makes.

use indexmap::IndexMap;
use model::cfn::ParameterSource;
use model::cfn::{Kind, Layer, Output, Parameter, Resource, ResourceGraph, SubPart, Value};

/// What one stack makes, wants and tells.
pub(super) struct Part {
    pub(super) parameters: IndexMap<String, (Parameter, String)>,
    pub(super) sources: IndexMap<String, ParameterSource>,
    pub(super) resources: IndexMap<String, Resource>,
    pub(super) outputs: IndexMap<String, Output>,
}

/// A value that goes from one stack to others.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Handed {
    resource: String,
    attribute: Option<String>,
}

impl Handed {
    /// The name of the output there and of the parameter here.
    fn name(&self, graph: &ResourceGraph) -> String {
        let attribute: String =
            self.attribute.iter().flat_map(|text| text.chars()).filter(char::is_ascii_alphanumeric).collect();
        let name = format!("{}{attribute}", self.resource);
        // A resource of that very name may stand in the stack that gets the value.
        if self.attribute.is_some() && graph.resources.contains_key(&name) { format!("{name}Value") } else { name }
    }

    fn value(&self) -> Value {
        match &self.attribute {
            Some(attribute) => Value::attribute(self.resource.as_str(), attribute.as_str()),
            None => Value::reference(self.resource.as_str()),
        }
    }

    /// The type of the parameter, checked by CloudFormation before anything is made.
    fn kind(&self, graph: &ResourceGraph) -> &'static str {
        let of = graph.resources.get(&self.resource).map(|resource| resource.kind.as_str());
        match (of, self.attribute.as_deref()) {
            (Some("AWS::EC2::VPC"), None) => "AWS::EC2::VPC::Id",
            (Some("AWS::EC2::Subnet"), None) => "AWS::EC2::Subnet::Id",
            (Some("AWS::EC2::SecurityGroup"), Some("GroupId")) => "AWS::EC2::SecurityGroup::Id",
            _ => "String",
        }
    }
}

/// Cuts the part of a layer out of the graph.
pub(super) fn part(graph: &ResourceGraph, layer: Layer, zones: &IndexMap<String, String>) -> Part {
    let mut part = Part {
        parameters: IndexMap::new(),
        sources: IndexMap::new(),
        resources: IndexMap::new(),
        outputs: IndexMap::new(),
    };
    let is_here = |name: &str| graph.resources.get(name).is_some_and(|resource| resource.layer == Some(layer));
    let mut handed: Vec<Handed> = Vec::new();
    for (id, resource) in graph.resources.iter().filter(|(_, resource)| resource.layer == Some(layer)) {
        let mut resource = resource.clone();
        let values = std::iter::once(&mut resource.properties).chain(resource.attributes.values_mut());
        for value in values {
            replace(value, graph, &is_here, &mut handed);
        }
        for name in resource.properties.mentions() {
            if let Some(parameter) = graph.parameters.get(name) {
                let source = match zones.get(name) {
                    Some(domain) => ParameterSource::HostedZone { domain: domain.clone() },
                    None => ParameterSource::Default,
                };
                let about = match &source {
                    ParameterSource::HostedZone { domain } => format!("The hosted zone in which {domain} lies"),
                    _ => "Looked up when the stack is made".to_owned(),
                };
                part.parameters.insert(name.to_owned(), (parameter.clone(), about));
                part.sources.insert(name.to_owned(), source);
            }
        }
        part.resources.insert(id.clone(), resource);
    }
    for one in handed {
        let name = one.name(graph);
        let from = graph.resources.get(&one.resource).and_then(|resource| resource.layer).unwrap_or(Layer::Network);
        let parameter = Parameter { kind: one.kind(graph).to_owned(), default: None, allowed: Vec::new(), line: 0 };
        let about = format!("From the layer {}: its output {name}", from.name());
        part.parameters.insert(name.clone(), (parameter, about));
        part.sources.insert(name.clone(), ParameterSource::Output { layer: from, name });
    }
    part.outputs.extend(told(graph, layer));
    let own = graph.outputs.iter().filter(|(_, output)| output.layer == layer);
    part.outputs.extend(own.map(|(name, output)| (name.clone(), output.clone())));
    part
}

/// What later layers need of this one.
fn told(graph: &ResourceGraph, layer: Layer) -> IndexMap<String, Output> {
    let mut outputs = IndexMap::new();
    for other in Layer::ALL.into_iter().filter(|other| *other != layer) {
        let is_here = |name: &str| graph.resources.get(name).is_some_and(|resource| resource.layer == Some(other));
        let mut handed = Vec::new();
        for resource in graph.resources.values().filter(|resource| resource.layer == Some(other)) {
            replace(&mut resource.properties.clone(), graph, &is_here, &mut handed);
        }
        for one in handed {
            let from = graph.resources.get(&one.resource).and_then(|resource| resource.layer);
            if from == Some(layer) {
                let about = format!("For the layer {}", other.name());
                outputs.entry(one.name(graph)).or_insert(Output { about, value: one.value(), layer });
            }
        }
    }
    outputs
}

/// Puts parameters in the place of what other stacks make.
fn replace(value: &mut Value, graph: &ResourceGraph, is_here: &impl Fn(&str) -> bool, handed: &mut Vec<Handed>) {
    let mut hand = |resource: &str, attribute: Option<&str>| -> Option<String> {
        if is_here(resource) || !graph.resources.contains_key(resource) {
            return None;
        }
        let one = Handed { resource: resource.to_owned(), attribute: attribute.map(str::to_owned) };
        let name = one.name(graph);
        if !handed.contains(&one) {
            handed.push(one);
        }
        Some(name)
    };
    match &mut value.kind {
        Kind::Ref(name) => {
            if let Some(parameter) = hand(name, None) {
                *name = parameter;
            }
        }
        Kind::GetAtt(name, attribute) => {
            if let Some(parameter) = hand(name, Some(attribute)) {
                value.kind = Kind::Ref(parameter);
            }
        }
        Kind::Sub(parts, _) => {
            for part in parts {
                let parameter = match part {
                    SubPart::Name(name) => hand(name, None),
                    SubPart::Attribute(name, attribute) => hand(name, Some(attribute)),
                    SubPart::Literal(_) => None,
                };
                if let Some(parameter) = parameter {
                    *part = SubPart::Name(parameter);
                }
            }
        }
        _ => {}
    }
    for child in value.children_mut() {
        replace(child, graph, is_here, handed);
    }
}
