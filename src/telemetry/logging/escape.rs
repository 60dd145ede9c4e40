//! Text from outside, made harmless: what a terminal would obey is written out, and what is long is cut.

use std::fmt::{self, Write};

/// Octets of a value.
const VALUE_BYTES_MAX: usize = 256;
/// Octets of a sentence of ours, which may quote values: with causes and a remedy it is longer than a value.
const SENTENCE_BYTES_MAX: usize = 1024;

/// How long the value of a field may be, in octets.
pub(super) fn bytes_max(field: &str) -> usize {
    match field {
        "message" | "error" | "hint" | "reason" | "cause" | "what" => SENTENCE_BYTES_MAX,
        _ => VALUE_BYTES_MAX,
    }
}

/// Whether a character is obeyed rather than shown: control characters, ends of line, and what turns the direction of
/// writing, by which a line can look like another.
pub(super) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Passes text on up to a length, the end of what was cut marked by `…`; what is hidden is written out.
pub(super) struct Escaped<'a, W> {
    out: &'a mut W,
    left: usize,
    is_cut: bool,
}

impl<'a, W: Write> Escaped<'a, W> {
    /// At most `bytes_max` octets and the mark.
    pub fn new(out: &'a mut W, bytes_max: usize) -> Self {
        Self { out, left: bytes_max, is_cut: false }
    }
}

impl<W: Write> Write for Escaped<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            if self.is_cut {
                return Ok(());
            }
            let escaped = is_hidden(c).then(|| c.escape_default());
            let length = escaped.as_ref().map_or(c.len_utf8(), ExactSizeIterator::len);
            let Some(left) = self.left.checked_sub(length) else {
                self.is_cut = true;
                return self.out.write_char('…');
            };
            self.left = left;
            match escaped {
                Some(escaped) => write!(self.out, "{escaped}")?,
                None => self.out.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// The first octets of a text, as they are.
pub(super) struct Cut {
    pub text: String,
    left: usize,
}

impl Cut {
    /// At most `bytes_max` octets, and the mark of what was cut.
    pub fn new(bytes_max: usize) -> Self {
        Self { text: String::new(), left: bytes_max }
    }

    /// Of a text.
    pub fn of(text: &str, bytes_max: usize) -> String {
        let mut cut = Self::new(bytes_max);
        let _ = cut.write_str(text); // a String takes everything
        cut.text
    }
}

impl Write for Cut {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.len() <= self.left {
            self.left -= text.len();
            self.text.push_str(text);
        } else if !self.text.ends_with('…') || self.left > 0 {
            self.text.push_str(&text[..text.floor_char_boundary(self.left)]);
            self.text.push('…');
            self.left = 0;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_at_whole_characters_wherever_its_pieces_end() {
        let check = |pieces: &[&str], bytes_max: usize, expected: &str| {
            let mut shown = String::new();
            let mut escaped = Escaped::new(&mut shown, bytes_max);
            let mut cut = Cut::new(bytes_max);
            for piece in pieces {
                escaped.write_str(piece).unwrap();
                cut.write_str(piece).unwrap();
            }
            assert_eq!((shown.as_str(), cut.text.as_str()), (expected, expected), "{pieces:?} {bytes_max}");
        };
        check(&["abc", "def"], 6, "abcdef");
        check(&["abc", "def"], 5, "abcde…");
        check(&["abc", "def", "ghi"], 3, "abc…");
        check(&["üü", "ü"], 5, "üü…");
        check(&["", "x"], 0, "…");
    }

    #[test]
    fn what_is_hidden_is_written_out_and_counts_as_long_as_it_is() {
        let mut shown = String::new();
        let mut escaped = Escaped::new(&mut shown, 12);
        escaped.write_str("a\n\u{202e}b\u{2028}").unwrap();
        assert_eq!(shown, r"a\n\u{202e}b…");
    }
}
