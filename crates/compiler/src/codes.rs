//! The codes of findings about a manifest's meaning. Codes are never reused.

use model::{FindingCode, Severity};

macro_rules! codes {
    ($($name:ident $code:literal $severity:ident $title:literal $explanation:literal;)*) => {
        $(pub(crate) static $name: FindingCode = FindingCode {
            code: $code,
            title: $title,
            explanation: $explanation,
            severity: Severity::$severity,
        };)*
        /// All codes of this crate, sorted.
        pub(crate) const CODES: &[&FindingCode] = &[$(&$name),*];
    };
}

codes! {
    INVALID_COMPONENT_NAME "COM001" Error
        "a component's name is not valid"
        "Names of components become parts of host names, paths and resource names, so they have one form everywhere: \
         they start with a lower-case letter and have at most 40 of a-z, 0-9 and '-', with no '-' at the end. `self` \
         is reserved: it means the component itself in references.";
    UNKNOWN_KIND "COM002" Error
        "a component has a kind that does not exist"
        "The word after `kind:` chooses what a component is and which keys it takes. `landfall schema` and the manifest \
         reference list all kinds.";
    MISSING_KIND "COM003" Error
        "a component has no kind"
        "Each component says what it is with `kind:`. An environment's overlay may leave it out only for components \
         that exist without the overlay.";
    UNKNOWN_NEED "COM004" Error
        "a component needs one that does not exist"
        "A component names another one (in `needs`, in a route, as a target) that is not under `components`. Correct \
         the name or add the component.";
    WRONG_NEED "COM005" Error
        "a component needs another kind of component"
        "The named component exists, but is of a kind that cannot do what is asked of it: a route leads to a service, \
         not to a secret.";
    COMPONENT_CYCLE "COM006" Error
        "components need each other in a circle"
        "Each component waits for those that it needs, so none of a circle could ever start. The finding shows the \
         circle; take one of its edges out: a need, a route or a reference.";
    PORT_CLASH "COM007" Error
        "two components want the same port"
        "On this machine all components of a deployment share one address, so each needs a port number of its own. \
         Change one of the numbers, or leave it out: then a free one is chosen.";

    UNKNOWN_ENVIRONMENT "ENV001" Error
        "the environment does not exist"
        "`--env` names an environment that is not under `environments`. `local` always exists, the others are declared \
         there with their target, account and region.";
    INCOMPLETE_ENVIRONMENT "ENV002" Error
        "an environment does not say where it is"
        "An environment in AWS pins its account and region, so that no command can ever run in another one because of \
         what happens to be in a terminal's variables.";
    MISPLACED_TARGET "ENV003" Error
        "an environment's target does not fit"
        "The environment `local` is this machine: its target is `local`. An environment on this machine has neither \
         account nor region.";
    UNKNOWN_OVERLAY "ENV004" Error
        "an environment overlays a component that does not exist"
        "What an environment says under `components` is laid over the components of the same names. There is none of \
         this name, so it would have no effect. Correct the name, or give it a `kind` to add a component in this \
         environment alone.";
    INVALID_ENVIRONMENT_NAME "ENV005" Error
        "an environment's name is not valid"
        "Names of environments follow the rule of all names: they start with a lower-case letter and have at most 40 of \
         a-z, 0-9 and '-', with no '-' at the end.";

    UNCLEAR_GUARANTEE "GUA001" Error
        "a guarantee does not say one thing"
        "A guarantee is one sentence: `nothing: A` (no connection from A), `only: A` (none but from A) or `every: A` (each \
         of A reaches it; with `through:`, over these components and not past them), each with `reaches: B`. Give exactly \
         one of `nothing`, `only` and `every`. At least one end is a component.";
    UNKNOWN_PARTY "GUA002" Error
        "a guarantee names something that does not exist"
        "A guarantee speaks about components of this manifest (`app`, `app:8000`), about people by name, about the \
         `internet`, a block of addresses or, after `reaches`, a service of the cloud (`service:s3`). A guarantee about \
         something else would hold without proving anything.";
    UNSTATED_WAY "GUA003" Error
        "something is open that the manifest does not state"
        "The resources are read as AWS would read them, and every pair of who may come and what listens is judged. This \
         way is open although no route, exposure, `allow` or `egress` of the manifest states it. The path that opens it \
         is shown. Resources are made from the manifest alone, so this is a defect of landfall: please report it. \
         Nothing is deployed as long as it stands.";
    BROKEN_GUARANTEE "GUA004" Error
        "a guarantee does not hold"
        "The resources of this environment open what the guarantee excludes, or keep closed what it promises. The pair and \
         the path, or what cuts it, are shown. Change the components or the guarantee.";
    UNPROVED_GUARANTEE "GUA005" Error
        "a guarantee cannot be proved"
        "Something that is not in the manifest decides whether the guarantee holds: a network that is there already, a \
         person's address. What cannot be proved is not promised: change the guarantee so that it speaks about what the \
         manifest decides, or remove it.";
    CLOSED_WAY "GUA006" Error
        "a way that the manifest states is closed"
        "The manifest states that somebody reaches something, and no packet, or not every packet, gets through: an \
         `allow` with addresses that no route leads to, a network without the way out that its `egress` promises. What \
         cuts the way, and the smallest change that opens it, are shown.";
    UNPROVED_WAYS "GUA007" Warning
        "it cannot be proved that nothing else is open"
        "That exactly the stated ways are open is proved from the resources that the manifest makes. A network that is \
         there already has routes and filters of its own that nobody sees from here, so a part of the proof stays open. \
         The reasons are shown. What is not proved is never called proved; `check --strict` refuses it.";
    PUBLIC_PLACE "GUA008" Error
        "something private stands where the internet's routes lead"
        "The component is in a subnet whose routes lead to an internet gateway, although the manifest does not state that \
         it is reached from the internet. No packet comes in as long as every rule is right; one rule or address more \
         would open it. Place it in a private subnet.";
    WIDE_RULE "GUA009" Note
        "a rule could go or be narrower"
        "Least privilege: a rule that no packet uses, or that allows more than what listens behind it. It opens nothing \
         today that is not stated; it would help whoever gets in.";

    NOT_A_MAPPING "MAN001" Error
        "the manifest is no mapping"
        "A manifest is a mapping of keys to values that begins with `landfall: 1`. The file holds a list or a single \
         value.";
    UNKNOWN_VERSION "MAN002" Error
        "the manifest's version is not known"
        "The first key, `landfall`, says in which version of the manifest's language the file is written. This program \
         knows version 1. A newer version needs a newer program.";
    INVALID_NAME "MAN003" Error
        "the deployment's name is not valid"
        "The name becomes part of paths, host names and resource names, so it starts with a lower-case letter and has \
         at most 40 of a-z, 0-9 and '-', with no '-' at the end.";
    MEANINGLESS_TAG "MAN004" Error
        "a tag has no meaning in a manifest"
        "Tags like `!Ref` or `!Sub` belong to CloudFormation templates. A manifest refers to other values with \
         `${parameter}` and `${component.export}`.";

    MORE_FINDINGS "MAN005" Note
        "there are more findings than anybody reads"
        "The manifest has hundreds of findings. The first ones are shown, errors before warnings; mend some of them and \
         run the check again.";

    INVALID_PARAMETER_NAME "PAR001" Error
        "a parameter's name is not valid"
        "Names of parameters become names of environment variables and of template variables. They start with a \
         lower-case letter and have at most 40 of a-z, 0-9 and '-', with no '-' at the end.";
    UNKNOWN_TYPE "PAR002" Error
        "a parameter has a type that does not exist"
        "The types are string, int, bool, domain, cidr, port, size, duration, secret, and list<T> of each of them but \
         secret.";
    UNFIT_RULE "PAR003" Error
        "a parameter's rule does not fit its type"
        "`min` and `max` hold for int, port, size and duration, and for the length of strings and lists; `pattern` holds \
         for texts; the smallest value is not above the largest; a pattern is a regular expression that can be read.";
    MISSING_VALUE "PAR004" Error
        "a parameter has no value"
        "A parameter without `default` must be given: by `--set`, in a values file, in an environment variable or by \
         the environment. Parameters that only some deployments need say so with `required-when`.";
    WRONG_VALUE "PAR005" Error
        "a parameter's value has not its type"
        "The value that won (see `landfall explain --values`) cannot be read as the parameter's declared type.";
    NOT_ALLOWED_VALUE "PAR006" Error
        "a parameter's value is not among the allowed ones"
        "The parameter lists its allowed values under `one-of`.";
    UNMATCHED_VALUE "PAR007" Error
        "a parameter's value does not match its pattern"
        "The parameter declares a regular expression under `pattern` in which the value must fit. Without `^` and `$` a \
         match of any part suffices.";
    VALUE_OUT_OF_RANGE "PAR008" Error
        "a parameter's value is out of range"
        "The parameter declares `min` or `max`: of the number, size or duration itself, of a text's length in \
         characters, or of the number of a list's items.";
    REQUIRED_VALUE "PAR009" Error
        "a parameter must be given because of another one"
        "The parameter says with `required-when` for which values of others it is needed, and they have these values.";
    FORBIDDEN_VALUE "PAR010" Error
        "a parameter may not be given because of another one"
        "The parameter says with `forbidden-when` for which values of others it has no meaning, and they have these \
         values. Leave it out, so that nobody believes that it has an effect.";
    LOCKED_VALUE "PAR011" Error
        "a locked parameter was given"
        "The author of the manifest has locked the parameter's value: it is declared to be seen, not to be changed.";
    DEPRECATED_VALUE "PAR012" Warning
        "a deprecated parameter was given"
        "The parameter still works but will go. Its `deprecated` text says what to use instead.";
    UNKNOWN_PARAMETER "PAR013" Error
        "a value was given for a parameter that does not exist"
        "A flag, a values file or an environment's overlay gives a value for a name that is not under `parameters`, so \
         it would have no effect. For environment variables this is a warning, since they may belong to another manifest.";
    PARAMETER_CYCLE "PAR014" Error
        "parameters refer to each other in a circle"
        "Values may refer to other parameters, but not in a circle. The finding shows it; give one of them a value of \
         its own.";
    OPEN_SECRET "PAR015" Error
        "a secret is given openly"
        "A parameter of type secret holds a reference to where the secret is, never the secret: `env:NAME` or \
         `file:PATH`. It cannot be given by `--set`, since arguments are seen in process lists and shell histories. A \
         secret that was written down here should be treated as known and changed.";
    MISUSED_SECRET "PAR016" Error
        "a secret parameter is used where it cannot be"
        "A parameter of type secret may only stand as `given: ${name}` of a component of kind `secret`. Others then use \
         that component's value by reference: `${component.value}`.";
    MALFORMED_SETTING "PAR017" Error
        "a setting on the command line has no value"
        "`--set` takes a name, an equals sign and a value: `--set domain=tabpy.example.org`. Lists are written with \
         commas or as YAML: `--set users=alice,bob`, `--set 'users=[alice, bob]'`.";
    UNCLEAR_CONDITION "PAR018" Error
        "a parameter's condition names what does not exist"
        "`required-when` and `forbidden-when` name other parameters and the values for which they hold. The parameter \
         does not exist, or cannot have this value, so the condition would never hold.";
    UNREADABLE_VALUES "PAR019" Error
        "the values file is no mapping"
        "A values file is a YAML or JSON mapping of parameter names to values.";
    GROWING_VALUES "PAR020" Error
        "the values of parameters grow beyond all measure"
        "Parameters that repeat others, which repeat others in turn, can grow to any size. All values that are inserted \
         into a manifest may have 4 MiB together.";

    INVALID_PERSON_NAME "PEO001" Error
        "a person's name is not valid"
        "The key under `people` becomes the person's user name on hosts, in databases and applications. It starts with a \
         lower-case letter and has at most 40 of a-z, 0-9 and '-', with no '-' at the end.";
    INVALID_SSH_KEY "PEO002" Error
        "a public key is not valid"
        "An SSH public key is one line of key type, base64 text and an optional comment, as in the `.pub` file that \
         `ssh-keygen` writes. A private key must never stand in a manifest.";

    SHARED_SSH_KEY "PEO003" Error
        "two people have the same key"
        "A key says who somebody is. When two people have the same one, nobody can tell who came in, and one of them cannot be \
         shut out without the other. Each person makes a pair of their own: `ssh-keygen -t ed25519`.";
    REPEATED_ROLE "PEO004" Warning
        "a person has a role twice"
        "The roles of a person are a set: the second time changes nothing, and is easily overlooked when the role is taken away.";

    MALFORMED_REFERENCE "REF001" Error
        "a reference is not closed or holds no name"
        "`${` begins a reference: `${parameter}`, `${component.export}` or `${self.export}`. For the two characters \
         themselves write `$${`.";
    UNKNOWN_REFERENCE "REF002" Error
        "a reference leads to a parameter that does not exist"
        "`${name}` without a dot is the value of the parameter of this name. For the characters themselves write \
         `$${name}`.";
    UNKNOWN_COMPONENT "REF003" Error
        "a reference leads to a component that does not exist"
        "The part before the first dot of a reference is the name of a component of this manifest, or `self`.";
    UNKNOWN_EXPORT "REF004" Error
        "a reference leads to something that the component does not export"
        "The part behind the first dot of a reference is something that the component offers to others: its port, its \
         address, its public key. What a kind exports is listed in the manifest reference.";
    MISPLACED_SECRET "REF005" Error
        "a secret stands where it would be seen"
        "A reference to a secret may stand in a service's `environment` and `files` and as a probe's credentials. \
         Anywhere else, as in a command, everyone who lists the processes of the machine would see it.";
    MISPLACED_REFERENCE "REF006" Error
        "a component is referred to where nothing is known of it yet"
        "What components export is known only when they run. So such references may stand in components and probes, \
         but not in parameters, environments, people or guarantees.";

    UNKNOWN_KEY "SHP001" Error
        "a key is not known here"
        "The key has no meaning at this place, so it would have no effect. Most often it is a typing mistake or stands \
         one level too high or too low. Keys that begin with `x-` are ignored everywhere and free for your own use.";
    WRONG_TYPE "SHP002" Error
        "a value has the wrong type"
        "Another type of value is expected here. Note that YAML 1.2 reads `yes` and `no` as texts, numbers without \
         quotes as numbers, and `012` as text.";
    MISSING_KEY "SHP003" Error
        "a key is missing"
        "The mapping needs this key and there is no sensible value to assume.";
    UNKNOWN_WORD "SHP004" Error
        "a word is not among the allowed ones"
        "Only a few words have a meaning here; the finding lists them.";
    UNMATCHED_PATTERN "SHP005" Error
        "a text has not the expected form"
        "The text must match the pattern that the finding shows.";
    OUT_OF_RANGE "SHP006" Error
        "a value is out of range"
        "The number is too small or too large, or the text or list too short or too long.";
    INVALID_FORMAT "SHP007" Error
        "a text is no valid domain, address block, duration or size"
        "Such values are texts with a fixed form: a domain `tabpy.example.org`, an address block `203.0.113.0/24`, a \
         duration `30s` or `1h 30m`, a size `100MiB`.";
    NOTHING_SAID "SHP008" Error
        "a key has no value"
        "Nothing stands behind the colon. Give a value, or remove the key to get what it is by default. (An \
         environment's overlay removes a key of the component by giving it no value.)";
    UNREADABLE_VALUE "SHP009" Error
        "a value does not make sense here"
        "The value has the right type but cannot be used; the finding says why.";
}

#[cfg(test)]
mod tests {
    use super::CODES;

    #[test]
    fn are_sorted_and_explained() {
        assert!(CODES.windows(2).all(|pair| pair[0].code < pair[1].code));
        for code in CODES {
            assert!(code.explanation.ends_with(['.', ')']), "{}", code.code);
            assert!(!code.title.ends_with('.'), "{}", code.code);
        }
    }
}
