//! Codes of what an account refuses, so that `explain` knows them and they are shown under the line of the manifest.

use model::{FindingCode, Severity};

/// All of them, sorted.
pub(crate) const ALL: &[&FindingCode] = &[&RUN001, &RUN002, &RUN003, &RUN004, &RUN005];

/// A resource could not be made, changed or removed.
pub(crate) const RUN001: FindingCode = FindingCode {
    code: "RUN001",
    title: "the account could not make what this line wants",
    explanation: "CloudFormation reported that a resource which comes from this line of the manifest could not be made, changed \
                  or removed; the words are AWS's own. Only first failures are shown: what was cancelled because of them is not. \
                  The stack goes back to its last good state by itself. Correct the cause and type `landfall up` again; it goes on \
                  from whatever state is there. Events, the ends of logs and the consoles of hosts are kept in the evidence folder \
                  that the command names.",
    severity: Severity::Error,
};

/// A plan that would lose something.
pub(crate) const RUN002: FindingCode = FindingCode {
    code: "RUN002",
    title: "the change would replace or remove something that cannot be made again",
    explanation: "A key, a secret, a bucket, a log group, a database would become another, empty one, or go. That is done only \
                  when it is meant: name the component with `--allow-replace COMPONENT` for `plan` and `up`. Otherwise take the \
                  change of the manifest back, or make the change in a new component beside the old one.",
    severity: Severity::Error,
};

/// A resource that is not as its template says.
pub(crate) const RUN003: FindingCode = FindingCode {
    code: "RUN003",
    title: "somebody changed a resource by other means",
    explanation: "A resource that comes from this line is not as its template says. `up` changes only what differs between two \
                  templates, so it may not see this. Put the resource back by hand, or say the new value in the manifest and type \
                  `landfall up`. `landfall drift` compares again.",
    severity: Severity::Warning,
};

/// A resource that is gone.
pub(crate) const RUN004: FindingCode = FindingCode {
    code: "RUN004",
    title: "somebody removed a resource by other means",
    explanation: "A resource that comes from this line is gone, and its stack still counts on it. Make one of the same name by hand \
                  and import it, or remove the component from the manifest, type `landfall up`, put it back and type it again.",
    severity: Severity::Error,
};

/// A stack that belongs to somebody else.
pub(crate) const RUN005: FindingCode = FindingCode {
    code: "RUN005",
    title: "a stack of that name is somebody else's",
    explanation: "The account has a stack of the name that this deployment would use, and its tags do not say that it is this \
                  deployment's. It is not touched. Give the deployment or the environment another name, or remove that stack when \
                  it is no longer used.",
    severity: Severity::Error,
};
