//! The secret that changes need, and reads beyond loopback.
//!
//! Only its digest is kept, and compared in a time that does not depend on what was sent.

use std::fmt::{self, Write};
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// A shorter token could be guessed.
const TOKEN_CHARS_MIN: usize = 16;
/// A larger file is none with a token.
const FILE_BYTES_MAX: u64 = 4096;

/// The token.
#[derive(Clone, Copy)]
pub(super) struct Token {
    digest: [u8; 32],
}

/// The token cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("http.token_file = {path:?} {problem}")]
pub struct TokenError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it, and what to do.
    pub problem: &'static str,
    /// What the operating system says.
    pub source: Option<std::io::Error>,
}

impl fmt::Debug for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Token(***)")
    }
}

impl Token {
    /// Reads it from a file that holds nothing else.
    pub fn of_file(path: &Path) -> Result<Self, TokenError> {
        read(path).map(|token| Self::of(&token))
    }

    pub fn of(token: &str) -> Self {
        Self { digest: Sha256::digest(token.as_bytes()).into() }
    }

    /// Whether this is the token.
    pub fn is(&self, given: &str) -> bool {
        let given = Self::of(given);
        self.digest.iter().zip(given.digest).fold(0, |difference, (one, other)| difference | (one ^ other)) == 0
    }

    /// What only who knows the token could have made of a text, in hexadecimal.
    pub fn seal(&self, text: &str) -> String {
        let Some(mac) = self.mac(text) else { return String::new() };
        mac.finalize().into_bytes().iter().fold(String::new(), |mut seal, octet| {
            let _ = write!(seal, "{octet:02x}"); // writing to a string cannot fail
            seal
        })
    }

    /// Whether this is the seal of the text.
    pub fn has_sealed(&self, text: &str, seal: &str) -> bool {
        let octets = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let seal: Option<Vec<u8>> = seal.as_bytes().chunks(2).map(octets).collect();
        seal.zip(self.mac(text)).is_some_and(|(seal, mac)| mac.verify_slice(&seal).is_ok())
    }

    fn mac(&self, text: &str) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.digest).ok()?; // takes keys of any length
        mac.update(text.as_bytes());
        Some(mac)
    }
}

fn read(path: &Path) -> Result<String, TokenError> {
    let error = |problem, source| TokenError { path: path.to_owned(), problem, source };
    let size = std::fs::metadata(path).map_err(|source| error("cannot be read", Some(source)))?.len();
    if size > FILE_BYTES_MAX {
        return Err(error("has more than 4096 bytes; write the token alone into it", None));
    }
    let text = std::fs::read_to_string(path).map_err(|source| error("cannot be read", Some(source)))?;
    let token = text.trim();
    let is_plain = token.bytes().all(|byte| byte.is_ascii_graphic());
    match token.chars().count() {
        count if count < TOKEN_CHARS_MIN => {
            Err(error("has a token of less than 16 characters; `openssl rand -hex 32` makes a good one", None))
        }
        _ if !is_plain => Err(error("has more than one token, or characters that a header cannot have", None)),
        _ => Ok(token.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_token_is_read_or_refused() {
        let check = |text: &str, expected: Result<&str, &str>| {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            let found = read(file.path()).map_err(|error| error.problem);
            match (found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected),
                (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
                (found, _) => panic!("{text:?}: {found:?}"),
            }
        };
        check("0123456789abcdef\n", Ok("0123456789abcdef"));
        check("0123456789abcde\n", Err("less than 16"));
        check("", Err("less than 16"));
        check("0123456789abcdef\n0123456789abcdef\n", Err("more than one token"));
        check(&"a".repeat(5000), Err("more than 4096"));
        assert!(read(Path::new("/nowhere/token")).unwrap_err().source.is_some());
    }

    #[test]
    fn only_the_token_makes_its_seals() {
        let (token, other) = (Token::of("0123456789abcdef"), Token::of("0123456789abcdeF"));
        assert!(token.is("0123456789abcdef") && !token.is("0123456789abcdeF") && !token.is(""));
        let seal = token.seal("1");
        assert_eq!(seal.len(), 64);
        assert!(token.has_sealed("1", &seal));
        assert!(!token.has_sealed("2", &seal));
        assert!(!other.has_sealed("1", &seal));
        assert!(!token.has_sealed("1", &seal[..62]));
        assert!(!token.has_sealed("1", ""));
        assert!(!token.has_sealed("1", "ä+"));
        assert_eq!(format!("{token:?}"), "Token(***)");
    }
}
