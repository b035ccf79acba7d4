//! Databases: servers and clusters that stacks made or that were made of copies, the copies, and what is offered.

use super::FakeAccount;
use super::machine::{Machine, time};
use super::requests::refusal;
use super::thing::{Content, Thing};
use model::Secret;
use serde_json::{Value as Json, json};
use stacks::account::{
    AdministratorSecret, CallErrorKind, Called, Databases, DbEndpoint, DbEngineVersion, DbKind, DbOffer, DbServer,
    DbSnapshot, RestoreRequest,
};

/// How long a copy takes, and a server that is made of one, in milliseconds.
const COPYING: u64 = 180_000;
const RESTORING: u64 = 600_000;

/// What is offered: engine, version, family, versions to which it can be changed.
const OFFERED: &[(&str, &str, &str, &[&str])] = &[
    ("mysql", "8.0.44", "mysql8.0", &["8.4.7"]),
    ("mysql", "8.4.7", "mysql8.4", &[]),
    ("mariadb", "11.4.9", "mariadb11.4", &["11.8.5"]),
    ("mariadb", "11.8.5", "mariadb11.8", &[]),
    ("postgres", "16.11", "postgres16", &["17.7"]),
    ("postgres", "17.7", "postgres17", &[]),
    ("aurora-mysql", "8.0.mysql_aurora.3.10.1", "aurora-mysql8.0", &[]),
    ("aurora-postgresql", "17.6", "aurora-postgresql17", &[]),
];

/// A copy, and when it is one.
#[derive(Debug, Clone)]
pub(super) struct Copy {
    told: DbSnapshot,
    ready: u64,
    /// What the server was made with.
    properties: Json,
    /// The administrator's password of then.
    password: Option<Secret>,
}

impl FakeAccount {
    /// All copies of the account, the newest first.
    pub(super) async fn all_db_snapshots(&self, kind: DbKind) -> Called<Vec<DbSnapshot>> {
        self.call("rds:DescribeSnapshots", |m| {
            let all = m.copies.iter().rev().filter(|copy| copy.told.kind == kind);
            Ok(all.map(|copy| m.told_copy(copy)).collect())
        })
        .await
    }
}

impl Databases for FakeAccount {
    async fn db_server(&self, kind: DbKind, id: &str) -> Called<Option<DbServer>> {
        self.call("rds:Describe", |m| Ok(m.db_server(kind, id))).await
    }

    async fn create_db_snapshot(
        &self,
        kind: DbKind,
        of: &str,
        snapshot: &str,
        tags: &[(String, String)],
    ) -> Called<()> {
        self.call("rds:CreateSnapshot", |m| m.create_db_snapshot(kind, of, snapshot, tags)).await
    }

    async fn db_snapshot(&self, kind: DbKind, snapshot: &str) -> Called<Option<DbSnapshot>> {
        self.call("rds:DescribeSnapshots", |m| Ok(m.copy(kind, snapshot).map(|copy| m.told_copy(copy)))).await
    }

    async fn db_snapshots(&self, kind: DbKind, of: &str) -> Called<Vec<DbSnapshot>> {
        self.call("rds:DescribeSnapshots", |m| {
            let of = m.copies.iter().rev().filter(|copy| copy.told.kind == kind && copy.told.of == of);
            Ok(of.map(|copy| m.told_copy(copy)).collect())
        })
        .await
    }

    async fn db_snapshots_tagged(&self, kind: DbKind, key: &str, value: &str) -> Called<Vec<DbSnapshot>> {
        let mut all = self.all_db_snapshots(kind).await?;
        all.retain(|copy| copy.tags.iter().any(|(name, said)| name == key && said == value));
        Ok(all)
    }

    async fn delete_db_snapshot(&self, kind: DbKind, snapshot: &str) -> Called<()> {
        self.call("rds:DeleteSnapshot", |m| {
            m.copies.retain(|copy| copy.told.kind != kind || copy.told.id != snapshot);
            Ok(())
        })
        .await
    }

    async fn restore_db(&self, request: &RestoreRequest) -> Called<()> {
        self.call("rds:Restore", |m| m.restore_db(request)).await
    }

    async fn add_db_member(
        &self,
        cluster: &str,
        member: &str,
        engine: &str,
        class: &str,
        authority: Option<&str>,
    ) -> Called<()> {
        self.call("rds:CreateDBInstance", |m| m.add_db_member(cluster, member, engine, class, authority)).await
    }

    async fn keep_db_administrator(&self, kind: DbKind, id: &str) -> Called<()> {
        self.call("rds:Modify", |m| {
            let serial = m.found_db("rds:Modify", kind, id)?.serial;
            if let Some(properties) = m.things.get_mut(&serial).and_then(|thing| thing.properties.as_object_mut()) {
                properties.insert("ManageMasterUserPassword".to_owned(), json!("true"));
            }
            m.keep_secret(serial, None);
            Ok(())
        })
        .await
    }

    async fn db_engine_versions(&self, engine: &str, version: Option<&str>) -> Called<Vec<DbEngineVersion>> {
        self.call("rds:DescribeDBEngineVersions", |m| {
            let is_wanted = |own: &str| {
                let rest = version.map_or(Some(""), |wanted| own.strip_prefix(wanted));
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || version.is_none())
            };
            let found = OFFERED.iter().filter(|(name, own, ..)| *name == engine && is_wanted(own));
            Ok(found
                .map(|(engine, version, family, upgrades)| DbEngineVersion {
                    engine: (*engine).to_owned(),
                    version: (*version).to_owned(),
                    family: (*family).to_owned(),
                    status: "available".to_owned(),
                    upgrades: upgrades.iter().map(|&to| to.to_owned()).collect(),
                    authorities: ["rds-ca-ecc384-g1", "rds-ca-rsa2048-g1", "rds-ca-rsa4096-g1"]
                        .iter()
                        .filter(|&&authority| !m.sold_out.contains(authority))
                        .map(|&authority| authority.to_owned())
                        .collect(),
                })
                .collect())
        })
        .await
    }

    async fn db_offers(&self, engine: &str, version: &str, class: &str) -> Called<Vec<DbOffer>> {
        self.call("rds:DescribeOrderableDBInstanceOptions", |m| {
            let is_offered = OFFERED.iter().any(|(name, own, ..)| *name == engine && *own == version);
            if !is_offered || !class.starts_with("db.") || m.sold_out.contains(class) {
                return Ok(Vec::new());
            }
            Ok(vec![DbOffer {
                class: class.to_owned(),
                version: version.to_owned(),
                zones: ["a", "b", "c"].iter().map(|zone| format!("{}{zone}", m.region)).collect(),
                multi_az: !m.sold_out.contains(&format!("standby {class}")),
                storage: "gp3".to_owned(),
            }])
        })
        .await
    }
}

/// The type of resource, the property that names it, and the word in codes.
fn words(kind: DbKind) -> (&'static str, &'static str, &'static str) {
    match kind {
        DbKind::Instance => ("AWS::RDS::DBInstance", "DBInstanceIdentifier", "DBInstance"),
        DbKind::Cluster => ("AWS::RDS::DBCluster", "DBClusterIdentifier", "DBCluster"),
    }
}

fn is(thing: &Thing, property: &str) -> bool {
    thing.property(property).as_deref() == Some("true")
}

fn texts(thing: &Thing, property: &str) -> Vec<String> {
    let items = thing.properties.get(property).and_then(Json::as_array).cloned().unwrap_or_default();
    items.iter().map(super::evaluate::as_text).collect()
}

impl Machine {
    fn db(&self, kind: DbKind, id: &str) -> Option<&Thing> {
        self.things().find(|thing| thing.kind == words(kind).0 && thing.physical_id.eq_ignore_ascii_case(id))
    }

    fn found_db(&self, operation: &str, kind: DbKind, id: &str) -> Called<&Thing> {
        self.db(kind, id).ok_or_else(|| {
            let (_, _, word) = words(kind);
            let code = match kind {
                DbKind::Instance => "DBInstanceNotFound",
                DbKind::Cluster => "DBClusterNotFoundFault",
            };
            refusal(operation, CallErrorKind::Refused, code, format!("{word} {id} not found."))
        })
    }

    fn db_server(&mut self, kind: DbKind, id: &str) -> Option<DbServer> {
        let thing = self.db(kind, id)?;
        let serial = thing.serial;
        if is(thing, "ManageMasterUserPassword") {
            self.keep_secret(serial, None);
        }
        let thing = self.things.get(&serial)?;
        let engine = thing.property("Engine").unwrap_or_default();
        let port = thing.property("Port").and_then(|port| port.parse().ok());
        let port = port.unwrap_or(if engine.contains("postgres") { 5432 } else { 3306 });
        let ready = self.db_ready.get(&serial).copied().unwrap_or_default();
        let is_ready = self.now >= ready;
        let status = self.db_status.get(&thing.physical_id).cloned();
        let members = self.things().filter(|it| it.kind == "AWS::RDS::DBInstance");
        let members = members.filter(|it| it.property("DBClusterIdentifier").as_deref() == Some(&thing.physical_id));
        let secret = self
            .things()
            .find(|it| it.kind == "AWS::SecretsManager::Secret" && it.maker == super::thing::Maker::Thing(serial));
        let (_, _, word) = words(kind);
        let arn = thing.attributes.get(&format!("{word}Arn")).map(super::evaluate::as_text);
        let is_instance = kind == DbKind::Instance;
        Some(DbServer {
            kind,
            id: thing.physical_id.clone(),
            arn: arn.unwrap_or_default(),
            status: status.unwrap_or_else(|| if is_ready { "available" } else { "creating" }.to_owned()),
            endpoint: is_ready.then(|| DbEndpoint {
                host: thing.attributes.get("Endpoint.Address").map(super::evaluate::as_text).unwrap_or_default(),
                port,
            }),
            engine,
            engine_version: thing.property("EngineVersion").unwrap_or_default(),
            class: thing.property("DBInstanceClass"),
            is_public: is_instance.then(|| is(thing, "PubliclyAccessible")),
            is_encrypted: is(thing, "StorageEncrypted"),
            is_protected: is(thing, "DeletionProtection"),
            authority: is_instance
                .then(|| thing.property("CACertificateIdentifier").unwrap_or_else(|| "rds-ca-rsa2048-g1".to_owned())),
            certificate_until: None,
            administrator: thing.property("MasterUsername").unwrap_or_default(),
            administrator_secret: secret
                .map(|secret| AdministratorSecret { arn: secret.physical_id.clone(), status: "active".to_owned() }),
            backup_days: thing.property("BackupRetentionPeriod").and_then(|days| days.parse().ok()).unwrap_or(1),
            restorable_until: is_ready.then(|| time(self.now)),
            subnet_group: thing.property("DBSubnetGroupName"),
            security_groups: texts(thing, if is_instance { "VPCSecurityGroups" } else { "VpcSecurityGroupIds" }),
            parameter_group: thing
                .property(if is_instance { "DBParameterGroupName" } else { "DBClusterParameterGroupName" })
                .map(|name| (name, if is_instance { "in-sync".to_owned() } else { String::new() })),
            members: if is_instance { Vec::new() } else { members.map(|it| it.physical_id.clone()).collect() },
        })
    }

    /// The secret that RDS keeps for a server; a new one has this password.
    pub(super) fn keep_secret(&mut self, serial: u64, password: Option<Secret>) {
        let has_one =
            |it: &Thing| it.kind == "AWS::SecretsManager::Secret" && it.maker == super::thing::Maker::Thing(serial);
        if self.things().any(has_one) {
            return;
        }
        let Some(user) = self.things.get(&serial).map(|thing| thing.property("MasterUsername").unwrap_or_default())
        else {
            return;
        };
        let password = password.unwrap_or_else(|| Secret::new(format!("kept-by-rds-{serial}-{}", self.now)));
        let value = Secret::new(json!({ "username": user, "password": password.expose() }).to_string());
        self.secrets_drawn.push(password);
        let name = json!({ "Name": format!("rds!db-{serial:08x}") });
        let content = Content::Secret(vec![("00000000-0000-4000-8000-000000000001".to_owned(), value)]);
        self.add_below(serial, "AWS::SecretsManager::Secret", name, Default::default(), content);
        let arn = self.things().find(|it| has_one(it)).map(|it| it.physical_id.clone());
        if let (Some(arn), Some(thing)) = (arn, self.things.get_mut(&serial)) {
            thing.attributes.insert("MasterUserSecret.SecretArn".to_owned(), json!(arn));
        }
    }

    fn copy(&self, kind: DbKind, id: &str) -> Option<&Copy> {
        self.copies.iter().find(|copy| copy.told.kind == kind && copy.told.id == id)
    }

    fn told_copy(&self, copy: &Copy) -> DbSnapshot {
        let is_ready = self.now >= copy.ready;
        let done = COPYING.saturating_sub(copy.ready.saturating_sub(self.now)) * 100 / COPYING;
        DbSnapshot {
            status: if is_ready { "available" } else { "creating" }.to_owned(),
            percent: if is_ready { 100 } else { u32::try_from(done).unwrap_or(99).min(99) },
            ..copy.told.clone()
        }
    }

    fn create_db_snapshot(&mut self, kind: DbKind, of: &str, snapshot: &str, tags: &[(String, String)]) -> Called<()> {
        const OPERATION: &str = "rds:CreateSnapshot";
        let (_, _, word) = words(kind);
        if self.copy(kind, snapshot).is_some() {
            let code = if kind == DbKind::Instance {
                "DBSnapshotAlreadyExists"
            } else {
                "DBClusterSnapshotAlreadyExistsFault"
            };
            let words =
                format!("Cannot create the snapshot because a snapshot with the identifier {snapshot} already exists.");
            return Err(refusal(OPERATION, CallErrorKind::Exists, code, words));
        }
        self.found_db(OPERATION, kind, of)?;
        let Some(server) = self.db_server(kind, of) else { return Ok(()) };
        if server.status != "available" {
            let code = if kind == DbKind::Instance { "InvalidDBInstanceState" } else { "InvalidDBClusterStateFault" };
            let words = format!("{word} {of} is not in the available state.");
            return Err(refusal(OPERATION, CallErrorKind::WrongState, code, words));
        }
        let thing = self.found_db(OPERATION, kind, of)?;
        let (serial, properties) = (thing.serial, thing.properties.clone());
        let password = self.password_of(serial);
        let word = if kind == DbKind::Instance { "snapshot" } else { "cluster-snapshot" };
        self.copies.push(Copy {
            told: DbSnapshot {
                kind,
                id: snapshot.to_owned(),
                arn: format!("arn:aws:rds:{}:{}:{word}:{snapshot}", self.region, self.account),
                of: server.id,
                status: "creating".to_owned(),
                percent: 0,
                at: Some(time(self.now)),
                origin: "manual".to_owned(),
                engine: server.engine,
                engine_version: server.engine_version,
                is_encrypted: server.is_encrypted,
                gibibytes: 20,
                tags: tags.to_vec(),
            },
            ready: self.now + COPYING,
            properties,
            password,
        });
        Ok(())
    }

    fn password_of(&self, serial: u64) -> Option<Secret> {
        let kept = self.things().find_map(|thing| match &thing.content {
            Content::Secret(versions) if thing.maker == super::thing::Maker::Thing(serial) => versions.last(),
            _ => None,
        });
        let value: Json = serde_json::from_str(kept?.1.expose()).ok()?;
        value["password"].as_str().map(Secret::new)
    }

    fn restore_db(&mut self, request: &RestoreRequest) -> Called<()> {
        const OPERATION: &str = "rds:Restore";
        let (kind, id, word) = words(request.kind);
        let copy = self.copy(request.kind, &request.snapshot).cloned().ok_or_else(|| {
            let code =
                if request.kind == DbKind::Instance { "DBSnapshotNotFound" } else { "DBClusterSnapshotNotFoundFault" };
            refusal(OPERATION, CallErrorKind::Refused, code, format!("DBSnapshot {} not found.", request.snapshot))
        })?;
        if self.now < copy.ready {
            let code = if request.kind == DbKind::Instance {
                "InvalidDBSnapshotState"
            } else {
                "InvalidDBClusterSnapshotStateFault"
            };
            let words = format!("The snapshot {} is not available.", request.snapshot);
            return Err(refusal(OPERATION, CallErrorKind::WrongState, code, words));
        }
        self.new_db(OPERATION, request.kind, &request.into)?;
        let mut properties = copy.properties;
        if let Some(properties) = properties.as_object_mut() {
            let groups = if request.kind == DbKind::Instance { "VPCSecurityGroups" } else { "VpcSecurityGroupIds" };
            let parameters =
                if request.kind == DbKind::Instance { "DBParameterGroupName" } else { "DBClusterParameterGroupName" };
            // What is made of a copy is not kept by RDS, and protected only when that is asked for.
            properties.remove("ManageMasterUserPassword");
            properties.insert("DeletionProtection".to_owned(), json!(request.is_protected.to_string()));
            properties.insert(id.to_owned(), json!(request.into));
            properties.insert("DBSubnetGroupName".to_owned(), json!(request.subnet_group));
            properties.insert(groups.to_owned(), json!(request.security_groups));
            properties.insert("PubliclyAccessible".to_owned(), json!("false"));
            if request.kind == DbKind::Instance {
                properties.insert("DBInstanceClass".to_owned(), json!(request.class));
                let authority = request.authority.as_deref().unwrap_or("rds-ca-rsa2048-g1");
                properties.insert("CACertificateIdentifier".to_owned(), json!(authority));
            }
            match &request.parameter_group {
                Some(group) => properties.insert(parameters.to_owned(), json!(group)),
                None => properties.remove(parameters),
            };
        }
        let restored = self.add_foreign(kind, properties);
        let _ = word;
        self.begin_db(&restored, &request.tags);
        Ok(())
    }

    fn add_db_member(
        &mut self,
        cluster: &str,
        member: &str,
        engine: &str,
        class: &str,
        authority: Option<&str>,
    ) -> Called<()> {
        const OPERATION: &str = "rds:CreateDBInstance";
        self.found_db(OPERATION, DbKind::Cluster, cluster)?;
        self.new_db(OPERATION, DbKind::Instance, member)?;
        let properties = json!({
            "DBInstanceIdentifier": member, "DBClusterIdentifier": cluster, "Engine": engine, "DBInstanceClass": class,
            "PubliclyAccessible": "false", "StorageEncrypted": "true",
            "CACertificateIdentifier": authority.unwrap_or("rds-ca-rsa2048-g1"),
        });
        let member = self.add_foreign("AWS::RDS::DBInstance", properties);
        self.begin_db(&member, &[]);
        Ok(())
    }

    fn new_db(&self, operation: &str, kind: DbKind, id: &str) -> Called<()> {
        if self.db(kind, id).is_none() {
            return Ok(());
        }
        let (_, _, word) = words(kind);
        let code = if kind == DbKind::Instance { "DBInstanceAlreadyExists" } else { "DBClusterAlreadyExistsFault" };
        Err(refusal(operation, CallErrorKind::Exists, code, format!("{word} {id} already exists")))
    }

    fn begin_db(&mut self, physical_id: &str, tags: &[(String, String)]) {
        let ready = self.now + RESTORING;
        let serial = self.things().filter(|thing| thing.physical_id == physical_id).map(|thing| thing.serial).max();
        if let Some(serial) = serial {
            self.db_ready.insert(serial, ready);
            if let Some(thing) = self.things.get_mut(&serial) {
                thing.tags.extend(tags.iter().cloned());
            }
        }
    }

    /// A copy that RDS makes each day by itself, ready now.
    pub fn copy_daily(&mut self, kind: DbKind, of: &str) {
        let id = format!("rds:{of}-2026-11-20-03-00");
        if self.create_db_snapshot(kind, of, &id, &[]).is_ok()
            && let Some(copy) = self.copies.last_mut()
        {
            copy.ready = self.now;
            "automated".clone_into(&mut copy.told.origin);
        }
    }

    /// Lets a copy be one of another server, which is gone.
    pub fn copied_from(&mut self, snapshot: &str, of: &str) {
        for copy in self.copies.iter_mut().filter(|copy| copy.told.id == snapshot) {
            of.clone_into(&mut copy.told.of);
        }
    }

    /// Lets another authority sign the certificates of all servers.
    pub fn sign_databases(&mut self, authority: &str) {
        for thing in self.things.values_mut().filter(|thing| thing.kind == "AWS::RDS::DBInstance") {
            if let Some(properties) = thing.properties.as_object_mut() {
                properties.insert("CACertificateIdentifier".to_owned(), json!(authority));
            }
        }
    }

    /// The administrator's password of a server that was made of a copy: that of then.
    #[must_use]
    pub fn copied_password(&self, snapshot: &str) -> Option<Secret> {
        self.copies.iter().find(|copy| copy.told.id == snapshot)?.password.clone()
    }
}
