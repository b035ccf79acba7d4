//! Judgements about what would be deployed, made from the resource graph alone.
pub mod reachability;
