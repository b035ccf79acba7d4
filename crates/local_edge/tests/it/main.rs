//! The edge against real clients and servers.
