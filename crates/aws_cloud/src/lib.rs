//! The port to an account, by HTTP.
