//! The account keeps the contract, and clients that are not ours understand it.

use std::time::Duration;
use testkit::{FakeAccount, contract};

#[tokio::test(start_paused = true)]
async fn the_contract_is_kept_in_process() {
    contract::check(&FakeAccount::default(), Duration::from_secs(1)).await;
}

const SCRIPT: &str = r#"
import boto3, json, sys, time
from botocore.config import Config
from botocore.exceptions import ClientError
config = Config(retries={"max_attempts": 1})
def client(name):
    return boto3.client(name, endpoint_url=sys.argv[1], region_name="us-west-2", aws_access_key_id="x", aws_secret_access_key="y", config=config)
cfn = client("cloudformation")
said = [client("sts").get_caller_identity()["Account"]]
try:
    cfn.describe_stacks(StackName="none")
except ClientError as error:
    said.append(str(error))
body = "Resources: { Topic: { Type: AWS::SNS::Topic }, Logs: { Type: AWS::Logs::LogGroup } }"
cfn.create_change_set(StackName="s", ChangeSetName="c", ChangeSetType="CREATE", TemplateBody=body)
cfn.get_waiter("change_set_create_complete").wait(StackName="s", ChangeSetName="c", WaiterConfig={"Delay": 1})
cfn.execute_change_set(StackName="s", ChangeSetName="c")
cfn.get_waiter("stack_create_complete").wait(StackName="s", WaiterConfig={"Delay": 1})
said.append(cfn.describe_stacks(StackName="s")["Stacks"][0]["StackStatus"])
said.append(sorted(r["LogicalResourceId"] for r in cfn.describe_stack_resources(StackName="s")["StackResources"]))
said.append(cfn.describe_stack_events(StackName="s")["StackEvents"][0]["ResourceStatus"])
ssm = client("ssm")
ssm.put_parameter(Name="/a", Value="b", Type="SecureString")
said.append(ssm.get_parameter(Name="/a")["Parameter"]["Value"])
try:
    ssm.put_parameter(Name="/a", Value="c", Type="SecureString")
except ClientError as error:
    said.append(error.response["Error"]["Code"])
said.append([zone["Name"] for zone in client("route53").list_hosted_zones()["HostedZones"]])
cfn.delete_stack(StackName="s")
cfn.get_waiter("stack_delete_complete").wait(StackName="s", WaiterConfig={"Delay": 1})
print(json.dumps(said))
"#;

/// A Python that has boto3.
fn python() -> Option<std::path::PathBuf> {
    let home = std::env::var_os("HOME").map(std::path::PathBuf::from)?;
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(|| home.join(".cache"), std::path::PathBuf::from);
    let own = ["landfall-gates/emulators", "landfall-gates/venv"].map(|folder| cache.join(folder).join("bin/python"));
    let has_boto3 = |python: &std::path::PathBuf| {
        let asked = std::process::Command::new(python).args(["-c", "import boto3"]).output();
        asked.is_ok_and(|output| output.status.success())
    };
    own.into_iter().chain([std::path::PathBuf::from("python3")]).find(has_boto3)
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_understands_it() {
    let Some(python) = python() else {
        println!("skipped: there is no Python with boto3");
        return;
    };
    let account = FakeAccount::with_speed("123456789012", "us-west-2", 100);
    account.with(|machine| machine.add_zone("example.org"));
    let endpoint = account.serve().await.unwrap();
    let url = endpoint.url();
    let output = tokio::task::spawn_blocking(move || {
        std::process::Command::new(python).args(["-c", SCRIPT, &url]).output().unwrap()
    });
    let output = output.await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(
        said.trim(),
        r#"["123456789012", "An error occurred (ValidationError) when calling the DescribeStacks operation: Stack with id none does not exist", "CREATE_COMPLETE", ["Logs", "Topic"], "CREATE_COMPLETE", "b", "ParameterAlreadyExists", ["example.org."]]"#
    );
    assert_eq!(account.with(|machine| machine.orphans()), Vec::<String>::new());
}
