//! Public keys of SSH as people paste them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Key types that OpenSSH still accepts by default.
const TYPES: &[&str] = &[
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
];

/// What is wrong with a line that should be a public key, in words.
#[must_use]
pub fn problem(key: &str) -> Option<&'static str> {
    if key.contains("PRIVATE KEY") {
        return Some("this is a private key; make a new pair, since this one is known now");
    }
    if key.trim().contains('\n') {
        return Some("a public key is one line");
    }
    let mut words = key.split_whitespace();
    let (kind, data) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if !TYPES.contains(&kind) {
        let before_type = key.split(' ').take_while(|word| !TYPES.contains(word)).count();
        return Some(match key.split(' ').count() == before_type {
            true => "the line does not begin with a key type",
            false if kind.contains('=') || kind.contains(',') || kind.starts_with("no-") || kind == "restrict" => {
                "options stand before the key; keep what comes after them"
            }
            false => "the line begins with the server's name; keep what comes after it",
        });
    }
    match fields(data) {
        Some(fields) => flaw(kind, &fields),
        None => Some(NOT_COMPLETE),
    }
}

const NOT_COMPLETE: &str = "the key's data is not complete";

/// The parts of a key's data (RFC 4253, section 6.6): each has its length before it.
fn fields(data: &str) -> Option<Vec<Vec<u8>>> {
    let bytes = STANDARD.decode(data).ok()?;
    let mut rest = bytes.as_slice();
    let mut fields = Vec::new();
    while !rest.is_empty() {
        let (length, behind) = rest.split_first_chunk::<4>()?;
        let (field, behind) = behind.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        fields.push(field.to_vec());
        rest = behind;
    }
    Some(fields)
}

/// What is wrong with the parts of a key that says to be of a type.
fn flaw(kind: &str, fields: &[Vec<u8>]) -> Option<&'static str> {
    let (own, parts) = fields.split_first()?;
    if own != kind.as_bytes() {
        return Some("the data is that of a key of another type");
    }
    // A token's key has, behind what its sort has, the application that it is for.
    let parts = match kind.starts_with("sk-") {
        true => parts.split_last().map_or(parts, |(_, before)| before),
        false => parts,
    };
    let is_complete = match parts {
        [point] => kind.contains("ed25519") && point.len() == 32,
        [_, modulus] if kind == "ssh-rsa" => {
            return (bits(modulus) < WEAK_RSA)
                .then_some("an RSA key of fewer than 2048 bits is too weak; make a new one: `ssh-keygen -t ed25519`");
        }
        [_, point] => kind.contains("ecdsa") && point.len() > 64,
        _ => false,
    };
    (!is_complete).then_some(NOT_COMPLETE)
}

/// RSA keys of fewer bits can be broken by those who spend enough.
const WEAK_RSA: usize = 2048;

fn bits(number: &[u8]) -> usize {
    let significant = number.iter().position(|byte| *byte != 0).map_or(&[][..], |start| &number[start..]);
    significant.len() * 8 - significant.first().map_or(0, |first| first.leading_zeros() as usize)
}

/// The type and the data of a line, without its comment.
pub(crate) fn without_comment(key: &str) -> String {
    key.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPKTOgL5pZ6dV5mYTmLbpsK+iHrOgr3GMsYdKjN4Xyz";

    #[test]
    fn keys_are_one_line_of_type_and_data() {
        assert_eq!(problem(GOOD), None);
        assert_eq!(problem(&format!("{GOOD} alice@laptop\n")), None);
        assert_eq!(without_comment(&format!(" {GOOD}  alice@laptop\n")), GOOD);
        let wrong = [
            "",
            "-----BEGIN OPENSSH PRIVATE KEY-----",
            &format!("vendor.example {GOOD}"),
            &GOOD[..50],
            &format!("{GOOD}\n{GOOD}"),
            "ssh-dss AAAA",
        ];
        for bad in wrong {
            assert!(problem(bad).is_some(), "{bad}");
        }
        assert!(problem(&format!("[vendor.example]:2222 {GOOD}")).unwrap().contains("name"));
        assert!(problem(&format!("command=\"true\",no-pty {GOOD}")).unwrap().contains("options"));
        assert!(problem(&GOOD.replace("ssh-ed25519 ", "ssh-rsa ")).unwrap().contains("another type"));
    }

    fn line(kind: &str, parts: &[&[u8]]) -> String {
        let all = std::iter::once(kind.as_bytes()).chain(parts.iter().copied());
        let data: Vec<u8> = all.flat_map(|part| [&(part.len() as u32).to_be_bytes(), part].concat()).collect();
        format!("{kind} {}", STANDARD.encode(data))
    }

    #[test]
    fn each_type_has_its_parts_and_rsa_its_strength() {
        let (point, application) = ([4_u8; 65], b"ssh:".as_slice());
        for good in [
            line("ssh-ed25519", &[&[7; 32]]),
            line("ssh-rsa", &[&[1, 0, 1], &[&[0, 0x80][..], &[1; 255]].concat()]),
            line("ecdsa-sha2-nistp256", &[b"nistp256", &point]),
            line("sk-ssh-ed25519@openssh.com", &[&[7; 32], application]),
            line("sk-ecdsa-sha2-nistp256@openssh.com", &[b"nistp256", &point, application]),
        ] {
            assert_eq!(problem(&good), None, "{good}");
        }
        let weak = line("ssh-rsa", &[&[1, 0, 1], &[&[0, 0x7f][..], &[1; 255]].concat()]);
        assert!(problem(&weak).unwrap().contains("2048"));
        for cut in [
            line("ssh-ed25519", &[&[7; 31]]),
            line("ssh-ed25519", &[]),
            line("ssh-rsa", &[&[1, 0, 1]]),
            line("ecdsa-sha2-nistp256", &[b"nistp256"]),
            line("sk-ssh-ed25519@openssh.com", &[&[7; 32]]),
        ] {
            assert_eq!(problem(&cut), Some(NOT_COMPLETE), "{cut}");
        }
    }
}
