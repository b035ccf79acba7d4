//! Messages: what is written can be read, and nothing that is read makes trouble.

use bytes::Bytes;
use proptest::prelude::*;
use session_manager::message::{BadMessage, Kind, Message};

fn message() -> impl Strategy<Value = Message> {
    let kinds = prop_oneof![
        Just(Kind::Input),
        Just(Kind::Output),
        Just(Kind::Acknowledge),
        Just(Kind::ChannelClosed),
        "[a-z_]{1,32}".prop_map(Kind::Other),
    ];
    let payload = proptest::collection::vec(any::<u8>(), 0..2000);
    (kinds, any::<u64>(), any::<i64>(), any::<u64>(), any::<[u8; 16]>(), any::<u32>(), payload).prop_map(
        |(kind, created, sequence, flags, id, payload_type, payload)| Message {
            kind,
            created,
            sequence,
            flags,
            id,
            payload_type,
            payload: payload.into(),
        },
    )
}

proptest! {
    #[test]
    fn a_message_is_what_it_was(message in message()) {
        prop_assert_eq!(Message::decode(&message.encoded()), Ok(message));
    }

    #[test]
    fn a_cut_message_is_refused(message in message(), cut in any::<prop::sample::Index>()) {
        let bytes = message.encoded();
        Message::decode(&bytes.slice(..cut.index(bytes.len()))).unwrap_err();
    }

    #[test]
    fn a_damaged_payload_is_refused(message in message(), at in any::<prop::sample::Index>(), bit in 0..8_u32) {
        prop_assume!(!message.payload.is_empty());
        let mut bytes = message.encoded().to_vec();
        let at = 120 + at.index(message.payload.len());
        bytes[at] ^= 1 << bit;
        prop_assert_eq!(Message::decode(&Bytes::from(bytes)), Err(BadMessage::Digest));
    }

    #[test]
    fn any_bytes_are_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Message::decode(&Bytes::from(bytes));
    }

    #[test]
    fn any_header_is_read_without_harm(message in message(), at in 0..120_usize, value in any::<u8>()) {
        let mut bytes = message.encoded().to_vec();
        bytes[at] = value;
        let _ = Message::decode(&Bytes::from(bytes));
    }
}

/// A message as Amazon's own client writes it, put together by hand from its layout.
#[test]
fn the_layout_is_that_of_the_other_implementation() {
    let payload: Bytes = Bytes::from_static(b"hello");
    let message = Message {
        kind: Kind::Input,
        created: 0x0102_0304_0506_0708,
        sequence: 9,
        flags: 1,
        id: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        payload_type: 1,
        payload,
    };
    let mut expected = vec![0, 0, 0, 116];
    expected.extend(b"input_stream_data               ");
    expected.extend([0, 0, 0, 1]);
    expected.extend([1, 2, 3, 4, 5, 6, 7, 8]);
    expected.extend([0, 0, 0, 0, 0, 0, 0, 9]);
    expected.extend([0, 0, 0, 0, 0, 0, 0, 1]);
    expected.extend([8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7]);
    // sha256sum of `hello`
    let digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    expected.extend((0..64).step_by(2).map(|at| u8::from_str_radix(&digest[at..at + 2], 16).unwrap()));
    expected.extend([0, 0, 0, 1, 0, 0, 0, 5]);
    expected.extend(b"hello");
    assert_eq!(message.encoded(), expected);
    assert_eq!(message.id_text(), "00010203-0405-0607-0809-0a0b0c0d0e0f");
}

#[test]
fn a_message_of_the_gateway_may_lack_the_type_of_its_payload() {
    let mut bytes = Message {
        kind: Kind::Start,
        created: 1,
        sequence: 0,
        flags: 3,
        id: [7; 16],
        payload_type: 0,
        payload: Bytes::from_static(b"{}"),
    }
    .encoded()
    .to_vec();
    bytes.drain(112..116);
    bytes[3] = 112;
    let message = Message::decode(&Bytes::from(bytes)).unwrap();
    assert_eq!((message.kind, message.payload_type, &message.payload[..]), (Kind::Start, 0, &b"{}"[..]));
}
