//! Whom to trust when the caller names nobody.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::pem;
use rustls_native_certs::{CertificateResult, ErrorKind, load_certs_from_paths, load_native_certs};

use super::TlsError;

const FILE: &str = "SSL_CERT_FILE";
const DIRECTORIES: &str = "SSL_CERT_DIR";

/// The roots that the environment names, or else the platform's, or else Mozilla's.
///
/// Whoever sets a variable wants to trust these and nobody else, so that one that names nothing
/// must not lead to other roots.
pub(super) fn of_the_system() -> Result<RootCertStore, TlsError> {
    let (file, directories) = (env::var_os(FILE), env::var_os(DIRECTORIES));
    let mut roots = RootCertStore::empty();
    if file.is_none() && directories.is_none() {
        // Some of them may be of kinds that nobody knows any more.
        roots.add_parsable_certificates(load_native_certs().certs);
        if roots.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
    }
    if let Some(file) = file {
        let path = Path::new(&file);
        add(&mut roots, load_certs_from_paths(Some(path), None))
            .map_err(|error| TlsError::environment(FILE, path, error))?;
    }
    if let Some(directories) = directories {
        add_directories(&mut roots, &directories)?;
    }
    Ok(roots)
}

/// Each directory must be there, and one of them must hold a root.
fn add_directories(roots: &mut RootCertStore, directories: &OsStr) -> Result<(), TlsError> {
    let failed = |path: &Path, error| TlsError::environment(DIRECTORIES, path, error);
    let mut outcome = Err(pem::Error::NoItemsFound);
    for path in env::split_paths(directories) {
        fs::read_dir(&path).map_err(|error| failed(&path, pem::Error::Io(error)))?;
        // Not all files in there are certificates, or for us to read.
        let added = add(roots, load_certs_from_paths(None, Some(&path)));
        outcome = outcome.or(added);
    }
    outcome.map_err(|error| failed(Path::new(directories), error))
}

/// What of `loaded` can be a root, of which there must be one at least.
fn add(roots: &mut RootCertStore, loaded: CertificateResult) -> Result<(), pem::Error> {
    let (added, _) = roots.add_parsable_certificates(loaded.certs);
    if added > 0 {
        return Ok(());
    }
    let first = loaded.errors.into_iter().next();
    Err(match first.map(|error| error.kind) {
        Some(ErrorKind::Io { inner, .. }) => pem::Error::Io(inner),
        Some(ErrorKind::Pem(error)) => error,
        _ => pem::Error::NoItemsFound,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_roots_says_why() {
        let torn = env::temp_dir().join(format!("bare-ws-roots-{}.pem", std::process::id()));
        fs::write(&torn, "-----BEGIN CERTIFICATE-----\nAAAA\n").unwrap();
        let why = |path: &Path| {
            let loaded = load_certs_from_paths(Some(path), None);
            add(&mut RootCertStore::empty(), loaded).unwrap_err()
        };
        let (missing, torn_why) = (why(Path::new("no/such/file")), why(&torn));
        fs::remove_file(&torn).unwrap();
        assert!(matches!(missing, pem::Error::Io(_)), "{missing:?}");
        let is_torn = matches!(torn_why, pem::Error::MissingSectionEnd { .. });
        assert!(is_torn, "{torn_why:?}");
    }
}
