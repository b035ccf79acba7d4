//! The environment of the command, handed in by it: this crate reads none itself.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

/// Environment variables. Prints names only, since values may be secrets.
#[derive(Clone, Default)]
pub struct Variables(BTreeMap<OsString, OsString>);

impl Variables {
    /// Takes variables over, usually `std::env::vars_os()`.
    pub fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        Self(variables.into_iter().collect())
    }

    /// A variable's value; an empty one counts as absent, as in the XDG rules.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// The variables that a program which talks to a package index may see: where to find programs,
    /// language, proxies, certificates, and the settings of pip and uv. Nothing else is handed on, so
    /// that a secret in the command's environment does not reach a package's build script.
    pub(crate) fn for_installers(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        const NAMES: &[&str] = &[
            "PATH",
            "HOME",
            "LANG",
            "TZ",
            "TMPDIR",
            "USER",
            "LOGNAME",
            "NETRC",
            "XDG_CACHE_HOME",
            "XDG_CONFIG_HOME",
            "REQUESTS_CA_BUNDLE",
            "CURL_CA_BUNDLE",
            "LD_LIBRARY_PATH",
            "CC",
            "CXX",
            "CFLAGS",
            "LDFLAGS",
        ];
        const PREFIXES: &[&str] = &["LC_", "PIP_", "UV_", "SSL_", "PYENV_"];
        const PROXIES: &[&str] = &["http_proxy", "https_proxy", "all_proxy", "no_proxy", "ftp_proxy"];
        self.0.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str())).filter(|(name, _)| {
            let name = name.to_string_lossy();
            NAMES.contains(&&*name)
                || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
                || PROXIES.iter().any(|proxy| name.eq_ignore_ascii_case(proxy))
        })
    }

    /// The executable files of a name, in the order of `PATH`.
    #[must_use]
    pub fn find_programs(&self, name: &str) -> Vec<PathBuf> {
        let Some(path) = self.get("PATH") else { return Vec::new() };
        std::env::split_paths(path)
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(name))
            .filter(|file| {
                file.metadata().is_ok_and(|facts| facts.is_file() && facts.permissions().mode() & 0o111 != 0)
            })
            .collect()
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
