//! What a server says, on its way in: rows of a COPY are put together, as many in one message as the reader has room for.
//!
//! The server sends each row in a message of its own, and says that nobody shall rely on that (PostgreSQL's documentation,
//! "COPY Operations"). The price of a row is then that of a message: cut off, passed on, taken apart. Together with reading
//! more from the socket at a time this takes a third off the processor time of reading packets. All other messages pass as
//! they are.

use tokio::io::ReadBuf;

/// How much is read from a socket at most.
const CAPACITY: usize = 64 * 1024;
/// A type and a length of four octets, which count in it.
pub(super) const HEADER: usize = 5;
const LENGTH: usize = HEADER - 1;
/// Some of what a COPY gives; the server makes it one row.
const COPY_DATA: u8 = b'd';

/// Octets that have come and were not handed over.
#[derive(Debug)]
pub(super) struct Inflow {
    octets: Box<[u8]>,
    begin: usize,
    end: usize,
    /// A message that is handed over as it is, and how much of it is left.
    passing: Option<Passing>,
}

#[derive(Clone, Copy, Debug)]
struct Passing {
    kind: u8,
    left: usize,
}

/// A message whose header has come.
struct Message {
    kind: u8,
    octets: usize,
}

impl Inflow {
    /// Nothing has come.
    pub fn new() -> Self {
        Self { octets: vec![0; CAPACITY].into_boxed_slice(), begin: 0, end: 0, passing: None }
    }

    /// Room for what comes. There always is some once nothing can be handed over.
    pub fn room(&mut self) -> &mut [u8] {
        self.octets.copy_within(self.begin..self.end, 0);
        self.end -= self.begin;
        self.begin = 0;
        &mut self.octets[self.end..]
    }

    /// So many octets have come into the room.
    pub fn came(&mut self, count: usize) {
        self.end = self.octets.len().min(self.end + count);
    }

    /// Whether everything was handed over.
    pub fn is_empty(&self) -> bool {
        self.begin == self.end
    }

    /// Nothing comes any more: what is left is handed over as it is.
    pub fn has_ended(&mut self) {
        if self.passing.is_none() && self.begin < self.end {
            self.passing = Some(Passing { kind: 0, left: usize::MAX });
        }
    }

    /// Fills `reader` as far as there is something for it. `ended` is told the type of each message whose last octet is
    /// handed over, rows left out.
    pub fn hand_over(&mut self, reader: &mut ReadBuf<'_>, mut ended: impl FnMut(u8)) {
        while reader.remaining() > 0 && self.begin < self.end {
            if let Some(Passing { kind, left }) = self.passing {
                let octets = &self.octets[self.begin..self.end];
                let now = left.min(octets.len()).min(reader.remaining());
                reader.put_slice(&octets[..now]);
                self.begin += now;
                self.passing = (now < left).then_some(Passing { kind, left: left - now });
                if self.passing.is_none() {
                    ended(kind);
                }
                continue;
            }
            let Some(Message { kind, octets }) = self.message(self.begin) else { return };
            if kind == COPY_DATA && octets <= self.octets.len() {
                if octets > self.end - self.begin {
                    return;
                }
                if octets <= reader.remaining() {
                    self.hand_over_rows(reader);
                    continue;
                }
            }
            self.passing = Some(Passing { kind, left: octets });
        }
    }

    /// Hands over in one message the rows that are here, as far as there is room for them; there is for the first.
    fn hand_over_rows(&mut self, reader: &mut ReadBuf<'_>) {
        let header = reader.filled().len();
        reader.put_slice(&[COPY_DATA; HEADER]);
        while let Some(Message { kind: COPY_DATA, octets }) = self.message(self.begin) {
            let row = self.octets[..self.end].get(self.begin + HEADER..self.begin + octets);
            let Some(row) = row.filter(|row| row.len() <= reader.remaining()) else { break };
            reader.put_slice(row);
            self.begin += octets;
        }
        let message = &mut reader.filled_mut()[header..];
        // At most what a reader has room for, which no 32 bits are too few for.
        let length = u32::try_from(message.len() - 1).unwrap_or(u32::MAX);
        message[1..HEADER].copy_from_slice(&length.to_be_bytes());
    }

    fn message(&self, at: usize) -> Option<Message> {
        let &[kind, a, b, c, d] = self.octets[at..self.end].first_chunk()?;
        // A length that does not count itself is none, and the driver will say so.
        let length = (u32::from_be_bytes([a, b, c, d]) as usize).max(LENGTH);
        Some(Message { kind, octets: 1 + length })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + LENGTH).unwrap().to_be_bytes();
        [kind].into_iter().chain(length).chain(body.iter().copied()).collect()
    }

    /// Messages as (type, body); the octets after the last whole one.
    fn parsed(mut octets: &[u8]) -> (Vec<(u8, Vec<u8>)>, &[u8]) {
        let mut messages = Vec::new();
        while let Some(&[kind, a, b, c, d]) = octets.first_chunk() {
            let length = u32::from_be_bytes([a, b, c, d]) as usize;
            let Some(body) = octets.get(HEADER..=length) else { break };
            messages.push((kind, body.to_vec()));
            octets = &octets[1 + length..];
        }
        (messages, octets)
    }

    /// What a reader with so much room gets in the end, and of which messages it was told.
    fn read(
        sent: &[u8],
        pieces: &mut impl Iterator<Item = usize>,
        rooms: &mut impl Iterator<Item = usize>,
    ) -> (Vec<u8>, Vec<u8>) {
        let (mut inflow, mut got, mut told, mut left) = (Inflow::new(), Vec::new(), Vec::new(), sent);
        loop {
            let mut octets = vec![0; rooms.next().unwrap()];
            let mut reader = ReadBuf::new(&mut octets);
            inflow.hand_over(&mut reader, |kind| told.push(kind));
            got.extend_from_slice(reader.filled());
            if !reader.filled().is_empty() {
                continue;
            }
            if left.is_empty() {
                if inflow.is_empty() {
                    return (got, told);
                }
                inflow.has_ended();
                continue;
            }
            let room = inflow.room();
            assert!(!room.is_empty(), "nothing was handed over and there is no room");
            let count = pieces.next().unwrap().min(room.len()).min(left.len());
            room[..count].copy_from_slice(&left[..count]);
            inflow.came(count);
            left = &left[count..];
        }
    }

    /// Rows next to each other as one.
    fn joined(messages: &[(u8, Vec<u8>)]) -> Vec<(u8, Vec<u8>)> {
        let mut joined: Vec<(u8, Vec<u8>)> = Vec::new();
        for (kind, body) in messages {
            match joined.last_mut() {
                Some((COPY_DATA, rows)) if *kind == COPY_DATA => rows.extend_from_slice(body),
                _ => joined.push((*kind, body.clone())),
            }
        }
        joined
    }

    fn bodies() -> impl Strategy<Value = Vec<u8>> {
        let size = prop_oneof![12 => 0usize..200, 1 => 8_000usize..9_000, 1 => CAPACITY - 10..CAPACITY + 300];
        size.prop_map(|size| (0..=250).cycle().take(size).collect())
    }

    proptest! {
        #[test]
        fn nothing_changes_but_how_rows_are_cut(
            sent in prop::collection::vec((prop_oneof![5 => Just(COPY_DATA), 1 => Just(b'D'), 1 => Just(b'Z')], bodies()), 0..60),
            pieces in prop::collection::vec(prop_oneof![1usize..20, 1_000usize..100_000], 1..9),
            rooms in prop::collection::vec(prop_oneof![1usize..20, 100usize..10_000], 1..9),
            tail in 0usize..13,
        ) {
            let mut octets: Vec<u8> = sent.iter().flat_map(|(kind, body)| message(*kind, body)).collect();
            octets.extend_from_slice(&message(b'Z', b"cut short")[..tail]);
            let (got, told) = read(&octets, &mut pieces.into_iter().cycle(), &mut rooms.into_iter().cycle());
            let (messages, rest) = parsed(&got);
            prop_assert_eq!(joined(&messages), joined(&sent));
            prop_assert_eq!(rest.len(), tail);
            let kinds = |kinds: Vec<u8>| kinds.into_iter().filter(|&kind| kind != COPY_DATA).collect::<Vec<_>>();
            prop_assert_eq!(kinds(told), kinds(sent.into_iter().map(|(kind, _)| kind).collect()));
        }
    }

    #[test]
    fn rows_come_together() {
        let row = message(COPY_DATA, &[7; 95]);
        let octets = [message(b'H', b"\0\0\0"), row.repeat(500), message(b'c', b"")].concat();
        let (got, told) = read(&octets, &mut std::iter::repeat(CAPACITY), &mut std::iter::repeat(8_192));
        assert!(parsed(&got).0.len() < 20, "{}", parsed(&got).0.len());
        assert!(parsed(&got).0.iter().map(|(_, body)| body.len()).sum::<usize>() >= 500 * 95);
        assert!(told.starts_with(b"H") && told.ends_with(b"c"), "{told:?}");
    }

    #[test]
    fn half_a_row_waits_for_the_rest() {
        let mut inflow = Inflow::new();
        let row = message(COPY_DATA, &[7; 95]);
        inflow.room()[..50].copy_from_slice(&row[..50]);
        inflow.came(50);
        let mut octets = [0; 1000];
        let mut reader = ReadBuf::new(&mut octets);
        inflow.hand_over(&mut reader, |kind| panic!("{kind}"));
        assert!(reader.filled().is_empty());
        inflow.room()[..50].copy_from_slice(&row[50..]);
        inflow.came(50);
        inflow.hand_over(&mut reader, |kind| panic!("{kind}"));
        assert_eq!(reader.filled(), row);
    }
}
