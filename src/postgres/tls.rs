//! How a session is protected on its way: what was asked for (`Tls`), and what comes of it.
//!
//! libpq's options mean here what they mean there, with these differences, each to the safe side:
//!
//! - Where nobody says `sslmode`, it is `prefer` for a loopback address and `verify-full` for all others. (libpq: `prefer`.)
//! - `verify-full` without a root certificate goes by the certificates of the system. (libpq: an error.)
//! - A file that an option names must be there. (libpq goes on without some of them.)
//! - A common name counts only in a certificate without any alternative name. (libpq: without one of the host's kind.)
//!
//! As in libpq, a root certificate that is there is used whatever `sslmode` says, so that `require` becomes `verify-ca`; a
//! socket never speaks TLS; and `prefer` and `allow` try twice. Files are read for each session anew: a certificate that was
//! replaced counts from the next session on.

mod bound;
mod certificate;
mod error;
mod files;
mod handshake;
mod settings;
mod verifier;

pub(super) use bound::{Handed, Secured};
pub use error::TlsError;
pub(super) use handshake::{Offer, Sheltered, negotiate};
#[cfg(test)]
pub(super) use settings::{Identity, Roots, Version};
pub(super) use settings::{Mode, Tls};
