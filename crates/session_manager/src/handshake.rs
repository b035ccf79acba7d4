//! What the host's agent asks before it carries anything, and what we answer.

use crate::error::End;
use crate::payload::{
    ENCRYPTION, HandshakeRequest, HandshakeResponse, LOCAL_FORWARDING, PORT, ProcessedAction, SESSION_TYPE,
};
use crate::streams::Sharing;
use crate::version::{AgentVersion, CLIENT};
use bytes::Bytes;
use serde_json::Value;

/// What the agent is, and what came of its questions.
#[derive(Debug)]
pub(crate) struct Handshake {
    pub(crate) agent: String,
    pub(crate) version: AgentVersion,
    pub(crate) sharing: Sharing,
    /// The answer to be sent.
    pub(crate) response: Bytes,
    /// Why the session is not to go on, once the agent has the answer.
    pub(crate) refused: Option<End>,
}

/// Answers a request.
pub(crate) fn answer(request: &[u8]) -> Result<Handshake, End> {
    let wrong = |what: &str| End::Protocol(format!("its handshake {what}"));
    let request: HandshakeRequest = serde_json::from_slice(request).map_err(|error| wrong(&error.to_string()))?;
    let version = AgentVersion::parse(&request.agent_version);
    let mut is_forwarding = false;
    let mut refused = None;
    let mut processed = Vec::new();
    for action in &request.requested_client_actions {
        let parameter = |name: &str| action.action_parameters.get(name).and_then(Value::as_str).unwrap_or_default();
        processed.push(match action.action_type.as_str() {
            SESSION_TYPE if parameter("SessionType") == PORT => {
                let kind = action.action_parameters.pointer("/Properties/type").and_then(Value::as_str);
                is_forwarding = kind == Some(LOCAL_FORWARDING);
                ProcessedAction::done(SESSION_TYPE)
            }
            SESSION_TYPE => {
                let end = refused.insert(End::NotAPort(parameter("SessionType").to_owned()));
                ProcessedAction::failed(SESSION_TYPE, &end.to_string())
            }
            ENCRYPTION => {
                let end = refused.insert(End::Encrypted { key: parameter("KMSKeyId").to_owned() });
                ProcessedAction::failed(ENCRYPTION, &end.to_string())
            }
            other => ProcessedAction::unsupported(other),
        });
    }
    let errors = processed.iter().map(|one| one.error.clone()).filter(|error| !error.is_empty()).collect();
    let response = HandshakeResponse { client_version: CLIENT, processed_client_actions: processed, errors };
    let response = serde_json::to_vec(&response).map_err(|error| wrong(&error.to_string()))?;
    let sharing = if is_forwarding && version.multiplexes() { Sharing::Multiplexed } else { Sharing::Single };
    Ok(Handshake { agent: request.agent_version, version, sharing, response: response.into(), refused })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(agent: &str, actions: &str) -> Handshake {
        answer(format!(r#"{{"AgentVersion":"{agent}","RequestedClientActions":[{actions}]}}"#).as_bytes()).unwrap()
    }

    const FORWARDING: &str = r#"{"ActionType":"SessionType","ActionParameters":{"SessionType":"Port","Properties":{"portNumber":"5432","type":"LocalPortForwarding"}}}"#;

    fn said(handshake: &Handshake) -> &str {
        std::str::from_utf8(&handshake.response).unwrap()
    }

    #[test]
    fn a_forwarding_is_taken_and_multiplexed_where_the_agent_can() {
        let handshake = asked("3.3.987.0", FORWARDING);
        assert_eq!((handshake.sharing, handshake.refused.is_none()), (Sharing::Multiplexed, true));
        assert_eq!(
            said(&handshake),
            r#"{"ClientVersion":"1.2.677.0","ProcessedClientActions":[{"ActionType":"SessionType","ActionStatus":1,"ActionResult":null,"Error":""}],"Errors":[]}"#
        );
        assert_eq!(asked("2.3.1205.0", FORWARDING).sharing, Sharing::Single);
    }

    #[test]
    fn a_key_for_encryption_is_refused_by_name() {
        let key = r#"{"ActionType":"KMSEncryption","ActionParameters":{"KMSKeyId":"alias/sessions"}}"#;
        let handshake = asked("3.3.987.0", &format!("{FORWARDING},{key}"));
        assert!(
            said(&handshake).contains(r#"{"ActionType":"KMSEncryption","ActionStatus":2,"#),
            "{}",
            said(&handshake)
        );
        let fault = handshake.refused.unwrap().fault("opening a session to db");
        insta::assert_snapshot!(format!("{fault}\nhelp: {}", fault.help.as_deref().unwrap()), @r"
        opening a session to db: this account's sessions are to be encrypted with the KMS key alias/sessions besides TLS, which Landfall does not do
        help: take the key out of the preferences of Session Manager in this region (Systems Manager > Session Manager > Preferences > KMS encryption: the document `SSM-SessionManagerRunShell`, `kmsKeyId`), or use `aws ssm start-session` with Amazon's plugin
        ");
    }

    #[test]
    fn a_shell_and_unknown_actions_are_refused() {
        let handshake =
            asked("3.3.987.0", r#"{"ActionType":"SessionType","ActionParameters":{"SessionType":"Standard_Stream"}}"#);
        assert_eq!(handshake.refused, Some(End::NotAPort("Standard_Stream".to_owned())));
        let handshake = asked("3.3.987.0", r#"{"ActionType":"Dance"}"#);
        assert!(
            said(&handshake).contains(r#""ActionStatus":3,"ActionResult":null,"Error":"Unsupported action Dance""#)
        );
        for text in ["", "[]", "{}", "{\"AgentVersion\":1}"] {
            assert!(matches!(answer(text.as_bytes()), Err(End::Protocol(_))), "{text}");
        }
    }
}
