//! The crate against itself and against OpenSSH.
