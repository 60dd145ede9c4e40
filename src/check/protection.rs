//! By what the way to the server is protected: nobody in between may read packets, or say what the server did not.

use super::finding::{Finding, Remedy};

/// Who the server proved to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trust {
    /// Anybody: its certificate was not verified.
    Anybody,
    /// Somebody whom a trusted authority has given a certificate, under whatever name.
    Authority,
    /// The one that was asked for.
    Name,
}

/// Whether a SCRAM password is bound to the channel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Binding {
    /// The session ended otherwise.
    Required,
    /// Where the server asks for a password so.
    Offered,
    /// It was not wanted, or the certificate's signature has no digest.
    None,
}

/// What the octets of a session go through.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Line {
    /// A socket of this machine.
    Socket,
    /// TCP as it is.
    Plain,
    /// TLS.
    Tls {
        /// Its version.
        version: &'static str,
        /// Who is at the other end.
        trust: Trust,
        /// Whether the password is bound to it.
        binding: Binding,
    },
}

/// A session's way to the server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Protection {
    /// Host and port, for people.
    pub place: String,
    /// It does not leave this machine.
    pub is_local: bool,
    /// `sslmode` in effect.
    pub mode: &'static str,
    /// What it goes through.
    pub line: Line,
}

impl Protection {
    /// What somebody in between can do; `None` where that is nothing, or nobody is.
    pub fn weakness(&self) -> Option<&'static str> {
        match &self.line {
            _ if self.is_local => None,
            Line::Socket | Line::Tls { trust: Trust::Name, .. } => None,
            Line::Plain => Some("whoever is on the way can read and change everything, and log in as we do"),
            Line::Tls { trust: Trust::Anybody, .. } => {
                Some("whoever is on the way can pretend to be the server, and then read and change everything")
            }
            Line::Tls { trust: Trust::Authority, .. } => {
                Some("whoever has any certificate of the same authority can pretend to be the server")
            }
        }
    }

    /// In a few words.
    pub fn shown(&self) -> String {
        match &self.line {
            Line::Socket => "a local socket".to_owned(),
            Line::Plain if self.is_local => format!("not encrypted, within this machine (sslmode={})", self.mode),
            Line::Plain => format!("not encrypted (sslmode={})", self.mode),
            Line::Tls { version, trust, binding } => {
                let trust = match trust {
                    Trust::Anybody => "the server's certificate not verified",
                    Trust::Authority => "the server's certificate verified, its name not",
                    Trust::Name => "the server's certificate and name verified",
                };
                let binding = match binding {
                    Binding::Required => "the password bound to the channel",
                    Binding::Offered => "channel binding offered",
                    Binding::None => "no channel binding",
                };
                format!("{version}, {trust}, {binding} (sslmode={})", self.mode)
            }
        }
    }
}

/// Judges a session's way.
pub fn judge(protection: &Protection) -> Finding {
    let (place, shown) = (protection.place.as_str(), protection.shown());
    match protection.weakness() {
        None => Finding::fine("connection.tls", place, shown),
        Some(why) => Finding::warning("connection.tls", place, shown, why).mend(Remedy::Advice(
            "sslmode=verify-full, with sslrootcert=FILE of the authority that signed the server's certificate (PGSSLMODE, \
             PGSSLROOTCERT)"
                .to_owned(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Severity::{Fine, Warning};
    use super::*;

    #[test]
    fn what_leaves_the_machine_is_verified_by_name_or_a_warning() {
        let check = |line: Line, is_local: bool, expected| {
            let mode = "prefer";
            let finding = judge(&Protection { place: "db:5432".to_owned(), is_local, mode, line: line.clone() });
            assert_eq!(finding.severity, expected, "{line:?}");
            assert_eq!(finding.remedy.is_some(), expected == Warning, "{line:?}");
        };
        let tls = |trust| Line::Tls { version: "TLSv1.3", trust, binding: Binding::Offered };
        check(Line::Socket, true, Fine);
        check(Line::Plain, true, Fine);
        check(tls(Trust::Anybody), true, Fine);
        check(Line::Plain, false, Warning);
        check(tls(Trust::Anybody), false, Warning);
        check(tls(Trust::Authority), false, Warning);
        check(tls(Trust::Name), false, Fine);
    }
}
