//! The certificate of an edge or a database server: signed by the user's authority, for its names, renewed in time.

use crate::authority::{Authority, refused, set_validity, today};
use crate::disk;
use jiff::{Timestamp, ToSpan as _};
use model::Fault;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    PublicKeyData as _,
};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use x509_parser::extensions::{GeneralName, ParsedExtension};

/// How long a certificate is valid.
pub(crate) const LIFETIME_DAYS: i64 = 90;

/// With fewer days left it is renewed.
pub(crate) const RENEW_BELOW_DAYS: i64 = 30;

/// The files of an edge's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Certificate {
    folder: PathBuf,
}

impl Certificate {
    /// The certificate in a folder.
    pub(crate) fn in_folder(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The certificate to which a chain's file belongs.
    pub(crate) fn of_files(chain: &Path) -> Self {
        Self { folder: chain.parent().unwrap_or(Path::new("/")).to_owned() }
    }

    /// The chain as PEM, the edge's own certificate first.
    pub(crate) fn chain(&self) -> PathBuf {
        self.folder.join("chain.pem")
    }

    /// The private key as PEM.
    pub(crate) fn key(&self) -> PathBuf {
        self.folder.join("key.pem")
    }

    /// Issues a certificate unless the one that is there will do. Returns whether it was issued.
    pub(crate) fn ensure(&self, authority: &Authority, names: &[String]) -> Result<bool, Fault> {
        if self.wrong(Some(authority.certificate()), names).is_none() {
            return Ok(false);
        }
        self.issue(authority, names, LIFETIME_DAYS)?;
        Ok(true)
    }

    /// Issues a certificate for so many days.
    pub(crate) fn issue(&self, authority: &Authority, names: &[String], days: i64) -> Result<(), Fault> {
        let doing = format!("issuing the certificate for {}", names.join(", "));
        let key = KeyPair::generate().map_err(|error| refused(&doing, &error))?;
        let mut params = CertificateParams::new(names.to_vec()).map_err(|error| refused(&doing, &error))?;
        params.distinguished_name = DistinguishedName::new();
        if let Some(first) = names.first().filter(|name| name.len() <= 64) {
            params.distinguished_name.push(DnType::CommonName, first.as_str());
        }
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let today = today();
        // A clock that is a little behind must not make a fresh certificate one of the future.
        let from = today.saturating_sub(1.day()).min(today.saturating_add((days - 1).days()));
        set_validity(&mut params, from, today.saturating_add(days.days()));
        let certificate = params.signed_by(&key, authority.issuer()).map_err(|error| refused(&doing, &error))?;
        disk::private_folder(&self.folder)?;
        // A crash between the two leaves a pair that does not match, which `wrong` sees.
        disk::write_atomically(&self.key(), key.serialize_pem().as_bytes(), 0o600)?;
        disk::write_atomically(&self.chain(), certificate.pem().as_bytes(), 0o644)
    }

    /// What is wrong with the certificate; none when it will do.
    pub(crate) fn wrong(&self, authority: Option<&str>, names: &[String]) -> Option<String> {
        let read = |path: &Path| std::fs::read_to_string(path).ok();
        let (Some(chain), Some(key)) = (read(&self.chain()), read(&self.key())) else {
            return Some("the certificate is gone".to_owned());
        };
        let Some(facts) = Facts::parse(&chain) else { return Some("the certificate is damaged".to_owned()) };
        if !KeyPair::from_pem(&key).is_ok_and(|key| facts.is_for(&key)) {
            return Some("the certificate and its key do not belong together".to_owned());
        }
        let Some(authority) = authority.and_then(Facts::parse) else {
            return Some("the authority that signs certificates is gone".to_owned());
        };
        if facts.signed_by != authority.key_id {
            return Some("the certificate is signed by another authority".to_owned());
        }
        let mut wanted = names.to_vec();
        wanted.sort();
        if facts.names != wanted {
            return Some(format!("the certificate is for {}", facts.names.join(", ")));
        }
        match facts.days_left() {
            days if days < 0 => Some(format!("the certificate ended {} days ago", -days)),
            days if days < RENEW_BELOW_DAYS => Some(format!("the certificate ends in {days} days")),
            _ => None,
        }
    }
}

/// What a certificate says.
pub(crate) struct Facts {
    names: Vec<String>,
    ends: i64,
    public_key: Vec<u8>,
    key_id: Option<Vec<u8>>,
    signed_by: Option<Vec<u8>>,
}

impl Facts {
    /// Reads the first certificate of a PEM text.
    pub(crate) fn parse(pem: &str) -> Option<Self> {
        let (_, block) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).ok()?;
        let certificate = block.parse_x509().ok()?;
        let mut facts = Self {
            names: Vec::new(),
            ends: certificate.validity().not_after.timestamp(),
            public_key: certificate.public_key().subject_public_key.data.to_vec(),
            key_id: None,
            signed_by: None,
        };
        for extension in certificate.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::SubjectAlternativeName(names) => {
                    facts.names.extend(names.general_names.iter().filter_map(|name| match name {
                        GeneralName::DNSName(name) => Some((*name).to_owned()),
                        GeneralName::IPAddress(bytes) => address(bytes),
                        _ => None,
                    }));
                }
                ParsedExtension::SubjectKeyIdentifier(id) => facts.key_id = Some(id.0.to_vec()),
                ParsedExtension::AuthorityKeyIdentifier(id) => {
                    facts.signed_by = id.key_identifier.as_ref().map(|id| id.0.to_vec());
                }
                _ => {}
            }
        }
        facts.names.sort();
        Some(facts)
    }

    /// Whole days until it ends; negative when it has ended.
    pub(crate) fn days_left(&self) -> i64 {
        (self.ends - Timestamp::now().as_second()).div_euclid(86_400)
    }

    /// Whether a private key belongs to it.
    pub(crate) fn is_for(&self, key: &KeyPair) -> bool {
        key.der_bytes() == self.public_key
    }
}

/// An address on a certificate, as people write it.
fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(IpAddr::from(v4).to_string());
    }
    <[u8; 16]>::try_from(bytes).ok().map(|v6| IpAddr::from(v6).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn is_renewed_in_time_and_when_its_names_change() {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::ensure(&folder.path().join("authority")).unwrap();
        let certificate = Certificate::in_folder(folder.path().join("edge"));
        let site = names(&["b.localhost", "a.localhost"]);
        let wrong = |names: &[String]| certificate.wrong(Some(authority.certificate()), names);
        assert_eq!(wrong(&site).as_deref(), Some("the certificate is gone"));
        assert!(certificate.ensure(&authority, &site).unwrap());
        assert!(!certificate.ensure(&authority, &site).unwrap(), "one that will do stays");

        certificate.issue(&authority, &site, 30).unwrap();
        assert_eq!(wrong(&site).as_deref(), Some("the certificate ends in 29 days"));
        assert!(certificate.ensure(&authority, &site).unwrap());
        certificate.issue(&authority, &site, -3).unwrap();
        assert!(wrong(&site).unwrap().starts_with("the certificate ended "));
        assert!(certificate.ensure(&authority, &site).unwrap());
        assert_eq!(wrong(&site), None);
        let other = names(&["c.localhost"]);
        assert_eq!(wrong(&other).as_deref(), Some("the certificate is for a.localhost, b.localhost"));

        std::fs::remove_dir_all(folder.path().join("authority")).unwrap();
        let successor = Authority::ensure(&folder.path().join("authority")).unwrap();
        assert_eq!(
            certificate.wrong(Some(successor.certificate()), &site).as_deref(),
            Some("the certificate is signed by another authority")
        );
    }

    #[test]
    fn the_authority_is_made_once_and_its_key_is_ours_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("authority");
        let made: Vec<String> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..4).map(|_| scope.spawn(|| Authority::ensure(&folder).unwrap().certificate().to_owned())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(made.iter().all(|certificate| *certificate == made[0]));
        let key = folder.join("authority.key");
        assert_eq!(key.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}
