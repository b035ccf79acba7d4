//! A deployment in an account: its stacks, from any state to the wanted one, through any crash.
//!
//! The account is the only memory. Every run looks at it, decides, and calls through [`Account`];
//! nothing that is needed lies on the machine from which the run was started.

pub mod account;

pub use account::Account;
