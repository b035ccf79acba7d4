//! What can be wrong with a database.

use model::FindingCode;

pub(super) const ALL: &[&FindingCode] =
    &[&DBS001, &DBS002, &DBS003, &DBS004, &DBS005, &DBS006, &DBS007, &DBS008, &DBS009, &DBS010, &DBS011];

code!(
    DBS001,
    Error,
    "a release of a database engine whose support has ended",
    "RDS takes a release past the end of its standard support into Extended Support, and charges for each of its vCPUs by the \
     hour, more in the third year; engines without it are upgraded by force. Nobody should begin with one. The dates are in a \
     table with its sources, as of a day that the finding names."
);
code!(
    DBS002,
    Error,
    "a release of a database engine that is not known",
    "A release is written in quotes, as `\"8.4\"`, `\"10.11\"` or `\"16\"`: without quotes YAML reads 10.10 as 10.1. Which \
     patch of it runs is chosen by what is installed, in AWS by RDS."
);
code!(
    DBS003,
    Warning,
    "a release of a database engine whose support ends within a year",
    "Moving a database to another release needs a plan, a test and an hour. The finding names the day by which that must have \
     happened, and what it costs when it has not."
);
code!(
    DBS004,
    Error,
    "a name that a database cannot have",
    "Names of databases stand in statements, URLs and names of roles. They have lower-case letters, digits and `_`, begin with a \
     letter, and are neither words of SQL nor names of the server's own databases. MySQL and MariaDB take 64 characters; \
     PostgreSQL takes 63, of which 6 are for the roles that hold its grants. A server needs at least one."
);
code!(
    DBS005,
    Error,
    "a data file that cannot be loaded",
    "Files that are loaded lie beside the manifest. `sql` and `dump` are statements in a file that ends in `.sql`; `csv` has rows, \
     begins with the names of columns, and says its `table`."
);
code!(
    DBS006,
    Error,
    "rows for a table that no file makes",
    "A CSV file has rows, not a table. A file before it in the list must have the CREATE TABLE."
);
code!(
    DBS007,
    Error,
    "extensions for an engine that has none",
    "CREATE EXTENSION is a statement of PostgreSQL alone. MySQL and MariaDB have what they have."
);
code!(
    DBS008,
    Warning,
    "an extension that is not known",
    "The extensions that PostgreSQL brings and that RDS offers are known. Another one must be installed on this machine, and RDS \
     refuses it."
);
code!(
    DBS009,
    Error,
    "grants in a database that is not there",
    "`people` gives rights in databases that are listed under `databases` of the same server."
);
code!(
    DBS010,
    Error,
    "a disk that AWS does not give",
    "RDS gives a database server from 20 GiB to 64 TiB, and lets the disk grow. The disk of an Aurora cluster grows by itself \
     from nothing."
);
code!(
    DBS011,
    Error,
    "a file of authorities that has no certificates",
    "Clients of a database in AWS check who signed its certificate. `authorities` names a file beside the manifest with the \
     certificates that RDS publishes for the region, in PEM; it is written on the hosts that reach the database."
);
