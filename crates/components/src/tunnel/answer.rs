//! What the host of a tunnel writes into its log after each question: `2026-11-21T10:00:00Z TunnelWorks: 1`.

/// The metric, and the word in the log.
pub(super) const METRIC: &str = "TunnelWorks";

/// What came of a question through a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TunnelAnswer<'l> {
    /// When it was asked, in UTC.
    pub at: &'l str,
    /// Whether the query came through.
    pub works: bool,
}

impl<'l> TunnelAnswer<'l> {
    /// Reads a line of a log; none when it is of something else.
    #[must_use]
    pub fn read(line: &'l str) -> Option<Self> {
        let (at, said) = line.split_once(' ')?;
        match said.strip_prefix(METRIC)?.strip_prefix(": ")? {
            "1" => Some(Self { at, works: true }),
            "0" => Some(Self { at, works: false }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::TunnelAnswer;

    #[test]
    fn other_lines_are_no_answers() {
        let read = |line| TunnelAnswer::read(line).map(|answer| (answer.at, answer.works));
        assert_eq!(read("2026-11-21T10:00:00Z TunnelWorks: 1"), Some(("2026-11-21T10:00:00Z", true)));
        assert_eq!(read("2026-11-21T10:00:00Z TunnelWorks: 0"), Some(("2026-11-21T10:00:00Z", false)));
        assert_eq!(read("Permission denied (publickey)."), None);
        assert_eq!(read("now TunnelWorks: maybe"), None);
        assert_eq!(read(""), None);
    }
}
