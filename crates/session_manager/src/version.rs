//! Versions of the agent, and what each can do.
//!
//! Source: `src/config/config.go` of `aws/session-manager-plugin` for what agents can do, `agent/session/plugins/port/port.go` of
//! `aws/amazon-ssm-agent` for what the agent makes of our own version, both 2024-10.

/// The version that we give as ours: that of Amazon's client whose protocol this is. From 1.1.70 on the agent multiplexes, after 1.2.331.0
/// it sends no keep-alives that would hide an idle session from Session Manager.
pub(crate) const CLIENT: &str = "1.2.677.0";

/// A version of the agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AgentVersion(Option<[u32; 4]>);

impl AgentVersion {
    /// Four numbers; anything else is a version that can do nothing.
    pub(crate) fn parse(text: &str) -> Self {
        let numbers: Option<Vec<u32>> = text.split('.').map(|part| part.parse().ok()).collect();
        Self(numbers.and_then(|numbers| numbers.try_into().ok()))
    }

    fn is_after(&self, version: [u32; 4]) -> bool {
        self.0.is_some_and(|own| own > version)
    }

    /// Whether it carries several connections in one session.
    pub(crate) fn multiplexes(&self) -> bool {
        self.is_after([3, 0, 196, 0])
    }

    /// Whether it can be told to send no keep-alives in the multiplexed stream. If not, it ends a stream that is silent for 30 s.
    pub(crate) fn keeps_silent(&self) -> bool {
        self.is_after([3, 1, 1511, 0])
    }

    /// Whether it understands [`crate::payload::FLAG_TERMINATE`].
    pub(crate) fn can_be_ended(&self) -> bool {
        self.is_after([2, 3, 722, 0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_can_what_their_version_says() {
        let can = |text: &str| {
            let version = AgentVersion::parse(text);
            (version.can_be_ended(), version.multiplexes(), version.keeps_silent())
        };
        assert_eq!(can("3.3.987.0"), (true, true, true));
        assert_eq!(can("3.1.1511.0"), (true, true, false));
        assert_eq!(can("3.0.196.0"), (true, false, false));
        assert_eq!(can("2.3.722.0"), (false, false, false));
        for text in ["", "3.3", "latest", "3.3.987.0.1", "99999999999.0.0.0", "3.3.x.0"] {
            assert_eq!(can(text), (false, false, false), "{text}");
        }
    }
}
