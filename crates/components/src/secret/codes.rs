//! What can be wrong with a secret.

use model::FindingCode;

pub(super) const ALL: &[&FindingCode] = &[&SEC001, &SEC002, &SEC003, &SEC004, &SEC005, &SEC006, &SEC007, &SEC008];

code!(
    SEC001,
    "a secret is neither generated nor given, or both",
    "A secret is either made here (`generate`) and kept with the deployment, or kept elsewhere and given by reference \
     (`given: env:NAME` or `given: file:PATH`). Say exactly one of the two."
);
code!(
    SEC002,
    "it is not clear what to generate",
    "`generate` is a word (`password`, `key`, `ed25519`, `rsa`) or a mapping with exactly one of these keys."
);
code!(
    SEC003,
    "a password of a length that is too small or too large",
    "A password that programs use costs nothing to remember, so it can be long. Below 64 bits it can be guessed by \
     somebody who has its hash: 11 characters of url-safe, 16 of hex, 20 digits are the least."
);
code!(
    SEC004,
    "an alphabet that passwords cannot be drawn from",
    "An alphabet is a name (`url-safe`, `alphanumeric`, `unambiguous`, `hex`, `digits`) or ten and more different \
     printable ASCII characters. Passwords of a service's users hold no colon: some servers cut HTTP Basic credentials at \
     the wrong one, and nobody could log in."
);
code!(
    SEC005,
    "an RSA key of a length that is not made",
    "RSA keys have 2048, 3072 or 4096 bits. Shorter ones are broken, others are refused by common programs. Take \
     `ed25519` where the other side allows it."
);
code!(
    SEC006,
    "a given secret that is no reference",
    "`given` says where the value is kept: `env:NAME`, an environment variable of the command, or `file:PATH`. The \
     value itself never stands in a manifest: manifests are shared, printed and kept in version control."
);
code!(
    SEC007,
    "the file of a given secret cannot be named so",
    "The path after `file:` is relative to the manifest's folder and stays below it, or it is absolute."
);
code!(
    SEC008,
    "a generation where it has no meaning",
    "`generation` counts how often a generated value was made anew, from 1. A given value is changed where it is kept."
);
