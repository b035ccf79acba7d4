//! Databases that a deployment has in an account: where they are, who may change what is in them, and through which hosts one gets there.

use crate::database::DatabaseContent;
use crate::{ComponentName, ManifestPath, NodeId};

/// A database server of the account and what must be in it. What is in it is applied when the server and the hosts through which one
/// gets there are made, before anything works with it.
#[derive(Debug, Clone, PartialEq)]
pub struct DatabasePlace {
    /// The component.
    pub component: ComponentName,
    /// What made it.
    pub origin: ManifestPath,
    /// The node of the server; texts name it.
    pub server: NodeId,
    /// The resource: an instance, or a cluster.
    pub logical_id: String,
    /// Whether it is a cluster.
    pub is_cluster: bool,
    /// The port on which it listens.
    pub port: u16,
    /// The output that is its name in the network.
    pub address: String,
    /// The output that is the ARN of the administrator's secret: a JSON mapping with `username` and `password`, kept by RDS.
    pub administrator: String,
    /// The output that is the name of the group of hosts that reach it.
    pub through: String,
    /// What it must hold.
    pub content: DatabaseContent,
}
