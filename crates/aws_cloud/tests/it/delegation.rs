//! Delegation, asked of name servers: one that knows everything, and one of the zone above.

use aws_cloud::{CloudAccount, ConnectOptions};
use hickory_proto::op::{Message, OpCode, ResponseCode};
use hickory_proto::rr::rdata::{A, NS};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use stacks::account::{Account, CallErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::thread;

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

fn name_server(of: &str, server: &str) -> Record {
    Record::from_rdata(name(of), 60, RData::NS(NS(name(server))))
}

/// Answers each question by `answer`, for ever.
fn serve(address: SocketAddr, answer: impl Fn(&Name, RecordType, &mut Message) + Send + 'static) -> SocketAddr {
    let socket = UdpSocket::bind(address).unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let Ok(question) = Message::from_vec(&buffer[..length]) else { continue };
            let mut reply = Message::response(question.metadata.id, OpCode::Query);
            let query = question.queries[0].clone();
            answer(query.name(), query.query_type(), &mut reply);
            reply.add_query(query);
            let _ = socket.send_to(&reply.to_vec().unwrap(), from);
        }
    });
    address
}

async fn delegated(resolver: SocketAddr, domain: &str) -> Result<Vec<String>, CallErrorKind> {
    let options =
        ConnectOptions { region: "us-west-2".to_owned(), name_server: Some(resolver), ..ConnectOptions::default() };
    let account = CloudAccount::connect(options).await.unwrap();
    account.delegated_name_servers(domain).await.map_err(|error| error.kind)
}

/// A resolver that knows `example.org` and where its server is, and says of the zone below what an old cache would.
fn resolver(parent: Ipv4Addr) -> SocketAddr {
    serve(SocketAddr::from(([127, 0, 0, 1], 0)), move |asked, kind, reply| match kind {
        RecordType::NS if *asked == name("example.org.") => {
            reply.add_answer(name_server("example.org.", "ns.example.org."));
        }
        RecordType::NS if *asked == name("tabpy.example.org.") => {
            reply.add_answer(name_server("tabpy.example.org.", "old.example.net."));
        }
        RecordType::A if *asked == name("ns.example.org.") => {
            reply.add_answer(Record::from_rdata(asked.clone(), 60, RData::A(A(parent))));
        }
        _ => {}
    })
}

#[tokio::test]
async fn the_zone_above_says_to_whom_a_domain_is_delegated() {
    let parent = Ipv4Addr::new(127, 0, 0, 2);
    let resolver = resolver(parent);
    serve(SocketAddr::from((IpAddr::from(parent), resolver.port())), |asked, _, reply| {
        if *asked == name("tabpy.example.org.") {
            reply.add_authority(name_server("tabpy.example.org.", "NS-2.awsdns-02.org."));
            reply.add_authority(name_server("tabpy.example.org.", "ns-1.awsdns-01.com."));
        } else {
            reply.metadata.response_code = ResponseCode::NXDomain;
        }
    });
    assert_eq!(
        delegated(resolver, "tabpy.example.org").await.unwrap(),
        ["ns-1.awsdns-01.com".to_owned(), "ns-2.awsdns-02.org".to_owned()]
    );
    assert_eq!(delegated(resolver, "elsewhere.example.org.").await.unwrap(), Vec::<String>::new());
    assert_eq!(delegated(resolver, "not a..domain").await.unwrap_err(), CallErrorKind::Refused);
}

#[tokio::test]
async fn where_the_zone_above_cannot_be_asked_the_resolver_is_believed() {
    // Nothing listens at that address, which the machine says at once.
    let resolver = resolver(Ipv4Addr::new(127, 0, 0, 3));
    assert_eq!(delegated(resolver, "tabpy.example.org").await.unwrap(), ["old.example.net".to_owned()]);
}

#[tokio::test]
async fn a_name_server_that_does_not_answer_is_no_answer() {
    let closed = UdpSocket::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    assert_eq!(delegated(closed, "tabpy.example.org").await.unwrap_err(), CallErrorKind::Refused);
}
