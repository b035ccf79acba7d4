//! Hosts and what they wrote.

/// A host of an Auto Scaling group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// The instance's id.
    pub instance: String,
    /// Its place in the group's life, as `InService`.
    pub lifecycle: String,
    /// Whether the group holds it for healthy.
    pub is_healthy: bool,
}

/// What a host wrote on its console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsoleOutput {
    /// When it was read by AWS.
    pub at: Option<String>,
    /// The text.
    pub text: String,
}

/// The last lines of a log, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogTail {
    /// The stream from which they came.
    pub stream: String,
    /// The lines.
    pub lines: Vec<String>,
}
