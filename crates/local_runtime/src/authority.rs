//! The authority of a user: made once, signs the certificates of all edges on this machine.

use crate::disk;
use crate::folders::UserFolders;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _, tz::TimeZone};
use model::{Fault, FaultKind};
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use std::path::{Path, PathBuf};

const YEARS: i32 = 10;

/// The authority of a user.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

/// Where the authority's certificate lies: what a browser or the system has to trust.
#[must_use]
pub fn certificate_file(folders: &UserFolders) -> PathBuf {
    certificate_in(&folders.authority())
}

pub(crate) fn certificate_in(folder: &Path) -> PathBuf {
    folder.join("authority.pem")
}

fn key_in(folder: &Path) -> PathBuf {
    folder.join("authority.key")
}

impl Authority {
    /// Reads the authority; makes it under a lock when there is none yet or it is about to end.
    pub(crate) fn ensure(folder: &Path) -> Result<Self, Fault> {
        let lock_path = folder.join(".lock");
        let lock = disk::lock_file(&lock_path)?;
        lock.lock().map_err(|error| disk::io_fault("locking", &lock_path, &error))?;
        if let Some(authority) = Self::read(folder)? {
            return Ok(authority);
        }
        let key = KeyPair::generate().map_err(|error| refused("making the authority's key", &error))?;
        let today = today();
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "Landfall local authority");
        params.distinguished_name.push(DnType::OrganizationName, "Landfall (made on this machine, for this user)");
        // It may sign servers only, no further authority.
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        set_validity(&mut params, today.saturating_sub(1.day()), today.saturating_add(YEARS.years()));
        let certificate =
            params.self_signed(&key).map_err(|error| refused("making the authority's certificate", &error))?.pem();
        // The key first: a certificate without its key is made anew, a key without certificate too.
        disk::write_atomically(&key_in(folder), key.serialize_pem().as_bytes(), 0o600)?;
        disk::write_atomically(&certificate_in(folder), certificate.as_bytes(), 0o644)?;
        Self::read(folder)?
            .ok_or_else(|| Fault::new(FaultKind::Bug, "making the authority", "what was written cannot be read back"))
    }

    /// Reads the authority; none when a part of it is missing, damaged or about to end.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>, Fault> {
        let (Some(certificate), Some(key)) = (disk::read(&certificate_in(folder))?, disk::read(&key_in(folder))?)
        else {
            return Ok(None);
        };
        let parsed = || {
            let certificate = String::from_utf8(certificate).ok()?;
            let facts = crate::certificate::Facts::parse(&certificate)?;
            let key = KeyPair::from_pem(std::str::from_utf8(&key).ok()?).ok()?;
            // A leaf must never outlive it.
            let usable = facts.days_left() > crate::certificate::LIFETIME_DAYS && facts.is_for(&key);
            let issuer = Issuer::from_ca_cert_pem(&certificate, key).ok()?;
            usable.then_some(Self { issuer, certificate })
        };
        Ok(parsed())
    }

    /// Its certificate as PEM.
    pub(crate) fn certificate(&self) -> &str {
        &self.certificate
    }

    /// What signs.
    pub(crate) fn issuer(&self) -> &Issuer<'static, KeyPair> {
        &self.issuer
    }
}

/// Today, UTC.
pub(crate) fn today() -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}

/// Sets from which day to which a certificate is valid.
pub(crate) fn set_validity(params: &mut CertificateParams, from: Date, to: Date) {
    let moment = |date: Date| {
        let part = |number: i8| u8::try_from(number).unwrap_or(1);
        rcgen::date_time_ymd(i32::from(date.year()), part(date.month()), part(date.day()))
    };
    params.not_before = moment(from);
    params.not_after = moment(to);
}

/// The cryptographic library refused.
pub(crate) fn refused(doing: &str, error: &rcgen::Error) -> Fault {
    Fault::new(FaultKind::Bug, doing, error)
}
