//! What the caller may do.

use crate::client::Client;
use crate::request::Fields;
use crate::service::Service::Identities;
use stacks::account::{CallErrorKind, Called};

pub(crate) async fn denied(client: &Client, caller: &str, actions: &[&str]) -> Called<Option<Vec<String>>> {
    let Some(principal) = principal(caller) else { return Ok(None) };
    if principal.ends_with(":root") {
        return Ok(Some(Vec::new()));
    }
    let mut denied = Vec::new();
    let mut page: Option<String> = None;
    loop {
        let fields = Fields::new()
            .with("PolicySourceArn", &principal)
            .members("ActionNames", actions)
            .maybe("Marker", page.as_deref());
        let answer = match client.query(Identities, "SimulatePrincipalPolicy", fields).await {
            Ok(answer) => answer,
            // Not allowed to ask, or nobody that can be asked about (a role of another account or path).
            Err(error) if matches!(error.kind, CallErrorKind::Denied { .. }) => return Ok(None),
            Err(error) if ["NoSuchEntity", "InvalidInput"].contains(&error.code.as_str()) => return Ok(None),
            Err(error) => return Err(error),
        };
        let refused = answer.list("EvaluationResults").iter().filter(|one| one.word("EvalDecision") != "allowed");
        denied.extend(refused.filter_map(|one| one.value("EvalActionName")));
        page = answer.value("Marker");
        if answer.text_of("IsTruncated") != Some("true") || page.is_none() {
            return Ok(Some(denied));
        }
    }
}

/// Whom to ask about: of a session, its role.
fn principal(caller: &str) -> Option<String> {
    let parts: Vec<&str> = caller.splitn(6, ':').collect();
    let [_, partition, service, _, account, name] = parts.as_slice() else { return None };
    match (*service, name.split('/').collect::<Vec<_>>().as_slice()) {
        ("iam", _) => Some(caller.to_owned()),
        ("sts", ["assumed-role", role, ..]) => Some(format!("arn:{partition}:iam::{account}:role/{role}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_session_the_role_is_asked_about() {
        let of = |caller| principal(caller);
        assert_eq!(
            of("arn:aws:sts::123456789012:assumed-role/Deployer/me@example.org").as_deref(),
            Some("arn:aws:iam::123456789012:role/Deployer")
        );
        assert_eq!(of("arn:aws:iam::1:user/x").as_deref(), Some("arn:aws:iam::1:user/x"));
        assert_eq!(of("arn:aws:sts::1:federated-user/x"), None);
        assert_eq!(of("nonsense"), None);
    }
}
