//! What happens while a deployment is brought up, compared or taken down; views are made from it.

use crate::account::ValidationRecord;
use model::{ComponentName, Fault, ManifestPath};

/// Something happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Notice {
    /// A stack is begun with.
    StackBegins {
        /// Which.
        stack: String,
        /// What is done, as `create`, `update`, `delete`.
        action: &'static str,
        /// How many resources it has.
        resources: usize,
        /// How long it usually takes.
        seconds: u32,
    },
    /// A resource is made, changed or removed.
    Resource {
        /// Of which stack.
        stack: String,
        /// Which.
        logical_id: String,
        /// Its type.
        resource_type: String,
        /// AWS's word, as `CREATE_COMPLETE`.
        status: String,
        /// AWS's words.
        reason: Option<String>,
        /// The component that it belongs to.
        component: Option<ComponentName>,
        /// The line of the manifest.
        origin: Option<ManifestPath>,
    },
    /// How far a stack is.
    Progress {
        /// Which.
        stack: String,
        /// Resources that are done, by component.
        components: Vec<ComponentProgress>,
        /// How long the rest usually takes, in seconds.
        remaining_seconds: u32,
    },
    /// Something that somebody began is waited for.
    Waiting {
        /// The stack.
        stack: String,
        /// AWS's word for its state.
        status: String,
        /// Who began it, as far as AWS tells: the token of the call, and when.
        who: String,
    },
    /// A certificate waits until the world can see a record.
    Gate {
        /// The stack.
        stack: String,
        /// The domain.
        domain: String,
        /// The records.
        records: Vec<ValidationRecord>,
        /// The name servers of the zone in the account.
        zone_name_servers: Vec<String>,
        /// The name servers that the parent names.
        delegated_name_servers: Vec<String>,
        /// In words: what to do, or that nothing is to be done.
        advice: String,
    },
    /// Evidence was kept.
    EvidenceKept {
        /// Of which stack.
        stack: String,
    },
    /// Evidence could not be kept; the run goes on.
    EvidenceLost {
        /// Why.
        fault: Fault,
    },
    /// A stack goes back to its last good state.
    RollsBack {
        /// Which.
        stack: String,
        /// Why.
        cause: String,
    },
    /// Resources are left as they are, so that the rest can go on.
    LeftAsTheyAre {
        /// The stack.
        stack: String,
        /// Logical id and AWS's words.
        resources: Vec<(String, String)>,
        /// What is gone on with.
        why: &'static str,
    },
    /// What blocked a deletion was removed.
    Unblocked {
        /// The stack.
        stack: String,
        /// What, in words.
        what: String,
    },
    /// A stack is as wanted, or gone.
    StackEnds {
        /// Which.
        stack: String,
        /// In words: `made`, `changed`, `as it was`, `deleted`.
        outcome: &'static str,
    },
    /// A secret was made, brought or rendered. Its value is never told.
    Secret {
        /// Which.
        logical_id: String,
        /// The line of the manifest.
        origin: ManifestPath,
        /// In words.
        outcome: String,
    },
    /// The lease is somebody else's; it is waited for.
    LeaseAwaited {
        /// Who holds it, in words.
        holder: String,
    },
    /// Something that people should know, with nothing to be done about it now.
    Remark(String),
}

/// How far a component is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentProgress {
    /// Which; none for what belongs to the deployment as a whole.
    pub component: Option<ComponentName>,
    /// Resources that are done.
    pub done: usize,
    /// Resources in all.
    pub total: usize,
}
