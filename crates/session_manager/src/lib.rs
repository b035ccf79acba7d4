//! The data channel of AWS Systems Manager sessions: a port of a private network on this machine.
