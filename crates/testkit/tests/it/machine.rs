//! The account does what CloudFormation does.

use indexmap::IndexMap;
use model::cfn::{Layer, ParameterSource, StackTemplate};
use stacks::Deployment;
use stacks::account::{
    Account, CallErrorKind, ChangeAction, ChangeSet, ChangeSetKind, ChangeSetRequest, ChangeSetStatus, Replacement,
    Stack, StackStatus,
};
use std::time::Duration;
use testkit::FakeAccount;
use testkit::account::{Boot, Deed, Failure};
use testkit::deployments;

fn account() -> FakeAccount {
    let account = FakeAccount::default();
    account.with(|machine| machine.add_zone("example.org"));
    account
}

async fn request(account: &FakeAccount, deployment: &Deployment, stack: &StackTemplate) -> ChangeSetRequest {
    let mut parameters = IndexMap::new();
    for (name, source) in &stack.parameters {
        let value = match source {
            ParameterSource::Default => continue,
            ParameterSource::Output { layer, name } => {
                let from = account.stack(&deployment.stack_name(*layer)).await.unwrap().unwrap();
                from.outputs[name].clone()
            }
            ParameterSource::HostedZone { domain } => account.hosted_zones(domain).await.unwrap()[0].id.clone(),
        };
        parameters.insert(name.clone(), value);
    }
    let is_new = match account.stack(&stack.name).await.unwrap() {
        None => true,
        Some(stack) => stack.status == StackStatus::ReviewInProgress,
    };
    ChangeSetRequest {
        stack: stack.name.clone(),
        name: format!("c-{}", stack.digest.short()),
        kind: if is_new { ChangeSetKind::Create } else { ChangeSetKind::Update },
        template: stack.text.clone(),
        parameters,
        capabilities: stack.capabilities.clone(),
        tags: stack.tags.clone(),
        token: format!("create-{}", stack.digest.short()),
    }
}

async fn settled(account: &FakeAccount, stack: &str) -> Stack {
    loop {
        let stack = account.stack(stack).await.unwrap().unwrap();
        if !stack.status.is_in_progress() {
            return stack;
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
}

/// Asks for the changes of a stack and waits until they are known.
async fn propose(account: &FakeAccount, deployment: &Deployment, stack: &StackTemplate) -> ChangeSet {
    let request = request(account, deployment, stack).await;
    let id = account.create_change_set(&request).await.unwrap();
    loop {
        let set = account.change_set(&stack.name, &id).await.unwrap().unwrap();
        if set.status != ChangeSetStatus::CreateInProgress {
            return set;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Brings a stack to its template; `keep_failed` as in the port.
async fn deploy(account: &FakeAccount, deployment: &Deployment, layer: Layer, keep_failed: bool) -> Stack {
    let stack = deployment.wanted(layer).unwrap();
    let set = propose(account, deployment, stack).await;
    assert_eq!(set.status, ChangeSetStatus::CreateComplete, "{:?}", set.reason);
    let token = format!("execute-{}", set.id.rsplit('/').next().unwrap());
    account.execute_change_set(&stack.name, &set.id, &token, keep_failed).await.unwrap();
    settled(account, &stack.name).await
}

async fn deploy_all(account: &FakeAccount, deployment: &Deployment) {
    for stack in &deployment.templates.stacks {
        let done = deploy(account, deployment, stack.layer, false).await;
        let reasons = failures(account, &stack.name).await;
        assert!(done.status.word().ends_with("E_COMPLETE"), "{} {} {:?}", stack.name, done.status, reasons);
    }
}

async fn failures(account: &FakeAccount, stack: &str) -> Vec<String> {
    let events = account.events(stack, None).await.unwrap();
    let failed = events.into_iter().filter(|event| event.status.ends_with("FAILED"));
    failed.map(|event| format!("{}: {}", event.logical_id, event.reason.unwrap_or_default())).collect()
}

#[tokio::test(start_paused = true)]
async fn deployments_are_made_and_nothing_changes_the_second_time() {
    for deployment in [deployments::tabpy(), deployments::shop()] {
        let account = account();
        deploy_all(&account, &deployment).await;
        account.with(|machine| assert_eq!(machine.orphans(), Vec::<String>::new()));
        for stack in &deployment.templates.stacks {
            let mut again = request(&account, &deployment, stack).await;
            again.name.push_str("-again");
            again.token.push_str("-again");
            let id = account.create_change_set(&again).await.unwrap();
            tokio::time::sleep(Duration::from_secs(10)).await;
            let set = account.change_set(&stack.name, &id).await.unwrap().unwrap();
            assert_eq!(set.status, ChangeSetStatus::Failed, "{:#?}", set.changes);
            assert!(set.reason.unwrap().starts_with("The submitted information didn't contain changes."));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_is_foreseen_and_done() {
    let account = account();
    deploy_all(&account, &deployments::tabpy()).await;
    let before =
        account.with(|machine| machine.thing("tabpy-production-service", "TabpyHosts").unwrap().physical_id.clone());
    let larger = deployments::tabpy_with(&[("default: medium", "default: large")]);
    let set = propose(&account, &larger, larger.wanted(Layer::Service).unwrap()).await;
    let template = set.changes.iter().find(|change| change.logical_id == "TabpyTemplate").unwrap();
    assert_eq!((template.action, template.replacement), (ChangeAction::Modify, Some(Replacement::False)));
    let hosts = set.changes.iter().find(|change| change.logical_id == "TabpyHosts").unwrap();
    assert_eq!(hosts.action, ChangeAction::Modify);
    let done = deploy(&account, &larger, Layer::Service, false).await;
    assert_eq!(done.status, StackStatus::UpdateComplete);
    account.with(|machine| {
        assert_eq!(machine.thing("tabpy-production-service", "TabpyHosts").unwrap().physical_id, before);
        assert_eq!(machine.orphans(), Vec::<String>::new());
    });
}

#[tokio::test(start_paused = true)]
async fn a_failed_creation_is_rolled_back_or_kept() {
    for keep in [false, true] {
        let account = account();
        let deployment = deployments::tabpy();
        account.with(|machine| {
            machine.failures.push(Failure {
                stack: "network".to_owned(),
                logical_id: "NetNatA".to_owned(),
                deed: Deed::Create,
                reason: "Nat limit exceeded".to_owned(),
                times: 1,
            });
        });
        let stack = deploy(&account, &deployment, Layer::Network, keep).await;
        let failed = failures(&account, &stack.name).await;
        assert!(failed.contains(&"NetNatA: Nat limit exceeded".to_owned()), "{failed:?}");
        if keep {
            assert_eq!(stack.status, StackStatus::CreateFailed);
            account.rollback_stack(&stack.name, "back").await.unwrap();
        }
        assert_eq!(settled(&account, &stack.name).await.status, StackStatus::RollbackComplete);
        account.delete_stack(&stack.name, "away", &[]).await.unwrap();
        assert_eq!(account.stack(&stack.name).await.unwrap(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_update_is_put_back() {
    let account = account();
    deploy_all(&account, &deployments::tabpy()).await;
    let before = account.with(|machine| machine.shape());
    account.with(|machine| machine.boot = Boot::Fails);
    let larger = deployments::tabpy_with(&[("default: medium", "default: large")]);
    let stack = deploy(&account, &larger, Layer::Service, true).await;
    assert_eq!(stack.status, StackStatus::UpdateFailed);
    account.rollback_stack(&stack.name, "back").await.unwrap();
    assert_eq!(settled(&account, &stack.name).await.status, StackStatus::UpdateRollbackComplete);
    assert_eq!(account.with(|machine| machine.shape()), before);
}

#[tokio::test(start_paused = true)]
async fn a_stuck_rollback_goes_on_without_what_it_failed_at() {
    let account = account();
    deploy_all(&account, &deployments::tabpy()).await;
    let fail = |deed, id: &str| Failure {
        stack: "service".to_owned(),
        logical_id: id.to_owned(),
        deed,
        reason: "Internal Failure".to_owned(),
        times: 1,
    };
    account.with(|machine| {
        machine.failures = vec![fail(Deed::Update, "TabpyHosts"), fail(Deed::Restore, "TabpyTemplate")];
    });
    let larger = deployments::tabpy_with(&[("default: medium", "default: large")]);
    let stack = deploy(&account, &larger, Layer::Service, false).await;
    assert_eq!(stack.status, StackStatus::UpdateRollbackFailed);
    let refused = account.delete_change_set(&stack.name, "none").await;
    assert!(refused.is_ok());
    let skip = ["TabpyTemplate".to_owned()];
    account.continue_rollback(&stack.name, "on", &skip).await.unwrap();
    assert_eq!(settled(&account, &stack.name).await.status, StackStatus::UpdateRollbackComplete);
}

#[tokio::test(start_paused = true)]
async fn refusals_are_in_the_words_of_aws() {
    let account = account();
    let deployment = deployments::tabpy();
    let stack = deployment.wanted(Layer::Network).unwrap();
    let mut request = request(&account, &deployment, stack).await;
    request.kind = ChangeSetKind::Update;
    let error = account.create_change_set(&request).await.unwrap_err();
    assert_eq!(error.message, "Stack [tabpy-production-network] does not exist");
    request.kind = ChangeSetKind::Create;
    request.capabilities.clear();
    assert_eq!(account.create_change_set(&request).await.unwrap_err().code, "InsufficientCapabilitiesException");
    request.capabilities = stack.capabilities.clone();
    let id = account.create_change_set(&request).await.unwrap();
    assert_eq!(account.create_change_set(&request).await.unwrap(), id, "the same token is the same call");
    request.token.push('x');
    assert_eq!(account.create_change_set(&request).await.unwrap_err().kind, CallErrorKind::Exists);
    let error = account.execute_change_set(&stack.name, &id, "go", false).await.unwrap_err();
    assert_eq!(error.code, "InvalidChangeSetStatus");
    tokio::time::sleep(Duration::from_secs(10)).await;
    account.execute_change_set(&stack.name, &id, "go", false).await.unwrap();
    account.execute_change_set(&stack.name, &id, "go", false).await.unwrap();
    assert!(account.execute_change_set(&stack.name, &id, "other", false).await.is_err());
    request.name.push('y');
    request.kind = ChangeSetKind::Update;
    let error = account.create_change_set(&request).await.unwrap_err();
    assert!(error.message.ends_with("is in CREATE_IN_PROGRESS state and can not be updated."), "{error}");
    settled(&account, &stack.name).await;
    account.protect_stack(&stack.name, true).await.unwrap();
    let error = account.delete_stack(&stack.name, "away", &[]).await.unwrap_err();
    assert_eq!(
        error.message,
        "Stack [tabpy-production-network] cannot be deleted while TerminationProtection is enabled"
    );
}

#[tokio::test(start_paused = true)]
async fn a_certificate_waits_for_its_zone() {
    let account = account();
    account.with(|machine| machine.delegate("example.org", &["ns.elsewhere.example"]));
    let deployment = deployments::tabpy();
    for layer in [Layer::Network, Layer::Data, Layer::Service] {
        deploy(&account, &deployment, layer, false).await;
    }
    let stack = deployment.wanted(Layer::Edge).unwrap();
    let set = propose(&account, &deployment, stack).await;
    account.execute_change_set(&stack.name, &set.id, "go", false).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let waits = account.resources(&stack.name).await.unwrap();
    let certificate = waits.iter().find(|it| it.logical_id == "WebCertificate").unwrap();
    assert_eq!(certificate.status, "CREATE_IN_PROGRESS");
    assert!(account.certificate(certificate.physical_id.as_ref().unwrap()).await.unwrap().is_some());
    account.with(|machine| machine.delegate_rightly("example.org"));
    assert_eq!(settled(&account, &stack.name).await.status, StackStatus::CreateComplete);
}

#[tokio::test(start_paused = true)]
async fn a_deletion_leaves_what_is_kept_and_stops_at_what_blocks() {
    let account = account();
    let deployment = deployments::tabpy();
    deploy_all(&account, &deployment).await;
    let edge = deployment.stack_name(Layer::Edge);
    account.delete_stack(&edge, "away", &[]).await.unwrap();
    let stack = settled(&account, &edge).await;
    assert_eq!(stack.status, StackStatus::DeleteFailed);
    let failed = failures(&account, &edge).await;
    assert!(failed.iter().any(|it| it.contains("deletion protection is enabled")), "{failed:?}");
    let balancer = account.with(|machine| machine.thing(&edge, "WebBalancer").unwrap().physical_id.clone());
    account.unprotect("AWS::ElasticLoadBalancingV2::LoadBalancer", &balancer).await.unwrap();
    for layer in [Layer::Edge, Layer::Service, Layer::Data, Layer::Network] {
        let name = deployment.stack_name(layer);
        account.delete_stack(&name, "away again", &[]).await.unwrap();
        while let Some(stack) = account.stack(&name).await.unwrap() {
            assert_eq!(stack.status, StackStatus::DeleteInProgress, "{:?}", failures(&account, &name).await);
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    }
    account.with(|machine| {
        assert_eq!(machine.orphans(), Vec::<String>::new());
        let left: Vec<&str> = machine.things().map(|thing| thing.kind.as_str()).collect();
        assert!(left.contains(&"AWS::KMS::Key") && left.contains(&"AWS::S3::Bucket"), "{left:?}");
        assert!(!left.contains(&"AWS::EC2::VPC") && !left.contains(&"AWS::EC2::NetworkInterface"), "{left:?}");
    });
}
