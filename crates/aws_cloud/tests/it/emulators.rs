//! Against ministack and moto. What was done is read back with boto3, not with our own code.

use crate::support::account;
use indexmap::IndexMap;
use model::Secret;
use serde_json::json;
use stacks::account::{
    Account, CallErrorKind, ChangeAction, ChangeSet, ChangeSetKind, ChangeSetRequest, ChangeSetStatus, DriftDetection,
    DriftStatus, StackStatus,
};
use std::time::Duration;
use testkit::Emulator;
use testkit::emulator::ACCOUNT;

const TOPICS: &str = r"
Description: Two topics
Parameters:
  Title: { Type: String }
Resources:
  First: { Type: AWS::SNS::Topic, Properties: { DisplayName: !Ref Title } }
  Parameter: { Type: AWS::SSM::Parameter, Properties: { Name: /landfall-test/a, Type: String, Value: !Ref Title } }
Outputs:
  FirstArn: { Value: !Ref First }
";

fn request(stack: &str, kind: ChangeSetKind, template: &str, title: &str) -> ChangeSetRequest {
    ChangeSetRequest {
        stack: stack.to_owned(),
        name: format!("landfall-{title}"),
        kind,
        template: template.to_owned(),
        parameters: IndexMap::from([("Title".to_owned(), title.to_owned())]),
        capabilities: vec!["CAPABILITY_IAM"],
        tags: vec![("landfall:deployment".to_owned(), "test <&> ü".to_owned())],
        token: format!("token-{title}"),
    }
}

/// Makes a change set and waits for it.
async fn changed(account: &impl Account, request: &ChangeSetRequest) -> ChangeSet {
    let id = account.create_change_set(request).await.unwrap();
    assert!(id.starts_with("arn:aws:cloudformation:us-west-2:"), "{id}");
    for _ in 0..600 {
        let set = account.change_set(&request.stack, &request.name).await.unwrap().unwrap();
        if matches!(set.status, ChangeSetStatus::CreateComplete | ChangeSetStatus::Failed) {
            return set;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the change set is not made");
}

async fn settled(account: &impl Account, stack: &str) -> StackStatus {
    for _ in 0..600 {
        match account.stack(stack).await.unwrap() {
            None => return StackStatus::DeleteComplete,
            Some(stack) if !stack.status.is_in_progress() => return stack.status,
            Some(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
    panic!("{stack} does not settle");
}

#[tokio::test]
async fn a_stack_is_made_changed_compared_and_deleted() {
    let Some(emulator) = Emulator::ministack(&[]) else { return };
    let account = account(&emulator.url()).await;
    let identity = account.identity().await.unwrap();
    assert_eq!(identity.account, ACCOUNT);
    assert_eq!(account.stack("topics").await.unwrap(), None);
    assert_eq!(account.template("topics").await.unwrap(), None);
    assert_eq!(account.events("topics", None).await.unwrap(), []);
    assert_eq!(account.change_sets("topics").await.unwrap(), Vec::<String>::new());

    let create = request("topics", ChangeSetKind::Create, TOPICS, "one");
    let set = changed(&account, &create).await;
    assert!(set.is_executable);
    assert_eq!(set.changes.len(), 2);
    assert!(set.changes.iter().all(|change| change.action == ChangeAction::Add));
    assert_eq!(account.stack("topics").await.unwrap().unwrap().status, StackStatus::ReviewInProgress);
    assert_eq!(account.change_sets("topics").await.unwrap(), ["landfall-one"]);
    let again = account.create_change_set(&create).await.unwrap_err();
    assert_eq!(again.kind, CallErrorKind::Exists, "{again:?}");

    account.execute_change_set("topics", "landfall-one", "token-one", false).await.unwrap();
    assert_eq!(settled(&account, "topics").await, StackStatus::CreateComplete);
    let stack = account.stack("topics").await.unwrap().unwrap();
    assert_eq!(stack.parameters["Title"], "one");
    assert_eq!(stack.tags["landfall:deployment"], "test <&> ü");
    assert_eq!(account.template("topics").await.unwrap().unwrap().trim(), TOPICS.trim());
    let there = emulator.ask(
        "t = client('sns').list_topics()['Topics']\nanswer = [t, client('ssm').get_parameter(Name='/landfall-test/a')['Parameter']['Value']]",
    );
    assert_eq!(there[0][0]["TopicArn"], stack.outputs["FirstArn"].as_str());
    assert_eq!(there[1], "one");

    let events = account.events("topics", None).await.unwrap();
    let newest = &events[0];
    assert_eq!((newest.logical_id.as_str(), newest.status.as_str()), ("topics", "CREATE_COMPLETE"));
    assert_eq!(newest.token.as_deref(), Some("token-one"));
    assert_eq!(account.events("topics", Some(&newest.id)).await.unwrap(), []);
    assert_eq!(account.events("topics", Some(&events[2].id)).await.unwrap(), events[..2]);
    let resources = account.resources("topics").await.unwrap();
    assert!(resources.iter().any(|r| r.logical_id == "First" && r.resource_type == "AWS::SNS::Topic"));
    assert_eq!(account.stacks().await.unwrap().iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["topics"]);

    let nothing = changed(
        &account,
        &ChangeSetRequest { name: "nothing".to_owned(), ..request("topics", ChangeSetKind::Update, TOPICS, "one") },
    )
    .await;
    assert_eq!((nothing.status, nothing.is_executable), (ChangeSetStatus::Failed, false));
    assert!(nothing.reason.unwrap().contains("didn't contain changes"));
    account.delete_change_set("topics", "nothing").await.unwrap();
    account.delete_change_set("topics", "nothing").await.unwrap();

    let set = changed(&account, &request("topics", ChangeSetKind::Update, TOPICS, "two")).await;
    assert!(set.changes.iter().all(|c| c.action == ChangeAction::Modify && !c.causes.is_empty()), "{set:?}");
    account.execute_change_set("topics", &set.id, "token-two", false).await.unwrap();
    assert_eq!(settled(&account, "topics").await, StackStatus::UpdateComplete);
    assert_eq!(
        emulator.ask("answer = client('ssm').get_parameter(Name='/landfall-test/a')['Parameter']['Value']"),
        "two"
    );
    assert!(account.stack("topics").await.unwrap().unwrap().updated_at.is_some());

    let _ = emulator.ask(
        "answer = client('ssm').put_parameter(Name='/landfall-test/a', Value='by hand', Type='String', Overwrite=True)",
    );
    let id = account.detect_drift("topics").await.unwrap();
    while account.drift_detection(&id).await.unwrap() == DriftDetection::InProgress {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let drifts = account.drifts("topics").await.unwrap();
    let drifted = drifts.iter().find(|drift| drift.logical_id == "Parameter").unwrap();
    assert_eq!(drifted.status, DriftStatus::Modified);
    assert_eq!(drifted.differences[0].actual, "by hand");
    assert_eq!(drifted.differences[0].expected, "two");

    account.protect_stack("topics", true).await.unwrap();
    assert!(account.stack("topics").await.unwrap().unwrap().is_protected);
    let refused = account.delete_stack("topics", "token-three", &[]).await.unwrap_err();
    assert_eq!(refused.kind, CallErrorKind::WrongState, "{refused:?}");
    account.protect_stack("topics", false).await.unwrap();
    let id = account.stack("topics").await.unwrap().unwrap().id;
    account.delete_stack("topics", "token-four", &[]).await.unwrap();
    assert_eq!(settled(&account, &id).await, StackStatus::DeleteComplete);
    assert_eq!(account.stack("topics").await.unwrap(), None);
    assert_eq!(account.stacks().await.unwrap(), []);
    assert_eq!(emulator.ask("answer = client('sns').list_topics()['Topics']"), json!([]));
    account.delete_stack("topics", "token-five", &[]).await.unwrap();
}

#[tokio::test]
async fn a_failed_creation_stays_when_asked_and_is_rolled_back_later() {
    const FAILING: &str = r#"
Resources:
  Good: { Type: AWS::SNS::Topic }
  Handle: { Type: AWS::CloudFormation::WaitConditionHandle }
  Bad: { Type: AWS::CloudFormation::WaitCondition, DependsOn: Good, Properties: { Handle: !Ref Handle, Timeout: "1" } }
"#;
    let Some(emulator) = Emulator::ministack(&[]) else { return };
    let account = account(&emulator.url()).await;
    let mut create = request("failing", ChangeSetKind::Create, FAILING, "x");
    create.parameters.clear();
    changed(&account, &create).await;
    account.execute_change_set("failing", &create.name, "t1", true).await.unwrap();
    assert_eq!(settled(&account, "failing").await, StackStatus::CreateFailed);
    let events = account.events("failing", None).await.unwrap();
    let bad = events.iter().find(|event| event.logical_id == "Bad" && event.status == "CREATE_FAILED").unwrap();
    assert!(bad.reason.as_deref().unwrap().contains("timed out"), "{bad:?}");
    account.rollback_stack("failing", "t2").await.unwrap();
    assert_eq!(settled(&account, "failing").await, StackStatus::RollbackComplete);
    assert_eq!(emulator.ask("answer = client('sns').list_topics()['Topics']"), json!([]));
    for refused in [
        account.cancel_update("failing", "t3").await.unwrap_err(),
        account.continue_rollback("failing", "t4", &["Bad".to_owned()]).await.unwrap_err(),
    ] {
        assert_eq!(refused.kind, CallErrorKind::WrongState, "{refused:?}");
    }
}

#[tokio::test]
async fn secrets_and_entries_are_kept_and_removed() {
    let Some(emulator) = Emulator::ministack(&[]) else { return };
    let account = account(&emulator.url()).await;
    assert_eq!(account.secret("s").await.unwrap(), None);
    assert_eq!(account.secret_value("s").await.unwrap(), None);
    let arn = emulator.ask("answer = client('secretsmanager').create_secret(Name='s')['ARN']");
    let token = "0123456789abcdef0123456789abcdef";
    assert_eq!(account.secret_value("s").await.unwrap(), None);
    account.put_secret_value("s", &Secret::new("hunter2 \"ü\n"), token).await.unwrap();
    account.put_secret_value("s", &Secret::new("hunter2 \"ü\n"), token).await.unwrap();
    account.tag_secret("s", &[("landfall:generation".to_owned(), "1".to_owned())]).await.unwrap();
    let value = account.secret_value("s").await.unwrap().unwrap();
    assert_eq!((value.version.as_str(), value.value.expose()), (token, "hunter2 \"ü\n"));
    let state = account.secret("s").await.unwrap().unwrap();
    assert_eq!(Some(state.arn.as_str()), arn.as_str());
    assert_eq!(state.tags, [("landfall:generation".to_owned(), "1".to_owned())]);
    let read = emulator.ask("answer = client('secretsmanager').get_secret_value(SecretId='s')['SecretString']");
    assert_eq!(read, "hunter2 \"ü\n");
    account.delete_secret("s").await.unwrap();
    account.delete_secret("s").await.unwrap();
    assert_eq!(emulator.ask("answer = client('secretsmanager').list_secrets()['SecretList']"), json!([]));

    assert_eq!(account.entry("/landfall/x").await.unwrap(), None);
    assert_eq!(account.put_entry("/landfall/x", "held by me", true).await.unwrap(), 1);
    let taken = account.put_entry("/landfall/x", "held by you", true).await.unwrap_err();
    assert_eq!(taken.kind, CallErrorKind::Exists);
    assert_eq!(account.put_entry("/landfall/x", "still me", false).await.unwrap(), 2);
    let entry = account.entry("/landfall/x").await.unwrap().unwrap();
    assert_eq!((entry.value.as_str(), entry.version), ("still me", 2));
    let read = emulator.ask("p = client('ssm').get_parameter(Name='/landfall/x', WithDecryption=True)['Parameter']\nanswer = [p['Value'], p['Type']]");
    assert_eq!(read, json!(["still me", "SecureString"]));
    account.delete_entry("/landfall/x").await.unwrap();
    account.delete_entry("/landfall/x").await.unwrap();
    assert_eq!(account.entry("/landfall/x").await.unwrap(), None);
}

#[tokio::test]
async fn zones_certificates_logs_buckets_and_keys_are_found() {
    let Some(emulator) = Emulator::ministack(&[]) else { return };
    let account = account(&emulator.url()).await;
    let zones = emulator.ask(
        "r = client('route53')\n\
         for n in ['example.org', 'sub.example.org', 'other.org', 'le.org']: r.create_hosted_zone(Name=n, CallerReference=n)\n\
         r.create_hosted_zone(Name='example.org', CallerReference='p', VPC={'VPCRegion': 'us-west-2', 'VPCId': 'vpc-1'}, HostedZoneConfig={'PrivateZone': True})\n\
         answer = {z['Name']: [z['Id'].split('/')[-1], [n.rstrip('.') for n in r.get_hosted_zone(Id=z['Id'])['DelegationSet']['NameServers']]] for z in r.list_hosted_zones()['HostedZones'] if not z['Config']['PrivateZone']}",
    );
    let found = account.hosted_zones("tabpy.Sub.example.org.").await.unwrap();
    assert_eq!(found.iter().map(|z| z.name.as_str()).collect::<Vec<_>>(), ["sub.example.org", "example.org"]);
    for zone in &found {
        assert_eq!(json!([zone.id, zone.name_servers]), zones[format!("{}.", zone.name)]);
    }
    assert_eq!(account.hosted_zones("example.net").await.unwrap(), []);

    let arn = emulator.ask("answer = client('acm').request_certificate(DomainName='tabpy.example.org', ValidationMethod='DNS')['CertificateArn']");
    let certificate = account.certificate(arn.as_str().unwrap()).await.unwrap().unwrap();
    assert_eq!(Some(certificate.arn.as_str()), arn.as_str());
    assert!(
        certificate.records.iter().all(|record| record.kind == "CNAME" && record.name.contains("tabpy.example.org"))
    );
    let none = "arn:aws:acm:us-west-2:123456789012:certificate/00000000-0000-0000-0000-000000000000";
    assert_eq!(account.certificate(none).await.unwrap(), None);

    let _ = emulator.ask(
        "import time\nl = client('logs')\nl.create_log_group(logGroupName='/g')\n\
         for s in ['i-1/cloud-init', 'i-2/x']: l.create_log_stream(logGroupName='/g', logStreamName=s)\n\
         answer = l.put_log_events(logGroupName='/g', logStreamName='i-1/cloud-init', logEvents=[{'timestamp': int(time.time() * 1000) + i, 'message': f'line {i}'} for i in range(5)])",
    );
    let tail = account.log_tail("/g", "i-1", 2).await.unwrap().unwrap();
    assert_eq!((tail.stream.as_str(), tail.lines), ("i-1/cloud-init", vec!["line 3".to_owned(), "line 4".to_owned()]));
    assert_eq!(account.log_tail("/g", "i-9", 2).await.unwrap(), None);
    assert_eq!(account.log_tail("/none", "", 2).await.unwrap(), None);
    account.delete_log_group("/g").await.unwrap();
    account.delete_log_group("/g").await.unwrap();
    assert_eq!(emulator.ask("answer = client('logs').describe_log_groups()['logGroups']"), json!([]));

    assert_eq!(account.object_count("no-such-bucket").await.unwrap(), None);
    let _ = emulator.ask(
        "s = client('s3')\ns.create_bucket(Bucket='bucket-b', CreateBucketConfiguration={'LocationConstraint': 'us-west-2'})\n\
         s.put_bucket_versioning(Bucket='bucket-b', VersioningConfiguration={'Status': 'Enabled'})\n\
         for k in ['a', 'a', 'x/y z&<ü>']: s.put_object(Bucket='bucket-b', Key=k, Body=b'1')\nanswer = s.delete_object(Bucket='bucket-b', Key='a')",
    );
    assert_eq!(account.object_count("bucket-b").await.unwrap(), Some(4));
    account.put_object("bucket-b", "templates/a b.yaml", b"Resources: {}").await.unwrap();
    account.put_object("bucket-b", "templates/a b.yaml", b"Resources: {}").await.unwrap();
    let read = emulator.ask(
        "s = client('s3')\nanswer = [s.get_object(Bucket='bucket-b', Key='templates/a b.yaml')['Body'].read().decode(), len(s.list_object_versions(Bucket='bucket-b', Prefix='templates')['Versions'])]",
    );
    assert_eq!(read, json!(["Resources: {}", 1]));
    let full = account.delete_bucket("bucket-b").await.unwrap_err();
    assert_eq!(full.kind, CallErrorKind::WrongState, "{full:?}");
    assert_eq!(account.empty_bucket("bucket-b").await.unwrap(), 5);
    assert_eq!(account.empty_bucket("bucket-b").await.unwrap(), 0);
    account.delete_bucket("bucket-b").await.unwrap();
    account.delete_bucket("bucket-b").await.unwrap();
    assert_eq!(emulator.ask("answer = client('s3').list_buckets()['Buckets']"), json!([]));

    let key = emulator.ask("answer = client('kms').create_key()['KeyMetadata']['KeyId']");
    assert_eq!(account.schedule_key_deletion(key.as_str().unwrap()).await.unwrap(), 7);
    assert_eq!(account.schedule_key_deletion(key.as_str().unwrap()).await.unwrap(), 7);
    let state = emulator.ask(&format!("answer = client('kms').describe_key(KeyId={key})['KeyMetadata']['KeyState']"));
    assert_eq!(state, "PendingDeletion");
}

#[tokio::test]
async fn networks_hosts_quotas_and_rights_are_counted() {
    let Some(emulator) = Emulator::moto() else { return };
    let account = account(&emulator.url()).await;
    let made = emulator.ask(
        "e = client('ec2')\nv = e.create_vpc(CidrBlock='10.9.0.0/16')['Vpc']['VpcId']\n\
         s = e.create_subnet(VpcId=v, CidrBlock='10.9.1.0/24')['Subnet']['SubnetId']\n\
         g = e.create_security_group(GroupName='g', Description='d', VpcId=v)['GroupId']\n\
         n = e.create_network_interface(SubnetId=s, Groups=[g])['NetworkInterface']['NetworkInterfaceId']\n\
         e.allocate_address(Domain='vpc')\n\
         w = e.create_nat_gateway(SubnetId=s, ConnectivityType='private')['NatGateway']['NatGatewayId']\n\
         answer = [v, s, g, n, len(e.describe_vpcs()['Vpcs'])]",
    );
    let text = |index: usize| made[index].as_str().unwrap().to_owned();
    let (vpc, subnet, group, interface) = (text(0), text(1), text(2), text(3));
    assert!(account.network_interfaces(&subnet).await.unwrap().contains(&interface));
    assert_eq!(account.network_interfaces(&group).await.unwrap(), std::slice::from_ref(&interface));
    account.delete_network_interface(&interface).await.unwrap();
    account.delete_network_interface(&interface).await.unwrap();
    assert_eq!(account.network_interfaces(&group).await.unwrap(), Vec::<String>::new());
    let asked = [vpc.clone(), "vpc-0123456789abcdef0".to_owned(), subnet.clone(), "subnet-0".to_owned(), group.clone()];
    let mut there = account.existing_ids(&asked).await.unwrap();
    there.sort();
    let mut expected = vec![vpc, subnet, group];
    expected.sort();
    assert_eq!(there, expected);
    assert_eq!(json!(account.count("AWS::EC2::VPC").await.unwrap()), made[4]);
    assert_eq!(account.count("AWS::EC2::EIP").await.unwrap(), 1);
    assert_eq!(account.count("AWS::EC2::NatGateway").await.unwrap(), 1);
    assert_eq!(account.count("AWS::SNS::Topic").await.unwrap_err().kind, CallErrorKind::Refused);

    let quota = emulator.ask("answer = client('service-quotas').get_service_quota(ServiceCode='vpc', QuotaCode='L-F678F1CE')['Quota']['Value']");
    assert_eq!(json!(account.quota("vpc", "L-F678F1CE").await.unwrap()), quota);

    let made = emulator.ask(
        "e = client('ec2')\ni = e.describe_images()['Images'][0]['ImageId']\n\
         t = e.create_launch_template(LaunchTemplateName='hosts', LaunchTemplateData={'ImageId': i, 'InstanceType': 't3.micro'})\n\
         client('autoscaling').create_auto_scaling_group(AutoScalingGroupName='hosts', MinSize=2, MaxSize=2, AvailabilityZones=['us-west-2a'], LaunchTemplate={'LaunchTemplateName': 'hosts'})\n\
         answer = sorted(i['InstanceId'] for i in client('autoscaling').describe_auto_scaling_groups()['AutoScalingGroups'][0]['Instances'])",
    );
    let mut hosts = account.hosts("hosts").await.unwrap();
    hosts.sort_by(|a, b| a.instance.cmp(&b.instance));
    assert_eq!(json!(hosts.iter().map(|host| host.instance.as_str()).collect::<Vec<_>>()), made);
    assert!(hosts.iter().all(|host| host.lifecycle == "InService" && host.is_healthy));
    assert_eq!(account.hosts("none").await.unwrap(), []);
    assert_eq!(account.console_output("i-0123456789abcdef0").await.unwrap(), None);
    assert!(account.console_output(&hosts[0].instance).await.unwrap().is_some_and(|output| !output.text.is_empty()));

    let balancer = emulator.ask(
        "e = client('ec2')\nsubnets = [s['SubnetId'] for s in e.describe_subnets(Filters=[{'Name': 'default-for-az', 'Values': ['true']}])['Subnets'][:2]]\n\
         l = client('elbv2')\na = l.create_load_balancer(Name='b', Subnets=subnets)['LoadBalancers'][0]['LoadBalancerArn']\n\
         l.modify_load_balancer_attributes(LoadBalancerArn=a, Attributes=[{'Key': 'deletion_protection.enabled', 'Value': 'true'}])\nanswer = a",
    );
    let arn = balancer.as_str().unwrap();
    account.unprotect("AWS::ElasticLoadBalancingV2::LoadBalancer", arn).await.unwrap();
    let protection = emulator.ask(&format!(
        "answer = [a['Value'] for a in client('elbv2').describe_load_balancer_attributes(LoadBalancerArn='{arn}')['Attributes'] if a['Key'] == 'deletion_protection.enabled']"
    ));
    assert_eq!(protection, json!(["false"]));

    let _ = emulator.ask("answer = client('sns').create_topic(Name='t', Tags=[{'Key': 'landfall:deployment', 'Value': 'x'}])['TopicArn']");
    let tagged = account.tagged("landfall:deployment", "x").await.unwrap();
    assert_eq!(tagged.iter().map(|r| r.arn.as_str()).collect::<Vec<_>>(), ["arn:aws:sns:us-west-2:123456789012:t"]);
    assert_eq!(account.tagged("landfall:deployment", "y").await.unwrap(), []);

    let user = emulator.ask(
        "i = client('iam')\nu = i.create_user(UserName='deployer')['User']['Arn']\n\
         i.put_user_policy(UserName='deployer', PolicyName='p', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 'ec2:CreateVpc', 'Resource': '*'}]}))\nanswer = u",
    );
    // moto does not simulate policies: it says so, and that is no answer.
    let denied = account.denied_actions(user.as_str().unwrap(), &["ec2:CreateVpc", "ec2:DeleteVpc"]).await;
    assert!(denied.is_err() || denied.unwrap().is_none_or(|denied| denied == ["ec2:DeleteVpc"]));
}
