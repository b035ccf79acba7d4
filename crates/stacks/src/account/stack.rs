//! Stacks, their events and change sets, in CloudFormation's words.
//!
//! Source: the CloudFormation API reference (DescribeStacks, DescribeStackEvents, DescribeChangeSet, DetectStackDrift), 2026-11.

use indexmap::IndexMap;

/// A stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    /// Its ARN, unique for ever.
    pub id: String,
    /// Its name, unique while it is there.
    pub name: String,
    /// How it stands.
    pub status: StackStatus,
    /// Why, in AWS's words.
    pub reason: Option<String>,
    /// The template's description.
    pub description: Option<String>,
    /// The values of its parameters (those that are not to be shown are `****`).
    pub parameters: IndexMap<String, String>,
    /// Its outputs.
    pub outputs: IndexMap<String, String>,
    /// Its tags.
    pub tags: IndexMap<String, String>,
    /// Whether it is protected from deletion.
    pub is_protected: bool,
    /// When it was made.
    pub created_at: String,
    /// When it was last changed; none for a stack that never was.
    pub updated_at: Option<String>,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// AWS's word.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// From AWS's word.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.word())
            }
        }
    };
}

words! {
    /// Every state of a stack.
    StackStatus {
        /// Made by a change set that nobody has executed.
        ReviewInProgress = "REVIEW_IN_PROGRESS",
        /// Being made.
        CreateInProgress = "CREATE_IN_PROGRESS",
        /// Making it failed and nothing was rolled back.
        CreateFailed = "CREATE_FAILED",
        /// Made.
        CreateComplete = "CREATE_COMPLETE",
        /// Being undone after making it failed.
        RollbackInProgress = "ROLLBACK_IN_PROGRESS",
        /// Undoing it failed.
        RollbackFailed = "ROLLBACK_FAILED",
        /// Undone: an empty stack that can only be deleted.
        RollbackComplete = "ROLLBACK_COMPLETE",
        /// Being changed.
        UpdateInProgress = "UPDATE_IN_PROGRESS",
        /// Changed; what was replaced is being removed.
        UpdateCompleteCleanupInProgress = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        /// Changed.
        UpdateComplete = "UPDATE_COMPLETE",
        /// Changing it failed and nothing was rolled back.
        UpdateFailed = "UPDATE_FAILED",
        /// Being put back.
        UpdateRollbackInProgress = "UPDATE_ROLLBACK_IN_PROGRESS",
        /// Putting it back failed.
        UpdateRollbackFailed = "UPDATE_ROLLBACK_FAILED",
        /// Put back; what was new is being removed.
        UpdateRollbackCompleteCleanupInProgress = "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
        /// Put back.
        UpdateRollbackComplete = "UPDATE_ROLLBACK_COMPLETE",
        /// Being deleted.
        DeleteInProgress = "DELETE_IN_PROGRESS",
        /// Deleting it failed.
        DeleteFailed = "DELETE_FAILED",
        /// Deleted.
        DeleteComplete = "DELETE_COMPLETE",
        /// Taking resources in.
        ImportInProgress = "IMPORT_IN_PROGRESS",
        /// Took resources in.
        ImportComplete = "IMPORT_COMPLETE",
        /// Being put back after taking resources in failed.
        ImportRollbackInProgress = "IMPORT_ROLLBACK_IN_PROGRESS",
        /// Putting back failed.
        ImportRollbackFailed = "IMPORT_ROLLBACK_FAILED",
        /// Put back.
        ImportRollbackComplete = "IMPORT_ROLLBACK_COMPLETE",
    }
}

impl StackStatus {
    /// Whether something is under way.
    #[must_use]
    pub fn is_in_progress(self) -> bool {
        self != Self::ReviewInProgress && self.word().ends_with("_IN_PROGRESS")
    }
}

/// Something that happened to a resource of a stack, or to the stack (then `logical_id` is its name).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackEvent {
    /// Unique.
    pub id: String,
    /// When.
    pub at: String,
    /// Which resource.
    pub logical_id: String,
    /// Its id in AWS, once it has one.
    pub physical_id: Option<String>,
    /// Its type.
    pub resource_type: String,
    /// Its state, as `CREATE_FAILED`.
    pub status: String,
    /// Why, in AWS's words.
    pub reason: Option<String>,
    /// The token of the call that caused it.
    pub token: Option<String>,
}

/// A resource of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackResource {
    /// Its name in the template.
    pub logical_id: String,
    /// Its id in AWS, once it has one.
    pub physical_id: Option<String>,
    /// Its type.
    pub resource_type: String,
    /// Its state, as `CREATE_COMPLETE`.
    pub status: String,
    /// Why, in AWS's words.
    pub reason: Option<String>,
}

/// What AWS wants to be told that one knows.
pub type Capability = &'static str;

/// What a change set is to be made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeSetRequest {
    /// The stack's name.
    pub stack: String,
    /// The change set's name; unique in the stack. Chosen from the content, so that a repetition finds the first.
    pub name: String,
    /// Whether the stack is there.
    pub kind: ChangeSetKind,
    /// The template.
    pub template: String,
    /// The values of all parameters that are not the template's own defaults.
    pub parameters: IndexMap<String, String>,
    /// Acknowledged capabilities.
    pub capabilities: Vec<Capability>,
    /// The stack's tags.
    pub tags: Vec<(String, String)>,
    /// Makes a repetition harmless.
    pub token: String,
}

/// Whether the stack of a change set is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeSetKind {
    /// The stack is made.
    Create,
    /// The stack is changed.
    Update,
}

/// A change set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeSet {
    /// Its ARN.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The ARN of its stack.
    pub stack_id: String,
    /// Whether it was made.
    pub status: ChangeSetStatus,
    /// Why it was not, in AWS's words.
    pub reason: Option<String>,
    /// Whether it can be executed now (AWS's execution status is `AVAILABLE`).
    pub is_executable: bool,
    /// What it does.
    pub changes: Vec<Change>,
}

words! {
    /// How far a change set is.
    ChangeSetStatus {
        /// Waits.
        CreatePending = "CREATE_PENDING",
        /// Being made.
        CreateInProgress = "CREATE_IN_PROGRESS",
        /// Made.
        CreateComplete = "CREATE_COMPLETE",
        /// Could not be made; also when there is nothing to change.
        Failed = "FAILED",
        /// Being removed.
        DeleteInProgress = "DELETE_IN_PROGRESS",
        /// Waits to be removed.
        DeletePending = "DELETE_PENDING",
        /// Removing it failed.
        DeleteFailed = "DELETE_FAILED",
        /// Removed.
        DeleteComplete = "DELETE_COMPLETE",
    }
}

/// What happens to one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Which resource.
    pub logical_id: String,
    /// Its id in AWS, when it is there.
    pub physical_id: Option<String>,
    /// Its type.
    pub resource_type: String,
    /// What is done.
    pub action: ChangeAction,
    /// Whether it is another resource afterwards; none where that does not apply.
    pub replacement: Option<Replacement>,
    /// What leads to it.
    pub causes: Vec<ChangeCause>,
}

words! {
    /// What is done to a resource.
    ChangeAction {
        /// Made.
        Add = "Add",
        /// Changed.
        Modify = "Modify",
        /// Removed.
        Remove = "Remove",
        /// Taken in.
        Import = "Import",
        /// AWS does not know yet.
        Dynamic = "Dynamic",
    }
}

words! {
    /// Whether a changed resource is another one afterwards.
    Replacement {
        /// It is.
        True = "True",
        /// It is not.
        False = "False",
        /// AWS cannot say beforehand.
        Conditional = "Conditional",
    }
}

/// One reason for a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeCause {
    /// `Properties`, `Metadata`, `Tags`, `UpdatePolicy` and so on.
    pub attribute: String,
    /// The property, when it is one.
    pub property: Option<String>,
    /// `Never`, `Conditionally`, `Always`: whether changing this property makes another resource.
    pub recreation: Option<String>,
    /// `DirectModification`, `ResourceReference`, `ParameterReference` and so on.
    pub source: Option<String>,
    /// The resource or parameter that leads to it.
    pub causing_entity: Option<String>,
    /// The value before, where the account tells it.
    pub before: Option<String>,
    /// The value after, where the account tells it.
    pub after: Option<String>,
}

/// How far a comparison of a stack with its template is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DriftDetection {
    /// Under way.
    InProgress,
    /// Done.
    Complete,
    /// Not possible, or not for all resources.
    Failed {
        /// Why, in AWS's words.
        reason: String,
    },
}

words! {
    /// What a comparison found for a resource.
    DriftStatus {
        /// As in the template.
        InSync = "IN_SYNC",
        /// Not as in the template.
        Modified = "MODIFIED",
        /// Gone.
        Deleted = "DELETED",
        /// Its type cannot be compared, or it was not.
        NotChecked = "NOT_CHECKED",
    }
}

/// What a comparison found for a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceDrift {
    /// Which resource.
    pub logical_id: String,
    /// Its id in AWS.
    pub physical_id: Option<String>,
    /// Its type.
    pub resource_type: String,
    /// What was found.
    pub status: DriftStatus,
    /// What differs.
    pub differences: Vec<PropertyDifference>,
}

/// A property that is not as in the template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertyDifference {
    /// Where, as `/Tags/0/Value`.
    pub path: String,
    /// As the template says.
    pub expected: String,
    /// As it is.
    pub actual: String,
    /// `ADD`, `REMOVE`, `NOT_EQUAL`.
    pub kind: String,
}
