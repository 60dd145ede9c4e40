//! Whether a server's certificate is to be trusted, as far as that was asked for.
//!
//! The library verifies chain and name. Two things that people have with PostgreSQL and that it does not take are added: a
//! certificate that signs itself and is the root at once (as PostgreSQL's documentation makes one), and one that has nothing
//! but a common name. The signature that proves the key is always verified, even where the certificate is not.

use std::sync::Arc;

use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::client::{WebPkiServerVerifier, verify_server_name};
use tokio_rustls::rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::certificate::Certificate;
use super::error::TlsError;
use super::files;
use super::settings::{Mode, Roots, Tls};
use crate::check::protection::Trust;

/// Verifies what was asked for.
#[derive(Debug)]
pub(super) struct Verifier {
    provider: Arc<CryptoProvider>,
    /// `None`: everybody is trusted.
    chain: Option<Chain>,
    by_name: bool,
    /// Whom we trust, for people.
    pub roots: String,
}

#[derive(Debug)]
struct Chain {
    verifier: Arc<WebPkiServerVerifier>,
    /// Each of them, as it is, may be a server's own.
    roots: Vec<CertificateDer<'static>>,
}

impl Verifier {
    /// Reads the files.
    pub fn new(tls: &Tls, provider: &Arc<CryptoProvider>) -> Result<Self, TlsError> {
        let (roots, shown) = roots(tls)?;
        let chain = match roots {
            Some(roots) => Some(chain(tls, provider, roots, &shown)?),
            None => None,
        };
        let provider = Arc::clone(provider);
        Ok(Self { provider, chain, by_name: tls.mode == Mode::VerifyFull, roots: shown })
    }

    /// What a session proves that was begun with this.
    pub fn trust(&self) -> Trust {
        match (&self.chain, self.by_name) {
            (None, _) => Trust::Anybody,
            (Some(_), false) => Trust::Authority,
            (Some(_), true) => Trust::Name,
        }
    }
}

/// Whom to trust, and that for people; `None` where nobody asked to verify, and nothing is there to do it by.
fn roots(tls: &Tls) -> Result<(Option<Vec<CertificateDer<'static>>>, String), TlsError> {
    let of_file = |path: &std::path::Path| {
        let shown = path.display().to_string();
        files::certificates("sslrootcert", path).map(|roots| (Some(roots), shown))
    };
    let looked_at = match &tls.roots {
        Roots::Given(path) => return of_file(path),
        Roots::Usual(Some(path)) if files::is_there(path) => return of_file(path),
        Roots::Usual(path) => path.as_ref().map(|path| path.display().to_string()),
        Roots::System => None,
    };
    let missing = || TlsError::NoRoots { place: tls.place.clone(), mode: tls.mode.name(), looked_at };
    match tls.mode {
        Mode::VerifyFull => {
            let found = rustls_native_certs::load_native_certs();
            for error in &found.errors {
                tracing::debug!(%error, "a certificate of the system is left out");
            }
            if found.certs.is_empty() {
                Err(missing())
            } else {
                Ok((Some(found.certs), "the system's authorities".to_owned()))
            }
        }
        Mode::VerifyCa => Err(missing()),
        Mode::Disable | Mode::Allow | Mode::Prefer | Mode::Require => Ok((None, "nobody".to_owned())),
    }
}

fn chain(
    tls: &Tls,
    provider: &Arc<CryptoProvider>,
    roots: Vec<CertificateDer<'static>>,
    shown: &str,
) -> Result<Chain, TlsError> {
    let mut store = RootCertStore::empty();
    let (added, _) = store.add_parsable_certificates(roots.iter().cloned());
    let misfit = |option, path: &str, problem: &str| TlsError::File {
        option,
        path: path.to_owned(),
        problem: problem.to_owned(),
    };
    if added == 0 {
        return Err(misfit("sslrootcert", shown, "has no certificate that can be used"));
    }
    let mut builder = WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider));
    let revoked = tls.revoked.as_ref().filter(|path| tls.revoked_given || files::is_there(path));
    if let Some(path) = revoked {
        builder = builder.with_crls(files::revoked(path)?);
    }
    let path = revoked.map(|path| path.display().to_string()).unwrap_or_default();
    let verifier = builder.build().map_err(|error| misfit("sslcrl", &path, &format!("cannot be used: {error}")))?;
    Ok(Chain { verifier, roots })
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        stapled: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(chain) = &self.chain else { return Ok(ServerCertVerified::assertion()) };
        let outcome = if chain.roots.contains(own) {
            is_current(own, now).and_then(|()| verify_server_name(&ParsedCertificate::try_from(own)?, name))
        } else {
            chain.verifier.verify_server_cert(own, others, name, stapled, now).map(drop)
        };
        match outcome {
            // The chain is looked at first: whoever gets here has only another name.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.by_name || has_common_name(own, name) => Ok(ServerCertVerified::assertion()),
            outcome => outcome.map(|()| ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// A root is trusted whenever it is; as a server's own it has to be current as well.
fn is_current(own: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
    let (from, until) = Certificate::read(own).ok_or(CertificateError::BadEncoding)?.valid;
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    match now {
        now if now < from => Err(CertificateError::NotValidYet.into()),
        now if now > until => Err(CertificateError::Expired.into()),
        _ => Ok(()),
    }
}

fn has_common_name(own: &CertificateDer<'_>, name: &ServerName<'_>) -> bool {
    let Some(certificate) = Certificate::read(own).filter(|certificate| !certificate.has_alternative_names) else {
        return false;
    };
    certificate.common_name.is_some_and(|common| is_for(&common, &name.to_str()))
}

/// As in libpq: letter case is nothing, and `*.` stands for one label in front.
fn is_for(common: &str, host: &str) -> bool {
    let host = host.trim_end_matches('.');
    match common.strip_prefix("*.") {
        Some(domain) => {
            let rest = host.split_once('.').map(|(_, rest)| rest);
            domain.contains('.') && rest.is_some_and(|rest| rest.eq_ignore_ascii_case(domain))
        }
        None => common.eq_ignore_ascii_case(host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_common_name_is_for_a_host_or_for_one_label_in_front() {
        let check = |common: &str, host: &str, expected: bool| {
            assert_eq!(is_for(common, host), expected, "{common} for {host}");
        };
        check("db.example", "db.example", true);
        check("DB.example", "db.EXAMPLE", true);
        check("db.example", "db.example.", true);
        check("10.0.0.1", "10.0.0.1", true);
        check("db.example", "db2.example", false);
        check("*.net.example", "db.net.example", true);
        check("*.net.example", "a.db.net.example", false);
        check("*.net.example", "net.example", false);
        check("*.example", "db.example", false);
        check("*", "db", false);
        check("", "db", false);
    }
}
