//! How many answers a session still owes us, told from the messages that pass in both directions.
//!
//! A server may say nothing for hours when nothing was asked of it, so silence alone means nothing. Asked, it ends each
//! answer with `ReadyForQuery`. A message counts once its last octet has passed: half of one is no answer.

/// Follows both directions of a session, from its first octet on.
#[derive(Debug)]
pub(super) struct Outstanding {
    sent: Messages,
    due: u32,
}

/// Asks for an answer: the end of a request of the extended protocol, and a simple query.
const SYNC: u8 = b'S';
const QUERY: u8 = b'Q';
/// The first message has no type; it asks to be let in.
const STARTUP: u8 = 0;
/// Ends an answer.
const READY_FOR_QUERY: u8 = b'Z';
/// COPY … FROM STDIN begins. The server skips the `Sync` that came with the request, and waits for the rows' own.
const COPY_IN_RESPONSE: u8 = b'G';

impl Outstanding {
    /// Of a session that has not begun.
    pub fn new() -> Self {
        Self { sent: Messages::without_first_type(), due: 0 }
    }

    /// Octets that were sent.
    pub fn sent(&mut self, octets: &[u8]) {
        let due = &mut self.due;
        self.sent.pass(octets, |kind| *due += u32::from(matches!(kind, SYNC | QUERY | STARTUP)));
    }

    /// A message of this type came, all of it.
    pub fn received(&mut self, kind: u8) {
        self.due = self.due.saturating_sub(u32::from(matches!(kind, READY_FOR_QUERY | COPY_IN_RESPONSE)));
    }

    /// Whether the server owes an answer.
    pub fn is_due(&self) -> bool {
        self.due > 0
    }
}

/// A type and a length of four octets, which count in it.
const HEADER: usize = 5;
const LENGTH: usize = 4;

/// One direction, cut into messages.
#[derive(Debug, Default)]
struct Messages {
    header: [u8; HEADER],
    /// Octets of the header that have passed.
    known: usize,
    /// Octets of the body that have not.
    body: usize,
}

impl Messages {
    fn without_first_type() -> Self {
        Self { known: 1, ..Self::default() }
    }

    /// Tells the type of each message whose last octet is among these.
    fn pass(&mut self, mut octets: &[u8], mut ended: impl FnMut(u8)) {
        while !octets.is_empty() {
            if self.known < HEADER {
                let (now, rest) = octets.split_at(octets.len().min(HEADER - self.known));
                self.header[self.known..self.known + now.len()].copy_from_slice(now);
                self.known += now.len();
                octets = rest;
                if self.known < HEADER {
                    return;
                }
                let [_, a, b, c, d] = self.header;
                self.body = (u32::from_be_bytes([a, b, c, d]) as usize).saturating_sub(LENGTH);
            }
            let now = octets.len().min(self.body);
            octets = &octets[now..];
            self.body -= now;
            if self.body == 0 {
                ended(self.header[0]);
                self.known = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, body: usize) -> Vec<u8> {
        let length = u32::try_from(body + LENGTH).unwrap().to_be_bytes();
        let octets: Vec<u8> = [kind].into_iter().chain(length).chain(std::iter::repeat_n(b'Z', body)).collect();
        if kind == STARTUP { octets[1..].to_vec() } else { octets }
    }

    fn messages(kinds: &[u8]) -> Vec<u8> {
        kinds
            .iter()
            .flat_map(|&kind| message(kind, usize::from(kind == b'Z') + 7 * usize::from(kind == b'd')))
            .collect()
    }

    /// After the log-in, what was sent and what came, alternately, and how many answers are due in the end; however the
    /// octets are cut.
    fn check(turns: &[(&[u8], &[u8])], due: u32) {
        for cut in [1, 2, 3, 5, 7, 1000] {
            let mut session = Outstanding::new();
            message(STARTUP, 20).chunks(cut).for_each(|octets| session.sent(octets));
            assert!(session.is_due(), "asked to be let in");
            b"RSSKZ".iter().for_each(|&kind| session.received(kind));
            assert!(!session.is_due(), "was let in");
            for (sent, received) in turns {
                messages(sent).chunks(cut).for_each(|octets| session.sent(octets));
                received.iter().for_each(|&kind| session.received(kind));
            }
            assert_eq!(session.due, due, "in pieces of {cut}");
        }
    }

    #[test]
    fn an_answer_ends_when_the_server_is_ready_again() {
        check(&[(b"Q", b"")], 1);
        check(&[(b"Q", b"TDDD")], 1);
        check(&[(b"Q", b"TDDDCZ")], 0);
        check(&[(b"PDS", b"1tTZ"), (b"BES", b"2DDC")], 1);
        check(&[(b"PDS", b"1tTZ"), (b"BES", b"2DDCZ")], 0);
        check(&[(b"PDS", b"EZ")], 0);
        // The end of one answer is not the end of the next: a statement is closed while the next is asked for.
        check(&[(b"CS", b""), (b"PDS", b"3Z")], 1);
        // Notices and notifications are no answers, and owe none.
        check(&[(b"", b"AANS")], 0);
    }

    #[test]
    fn rows_for_the_server_are_answered_after_the_last_one() {
        check(&[(b"BES", b"2G")], 0);
        check(&[(b"BES", b"2G"), (b"dddd", b"")], 0);
        check(&[(b"BES", b"2G"), (b"ddddcS", b"")], 1);
        check(&[(b"BES", b"2G"), (b"ddddcS", b"CZ")], 0);
        check(&[(b"BES", b"2G"), (b"dd", b"E"), (b"fS", b"Z")], 0);
    }
}
