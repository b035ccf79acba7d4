//! A deployment in an account: its stacks, from any state to the wanted one, through any crash.
//!
//! The account is the only memory. Every run looks at it, decides, and calls through [`Account`];
//! nothing that is needed lies on the machine from which the run was started.
//!
//! The road of one `up`: [`Session::check_account`], [`Session::observe`], [`Session::plan`], [`Session::up`]. What to do
//! with a stack is decided by one pure function, [`next()`], anew after every call.

pub mod account;
pub mod backups;
mod calls;
mod causes;
mod change_set;
pub mod databases;
mod deployment;
pub mod down;
pub mod drift;
mod evidence;
pub mod lease;
pub mod next;
mod notice;
pub mod plan;
mod preflight;
mod releases;
pub mod restores;
mod rotations;
mod secrets;
mod session;
pub mod situation;
mod stack_run;
mod token;
pub mod up;
pub mod way_in;
mod world;

pub use account::{Account, Databases, Sessions};
pub use calls::{CallNotice, Calls, Pacer};
pub use causes::{Cause, denied_action};
pub use databases::{Applied, ContentReport, Contents, DatabaseWork, Extent};
pub use deployment::{COMPONENT_TAG, DEPLOYMENT_TAG, Deployment, ENVIRONMENT_TAG, MANIFEST_TAG};
pub use down::{DownOptions, DownReport, WhatGoes};
pub use drift::DriftReport;
pub use evidence::{Evidence, EvidenceEvent, HostEvidence};
pub use lease::{LeaseRecord, LeaseRequest};
pub use next::{Next, Refusal, next};
pub use notice::{ComponentProgress, Notice};
pub use plan::{AccountPlan, PlanOptions};
pub use session::{Session, Sources, TypeFacts};
pub use up::{UpOptions, UpReport};
pub use world::{Parameters, Seen, World};
