//! What a script can rely on. Codes are never reused; `docs/reference/commands.md` lists them.

/// How the command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExitCode {
    /// Done; no changes is done too.
    Ok = 0,
    /// A defect of the product.
    Internal = 1,
    /// The command line or the manifest is invalid.
    Invalid = 2,
    /// The manifest is valid, but something was found that was asked to be refused.
    Findings = 3,
    /// Credentials or permission.
    Permission = 4,
    /// Refused before anything was changed.
    Preflight = 5,
    /// Failed, and everything is as it was before.
    RolledBack = 6,
    /// Failed and needs a person; `up` again goes on from there.
    NeedsPerson = 7,
    /// Deployed, but a probe says that something promised is not true.
    VerifyFailed = 8,
    /// A time limit or somebody else's lock.
    TimeoutOrLock = 9,
    /// Stopped by Ctrl-C or a signal.
    Interrupted = 130,
}

/// All codes with their meaning, for the reference.
pub(crate) const MEANINGS: &[(u8, &str)] = &[
    (0, "done; nothing to change counts as done"),
    (1, "a defect of landfall itself; please report it"),
    (2, "the command line or the manifest is invalid"),
    (
        3,
        "valid, but with findings: a guarantee that does not hold or is not proved, warnings under `check --strict`, a proof that did not come out as expected",
    ),
    (4, "credentials or permissions are missing"),
    (
        5,
        "refused before anything was changed: a port in use, no Python, another account, a zone that is not delegated, a plan that is stale",
    ),
    (6, "failed in an account and rolled back: everything is as it was before"),
    (7, "failed and needs a person; what was done stays, and `up` again goes on from there"),
    (8, "deployed, but verification failed: something promised is not true"),
    (9, "a time limit, or another landfall holds the deployment"),
    (130, "interrupted"),
];
