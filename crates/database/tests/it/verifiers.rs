//! What servers make of passwords themselves is what is computed here.

use crate::servers::{ALL, Kind, turn};
use database::verifier::{CachingSha2, Native, Scram};

/// The third and fourth are changed by SASLprep (a soft hyphen goes, a full-width letter becomes plain); the last is refused by it.
const PASSWORDS: [&str; 6] = ["plain", "with space '\\", "so\u{ad}ft", "\u{ff41}\u{308}", "ünïcödé €", "bad\u{7}bell"];

#[tokio::test]
async fn what_a_server_stores_fits() {
    for kind in ALL {
        let Some(server) = turn(kind).await else { continue };
        for password in PASSWORDS {
            let quoted = database::quote::text(server.engine(), password);
            let rows = match kind {
                Kind::Postgres => {
                    server.sql(None, &format!("DROP ROLE IF EXISTS v; CREATE ROLE v PASSWORD {quoted}")).await;
                    server.sql(None, "SELECT rolpassword FROM pg_authid WHERE rolname = 'v'").await
                }
                _ => {
                    server.sql(None, "DROP USER IF EXISTS v").await;
                    server.sql(None, &format!("CREATE USER v IDENTIFIED BY {quoted}")).await;
                    server.sql(None, "SELECT HEX(authentication_string) FROM mysql.user WHERE User = 'v'").await
                }
            };
            let stored = rows[0][0].clone().unwrap();
            let fits = |password: &str| match kind {
                Kind::Postgres => Scram::parse(&stored).unwrap().fits(password),
                Kind::Mariadb => Native::fits(&String::from_utf8(bytes(&stored)).unwrap(), password),
                Kind::Mysql => CachingSha2::parse(&bytes(&stored)).unwrap().fits(password),
            };
            assert!(fits(password), "{kind:?} {password:?}: {stored}");
            assert!(!fits("another"), "{kind:?} {password:?}: {stored}");
        }
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    hex.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}
