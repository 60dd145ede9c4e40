//! The files of certificates and keys. Errors name option, path and what is wrong, and never show a piece of a file.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

use super::error::TlsError;
use super::settings::Identity;

/// More than any chain, bundle or list has: 16 MiB.
const OCTETS_MAX: u64 = 16 << 20;

/// All certificates of a file; at least one.
pub(super) fn certificates(option: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(option, path)?;
    all(option, path, CertificateDer::pem_slice_iter(&text).collect(), "certificate")
}

/// All lists of revoked certificates of a file; at least one.
pub(super) fn revoked(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    let text = read("sslcrl", path)?;
    all("sslcrl", path, CertificateRevocationListDer::pem_slice_iter(&text).collect(), "list of revoked certificates")
}

/// Our certificate, those that lead from it to an authority, and its key; `None` where there is no certificate.
pub(super) fn identity(
    Identity { certificate, key, given }: &Identity,
) -> Result<Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>, TlsError> {
    if !given && !is_there(certificate) {
        return Ok(None);
    }
    let chain = certificates("sslcert", certificate)?;
    let text = read("sslkey", key)?;
    let metadata = fs::metadata(key).map_err(|error| unreadable("sslkey", key, &error))?;
    // As in libpq: root may share a key with a group that it trusts.
    let forbidden = if metadata.uid() == 0 { 0o037 } else { 0o077 };
    if metadata.mode() & forbidden != 0 {
        return Err(TlsError::WideKey { path: key.display().to_string() });
    }
    match PrivateKeyDer::from_pem_slice(&text) {
        Ok(private) => Ok(Some((chain, private))),
        Err(_) if is_encrypted(&text) => {
            Err(unusable("sslkey", key, "has a key with a password, which is not supported"))
        }
        Err(_) => Err(unusable("sslkey", key, "has no private key in PEM form")),
    }
}

/// Whether a file that nobody named is there for us. As in libpq one in a home directory that is closed to us is not: a
/// service may be kept out of it on purpose.
pub(super) fn is_there(path: &Path) -> bool {
    path.exists()
}

fn is_encrypted(text: &[u8]) -> bool {
    const WORD: &[u8] = b"ENCRYPTED";
    text.windows(WORD.len()).any(|piece| piece == WORD)
}

fn all<T>(
    option: &'static str,
    path: &Path,
    found: Result<Vec<T>, pem::Error>,
    what: &str,
) -> Result<Vec<T>, TlsError> {
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(unusable(option, path, &format!("has no {what} in PEM form"))),
        Err(_) => Err(unusable(option, path, "is no sound PEM file")),
    }
}

fn read(option: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    let metadata = fs::metadata(path).map_err(|error| unreadable(option, path, &error))?;
    if !metadata.is_file() {
        return Err(unusable(option, path, "is no plain file"));
    }
    if metadata.len() > OCTETS_MAX {
        return Err(unusable(option, path, "is larger than 16 MiB"));
    }
    fs::read(path).map_err(|error| unreadable(option, path, &error))
}

fn unreadable(option: &'static str, path: &Path, error: &io::Error) -> TlsError {
    unusable(option, path, &format!("cannot be read: {error}"))
}

fn unusable(option: &'static str, path: &Path, problem: &str) -> TlsError {
    TlsError::File { option, path: path.display().to_string(), problem: problem.to_owned() }
}

#[cfg(test)]
mod tests;
