//! Judgements about what would be deployed, made from the resource graph alone.
pub mod cost;
pub mod duration;
pub mod inventory;
pub mod reachability;
pub mod resource_types;
