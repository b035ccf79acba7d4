//! What can be wrong with a bastion.

use model::FindingCode;

pub(super) const ALL: &[&FindingCode] =
    &[&BAS001, &BAS002, &BAS003, &BAS004, &BAS005, &BAS006, &BAS007, &BAS008, &BAS009, &BAS010];

code!(
    BAS001,
    Error,
    "a bastion that leads nowhere",
    "A bastion lets connections through to what it names in `to`, and to nothing else: databases and services of this \
     deployment, each once."
);
code!(
    BAS002,
    Error,
    "a bastion for nobody",
    "`people` names roles; whoever has one of them among the manifest's `people` may log in with their own key. At least one \
     role must be named: a bastion that nobody may ever use is a door without a purpose."
);
code!(
    BAS003,
    Error,
    "a person without a key is to use a bastion",
    "A bastion knows people by their public keys; it has no passwords. Each person that it is for needs an `ssh-key`."
);
code!(
    BAS004,
    Error,
    "a bastion that the whole internet may reach, without an owner",
    "`0.0.0.0/0` and `::/0` are the whole internet. That may be meant; then somebody says so with their name: `owner`. \
     Otherwise list the blocks of those who connect."
);
code!(
    BAS005,
    Warning,
    "a bastion's allow-list whose review is due",
    "Addresses of others change without notice. On the day `review-by` somebody compares the list with who connects today, \
     and moves the day on."
);
code!(BAS006, Error, "a day that does not exist", "Days are written as year, month and day: `\"2027-01-31\"`.");
code!(
    BAS007,
    Warning,
    "a bastion's allow-list that says less than it seems to",
    "A list without `review-by` and `owner` is believed forever; a block inside another one of the list adds nothing; an \
     empty list lets everybody in who reaches the bastion."
);
code!(
    BAS008,
    Warning,
    "a bastion that the whole internet may reach",
    "Keys keep strangers out, but everybody may try, and the next hole in an SSH server is everybody's. List the blocks of \
     those who connect. People whose addresses change need no bastion in an account: `landfall tunnel open` leads through a \
     session of the account, which listens nowhere."
);
code!(
    BAS009,
    Error,
    "a bastion in an account that says nothing about who may connect",
    "On this machine a bastion listens for this machine alone. In an account it listens for others, so the manifest says for \
     whom: `allow: { sources: [...] }`."
);
code!(
    BAS010,
    Warning,
    "a key of a security token for a bastion of this machine",
    "The SSH server of an account takes keys that begin with `sk-`; the one that stands for it on this machine does not check \
     what a token signs, and refuses them. Everything else of the person is made."
);
