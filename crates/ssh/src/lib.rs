//! SSH: the bastion that lets exactly the stated forwards through, the client that opens them, the supervised reverse tunnel.
