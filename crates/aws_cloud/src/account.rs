//! The port, call by call.

use crate::calls;
use crate::connect::CloudAccount;
use crate::dns;
use crate::request::Fields;
use crate::service::Service;
use model::Secret;
use stacks::account::{
    Account, Called, Certificate, ChangeSet, ChangeSetRequest, ConsoleOutput, Databases, DbEngineVersion, DbKind,
    DbOffer, DbServer, DbSnapshot, DriftDetection, Entry, Host, HostedZone, Identity, LogTail, Machine, ManagedHost,
    ResourceDrift, RestoreRequest, SecretState, SecretVersion, SessionRequest, Sessions, Stack, StackEvent,
    StackResource, StartedSession, TaggedResource,
};

impl Account for CloudAccount {
    fn region(&self) -> &str {
        &self.client.region
    }

    async fn identity(&self) -> Called<Identity> {
        let answer = self.client.query(Service::Sts, "GetCallerIdentity", Fields::new()).await?;
        Ok(Identity { account: answer.word("Account"), arn: answer.word("Arn") })
    }

    async fn stack(&self, name_or_id: &str) -> Called<Option<Stack>> {
        calls::stacks::one(&self.client, name_or_id).await
    }

    async fn stacks(&self) -> Called<Vec<Stack>> {
        calls::stacks::all(&self.client).await
    }

    async fn events(&self, stack: &str, known: Option<&str>) -> Called<Vec<StackEvent>> {
        calls::events::since(&self.client, stack, known).await
    }

    async fn resources(&self, stack: &str) -> Called<Vec<StackResource>> {
        calls::stacks::resources(&self.client, stack).await
    }

    async fn template(&self, stack: &str) -> Called<Option<String>> {
        calls::stacks::template(&self.client, stack).await
    }

    async fn create_change_set(&self, request: &ChangeSetRequest) -> Called<String> {
        calls::change_sets::create(&self.client, request).await
    }

    async fn change_set(&self, stack: &str, name_or_id: &str) -> Called<Option<ChangeSet>> {
        calls::change_sets::describe(&self.client, stack, name_or_id).await
    }

    async fn change_sets(&self, stack: &str) -> Called<Vec<String>> {
        calls::change_sets::names(&self.client, stack).await
    }

    async fn execute_change_set(&self, stack: &str, name_or_id: &str, token: &str, keep_failed: bool) -> Called<()> {
        calls::change_sets::execute(&self.client, stack, name_or_id, token, keep_failed).await
    }

    async fn delete_change_set(&self, stack: &str, name_or_id: &str) -> Called<()> {
        calls::change_sets::delete(&self.client, stack, name_or_id).await
    }

    async fn rollback_stack(&self, stack: &str, token: &str) -> Called<()> {
        calls::stacks::rollback(&self.client, stack, token).await
    }

    async fn cancel_update(&self, stack: &str, token: &str) -> Called<()> {
        calls::stacks::cancel_update(&self.client, stack, token).await
    }

    async fn continue_rollback(&self, stack: &str, token: &str, skip: &[String]) -> Called<()> {
        calls::stacks::continue_rollback(&self.client, stack, token, skip).await
    }

    async fn delete_stack(&self, stack: &str, token: &str, retain: &[String]) -> Called<()> {
        calls::stacks::delete(&self.client, stack, token, retain).await
    }

    async fn protect_stack(&self, stack: &str, protected: bool) -> Called<()> {
        calls::stacks::protect(&self.client, stack, protected).await
    }

    async fn detect_drift(&self, stack: &str) -> Called<String> {
        calls::drift::detect(&self.client, stack).await
    }

    async fn drift_detection(&self, id: &str) -> Called<DriftDetection> {
        calls::drift::detection(&self.client, id).await
    }

    async fn drifts(&self, stack: &str) -> Called<Vec<ResourceDrift>> {
        calls::drift::found(&self.client, stack).await
    }

    async fn secret(&self, id: &str) -> Called<Option<SecretState>> {
        calls::secrets::state(&self.client, id).await
    }

    async fn secret_value(&self, id: &str) -> Called<Option<SecretVersion>> {
        calls::secrets::value(&self.client, id).await
    }

    async fn put_secret_value(&self, id: &str, value: &Secret, token: &str) -> Called<()> {
        calls::secrets::put(&self.client, id, value, token).await
    }

    async fn tag_secret(&self, id: &str, tags: &[(String, String)]) -> Called<()> {
        calls::secrets::tag(&self.client, id, tags).await
    }

    async fn delete_secret(&self, id: &str) -> Called<()> {
        calls::secrets::delete(&self.client, id).await
    }

    async fn entry(&self, name: &str) -> Called<Option<Entry>> {
        calls::register::entry(&self.client, name).await
    }

    async fn put_entry(&self, name: &str, value: &str, only_new: bool) -> Called<i64> {
        calls::register::put(&self.client, name, value, only_new).await
    }

    async fn delete_entry(&self, name: &str) -> Called<()> {
        calls::register::delete(&self.client, name).await
    }

    async fn hosted_zones(&self, domain: &str) -> Called<Vec<HostedZone>> {
        calls::names::hosted_zones(&self.client, domain).await
    }

    async fn delegated_name_servers(&self, domain: &str) -> Called<Vec<String>> {
        dns::delegated_name_servers(domain, self.name_server).await
    }

    async fn certificate(&self, arn: &str) -> Called<Option<Certificate>> {
        calls::names::certificate(&self.client, arn).await
    }

    async fn hosts(&self, group: &str) -> Called<Vec<Host>> {
        calls::hosts::of_group(&self.client, group).await
    }

    async fn console_output(&self, instance: &str) -> Called<Option<ConsoleOutput>> {
        calls::hosts::console_output(&self.client, instance).await
    }

    async fn log_tail(&self, group: &str, stream_prefix: &str, lines: usize) -> Called<Option<LogTail>> {
        calls::logs::tail(&self.client, group, stream_prefix, lines).await
    }

    async fn tagged(&self, key: &str, value: &str) -> Called<Vec<TaggedResource>> {
        calls::tags::carriers(&self.client, key, value).await
    }

    async fn delete_log_group(&self, name: &str) -> Called<()> {
        calls::logs::delete_group(&self.client, name).await
    }

    async fn object_count(&self, bucket: &str) -> Called<Option<usize>> {
        calls::buckets::object_count(&self.client, bucket).await
    }

    async fn empty_bucket(&self, bucket: &str) -> Called<usize> {
        calls::buckets::empty(&self.client, bucket).await
    }

    async fn delete_bucket(&self, bucket: &str) -> Called<()> {
        calls::buckets::delete(&self.client, bucket).await
    }

    async fn put_object(&self, bucket: &str, key: &str, content: &[u8]) -> Called<()> {
        calls::buckets::put_object(&self.client, bucket, key, content).await
    }

    async fn network_interfaces(&self, subnet_or_group: &str) -> Called<Vec<String>> {
        calls::vpc::interfaces(&self.client, subnet_or_group).await
    }

    async fn delete_network_interface(&self, id: &str) -> Called<()> {
        calls::vpc::delete_interface(&self.client, id).await
    }

    async fn unprotect(&self, resource_type: &str, physical_id: &str) -> Called<()> {
        calls::protection::end(&self.client, resource_type, physical_id).await
    }

    async fn schedule_key_deletion(&self, key: &str) -> Called<u32> {
        calls::keys::schedule_deletion(&self.client, key).await
    }

    async fn quota(&self, service: &str, code: &str) -> Called<Option<f64>> {
        calls::quotas::applied(&self.client, service, code).await
    }

    async fn count(&self, resource_type: &str) -> Called<usize> {
        calls::vpc::count(&self.client, resource_type).await
    }

    async fn denied_actions(&self, caller: &str, actions: &[&str]) -> Called<Option<Vec<String>>> {
        calls::permissions::denied(&self.client, caller, actions).await
    }

    async fn existing_ids(&self, ids: &[String]) -> Called<Vec<String>> {
        calls::vpc::existing(&self.client, ids).await
    }
}

impl Sessions for CloudAccount {
    async fn start_session(&self, request: &SessionRequest) -> Called<StartedSession> {
        calls::sessions::start(&self.client, request).await
    }

    async fn resume_session(&self, id: &str) -> Called<Option<StartedSession>> {
        calls::sessions::resume(&self.client, id).await
    }

    async fn terminate_session(&self, id: &str) -> Called<()> {
        calls::sessions::terminate(&self.client, id).await
    }

    async fn managed_hosts(&self, instances: &[String]) -> Called<Vec<ManagedHost>> {
        calls::sessions::managed_hosts(&self.client, instances).await
    }

    async fn machines(&self, tags: &[(String, String)]) -> Called<Vec<Machine>> {
        calls::sessions::machines(&self.client, tags).await
    }
}

impl Databases for CloudAccount {
    async fn db_server(&self, kind: DbKind, id: &str) -> Called<Option<DbServer>> {
        calls::databases::server(&self.client, kind, id).await
    }

    async fn create_db_snapshot(
        &self,
        kind: DbKind,
        of: &str,
        snapshot: &str,
        tags: &[(String, String)],
    ) -> Called<()> {
        calls::databases::create_snapshot(&self.client, kind, of, snapshot, tags).await
    }

    async fn db_snapshot(&self, kind: DbKind, snapshot: &str) -> Called<Option<DbSnapshot>> {
        calls::databases::snapshot(&self.client, kind, snapshot).await
    }

    async fn db_snapshots(&self, kind: DbKind, of: &str) -> Called<Vec<DbSnapshot>> {
        calls::databases::snapshots(&self.client, kind, of).await
    }

    async fn db_snapshots_tagged(&self, kind: DbKind, key: &str, value: &str) -> Called<Vec<DbSnapshot>> {
        calls::databases::snapshots_tagged(&self.client, kind, key, value).await
    }

    async fn delete_db_snapshot(&self, kind: DbKind, snapshot: &str) -> Called<()> {
        calls::databases::delete_snapshot(&self.client, kind, snapshot).await
    }

    async fn restore_db(&self, request: &RestoreRequest) -> Called<()> {
        calls::databases::restore(&self.client, request).await
    }

    async fn add_db_member(
        &self,
        cluster: &str,
        member: &str,
        engine: &str,
        class: &str,
        authority: Option<&str>,
    ) -> Called<()> {
        calls::databases::add_member(&self.client, cluster, member, engine, class, authority).await
    }

    async fn keep_db_administrator(&self, kind: DbKind, id: &str) -> Called<()> {
        calls::databases::keep_administrator(&self.client, kind, id).await
    }

    async fn db_engine_versions(&self, engine: &str, version: Option<&str>) -> Called<Vec<DbEngineVersion>> {
        calls::databases::engine_versions(&self.client, engine, version).await
    }

    async fn db_offers(&self, engine: &str, version: &str, class: &str) -> Called<Vec<DbOffer>> {
        calls::databases::offers(&self.client, engine, version, class).await
    }
}
