//! What can be wrong with a tunnel.

use model::FindingCode;

pub(super) const ALL: &[&FindingCode] = &[&TUN001, &TUN002, &TUN003, &TUN004, &TUN005, &TUN006, &TUN007, &TUN008];

code!(
    TUN001,
    Error,
    "a tunnel whose parts do not fit its direction",
    "A reverse tunnel has a `target` here and leads `to` an SSH server of somebody else, which listens for it. A forward \
     tunnel goes `through` an SSH server of somebody else `to` a host and port behind it, and listens here."
);
code!(
    TUN002,
    Error,
    "a tunnel whose server is not known by its key",
    "Without `host-key` a tunnel could not tell the right server from one that pretends to be it, and would hand it the \
     database. Ask whoever runs the server for the public half of its host key. Or read it with \
     `ssh-keyscan -t ed25519 -p PORT HOST`, and compare its fingerprint (`ssh-keygen -lf -`) with what they publish, before \
     it is believed."
);
code!(
    TUN003,
    Error,
    "a host key that is none",
    "A host key is one line: a type, then the key's data, as `ssh-ed25519 AAAA...`. `ssh-keyscan` and `known_hosts` put the \
     server's name before it; leave that out. A private key never belongs into a manifest."
);
code!(
    TUN004,
    Error,
    "a port that cannot be listened on",
    "Ports are numbers from 1 to 65535. On the other side of a reverse tunnel one below 1024 is kept for the superuser of \
     that machine, whom a tunnel never is."
);
code!(
    TUN005,
    Warning,
    "somebody else may change data through a tunnel",
    "Who reads through a tunnel needs `grants: read-only`. Whoever breaks into the vendor's machine has what the tunnel has."
);
code!(
    TUN006,
    Error,
    "a tunnel in an account that leads nowhere",
    "On this machine an SSH server of the deployment's own may stand for the vendor. In an account the tunnel is real and \
     needs the vendor's end: `to: { host, user, host-key, listen }`."
);
code!(
    TUN007,
    Error,
    "a server or an account that cannot be",
    "A server is a name or an address, without a scheme, an account or a port in it. An account's name has no blanks, `@` or `:`."
);
code!(
    TUN008,
    Error,
    "a time that makes no sense for a tunnel",
    "A server that is silent is asked whether it is there after one second to ten minutes, and answers to a query through the \
     tunnel are wanted as often as every second and at least once an hour."
);
