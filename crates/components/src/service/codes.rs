//! What can be wrong with a service.

use model::FindingCode;

pub(super) const ALL: &[&FindingCode] = &[
    &SVC001, &SVC002, &SVC003, &SVC004, &SVC005, &SVC006, &SVC007, &SVC008, &SVC009, &SVC010, &SVC011, &SVC012,
    &SVC013, &SVC014, &SVC015, &SVC016, &SVC017,
];

code!(
    SVC001,
    Error,
    "a command that cannot be run",
    "A command names a program and its arguments. The program is `${self.python}`, `${self.bin.NAME}` of its Python \
     environment, a path below `${self.source}`, an absolute path, or a name that is looked up in the machine's usual \
     folders. No shell runs, so pipes, redirections and `&&` are no arguments: put them into a script."
);
code!(
    SVC002,
    Error,
    "a Python requirement that cannot be read",
    "A requirement is a package's name with a version, as `tabpy==2.16.0` or `pandas>=2,<3`, or `name @ https://...`. \
     Options of pip, paths and plain URLs are not possible here."
);
code!(
    SVC003,
    Warning,
    "a Python requirement that is not pinned",
    "Without an exact version the same manifest gives another program tomorrow. Write `name==version`, or name a \
     `constraints` file that pins it."
);
code!(
    SVC004,
    Error,
    "a Python version that cannot be read",
    "The lowest Python that will do is written as a text, as `\"3.10\"`. Without quotes YAML reads 3.10 as the number 3.1."
);
code!(
    SVC005,
    Error,
    "a file or folder beside the manifest that cannot be used",
    "Templates, constraints and source folders lie beside the manifest and are named relative to it, so that the folder \
     can be moved and shared as a whole."
);
code!(
    SVC006,
    Error,
    "a name that an environment variable cannot have",
    "Names of environment variables have letters, digits and `_`, and do not start with a digit."
);
code!(
    SVC007,
    Error,
    "a file that cannot be written so",
    "A file has a name below the service's folder and comes from either `template` (a file beside the manifest) or `text` \
     (the template itself)."
);
code!(
    SVC008,
    Error,
    "permission bits that cannot be used",
    "Permission bits are written in octal as a text, as `\"0600\"`. The owner must be able to read the file, and there \
     are no special bits."
);
code!(
    SVC009,
    Error,
    "a file with secrets that others may read",
    "A file made with passwords or derived keys must be readable by its owner alone: `mode: \"0600\"`."
);
code!(
    SVC010,
    Error,
    "a template that does not work",
    "Templates are checked when the manifest is: their syntax, the filters and functions that they name, the variables \
     that they use, and whether they can be rendered with this manifest's values."
);
code!(
    SVC011,
    Error,
    "files that name each other in a circle",
    "A file can hold the path of another one through `with`, but two files cannot wait for each other. Paths are known \
     to the command too: pass them there."
);
code!(
    SVC012,
    Error,
    "a name that a user cannot have",
    "Names of users have 1 to 64 letters, digits, `.`, `_` or `-` and start with a letter or digit. Servers compare them \
     without regard to case, so two that differ in nothing else are one."
);
code!(
    SVC013,
    Error,
    "a password that could not be used to log in",
    "Passwords of users go through HTTP Basic authentication and into files with one user a line. A colon, a blank or a \
     quote in them locks the user out of some server."
);
code!(
    SVC014,
    Error,
    "a health check that cannot be made",
    "A health check asks for a path on the service's port and counts HTTP statuses from 100 to 599. It needs a `port`, \
     and times above zero."
);
code!(
    SVC015,
    Error,
    "a limit that makes no sense",
    "Times are above zero, a program gets at most an hour to stop, and nothing useful runs in less than 16 MiB."
);
code!(
    SVC016,
    Error,
    "a need that cannot be met",
    "`needs` names other components of this manifest, each once; a component cannot wait for itself."
);
code!(
    SVC017,
    Error,
    "a module that Python cannot have",
    "`imports` names modules as Python's import statement does, as `tabpy` or `sklearn.linear_model`."
);
