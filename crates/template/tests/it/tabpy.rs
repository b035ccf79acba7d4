//! The templates of the blueprint `tabpy`, read back by what will read them.

use crate::{SEED, asked};
use serde_json::{Value, json};
use template::{Context, render};

const CONFIGURATION: &str = include_str!("../../../../blueprints/tabpy/files/tabpy.conf");
const PASSWORDS: &str = include_str!("../../../../blueprints/tabpy/files/passwords.txt");

fn rendered(template: &str, context: Value) -> String {
    let context: Context = serde_json::from_value(context).unwrap();
    render("test", template, &context, SEED).unwrap().expose().to_owned()
}

#[test]
fn the_password_file_is_the_one_that_tabpy_user_writes() {
    // Made with `tabpy-user add -u Alice -p s3cret` of TabPy 2.16.0.
    const LINE: &str = "alice 52b8acc3ecede759a053c8130a3512a94a9c655c4f81fa9cae80858e18f0dac92ccbbb9b541ca7001e38c2cdf6cb2b3f4ce7c9f4b77b45f907f15dae672c7e0d";
    let users = json!([{ "name": "Alice", "password": "s3cret" }, { "name": "bob", "password": "s3cret" }]);
    let file = rendered(PASSWORDS, json!({ "users": users }));
    let lines: Vec<&str> = file.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(lines[0], LINE);
    assert!(lines[1].starts_with("bob ") && lines[1].len() == 4 + 128, "the salt has the user's name in it");
    assert_eq!(lines.len(), 2);
}

fn configuration(oauth: bool) -> String {
    rendered(
        CONFIGURATION,
        json!({
            "port": "9004",
            "password_file": "/srv/100% sure/passwords.txt",
            "data": "/srv/100% sure",
            "parameters": {
                "request_limit": "100MiB", "gzip": true, "evaluate": false, "evaluate_timeout": "1m 30s", "log_detail": false,
                "oauth": oauth, "oauth_issuer": "https://login.example.org/%20/", "oauth_jwks_uri": "https://keys.example.org",
                "oauth_audience": "tabpy", "oauth_required_scopes": ["a", "b"], "oauth_endpoint_scopes": false,
            },
        }),
    )
}

/// Reads a configuration as TabPy does, logging included, and prints the section as JSON.
const READER: &str = "
import configparser, io, json, logging.config, sys
text = sys.stdin.read()
parser = configparser.ConfigParser()
parser.optionxform = str
parser.read_string(text)
logging.config.fileConfig(io.StringIO(text), disable_existing_loggers=False)
print(json.dumps(dict(parser.items('TabPy')), sort_keys=True))
";

#[test]
fn the_configuration_reads_back() {
    let Some(read) = asked("python3", &["-c", READER], &configuration(true)) else { return };
    let read: Value = serde_json::from_str(&read).unwrap();
    assert_eq!(
        read,
        json!({
            "TABPY_ARROW_ENABLE": "false",
            "TABPY_EVALUATE_ENABLE": "false",
            "TABPY_EVALUATE_TIMEOUT": "90",
            "TABPY_GZIP_ENABLE": "true",
            "TABPY_LOG_DETAILS": "false",
            "TABPY_MAX_REQUEST_SIZE_MB": "100",
            "TABPY_OAUTH_AUDIENCE": "tabpy",
            "TABPY_OAUTH_ENABLED": "true",
            "TABPY_OAUTH_ENFORCE_ENDPOINT_SCOPES": "false",
            "TABPY_OAUTH_ISSUER": "https://login.example.org/%20/",
            "TABPY_OAUTH_JWKS_URI": "https://keys.example.org",
            "TABPY_OAUTH_LOG_USER": "false",
            "TABPY_OAUTH_REQUIRED_SCOPES": "a,b",
            "TABPY_PORT": "9004",
            "TABPY_PWD_FILE": "/srv/100% sure/passwords.txt",
            "TABPY_QUERY_OBJECT_PATH": "/srv/100% sure/query_objects",
            "TABPY_STATE_PATH": "/srv/100% sure",
            "TABPY_TRANSFER_PROTOCOL": "http",
        })
    );
}

#[test]
fn without_oauth_nothing_is_said_of_it() {
    let text = configuration(false);
    assert_eq!(text.lines().filter(|line| line.contains("OAUTH")).collect::<Vec<_>>(), ["TABPY_OAUTH_ENABLED = false"]);
}
