//! Against a peer that speaks the protocol from the other side.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

#[test]
fn placeholder() {
    Some(()).unwrap();
}
