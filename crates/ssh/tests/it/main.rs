//! Against OpenSSH on loopback.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

#[test]
fn placeholder() {
    Some(()).unwrap();
}
