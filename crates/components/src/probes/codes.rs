//! What can be wrong with a probe.

use model::FindingCode;

/// The codes of findings about probes, sorted.
pub const ALL: &[&FindingCode] = &[&PRB001, &PRB002, &PRB003, &PRB004, &PRB005];

code!(
    PRB001,
    "a probe that asks nobody",
    "`to` names an edge, which is asked through its TLS by its domain, or a service, which is asked straight at its port."
);
code!(
    PRB002,
    "a request that cannot be sent",
    "A request has a method of letters, a path from the root, headers that HTTP allows, at most one body, a time above \
     zero, and a user together with a password."
);
code!(
    PRB003,
    "a probe that cannot fail, or cannot pass",
    "`expect` says what must come back: at least one of `status`, `headers`, `json`, `json-absent`, `contains`. Statuses \
     are 100 to 599; JSON pointers are empty or start with `/` (RFC 6901); nothing is both wanted and unwanted."
);
code!(
    PRB004,
    "a contrast with a probe that does not exist",
    "`passing` names another probe of this manifest, or one of a component's, as `app/alive`."
);
code!(
    PRB005,
    "a condition on a parameter that does not exist",
    "`when` names parameters of this manifest and the values for which the probe holds."
);
