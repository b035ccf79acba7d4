//! What there is to know about the database servers of a deployment.

use crate::database::record::Record;
use crate::target::LocalTarget;
use indexmap::IndexMap;
use model::database::Engine;
use model::process_graph::{NodeSpec, ProcessGraph};
use model::{Fault, NodeId};
use serde::Serialize;
use std::path::PathBuf;

/// A database server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DatabaseFacts {
    /// What runs, which need not be what was wanted.
    pub engine: Engine,
    /// Its release.
    pub release: String,
    /// How it differs from what is wanted, in words.
    pub difference: Option<String>,
    /// The server's program.
    pub server: PathBuf,
    /// Its data.
    pub data: PathBuf,
}

impl LocalTarget {
    /// The database servers of a graph that were made.
    ///
    /// # Errors
    /// When what was written down about one cannot be read.
    pub fn databases(&self, graph: &ProcessGraph) -> Result<IndexMap<NodeId, DatabaseFacts>, Fault> {
        let mut facts = IndexMap::new();
        for (node, _) in graph.nodes.iter().filter(|(_, node)| matches!(node.spec, NodeSpec::DatabaseServer(_))) {
            let Some(Record { programs, difference, data, .. }) = Record::find(&self.home, node)? else { continue };
            let release = programs.release.to_string();
            let server = programs.server;
            facts.insert(node.clone(), DatabaseFacts { engine: programs.engine, release, difference, server, data });
        }
        Ok(facts)
    }
}
