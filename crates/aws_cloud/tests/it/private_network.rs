//! What leads into a private network, and the databases there: against the account in memory over HTTP, with real servers behind its
//! sessions, and against the emulators of others.

use crate::support::account;
use model::Secret;
use serde_json::json;
use stacks::account::{CallErrorKind, Databases, DbKind, RestoreRequest, SessionRequest, SessionTarget, Sessions};
use stacks::way_in::{self, Options, WayIn};
use std::time::Duration;
use testkit::gateway::{Behaviour, Gateway};
use testkit::{Emulator, FakeAccount};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// An account with a host whose tag is `role: way-in`, and a gateway behind its sessions.
async fn with_host(behaviour: Behaviour) -> (FakeAccount, Gateway, String) {
    let gateway = Gateway::start(behaviour).await.unwrap();
    let fake = FakeAccount::with_speed("123456789012", "us-west-2", 200).with_gateway(gateway.clone());
    let host = fake.with(|machine| {
        let host = machine.add_foreign("AWS::EC2::Instance", json!({}));
        machine.tag(&host, "role", "way-in");
        host
    });
    (fake, gateway, host)
}

#[tokio::test]
async fn from_a_tag_to_a_database_that_only_its_host_reaches() {
    let database = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = database.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut tcp, _)) = database.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = tcp.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
            });
        }
    });
    let (fake, gateway, host) = with_host(Behaviour::default()).await;
    gateway.route("db.internal", 5432, port);
    let endpoint = fake.serve().await.unwrap();
    let account = account(&endpoint.url()).await;

    // The host is found by its tag, and is online.
    let tags = [("role".to_owned(), "way-in".to_owned())];
    let machines = account.machines(&tags).await.unwrap();
    assert_eq!(
        machines.iter().map(|it| (it.instance.as_str(), it.state.as_str())).collect::<Vec<_>>(),
        [(host.as_str(), "running")]
    );
    assert_eq!(account.machines(&[("role".to_owned(), "other".to_owned())]).await.unwrap(), []);
    let managed = account.managed_hosts(std::slice::from_ref(&host)).await.unwrap();
    assert!(managed.len() == 1 && managed[0].is_online() && managed[0].agent == "3.3.987.0", "{managed:?}");
    assert_eq!(account.managed_hosts(&[]).await.unwrap(), []);

    let way = WayIn {
        tags: tags.to_vec(),
        target: SessionTarget::Beyond { host: "db.internal".to_owned(), port: 5432 },
        reason: "landfall connect db".to_owned(),
    };
    let tunnel = way_in::tunnel(account, way.clone(), Options::default());
    let forwarding = tunnel.listen(([127, 0, 0, 1], 0).into()).await.unwrap();
    for round in 0..3_u8 {
        let mut tcp = TcpStream::connect(forwarding.address()).await.unwrap();
        let sent = vec![round; 5000];
        tcp.write_all(&sent).await.unwrap();
        let mut back = vec![0; sent.len()];
        tcp.read_exact(&mut back).await.unwrap();
        assert_eq!(back, sent);
        // The channel breaks; the session is resumed with another token, through the account.
        let session = gateway.started()[0].0.clone();
        gateway.cut(&session);
        tcp.write_all(b"again").await.unwrap();
        let mut back = [0; 5];
        tcp.read_exact(&mut back).await.unwrap();
        assert_eq!(&back, b"again");
    }
    let request = SessionRequest { instance: host, target: way.target, reason: way.reason };
    assert_eq!(fake.with(|machine| machine.sessions.clone()), [request]);
    tunnel.close().await;
    assert!(gateway.started().iter().all(|(_, is_over)| *is_over));
    assert_eq!(gateway.complaints(), Vec::<String>::new());
}

#[tokio::test]
async fn a_host_that_is_not_there_or_not_heard_of_is_told() {
    let (fake, _gateway, host) = with_host(Behaviour::default()).await;
    let endpoint = fake.serve().await.unwrap();
    let account = account(&endpoint.url()).await;
    let request = |instance: &str| SessionRequest {
        instance: instance.to_owned(),
        target: SessionTarget::Host { port: 22 },
        reason: String::new(),
    };
    account.start_session(&request(&host)).await.unwrap();
    fake.with(|machine| machine.offline.insert(host.clone()));
    for id in [host.as_str(), "i-0123456789abcdef0"] {
        let error = account.start_session(&request(id)).await.unwrap_err();
        assert_eq!((error.kind, error.code.as_str()), (CallErrorKind::WrongState, "TargetNotConnected"));
        assert_eq!((error.operation.as_str(), error.message), ("ssm:StartSession", format!("{id} is not connected.")));
    }
    assert!(!account.managed_hosts(std::slice::from_ref(&host)).await.unwrap()[0].is_online());
    assert_eq!(account.resume_session("nobody-0").await.unwrap(), None);
    account.terminate_session("nobody-0").await.unwrap();
}

#[tokio::test]
async fn a_way_leads_through_the_host_that_is_online_or_says_why_through_none() {
    let (fake, gateway, first) = with_host(Behaviour::default()).await;
    let way = |value: &str| WayIn {
        tags: vec![("role".to_owned(), value.to_owned())],
        target: SessionTarget::Host { port: 1 },
        reason: String::new(),
    };
    let fault = way_in::tunnel(fake.another(), way("other"), Options::default()).check().await.unwrap_err();
    assert_eq!(fault.to_string(), "looking for a host to go through: no machine runs that carries role=other");
    let tunnel = way_in::tunnel(fake.another(), way("way-in"), Options::default());
    fake.with(|machine| machine.offline.insert(first.clone()));
    let fault = tunnel.check().await.unwrap_err();
    assert_eq!(fault.cause, format!("Systems Manager hears of none: {first} is ConnectionLost"));
    assert!(fault.help.unwrap().contains("AmazonSSMManagedInstanceCore"));
    let second = fake.with(|machine| {
        let second = machine.add_foreign("AWS::EC2::Instance", json!({}));
        machine.tag(&second, "role", "way-in");
        second
    });
    tunnel.check().await.unwrap();
    assert_eq!(fake.with(|machine| machine.sessions[0].instance.clone()), second);
    tunnel.close().await;
    assert!(gateway.started().iter().all(|(_, is_over)| *is_over));
}

/// Everything about databases, by whichever account: made, copied, restored.
async fn day_two(account: &impl Databases, kind: DbKind, pause: Duration) {
    assert_eq!(account.db_server(kind, "nothing").await.unwrap(), None);
    assert_eq!(account.db_snapshot(kind, "nothing").await.unwrap(), None);
    assert_eq!(account.db_snapshots(kind, "nothing").await.unwrap(), []);
    let server = account.db_server(kind, "teams").await.unwrap().unwrap();
    assert!(server.is_available(), "{server:?}");
    assert_eq!((server.id.as_str(), server.administrator.as_str()), ("teams", "landfall_admin"));
    assert!(server.is_encrypted && server.is_public != Some(true) && !server.arn.is_empty(), "{server:?}");

    let tags = [("landfall:deployment".to_owned(), "teams".to_owned())];
    account.create_db_snapshot(kind, "teams", "before", &tags).await.unwrap();
    let twice = account.create_db_snapshot(kind, "teams", "before", &tags).await.unwrap_err();
    assert_eq!(twice.kind, CallErrorKind::Exists, "{twice:?}");
    let copy = loop {
        let copy = account.db_snapshot(kind, "before").await.unwrap().unwrap();
        if copy.status == "available" {
            break copy;
        }
        tokio::time::sleep(pause).await;
    };
    assert_eq!(
        (copy.of.as_str(), copy.engine.as_str(), copy.origin.as_str()),
        ("teams", server.engine.as_str(), "manual")
    );
    assert!(copy.is_encrypted, "{copy:?}");
    let all = account.db_snapshots(kind, "teams").await.unwrap();
    assert!(all.contains(&copy), "{all:?}");
    let tagged = account.db_snapshots_tagged(kind, "landfall:deployment", "teams").await.unwrap();
    assert!(tagged.contains(&copy), "{tagged:?}");
    assert_eq!(account.db_snapshots_tagged(kind, "landfall:deployment", "others").await.unwrap(), []);

    let request = RestoreRequest {
        kind,
        snapshot: "before".to_owned(),
        into: "teams-restored".to_owned(),
        engine: server.engine.clone(),
        class: "db.t4g.micro".to_owned(),
        subnet_group: server.subnet_group.clone().unwrap_or_default(),
        security_groups: server.security_groups.clone(),
        parameter_group: None,
        authority: server.authority.clone(),
        is_protected: false,
        tags: tags.to_vec(),
    };
    account.restore_db(&request).await.unwrap();
    let twice = account.restore_db(&request).await.unwrap_err();
    assert_eq!(twice.kind, CallErrorKind::Exists, "{twice:?}");
    if kind == DbKind::Cluster {
        let (class, authority) = ("db.t4g.medium", Some("rds-ca-rsa4096-g1"));
        let added = account.add_db_member("teams-restored", "teams-restored-1", &server.engine, class, authority).await;
        added.unwrap();
    }
    let restored = loop {
        let restored = account.db_server(kind, "teams-restored").await.unwrap().unwrap();
        if restored.is_available() {
            break restored;
        }
        tokio::time::sleep(pause).await;
    };
    assert_eq!((restored.engine, restored.is_encrypted), (server.engine, true));
    assert_ne!(restored.is_public, Some(true));
    if kind == DbKind::Cluster {
        assert_eq!(restored.members, ["teams-restored-1"]);
    }
    assert_eq!(restored.administrator_secret, None);
    account.keep_db_administrator(kind, "teams-restored").await.unwrap();
    account.delete_db_snapshot(kind, "before").await.unwrap();
    account.delete_db_snapshot(kind, "before").await.unwrap();
    assert_eq!(account.db_snapshot(kind, "before").await.unwrap(), None);
}

fn servers(fake: &FakeAccount) {
    fake.with(|machine| {
        let said = json!({
            "DBInstanceIdentifier": "teams", "Engine": "postgres", "EngineVersion": "17.7", "DBInstanceClass": "db.t4g.micro",
            "MasterUsername": "landfall_admin", "StorageEncrypted": "true", "ManageMasterUserPassword": "true",
            "DBSubnetGroupName": "private", "VPCSecurityGroups": ["sg-1", "sg-2"], "DBParameterGroupName": "tls",
            "DeletionProtection": "true", "BackupRetentionPeriod": "7", "PubliclyAccessible": "false",
            "CACertificateIdentifier": "rds-ca-rsa2048-g1",
        });
        machine.add_foreign("AWS::RDS::DBInstance", said);
        let said = json!({
            "DBClusterIdentifier": "teams", "Engine": "aurora-mysql", "EngineVersion": "8.0.mysql_aurora.3.10.1",
            "MasterUsername": "landfall_admin", "StorageEncrypted": "true", "DBSubnetGroupName": "private",
            "VpcSecurityGroupIds": ["sg-1"], "DBClusterParameterGroupName": "tls",
        });
        machine.add_foreign("AWS::RDS::DBCluster", said);
    });
}

#[tokio::test]
async fn databases_are_copied_and_restored_in_memory_and_over_http_alike() {
    for kind in [DbKind::Instance, DbKind::Cluster] {
        let fake = FakeAccount::with_speed("123456789012", "us-west-2", 5000);
        servers(&fake);
        day_two(&fake, kind, Duration::from_millis(5)).await;

        let fake = FakeAccount::with_speed("123456789012", "us-west-2", 5000);
        servers(&fake);
        let endpoint = fake.serve().await.unwrap();
        let account = account(&endpoint.url()).await;
        // What goes through the protocol is what was said, field by field.
        let direct = fake.db_server(kind, "teams").await.unwrap().unwrap();
        let read = account.db_server(kind, "teams").await.unwrap().unwrap();
        assert_eq!(stacks::account::DbServer { restorable_until: direct.restorable_until.clone(), ..read }, direct);
        day_two(&account, kind, Duration::from_millis(5)).await;
        let secret = account.db_server(kind, "teams-restored").await.unwrap().unwrap().administrator_secret.unwrap();
        assert_eq!(secret.status, "active");
        let value: Secret = stacks::Account::secret_value(&account, &secret.arn).await.unwrap().unwrap().value;
        assert!(value.expose().contains("\"username\":\"landfall_admin\""), "{}", secret.arn);
    }
}

#[tokio::test]
async fn what_is_offered_is_known_before_anything_is_made() {
    let fake = FakeAccount::with_speed("123456789012", "us-west-2", 200);
    let endpoint = fake.serve().await.unwrap();
    let account = account(&endpoint.url()).await;
    let all = account.db_engine_versions("postgres", None).await.unwrap();
    assert_eq!(all, fake.db_engine_versions("postgres", None).await.unwrap());
    let found = account.db_engine_versions("postgres", Some("17")).await.unwrap();
    assert_eq!(
        found.iter().map(|it| (it.version.as_str(), it.family.as_str())).collect::<Vec<_>>(),
        [("17.7", "postgres17")]
    );
    assert!(found[0].authorities.contains(&"rds-ca-rsa2048-g1".to_owned()));
    assert_eq!(account.db_engine_versions("postgres", Some("1")).await.unwrap(), []);
    let offers = account.db_offers("postgres", "17.7", "db.t4g.micro").await.unwrap();
    assert_eq!(offers, fake.db_offers("postgres", "17.7", "db.t4g.micro").await.unwrap());
    assert_eq!(offers[0].zones.len(), 3);
    fake.with(|machine| machine.sold_out.insert("db.t4g.micro".to_owned()));
    assert_eq!(account.db_offers("postgres", "17.7", "db.t4g.micro").await.unwrap(), []);
}

#[tokio::test]
async fn a_database_that_changes_is_not_copied() {
    let fake = FakeAccount::with_speed("123456789012", "us-west-2", 200);
    servers(&fake);
    fake.with(|machine| machine.db_status.insert("teams".to_owned(), "modifying".to_owned()));
    let endpoint = fake.serve().await.unwrap();
    let account = account(&endpoint.url()).await;
    let error = account.create_db_snapshot(DbKind::Instance, "teams", "s", &[]).await.unwrap_err();
    assert_eq!((error.kind, error.code.as_str()), (CallErrorKind::WrongState, "InvalidDBInstanceState"));
    let error = account.create_db_snapshot(DbKind::Cluster, "none", "s", &[]).await.unwrap_err();
    assert_eq!((error.kind, error.code.as_str()), (CallErrorKind::Refused, "DBClusterNotFoundFault"));
}

/// The databases of [`day_two`] in somebody else's emulator.
const MADE: &str = "
e, r = client('ec2'), client('rds')
v = e.create_vpc(CidrBlock='10.9.0.0/16')['Vpc']['VpcId']
s = [e.create_subnet(VpcId=v, CidrBlock=f'10.9.{i}.0/24', AvailabilityZone=f'us-west-2{z}')['Subnet']['SubnetId'] for i, z in enumerate('ab')]
g = e.create_security_group(GroupName='g', Description='d', VpcId=v)['GroupId']
r.create_db_subnet_group(DBSubnetGroupName='private', DBSubnetGroupDescription='d', SubnetIds=s)
r.create_db_instance(DBInstanceIdentifier='teams', Engine='postgres', DBInstanceClass='db.t4g.micro', AllocatedStorage=20, MasterUsername='landfall_admin',
    MasterUserPassword='not-used-1', StorageEncrypted=True, DBSubnetGroupName='private', VpcSecurityGroupIds=[g], PubliclyAccessible=False, BackupRetentionPeriod=7)
r.create_db_cluster(DBClusterIdentifier='teams', Engine='aurora-mysql', MasterUsername='landfall_admin', MasterUserPassword='not-used-1', StorageEncrypted=True,
    DBSubnetGroupName='private', VpcSecurityGroupIds=[g])
answer = g
";

#[tokio::test]
async fn databases_of_another_emulator_are_read_copied_and_restored() {
    let Some(emulator) = Emulator::moto() else { return };
    let account = account(&emulator.url()).await;
    let group = emulator.ask(MADE);
    let server = account.db_server(DbKind::Instance, "teams").await.unwrap().unwrap();
    assert_eq!(server.security_groups, [group.as_str().unwrap()]);
    assert_eq!((server.class.as_deref(), server.subnet_group.as_deref()), (Some("db.t4g.micro"), Some("private")));
    assert_eq!((server.backup_days, server.endpoint.as_ref().unwrap().port), (7, 5432));
    day_two(&account, DbKind::Instance, Duration::from_millis(20)).await;
    day_two(&account, DbKind::Cluster, Duration::from_millis(20)).await;
}

#[tokio::test]
async fn another_emulator_understands_what_sessions_and_machines_are_asked_for() {
    let Some(emulator) = Emulator::moto() else { return };
    let account = account(&emulator.url()).await;
    let id = emulator.ask(
        "e = client('ec2')\nimage = e.describe_images()['Images'][0]['ImageId']\n\
         tags = [{'ResourceType': 'instance', 'Tags': [{'Key': 'role', 'Value': 'way-in'}, {'Key': 'of', 'Value': 'a b'}]}]\n\
         r = e.run_instances(ImageId=image, MinCount=2, MaxCount=2, TagSpecifications=tags)['Instances']\n\
         e.terminate_instances(InstanceIds=[r[1]['InstanceId']])\nanswer = r[0]['InstanceId']",
    );
    let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let found = account.machines(&[tag("role", "way-in"), tag("of", "a b")]).await.unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((Some(found[0].instance.as_str()), found[0].state.as_str()), (id.as_str(), "running"));
    assert!(found[0].private_address.is_some() && found[0].zone.starts_with("us-"), "{found:?}");
    assert_eq!(account.machines(&[tag("role", "way-in"), tag("of", "b")]).await.unwrap(), []);
}
