//! One rule of a group of interfaces.

use model::ManifestPath;
use model::cfn::types::SecurityGroup;
use model::cfn::{Ref, Value};

/// One rule of a group of interfaces; there is one because a line of the manifest says so.
#[derive(Debug)]
pub struct Rule<'a> {
    /// The group that gets the rule.
    pub group: &'a Ref<SecurityGroup>,
    /// Who may come, or where it may go.
    pub other: Other<'a>,
    /// The port over TCP.
    pub port: u16,
    /// What it is for.
    pub about: String,
    /// The line of the manifest.
    pub because: &'a ManifestPath,
}

/// The other side of a rule.
#[derive(Debug, Clone)]
pub enum Other<'a> {
    /// Other interfaces.
    Group(&'a Ref<SecurityGroup>),
    /// A block of addresses.
    Block(Value, IpVersion),
}

/// Which addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IpVersion {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Rule<'_> {
    pub(super) fn properties(&self, group_key: &str) -> Value {
        let mut entries = vec![
            ("GroupId".to_owned(), self.group.value()),
            ("IpProtocol".to_owned(), Value::text("tcp")),
            ("FromPort".to_owned(), Value::from(self.port)),
            ("ToPort".to_owned(), Value::from(self.port)),
        ];
        entries.push(match &self.other {
            Other::Group(group) => (group_key.to_owned(), group.value()),
            Other::Block(block, IpVersion::V4) => ("CidrIp".to_owned(), block.clone()),
            Other::Block(block, IpVersion::V6) => ("CidrIpv6".to_owned(), block.clone()),
        });
        entries.push(("Description".to_owned(), Value::text(self.about.clone())));
        Value::map(entries)
    }
}
