//! The command against an emulator of AWS by others (ministack): from nothing to nothing. What it does is read back with boto3, through
//! each resource's own service, never from the state of a stack alone.

use crate::aws_verbs::tabpy;
use crate::support::machine;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Emulator, Output, TestEnvironment};

const STACKS: usize = 4;

/// The blueprint on a machine that knows the emulator.
fn deployment(emulator: &Emulator) -> TestEnvironment {
    let machine = machine().with_limit(Duration::from_secs(300));
    tabpy(emulator.variables().iter().fold(machine, |machine, (name, value)| machine.with_variable(name, value)))
}

/// The zone that the account has before.
fn make_zone(emulator: &Emulator) {
    let _ = emulator.ask(
        "answer = client('route53').create_hosted_zone(Name='example.org', CallerReference='1')['HostedZone']['Id']",
    );
}

fn up(machine: &TestEnvironment) -> Output {
    machine.run(&["up", "-e", "production", "--no-verify"])
}

/// Replaces a text in the manifest.
fn edit(machine: &TestEnvironment, from: &str, to: &str) {
    let manifest = machine.work().join("landfall.yaml");
    let text = std::fs::read_to_string(&manifest).expect("a manifest");
    assert!(text.contains(from), "{from}");
    std::fs::write(manifest, text.replace(from, to)).expect("a manifest");
}

/// What is there, service by service.
fn inventory(emulator: &Emulator) -> Value {
    emulator.ask(
        r"
e, r = client('ec2'), client('route53')
mine = [{'Name': 'tag:landfall:deployment', 'Values': ['tabpy']}]
vpcs = [v['VpcId'] for v in e.describe_vpcs(Filters=mine)['Vpcs']]
within = [{'Name': 'vpc-id', 'Values': vpcs or ['none']}]
groups = {g['GroupName']: g for g in e.describe_security_groups(Filters=within)['SecurityGroups'] if g['GroupName'] != 'default'}
zone = r.list_hosted_zones()['HostedZones'][0]['Id']
templates = e.describe_launch_templates()['LaunchTemplates']
balancers = client('elbv2').describe_load_balancers()['LoadBalancers']
listeners = [l for b in balancers for l in client('elbv2').describe_listeners(LoadBalancerArn=b['LoadBalancerArn'])['Listeners']]
secrets = client('secretsmanager')
def is_full(arn):
    try: return bool(secrets.get_secret_value(SecretId=arn)['SecretString'])
    except secrets.exceptions.ResourceNotFoundException: return False
answer = {
  'vpcs': len(vpcs),
  'subnets': len(e.describe_subnets(Filters=within)['Subnets']),
  'gateways': len([g for g in e.describe_nat_gateways(Filters=mine)['NatGateways'] if g['State'] != 'deleted']),
  'addresses': len(e.describe_addresses()['Addresses']),
  'flow logs': len(e.describe_flow_logs()['FlowLogs']),
  'rules': sorted(str((p.get('FromPort'), p.get('ToPort'), [x['CidrIp'] for x in p['IpRanges']] + [x['CidrIpv6'] for x in p['Ipv6Ranges']], len(p['UserIdGroupPairs']))) for g in groups.values() for p in g['IpPermissions']),
  'templates': [e.describe_launch_template_versions(LaunchTemplateId=t['LaunchTemplateId'], Versions=['$Latest'])['LaunchTemplateVersions'][0]['LaunchTemplateData']['InstanceType'] for t in templates],
  'groups': [[g['MinSize'], g['LaunchTemplate']['LaunchTemplateId'] == templates[0]['LaunchTemplateId']] for g in client('autoscaling').describe_auto_scaling_groups()['AutoScalingGroups']],
  'balancers': [b['Scheme'] for b in balancers],
  'listeners': sorted(l['Protocol'] for l in listeners),
  'certificates': [c['DomainName'] for c in client('acm').list_certificates()['CertificateSummaryList']],
  'records': sorted(s['Type'] + ' ' + s['Name'] for s in r.list_resource_record_sets(HostedZoneId=zone)['ResourceRecordSets'] if s['Type'] in ['A', 'AAAA']),
  'log groups': {g['logGroupName']: g.get('retentionInDays') for g in client('logs').describe_log_groups()['logGroups']},
  'secrets': sorted(is_full(s['ARN']) for s in secrets.list_secrets()['SecretList']),
  'keys': [client('kms').describe_key(KeyId=k['KeyId'])['KeyMetadata']['KeyState'] for k in client('kms').list_keys()['Keys']],
  'roles': len(client('iam').list_roles()['Roles']),
  'topics': len(client('sns').list_topics()['Topics']),
  'alarms': len(client('cloudwatch').describe_alarms()['MetricAlarms']),
  'buckets': len(client('s3').list_buckets()['Buckets']),
  'stacks': {s['StackName']: s['StackStatus'] for s in client('cloudformation').describe_stacks()['Stacks']},
}
",
    )
}

/// Whether a call only asks.
fn asks(call: &str) -> bool {
    let action = call.rsplit('.').next().unwrap_or(call);
    ["Describe", "Get", "List", "GET"].iter().any(|word| action.starts_with(word))
        || action == "SimulatePrincipalPolicy"
}

#[test]
fn a_deployment_lives_in_an_emulated_account_and_leaves_nothing() {
    let Some(emulator) = Emulator::ministack(&[]) else { return };
    make_zone(&emulator);
    let before = inventory(&emulator);
    let machine = deployment(&emulator);

    // From nothing.
    let _ = up(&machine).expect_code(0);
    let there = inventory(&emulator);
    assert_eq!(there["vpcs"], 1);
    assert_eq!(there["subnets"], 6);
    assert_eq!((&there["gateways"], &there["addresses"], &there["flow logs"]), (&json!(1), &json!(1), &json!(1)));
    assert_eq!(there["balancers"], json!(["internet-facing"]));
    assert_eq!(there["listeners"], json!(["HTTP", "HTTPS"]));
    assert_eq!(there["certificates"], json!(["tabpy.example.org"]));
    assert_eq!(there["records"], json!(["A tabpy.example.org.", "AAAA tabpy.example.org."]));
    assert_eq!(there["templates"], json!(["t3.medium"]));
    assert_eq!(there["groups"], json!([[1, true]]));
    assert!(
        there["secrets"].as_array().is_some_and(|all| all.len() >= 3 && all.iter().all(|full| *full == true)),
        "{there}"
    );
    let rules = there["rules"].to_string();
    assert!(
        rules.contains("203.0.113.0/24") && rules.contains("2001:db8::/32") && !rules.contains("0.0.0.0/0"),
        "{rules}"
    );
    assert_eq!(there["stacks"].as_object().map(serde_json::Map::len), Some(STACKS));
    assert!(there["stacks"].as_object().is_some_and(|stacks| stacks.values().all(|one| one == "CREATE_COMPLETE")));

    // Again: nothing is changed, and little is asked.
    emulator.forget_calls();
    let _ = up(&machine).expect_code(0);
    let calls = emulator.calls();
    assert!(calls.iter().all(|call| asks(call)), "{calls:?}");
    assert!(calls.len() <= 4 * STACKS, "{} calls: {calls:?}", calls.len());
    assert_eq!(inventory(&emulator), there);

    // An edit in place: another size of host.
    edit(&machine, "      domain: tabpy.example.org", "      size: large\n      domain: tabpy.example.org");
    let _ = up(&machine).expect_code(0);
    let large = inventory(&emulator);
    assert_ne!(large["templates"], there["templates"]);
    assert_eq!(large["certificates"], there["certificates"]);

    // A replacement: another name.
    edit(&machine, "domain: tabpy.example.org", "domain: py.example.org");
    let _ = up(&machine).expect_code(0);
    let renamed = inventory(&emulator);
    assert_eq!(renamed["certificates"], json!(["py.example.org"]));
    assert_eq!(renamed["records"], json!(["A py.example.org.", "AAAA py.example.org."]));

    // An update that fails and is rolled back, with its cause under the manifest's line; then it works.
    edit(&machine, "size: large", "size: small");
    emulator.fail_next("AWS::EC2::LaunchTemplate");
    let failed = up(&machine).expect_code(6);
    let said = format!("{}{}", failed.stdout, failed.stderr);
    assert!(
        said.contains("You have requested more than you may have") && said.contains("--> landfall.yaml:"),
        "{said}"
    );
    let back = inventory(&emulator);
    assert_eq!(back["templates"], large["templates"]);
    assert_eq!(back["stacks"]["tabpy-production-service"], "UPDATE_ROLLBACK_COMPLETE");
    let _ = up(&machine).expect_code(0);
    assert_ne!(inventory(&emulator)["templates"], large["templates"]);

    // Somebody changes something by hand.
    let _ = emulator.ask(
        "l = client('logs')\ng = sorted(g['logGroupName'] for g in l.describe_log_groups()['logGroups'])[0]\n\
         answer = l.put_retention_policy(logGroupName=g, retentionInDays=1)",
    );
    let drift = machine.run(&["drift", "-e", "production"]);
    assert!(drift.code != Some(0) && drift.stdout.contains("RetentionInDays"), "{}{}", drift.stdout, drift.stderr);

    // To nothing, with what is kept otherwise.
    let _ = machine.run(&["down", "-e", "production", "--yes", "--delete-kept"]).expect_code(0);
    let mut nothing = inventory(&emulator);
    let keys = nothing["keys"].as_array().expect("keys");
    assert!(keys.iter().all(|state| state == "PendingDeletion"), "{nothing}");
    nothing["keys"] = before["keys"].clone();
    assert_eq!(nothing, before);
}
