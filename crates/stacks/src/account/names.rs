//! Zones of names and certificates for them.

/// A public zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostedZone {
    /// Its id, without `/hostedzone/`.
    pub id: String,
    /// Its name, without the last dot.
    pub name: String,
    /// The name servers that answer for it.
    pub name_servers: Vec<String>,
}

/// A certificate on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Its ARN.
    pub arn: String,
    /// How it stands.
    pub status: CertificateStatus,
    /// The records that prove that the names are ours.
    pub records: Vec<ValidationRecord>,
    /// Why it failed, in AWS's word.
    pub failure: Option<String>,
}

/// How a certificate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateStatus {
    /// Waits until the records can be seen.
    Pending,
    /// Issued.
    Issued,
    /// It will not be issued any more, or is no longer good.
    Failed,
}

/// A record that the world must be able to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidationRecord {
    /// The domain that it proves.
    pub domain: String,
    /// Its name.
    pub name: String,
    /// Its type, as `CNAME`.
    pub kind: String,
    /// Its value.
    pub value: String,
}
