//! Getting in, and being told why not.

use crate::servers::{ALL, Kind, turn};
use database::{Access, Address, Connection, Error, Tls, query};
use std::time::Duration;

async fn error_of(access: &Access) -> Error {
    match Connection::open(access).await {
        Ok(_) => panic!("it connected"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn each_refusal_is_told_apart() {
    for kind in ALL {
        let Some(server) = turn(kind).await else { continue };
        let good = Access { database: None, ..server.login("landfall_admin", "administrator's own", "") };
        Connection::open(&good).await.unwrap().close().await;

        let wrong = Access { password: model::Secret::new("wrong"), ..good.clone() };
        assert!(matches!(error_of(&wrong).await, Error::LoginRefused { .. }), "{kind:?}");
        let nobody = Access { user: "nobody".to_owned(), ..good.clone() };
        assert!(matches!(error_of(&nobody).await, Error::LoginRefused { .. }), "{kind:?}");
        let closed = Address::Tcp { host: "127.0.0.1".to_owned(), port: 1, server_name: None };
        let unreachable = error_of(&Access { address: closed, ..good.clone() }).await;
        assert!(matches!(unreachable, Error::NotReachable { .. }), "{kind:?} {unreachable:?}");
        let no_socket = Access { address: Address::Socket("/nowhere/at/all".into()), ..good.clone() };
        assert!(matches!(error_of(&no_socket).await, Error::NotReachable { .. }), "{kind:?}");

        let mut connection = Connection::open(&good).await.unwrap();
        let error = query(&mut connection, "SELECT nothing FROM nowhere").await.unwrap_err();
        assert!(matches!(error, Error::Server { .. } | Error::Denied { .. }), "{kind:?} {error:?}");
        let found = query(&mut connection, "SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT NULL").await.unwrap();
        assert_eq!(
            (found.count, found.rows[1].clone(), found.rows[2].clone()),
            (3, vec![Some("2".to_owned())], vec![None])
        );
    }
}

#[tokio::test]
async fn a_certificate_must_have_the_stated_name_and_authority() {
    for kind in ALL {
        let Some(server) = turn(kind).await else { continue };
        let good = Access { database: None, ..server.login("landfall_admin", "administrator's own", "") };
        let to = |host: &str, server_name: Option<&str>| {
            let (host, server_name) = (host.to_owned(), server_name.map(str::to_owned));
            Access { address: Address::Tcp { host, port: server.port, server_name }, ..good.clone() }
        };
        Connection::open(&to("127.0.0.1", Some("db.example.internal"))).await.unwrap().close().await;
        Connection::open(&to("localhost", None)).await.unwrap().close().await;
        for wrong in [to("127.0.0.1", None), to("127.0.0.1", Some("other.example.internal"))] {
            let error = error_of(&wrong).await;
            assert!(matches!(error, Error::Tls { .. }), "{kind:?} {error:?}");
        }
        let Tls::VerifyFull { authority_pem: other } = super::connecting::stranger() else { unreachable!() };
        let stranger = Access { tls: Tls::VerifyFull { authority_pem: other }, ..good.clone() };
        let error = error_of(&stranger).await;
        assert!(matches!(error, Error::Tls { .. }), "{kind:?} {error:?}");
        // Without TLS PostgreSQL's rules let nobody in over TCP.
        if kind == Kind::Postgres {
            let error = error_of(&Access { tls: Tls::Off, ..good.clone() }).await;
            assert!(matches!(error, Error::LoginRefused { .. }), "{error:?}");
        }
    }
}

/// An authority that signed nothing here.
pub(crate) fn stranger() -> Tls {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    Tls::VerifyFull { authority_pem: params.self_signed(&key).unwrap().pem() }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    for engine in [model::database::Engine::Postgres, model::database::Engine::Mysql] {
        let access = Access {
            engine,
            address: Address::Tcp { host: "127.0.0.1".to_owned(), port, server_name: Some("db".to_owned()) },
            user: "x".to_owned(),
            password: model::Secret::new("x"),
            database: None,
            tls: stranger(),
            timeout: Duration::from_millis(200),
        };
        let error = error_of(&access).await;
        assert!(matches!(error, Error::TimedOut { .. }), "{error:?}");
    }
}
