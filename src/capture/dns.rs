//! The header and the first question of a DNS message.

use super::packet::Dns;

/// Characters of a name that fit the column.
const MAX_NAME: usize = 255;
/// Octets of the header, before the first question.
const HEADER: usize = 12;

/// `None` if the message is shorter than its header.
pub fn decode(message: &[u8]) -> Option<Dns> {
    let header = message.first_chunk::<HEADER>()?;
    let has_question = header[4..6] != [0, 0];
    Some(Dns { is_response: header[2] & 0x80 != 0, name: has_question.then(|| name(&message[HEADER..])) })
}

/// Labels joined by dots up to the root, a compression pointer or the end of what was captured; bytes that are not UTF-8
/// and NUL are left out.
fn name(mut question: &[u8]) -> String {
    let mut bytes = Vec::new();
    while let Some((&length @ 1..64, rest)) = question.split_first() {
        let (label, after) = rest.split_at(usize::from(length).min(rest.len()));
        if !bytes.is_empty() {
            bytes.push(b'.');
        }
        bytes.extend_from_slice(label);
        question = after;
    }
    let valid: String = bytes.utf8_chunks().map(|chunk| chunk.valid()).collect();
    valid.chars().filter(|&character| character != '\0').take(MAX_NAME).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_the_sniffer_writes_them() {
        let check = |question: &[u8], expected: &str| assert_eq!(name(question), expected, "{question:02x?}");
        check(b"\x07example\x03org\x00\x00\x01", "example.org");
        check(b"\x07example\xc0\x0c", "example");
        check(b"\x07exam", "exam");
        check(b"\x00", "");
        check(b"", "");
        check(b"\x05a\x00b\xffc\x02\xc3\xa9\x00", "abc.é");
        let long: Vec<u8> = [&[63][..], &[b'x'; 63]].concat().repeat(10);
        assert_eq!(name(&long).len(), 255);
    }

    #[test]
    fn query_and_response_are_told_apart() {
        let check = |message: &[u8], expected: Option<(bool, Option<&str>)>| {
            let found = decode(message);
            let found = found.as_ref().map(|dns| (dns.is_response, dns.name.as_deref()));
            assert_eq!(found, expected, "{message:02x?}");
        };
        check(b"\0\0\x01\0\0\x01\0\0\0\0\0\0\x01a\0\0\x01\0\x01", Some((false, Some("a"))));
        check(b"\0\0\x81\0\0\x01\0\0\0\0\0\0\x01a\0", Some((true, Some("a"))));
        check(b"\0\0\x84\0\0\0\0\x01\0\0\0\0\x01a\0", Some((true, None)));
        check(b"\0\0\x01\0\0\x01\0\0\0\0\0", None);
    }
}
