//! What cannot be lowered, and why.

use model::FindingCode;

/// What cannot be lowered.
pub const CODES: &[&FindingCode] = &[&AWS002, &AWS003, &AWS004, &AWS005, &AWS006, &AWS007, &AWS008, &AWS009];

code!(
    AWS002,
    "a service needs what its network does not let it reach",
    "A host installs Python packages from the internet, fetches its source folder from storage, asks services of AWS for its \
     secrets, and RDS for the certificates of its authorities. A network with `egress: endpoints` reaches services of AWS alone: \
     there a database says its `authorities`, and packages lie in the source folder. One with `egress: none` reaches nothing."
);
code!(
    AWS003,
    "a reference from one host to another",
    "A service on a host refers to an address or port of another component. In an account they run on different hosts, \
     and the way between them is not opened by a reference."
);
code!(
    AWS004,
    "a block of addresses that cannot be divided",
    "A network in an account has a private IPv4 block with a prefix from /16 to /23. It is divided into a public, a \
     private and an isolated part of equal size, each with room for eight zones, so that a zone more moves no subnet."
);
code!(
    AWS005,
    "a file that a host cannot be given",
    "What is written on a host before it starts is part of its user data, which AWS limits to 16 KiB; a file with \
     secrets is kept as a secret, which holds at most 64 KiB."
);

code!(
    AWS006,
    "a load balancer without two zones",
    "AWS puts a load balancer into two availability zones at least, so that it survives the loss of one. Its network \
     needs subnets in two zones: public ones for `exposure: internet`, private ones for `exposure: internal`."
);

code!(
    AWS007,
    "a database without two zones",
    "RDS wants subnets in two availability zones at least, also for a server that stands in one of them, so that it can be \
     moved. They are the isolated subnets of the network: nothing there reaches the internet or is reached from it."
);

code!(
    AWS008,
    "a database that RDS does not offer",
    "Aurora speaks the languages of MySQL and PostgreSQL. MariaDB runs on servers of its own."
);

code!(
    AWS009,
    "a tunnel that an account cannot hold",
    "In an account a tunnel is a small host that dials an SSH server of somebody else and lets it reach a database. It needs to \
     know that server, a way to it, and a target whose address stays."
);
