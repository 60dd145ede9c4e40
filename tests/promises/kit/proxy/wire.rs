//! Messages of the PostgreSQL protocol (version 3) as they pass by: whole, with as much meaning as faults need.

use std::io::{self, Read};

/// No message of ours comes near.
const LENGTH_MAX: usize = 1 << 26;
const SSL_REQUEST: u32 = 80_877_103;

/// A message after the start of a session.
#[derive(Debug)]
pub struct Message {
    /// Its type: `b'Q'` for Query.
    pub tag: u8,
    /// All of it, with type and length.
    pub bytes: Vec<u8>,
}

impl Message {
    /// The SQL of Query and Parse, the tag of a `CommandComplete`; empty for others.
    pub fn text(&self) -> &str {
        let mut texts = self.bytes[5..].split(|&byte| byte == 0);
        let text = match self.tag {
            b'Q' | b'C' => texts.next(),
            b'P' => texts.nth(1),
            _ => None,
        };
        text.and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default()
    }

    /// The first word of its text, else its type.
    pub fn kind(&self) -> String {
        let word = self.text().split_whitespace().next();
        word.map_or_else(|| char::from(self.tag).to_string(), str::to_owned)
    }

    /// The process id in `BackendKeyData`.
    pub fn backend(&self) -> Option<i32> {
        let bytes = self.bytes.get(5..9).filter(|_| self.tag == b'K')?;
        Some(i32::from_be_bytes(bytes.try_into().ok()?))
    }
}

/// The next message. An end of the stream is an error of that kind.
pub fn read_message(from: &mut impl Read) -> io::Result<Message> {
    let mut head = [0; 5];
    from.read_exact(&mut head)?;
    let bytes = read_rest(from, &head, &head[1..])?;
    Ok(Message { tag: head[0], bytes })
}

/// The first message of a session, whole. A request for TLS is for the caller to refuse.
pub fn read_startup(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = [0; 4];
    from.read_exact(&mut head)?;
    read_rest(from, &head, &head)
}

/// Whether a first message asks for TLS.
pub fn asks_for_tls(startup: &[u8]) -> bool {
    startup.get(4..8) == Some(&SSL_REQUEST.to_be_bytes())
}

/// What comes after the slash of `application_name`, or all of it.
pub fn role(startup: &[u8]) -> String {
    let mut texts = startup.get(8..).unwrap_or_default().split(|&byte| byte == 0).map(String::from_utf8_lossy);
    while let (Some(name), Some(value)) = (texts.next(), texts.next()) {
        if name == "application_name" {
            return value.rsplit('/').next().unwrap_or_default().to_owned();
        }
    }
    String::new()
}

/// A message from its beginning on, given what of it was read; its length counts itself.
fn read_rest(from: &mut impl Read, begun: &[u8], length: &[u8]) -> io::Result<Vec<u8>> {
    let length = length.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte));
    if !(4..LENGTH_MAX).contains(&length) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a message of {length} bytes")));
    }
    let mut bytes = begun.to_vec();
    let known = begun.len();
    bytes.resize(begun.len() - 4 + length, 0);
    from.read_exact(&mut bytes[known..])?;
    Ok(bytes)
}
