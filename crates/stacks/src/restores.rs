//! A new server of a copy: as private as the one that was copied, and checked.

use crate::account::{Databases, DbKind, DbServer, DbSnapshot, RestoreRequest};
use crate::backups::{Patience, is_stuck, kind};
use crate::databases::DatabaseWork;
use crate::{Account, Notice, Session, World};
use model::cfn::DatabasePlace;
use model::{Fault, FaultKind};
use serde::Serialize;

/// The tag that says of which copy a server was made.
pub const RESTORED_TAG: &str = "landfall:restored-from";

/// A server that was made of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoredServer {
    /// The server or the cluster.
    pub server: DbServer,
    /// The member of the cluster that was made with it.
    pub member: Option<DbServer>,
    /// The server that was copied.
    pub original: DbServer,
    /// How long this run took.
    pub milliseconds: u64,
    /// What was checked, and what was not.
    pub checks: Vec<RestoreCheck>,
}

impl RestoredServer {
    /// Whether nothing that was checked is wrong.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.checks.iter().all(|check| check.verdict != Verdict::Wrong)
    }
}

/// Something that was checked of a new server, or was not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RestoreCheck {
    /// What.
    pub what: &'static str,
    /// How it came out.
    pub verdict: Verdict,
    /// What was found, or why nothing was.
    pub found: String,
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it must be.
    Right,
    /// Not as it must be.
    Wrong,
    /// Not what the manifest says now; a copy may be older than the manifest.
    Differs,
    /// Nobody looked.
    NotChecked,
}

/// Whether RDS takes a text as the identifier of a server or a cluster.
#[must_use]
pub fn is_identifier(text: &str) -> bool {
    (1..=60).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-')
        && !text.ends_with('-')
        && !text.contains("--")
}

/// The release without its last number: parameters are made for all of them.
fn series_of(engine: &str, version: &str) -> String {
    let count = if engine.contains("postgres") { 1 } else { 2 };
    version.split('.').take(count).collect::<Vec<_>>().join(".")
}

impl<A: Account + Databases> Session<'_, A> {
    /// Makes a new server of a copy, where the original stands and as it is protected, and checks it. What another run of the same copy
    /// into the same identifier has begun is gone on with.
    ///
    /// # Errors
    /// When the identifier is taken, the copy is not ready or of another engine, RDS refuses, or a person asked to stop.
    pub async fn restore(
        &self,
        place: &DatabasePlace,
        world: &World,
        snapshot: &DbSnapshot,
        into: &str,
    ) -> Result<RestoredServer, Fault> {
        let doing = || format!("making {into} of {}", snapshot.id);
        let refused = |cause: String, help: &str| Fault::new(FaultKind::NeedsPerson, doing(), cause).help(help);
        if snapshot.status != "available" {
            let help = "wait until it is available (`landfall backup ls`), then run the same command again";
            return Err(refused(format!("the copy is {}, {} % of it done", snapshot.status, snapshot.percent), help));
        }
        let original = self.database_server(place, world).await?;
        if original.engine != snapshot.engine {
            let cause = format!("the copy is of {}, {} is {}", snapshot.engine, place.component, original.engine);
            return Err(refused(cause, "name a copy of the same engine: `landfall backup ls` lists them"));
        }
        if series_of(&original.engine, &original.engine_version)
            != series_of(&snapshot.engine, &snapshot.engine_version)
        {
            let (then, now) = (&snapshot.engine_version, &original.engine_version);
            let cause =
                format!("the copy is of {} {then}, and {} has parameters of {now}", snapshot.engine, original.id);
            let help =
                "name a copy of the same release; RDS makes a server of this one with parameters that are made for it";
            return Err(refused(cause, help));
        }
        let patience = Patience::new(into);
        let original_member = self.first_member(&original).await?;
        let of_original = original_member.as_ref().unwrap_or(&original);
        let class = of_original.class.clone().ok_or_else(|| {
            let cause = format!("RDS does not say how large {} is; has it no member?", original.id);
            refused(cause, "the console of RDS shows its members")
        })?;
        let authority = of_original.authority.clone();
        match self.account.db_server(kind(place), into).await.map_err(|error| error.fault(doing()))? {
            Some(there) if self.is_unfinished(&there, snapshot).await? => {
                self.tell(Notice::Remark(format!("{into} is being made of {} already; going on with it", snapshot.id)));
            }
            Some(there) => {
                let cause = format!("there is a server {into} ({}, {}); it is not touched", there.engine, there.status);
                return Err(refused(cause, "name another with --into"));
            }
            None => {
                let mut tags = self.tags_of_copies(place);
                tags.push((RESTORED_TAG.to_owned(), snapshot.id.clone()));
                let request = RestoreRequest {
                    kind: kind(place),
                    snapshot: snapshot.id.clone(),
                    into: into.to_owned(),
                    engine: original.engine.clone(),
                    class: class.clone(),
                    subnet_group: original.subnet_group.clone().unwrap_or_default(),
                    security_groups: original.security_groups.clone(),
                    parameter_group: original.parameter_group.as_ref().map(|(name, _)| name.clone()),
                    authority: authority.clone(),
                    is_protected: original.is_protected,
                    tags,
                };
                self.account.restore_db(&request).await.map_err(|error| error.fault(doing()))?;
                self.tell(Notice::Remark(format!("{into} is begun")));
            }
        }
        let member = match kind(place) {
            DbKind::Instance => None,
            DbKind::Cluster => Some(self.member(&original, into, &class, authority.as_deref()).await?),
        };
        let server = self.kept(kind(place), into).await?;
        let mut checks = checks(&original, original_member.as_ref(), &server, member.as_ref(), snapshot);
        checks.extend(self.checked_inside(place, world, &server).await);
        Ok(RestoredServer { server, member, original, milliseconds: patience.milliseconds(), checks })
    }

    /// The first member of a cluster, which says how large it is and who signed its certificate.
    async fn first_member(&self, original: &DbServer) -> Result<Option<DbServer>, Fault> {
        let Some(member) = original.members.first() else { return Ok(None) };
        let member = self.account.db_server(DbKind::Instance, member).await;
        member.map_err(|error| error.fault(format!("asking how large {} is", original.id)))
    }

    /// Whether a server is what an earlier run has begun to make of the copy: its tag says so, and its administrator is not kept yet,
    /// which is done last.
    async fn is_unfinished(&self, there: &DbServer, snapshot: &DbSnapshot) -> Result<bool, Fault> {
        if there.administrator_secret.is_some() || is_stuck(&there.status) {
            return Ok(false);
        }
        let tagged = self.account.tagged(RESTORED_TAG, &snapshot.id).await;
        let tagged = tagged.map_err(|error| error.fault(format!("asking of what {} was made", there.id)))?;
        Ok(tagged.iter().any(|one| one.arn == there.arn))
    }

    /// The member of a new cluster: without one, it does not answer.
    async fn member(
        &self,
        original: &DbServer,
        cluster: &str,
        class: &str,
        authority: Option<&str>,
    ) -> Result<DbServer, Fault> {
        let doing = || format!("adding a member to {cluster}");
        let there = self.until_available(DbKind::Cluster, cluster).await?;
        let id = match there.members.first() {
            Some(id) => id.clone(),
            None => {
                let id = format!("{cluster}-1");
                let added = self.account.add_db_member(cluster, &id, &original.engine, class, authority).await;
                added.map_err(|error| error.fault(doing()))?;
                id
            }
        };
        self.until_available(DbKind::Instance, &id).await
    }

    /// Waits for a server and lets RDS keep its administrator: nobody may know the password that the copy has.
    async fn kept(&self, kind: DbKind, id: &str) -> Result<DbServer, Fault> {
        let doing = || format!("keeping the administrator's password of {id}");
        let server = self.until_available(kind, id).await?;
        if server.administrator_secret.is_none() {
            self.account.keep_db_administrator(kind, id).await.map_err(|error| error.fault(doing()))?;
        }
        let mut patience = Patience::new(id);
        loop {
            let server = self.until_available(kind, id).await?;
            match server.administrator_secret.as_ref().map(|secret| secret.status.as_str()) {
                Some("active") => return Ok(server),
                Some("impaired") => {
                    return Err(Fault::new(FaultKind::NeedsPerson, doing(), "RDS says that the secret is impaired")
                        .help("the console of RDS says why; the server itself is there"));
                }
                status => {
                    let status = format!("its administrator's secret is {}", status.unwrap_or("not there yet"));
                    self.wait(&mut patience, &status).await?;
                }
            }
        }
    }

    /// What is inside, through a session: databases, roles and grants. Rows are not counted.
    async fn checked_inside(&self, place: &DatabasePlace, world: &World, server: &DbServer) -> [RestoreCheck; 2] {
        let inside = match self.look_inside(place, world, server).await {
            Ok(differences) if differences.is_empty() => (Verdict::Right, "as the manifest says".to_owned()),
            Ok(differences) => (Verdict::Differs, differences.join("; ")),
            Err(fault) => (Verdict::NotChecked, format!("{}: {}", fault.operation, fault.cause)),
        };
        let rows = "RDS keeps no counts of rows with a copy: compare what matters to you through a session";
        [
            RestoreCheck { what: "databases, roles and grants", verdict: inside.0, found: inside.1 },
            RestoreCheck { what: "rows", verdict: Verdict::NotChecked, found: rows.to_owned() },
        ]
    }

    async fn look_inside(&self, place: &DatabasePlace, world: &World, server: &DbServer) -> Result<Vec<String>, Fault> {
        let doing = format!("looking at what is in {}", server.id);
        let unknown = |what: &str| Fault::new(FaultKind::NeedsPerson, &doing, format!("RDS does not say its {what}"));
        let endpoint = server.endpoint.as_ref().ok_or_else(|| unknown("address"))?;
        let secret = server.administrator_secret.as_ref().ok_or_else(|| unknown("administrator's secret"))?;
        let (administrator, password) = self.administrator(&secret.arn, &doing).await?;
        let of_original = self.database_work(place, world).await?;
        let work = DatabaseWork { address: endpoint.host.clone(), administrator, password, ..of_original };
        let report = self.contents.look(&work).await?;
        Ok(report.changes.into_iter().chain(report.strange).collect())
    }
}

/// What RDS tells of a new server, beside what it tells of the original.
fn checks(
    original: &DbServer,
    original_member: Option<&DbServer>,
    server: &DbServer,
    member: Option<&DbServer>,
    snapshot: &DbSnapshot,
) -> Vec<RestoreCheck> {
    let check = |what, is_right, found: String| RestoreCheck {
        what,
        verdict: if is_right { Verdict::Right } else { Verdict::Wrong },
        found,
    };
    let sorted = |groups: &[String]| {
        let mut groups = groups.to_vec();
        groups.sort();
        groups
    };
    // Of a cluster, its members say whether they are public and who signed their certificates.
    let (of_original, of_new) = (original_member.unwrap_or(original), member.unwrap_or(server));
    let name = |group: &Option<(String, String)>| group.as_ref().map(|(name, _)| name.clone()).unwrap_or_default();
    let word = |is: bool, yes: &str, no: &str| if is { yes.to_owned() } else { no.to_owned() };
    let is_private = of_new.is_public == Some(false);
    let version = format!("{} {}", server.engine, server.engine_version);
    let stands_together = server.subnet_group == original.subnet_group
        && sorted(&server.security_groups) == sorted(&original.security_groups);
    let network = format!(
        "{}, {}",
        server.subnet_group.as_deref().unwrap_or("no subnet group"),
        server.security_groups.join(" ")
    );
    vec![
        check("status", server.status == "available", server.status.clone()),
        check("address", is_private, word(is_private, "not public", "public")),
        check("storage", server.is_encrypted, word(server.is_encrypted, "encrypted", "not encrypted")),
        check("engine", server.engine == snapshot.engine && server.engine_version == snapshot.engine_version, version),
        check("subnets and security groups", stands_together, network),
        check(
            "parameters",
            name(&server.parameter_group) == name(&original.parameter_group),
            name(&server.parameter_group),
        ),
        check(
            "authority",
            of_new.authority == of_original.authority,
            of_new.authority.clone().unwrap_or_else(|| "not told".to_owned()),
        ),
        check(
            "deletion",
            server.is_protected == original.is_protected,
            word(server.is_protected, "protected", "not protected"),
        ),
    ]
}
