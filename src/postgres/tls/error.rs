//! Why a session could not be protected as it was asked for, and what mends it.

use std::borrow::Cow;
use std::error::Error;
use std::io;

use tokio_rustls::rustls::{self, AlertDescription, CertificateError};

use super::settings::Mode;
use crate::postgres::error::Disposition;

/// Something between us and a protected session.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TlsError {
    /// The server has TLS switched off.
    #[error("{place} does not speak TLS (ssl = off), and sslmode={mode} wants it")]
    NotOffered {
        /// Host and port.
        place: String,
        /// What was asked for.
        mode: &'static str,
    },
    /// The server answered something else than yes or no.
    #[error("{place} does not answer the request for TLS as PostgreSQL does")]
    Answer {
        /// Host and port.
        place: String,
    },
    /// The connection ended before TLS was there.
    #[error("the connection with {place} ended before TLS began")]
    Ended {
        /// Host and port.
        place: String,
    },
    /// A file cannot be used.
    #[error("{option}: {path} {problem}")]
    File {
        /// The option that names it, or would.
        option: &'static str,
        /// Where it is.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Others may read our key.
    #[error("sslkey: {path} may be read by others")]
    WideKey {
        /// Where it is.
        path: String,
    },
    /// Our key does not belong to our certificate, or is of no known kind.
    #[error("sslkey: {path} does not go with sslcert: {certificate}")]
    Key {
        /// Where the key is.
        path: String,
        /// Where the certificate is.
        certificate: String,
    },
    /// Nobody is trusted who could vouch for the server.
    #[error("no root certificate to verify {place} by, as sslmode={mode} wants it{}", looked_at.as_deref().map(|path| format!("; there is no {path}")).unwrap_or_default())]
    NoRoots {
        /// Host and port.
        place: String,
        /// What was asked for.
        mode: &'static str,
        /// Where one was looked for.
        looked_at: Option<String>,
    },
    /// The host is neither a name nor an address that a certificate could be for.
    #[error("no certificate can be for {place}: its host is no name and no address")]
    Name {
        /// Host and port.
        place: String,
    },
    /// The server's certificate is not to be trusted.
    #[error("the certificate of {place} is not to be trusted: {}", distrust(.reason, roots))]
    Certificate {
        /// Host and port.
        place: String,
        /// Whom we trust.
        roots: String,
        /// Why not.
        reason: CertificateError,
    },
    /// The server ended the session because of our certificate, or of what we speak.
    #[error("{place} ended TLS with the alert {alert:?}")]
    Alert {
        /// Host and port.
        place: String,
        /// Its reason.
        alert: AlertDescription,
    },
    /// What came is no TLS that we understand.
    #[error("TLS with {place} failed: {problem}")]
    Protocol {
        /// Host and port.
        place: String,
        /// Why.
        problem: String,
    },
    /// Channel binding needs TLS.
    #[error("channel_binding=require cannot be kept with {place}: the session is without TLS")]
    BindingWithoutTls {
        /// Host and port.
        place: String,
    },
    /// The certificate's signature has no digest to bind to.
    #[error(
        "channel_binding=require cannot be kept with {place}: its certificate is signed without a digest (as Ed25519), and \
         for such RFC 5929 defines no channel binding"
    )]
    NoEndPoint {
        /// Host and port.
        place: String,
    },
    /// The server let us in, or wanted to, without proving that it is the end of the channel.
    #[error("channel_binding=require was not kept by {place}: it asks for no SCRAM password bound to the channel")]
    Unbound {
        /// Host and port.
        place: String,
    },
}

fn distrust(reason: &CertificateError, roots: &str) -> String {
    match reason {
        CertificateError::UnknownIssuer => format!("nobody of {roots} has signed it"),
        CertificateError::NotValidForNameContext { expected, presented } => {
            let presented: Vec<&str> = presented.iter().map(|name| presented_name(name)).collect();
            let names = if presented.is_empty() { "no name".to_owned() } else { presented.join(", ") };
            format!("it is for {names}, not for {}", expected.to_str())
        }
        CertificateError::NotValidForName => "it is for another name".to_owned(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "it is not valid yet".to_owned(),
        CertificateError::Revoked => "it was revoked".to_owned(),
        CertificateError::UnknownRevocationStatus => "sslcrl does not say whether it was revoked".to_owned(),
        CertificateError::BadSignature => "its signature is wrong".to_owned(),
        other if is_authoritys(other) => format!("it is an authority's own, and {roots} does not have it"),
        other => other.to_string(),
    }
}

/// One that may sign others, which is trusted as a server's only where it is a root itself. The library has no other sign.
fn is_authoritys(reason: &CertificateError) -> bool {
    matches!(reason, CertificateError::Other(error) if format!("{error:?}").contains("CaUsedAsEndEntity"))
}

/// The library writes names as `DnsName("…")` and `IpAddress(…)`.
fn presented_name(name: &str) -> &str {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
    inner.trim_matches('"')
}

impl TlsError {
    /// What a failed handshake, or a stream that broke, says of itself; `None` where it is not about TLS.
    pub(super) fn of(error: &io::Error, place: &str, roots: &str) -> Option<Self> {
        let place = place.to_owned();
        let known = error.get_ref()?.downcast_ref::<rustls::Error>()?;
        Some(match known {
            rustls::Error::InvalidCertificate(reason) => {
                Self::Certificate { place, roots: roots.to_owned(), reason: reason.clone() }
            }
            rustls::Error::AlertReceived(alert) => Self::Alert { place, alert: *alert },
            other => Self::Protocol { place, problem: other.to_string() },
        })
    }

    /// The same for whoever expects an error of a stream.
    pub(in crate::postgres) fn into_io(self) -> io::Error {
        io::Error::new(io::ErrorKind::PermissionDenied, self)
    }

    /// The one at the bottom of an error of the database's library.
    pub(in crate::postgres) fn within(error: &tokio_postgres::Error) -> Option<&Self> {
        error.source()?.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref()
    }

    /// Whether another attempt without TLS may do what this one could not. What the files or the server lack for a promise
    /// that was asked for is no reason.
    pub(in crate::postgres) fn is_of_the_way(&self) -> bool {
        !matches!(
            self,
            Self::File { .. }
                | Self::WideKey { .. }
                | Self::Key { .. }
                | Self::BindingWithoutTls { .. }
                | Self::NoEndPoint { .. }
                | Self::Unbound { .. }
        )
    }

    /// What happens next: what nobody but a person mends ends the service, as a wrong password does.
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::Answer { .. } | Self::Ended { .. } | Self::Protocol { .. } => Disposition::Retry,
            Self::Alert { alert, .. } if !is_about_our_certificate(*alert) => Disposition::Retry,
            _ => Disposition::Fatal,
        }
    }

    /// What a person can do about it.
    pub fn hint(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::NotOffered { .. } => {
                "switch TLS on in the server (ssl = on, ssl_cert_file, ssl_key_file), or, where nobody else can be on the \
                 way, say sslmode=disable"
            }
            Self::Answer { .. } | Self::Ended { .. } | Self::Protocol { .. } => {
                "is that a PostgreSQL server, and what is in between? sslnegotiation=direct needs PostgreSQL 17"
            }
            Self::File { option: "sslkey" | "sslcert", .. } => {
                "name PEM files of a certificate and of its key, which has no password: sslcert, sslkey (PGSSLCERT, PGSSLKEY)"
            }
            Self::File { .. } => {
                "name a PEM file that this user may read: sslrootcert, sslcrl (PGSSLROOTCERT, PGSSLCRL)"
            }
            Self::WideKey { path } => {
                return Cow::Owned(format!("chmod 0600 {path} (0640 if it belongs to root)"));
            }
            Self::Key { .. } => "name the two files that were made together",
            Self::NoRoots { .. } => {
                "name the file that has the certificate of whoever signed the server's: sslrootcert=FILE (PGSSLROOTCERT)"
            }
            Self::Name { .. } => "name the server as its certificate does",
            Self::Certificate { reason, .. } => return Cow::Borrowed(trust(reason)),
            Self::Alert { alert, .. } if is_about_our_certificate(*alert) => {
                "the server wants another certificate of ours: one that its ssl_ca_file has signed, in sslcert and sslkey \
                 (PGSSLCERT, PGSSLKEY)"
            }
            Self::Alert { .. } => {
                "flowsentry speaks TLS 1.2 and 1.3: see ssl_min_protocol_version and ssl_ciphers of the server, and the \
                 server's log"
            }
            Self::BindingWithoutTls { .. } => "say sslmode=verify-full as well, or leave channel_binding away",
            Self::NoEndPoint { .. } => "give the server an ECDSA or RSA certificate, or say channel_binding=prefer",
            Self::Unbound { .. } => {
                "let pg_hba.conf ask for scram-sha-256 and store the password again; if it did so already, somebody may be in \
                 between; otherwise say channel_binding=prefer"
            }
        })
    }
}

fn trust(reason: &CertificateError) -> &'static str {
    match reason {
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "name the server as its certificate does (host for the name, hostaddr for the address), or give it a \
             certificate with that subjectAltName; sslmode=verify-ca looks at no name"
        }
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "if it is the right server, name the certificate of whoever signed its own: sslrootcert=FILE (PGSSLROOTCERT, \
             ~/.postgresql/root.crt), or sslrootcert=system"
        }
        other if is_authoritys(other) => {
            "if it is the right server, name this very certificate: sslrootcert=FILE (PGSSLROOTCERT, ~/.postgresql/root.crt)"
        }
        CertificateError::UnknownRevocationStatus => "sslcrl must have a current list of each authority in the chain",
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => {
            "renew the server's certificate, or mend the clock of this machine"
        }
        _ => "give the server another certificate",
    }
}

fn is_about_our_certificate(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::DecryptError
    )
}

impl Mode {
    /// The error of a server that has no TLS.
    pub(super) fn not_offered(self, place: &str) -> TlsError {
        TlsError::NotOffered { place: place.to_owned(), mode: self.name() }
    }
}
