//! Public keys of SSH as people paste them.

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
        return Some(if TYPES.contains(&data) {
            "the line begins with the server's name; keep what comes after it"
        } else {
            "the line does not begin with a key type"
        });
    }
    // The data begins with the length and name of its own type, so that a mixed-up or cut key shows.
    let is_base64 = data.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b));
    if !is_base64 || data.len() < 60 || !data.starts_with("AAAA") || data.len() % 4 != 0 {
        return Some("the key's data is not complete");
    }
    None
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
    }
}
