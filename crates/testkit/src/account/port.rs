//! The account as the port shows it: one line a call.

use super::FakeAccount;
use model::Secret;
use stacks::account::{
    Account, Called, Certificate, ChangeSet, ChangeSetRequest, ConsoleOutput, DriftDetection, Entry, Host, HostedZone,
    Identity, LogTail, ResourceDrift, SecretState, SecretVersion, Stack, StackEvent, StackResource, TaggedResource,
};

impl Account for FakeAccount {
    fn region(&self) -> &str {
        &self.shared.region
    }

    async fn identity(&self) -> Called<Identity> {
        self.call("sts:GetCallerIdentity", |m| {
            Ok(Identity { account: m.account.clone(), arn: format!("arn:aws:iam::{}:user/deployer", m.account) })
        })
        .await
    }

    async fn stack(&self, name_or_id: &str) -> Called<Option<Stack>> {
        self.call("cloudformation:DescribeStacks", |m| Ok(m.find(name_or_id).map(|at| m.stacks[at].told()))).await
    }

    async fn stacks(&self) -> Called<Vec<Stack>> {
        self.call("cloudformation:DescribeStacks", |m| {
            Ok(m.stacks.iter().filter(|stack| !stack.is_deleted()).map(super::stack::StackRecord::told).collect())
        })
        .await
    }

    async fn events(&self, stack: &str, known: Option<&str>) -> Called<Vec<StackEvent>> {
        self.call("cloudformation:DescribeStackEvents", |m| {
            let all = m.find(stack).map(|at| m.stacks[at].events.iter().rev()).into_iter().flatten();
            Ok(all.take_while(|event| Some(event.id.as_str()) != known).cloned().collect())
        })
        .await
    }

    async fn resources(&self, stack: &str) -> Called<Vec<StackResource>> {
        self.call("cloudformation:DescribeStackResources", |m| {
            Ok(m.find(stack).map(|at| m.stacks[at].told_resources()).unwrap_or_default())
        })
        .await
    }

    async fn template(&self, stack: &str) -> Called<Option<String>> {
        self.call("cloudformation:GetTemplate", |m| {
            Ok(m.find(stack).and_then(|at| m.stacks[at].wanted.as_ref()).map(|wanted| wanted.template.text.clone()))
        })
        .await
    }

    async fn create_change_set(&self, request: &ChangeSetRequest) -> Called<String> {
        self.call("cloudformation:CreateChangeSet", |m| m.create_change_set(request)).await
    }

    async fn change_set(&self, stack: &str, name_or_id: &str) -> Called<Option<ChangeSet>> {
        self.call("cloudformation:DescribeChangeSet", |m| Ok(m.change_set(stack, name_or_id))).await
    }

    async fn change_sets(&self, stack: &str) -> Called<Vec<String>> {
        self.call("cloudformation:ListChangeSets", |m| {
            Ok(m.find(stack).map(|at| m.stacks[at].change_sets.keys().cloned().collect()).unwrap_or_default())
        })
        .await
    }

    async fn execute_change_set(&self, stack: &str, name_or_id: &str, token: &str, keep_failed: bool) -> Called<()> {
        self.call("cloudformation:ExecuteChangeSet", |m| m.execute_change_set(stack, name_or_id, token, keep_failed))
            .await
    }

    async fn delete_change_set(&self, stack: &str, name_or_id: &str) -> Called<()> {
        self.call("cloudformation:DeleteChangeSet", |m| {
            m.delete_change_set(stack, name_or_id);
            Ok(())
        })
        .await
    }

    async fn rollback_stack(&self, stack: &str, token: &str) -> Called<()> {
        self.call("cloudformation:RollbackStack", |m| m.rollback_stack(stack, token)).await
    }

    async fn cancel_update(&self, stack: &str, token: &str) -> Called<()> {
        self.call("cloudformation:CancelUpdateStack", |m| m.cancel_update(stack, token)).await
    }

    async fn continue_rollback(&self, stack: &str, token: &str, skip: &[String]) -> Called<()> {
        self.call("cloudformation:ContinueUpdateRollback", |m| m.continue_rollback(stack, token, skip)).await
    }

    async fn delete_stack(&self, stack: &str, token: &str, retain: &[String]) -> Called<()> {
        self.call("cloudformation:DeleteStack", |m| m.delete_stack(stack, token, retain)).await
    }

    async fn protect_stack(&self, stack: &str, protected: bool) -> Called<()> {
        self.call("cloudformation:UpdateTerminationProtection", |m| {
            let at = m.found("cloudformation:UpdateTerminationProtection", stack)?;
            m.stacks[at].is_protected = protected;
            Ok(())
        })
        .await
    }

    async fn detect_drift(&self, stack: &str) -> Called<String> {
        self.call("cloudformation:DetectStackDrift", |m| m.detect_drift(stack)).await
    }

    async fn drift_detection(&self, id: &str) -> Called<DriftDetection> {
        self.call("cloudformation:DescribeStackDriftDetectionStatus", |m| m.drift_detection(id)).await
    }

    async fn drifts(&self, stack: &str) -> Called<Vec<ResourceDrift>> {
        self.call("cloudformation:DescribeStackResourceDrifts", |m| {
            Ok(m.stacks[m.found("cloudformation:DescribeStackResourceDrifts", stack)?].drifts.clone())
        })
        .await
    }

    async fn secret(&self, id: &str) -> Called<Option<SecretState>> {
        self.call("secretsmanager:DescribeSecret", |m| Ok(m.secret(id))).await
    }

    async fn secret_value(&self, id: &str) -> Called<Option<SecretVersion>> {
        self.call("secretsmanager:GetSecretValue", |m| Ok(m.secret_value(id))).await
    }

    async fn put_secret_value(&self, id: &str, value: &Secret, token: &str) -> Called<()> {
        self.call("secretsmanager:PutSecretValue", |m| m.put_secret_value(id, value, token)).await
    }

    async fn tag_secret(&self, id: &str, tags: &[(String, String)]) -> Called<()> {
        self.call("secretsmanager:TagResource", |m| m.tag_secret(id, tags)).await
    }

    async fn delete_secret(&self, id: &str) -> Called<()> {
        self.call("secretsmanager:DeleteSecret", |m| {
            m.delete("AWS::SecretsManager::Secret", id);
            Ok(())
        })
        .await
    }

    async fn entry(&self, name: &str) -> Called<Option<Entry>> {
        self.call("ssm:GetParameter", |m| Ok(m.entries.get(name).cloned())).await
    }

    async fn put_entry(&self, name: &str, value: &str, only_new: bool) -> Called<i64> {
        self.call("ssm:PutParameter", |m| m.put_entry(name, value, only_new)).await
    }

    async fn delete_entry(&self, name: &str) -> Called<()> {
        self.call("ssm:DeleteParameter", |m| {
            m.entries.remove(name);
            Ok(())
        })
        .await
    }

    async fn hosted_zones(&self, domain: &str) -> Called<Vec<HostedZone>> {
        self.call("route53:ListHostedZonesByName", |m| Ok(m.hosted_zones(domain))).await
    }

    async fn delegated_name_servers(&self, domain: &str) -> Called<Vec<String>> {
        self.call("dns:Query", |m| Ok(m.delegated(domain))).await
    }

    async fn certificate(&self, arn: &str) -> Called<Option<Certificate>> {
        self.call("acm:DescribeCertificate", |m| Ok(m.certificate(arn))).await
    }

    async fn hosts(&self, group: &str) -> Called<Vec<Host>> {
        self.call("autoscaling:DescribeAutoScalingGroups", |m| Ok(m.hosts(group))).await
    }

    async fn console_output(&self, instance: &str) -> Called<Option<ConsoleOutput>> {
        self.call("ec2:GetConsoleOutput", |m| Ok(m.console_output(instance))).await
    }

    async fn log_tail(&self, group: &str, stream_prefix: &str, lines: usize) -> Called<Option<LogTail>> {
        self.call("logs:GetLogEvents", |m| Ok(m.log_tail(group, stream_prefix, lines))).await
    }

    async fn tagged(&self, key: &str, value: &str) -> Called<Vec<TaggedResource>> {
        self.call("tag:GetResources", |m| Ok(m.tagged(key, value))).await
    }

    async fn delete_log_group(&self, name: &str) -> Called<()> {
        self.call("logs:DeleteLogGroup", |m| {
            m.delete("AWS::Logs::LogGroup", name);
            Ok(())
        })
        .await
    }

    async fn object_count(&self, bucket: &str) -> Called<Option<usize>> {
        self.call("s3:ListBucketVersions", |m| Ok(m.object_count(bucket))).await
    }

    async fn empty_bucket(&self, bucket: &str) -> Called<usize> {
        self.call("s3:DeleteObject", |m| m.empty_bucket(bucket)).await
    }

    async fn delete_bucket(&self, bucket: &str) -> Called<()> {
        self.call("s3:DeleteBucket", |m| m.delete_bucket(bucket)).await
    }

    async fn put_object(&self, bucket: &str, key: &str, content: &[u8]) -> Called<()> {
        self.call("s3:PutObject", |m| m.put_object(bucket, key, content.len())).await
    }

    async fn network_interfaces(&self, subnet_or_group: &str) -> Called<Vec<String>> {
        self.call("ec2:DescribeNetworkInterfaces", |m| Ok(m.network_interfaces(subnet_or_group))).await
    }

    async fn delete_network_interface(&self, id: &str) -> Called<()> {
        self.call("ec2:DeleteNetworkInterface", |m| m.delete_network_interface(id)).await
    }

    async fn unprotect(&self, resource_type: &str, physical_id: &str) -> Called<()> {
        self.call("elasticloadbalancing:ModifyLoadBalancerAttributes", |m| m.unprotect(resource_type, physical_id))
            .await
    }

    async fn schedule_key_deletion(&self, key: &str) -> Called<u32> {
        self.call("kms:ScheduleKeyDeletion", |m| m.schedule_key_deletion(key)).await
    }

    async fn quota(&self, service: &str, code: &str) -> Called<Option<f64>> {
        self.call("servicequotas:GetServiceQuota", |m| {
            Ok(m.quotas.iter().find(|(of, name, _)| of == service && name == code).map(|(_, _, value)| *value))
        })
        .await
    }

    async fn count(&self, resource_type: &str) -> Called<usize> {
        self.call("ec2:Describe", |m| Ok(m.count(resource_type))).await
    }

    async fn denied_actions(&self, _caller: &str, actions: &[&str]) -> Called<Option<Vec<String>>> {
        self.call("iam:SimulatePrincipalPolicy", |m| {
            let denied = |action: &&&str| m.denied.contains(**action);
            Ok(m.may_ask.then(|| actions.iter().filter(denied).map(|&action| action.to_owned()).collect()))
        })
        .await
    }

    async fn existing_ids(&self, ids: &[String]) -> Called<Vec<String>> {
        self.call("ec2:Describe", |m| Ok(m.existing_ids(ids))).await
    }
}
