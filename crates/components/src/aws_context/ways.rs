//! The ways that a manifest states, for a proof of the resources.

use super::AwsGraph;
use model::ManifestPath;

/// A way that the manifest states, by the names that a proof of the resources gives to its ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WayStated {
    /// Who comes.
    pub from: Party,
    /// Where to: `WebBalancer:443`, `internet`, `service:s3`.
    pub to: String,
    /// The line that states it.
    pub because: ManifestPath,
}

/// A way that the manifest states between two ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatedWay {
    /// Who comes: a logical id, or a block of addresses.
    pub from: String,
    /// Where to: `WebBalancer:443`, `internet-v4`, `service:s3`.
    pub to: String,
    /// Whether it must be open; otherwise it may be.
    pub is_open: bool,
    /// The line that states it.
    pub because: ManifestPath,
}

/// Who comes on a way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Party {
    /// A block of addresses outside of the network.
    Block(String),
    /// Everything in the network.
    Network,
    /// One resource.
    Resource(String),
}

impl AwsGraph {
    /// Each way that the manifest states, between single ends.
    #[must_use]
    pub fn stated(&self) -> Vec<StatedWay> {
        let mut stated = Vec::new();
        for WayStated { from, to, because } in &self.ways_stated {
            let inside = self.interfaces.iter().filter(|id| !to.starts_with(&format!("{id}:"))).cloned();
            // What else is in the network may come, if its own rules let it out.
            let inside = inside.map(|id| (id, false));
            let from: Vec<(String, bool)> = match from {
                Party::Block(block) => vec![(block.clone(), true)],
                Party::Network => inside.collect(),
                Party::Resource(id) => vec![(id.clone(), true)],
            };
            let way = |(from, is_open)| StatedWay { from, to: to.clone(), is_open, because: because.clone() };
            stated.extend(from.into_iter().map(way));
        }
        stated
    }
}
