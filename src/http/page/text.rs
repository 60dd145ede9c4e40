//! Text that others wrote: names from the network, notes, errors of a server. All of it is hostile until shown by this file.
//!
//! Promise: what is shown has a bounded length, and nothing in it is invisible or turns the text around it: control
//! characters, marks of direction and characters without a width are written out. Markup is escaped by the templates.

use std::fmt::Write;

use maud::{Markup, html};

/// Of names: addresses, labels, protocols, owners.
pub const NAME_CHARS_MAX: usize = 80;
/// Of sentences: reasons, errors, a line of a note.
pub const SENTENCE_CHARS_MAX: usize = 300;
/// Of notes.
pub const NOTE_CHARS_MAX: usize = 2_000;

/// A name that others gave, kept apart from the direction of the text around it.
pub fn name(text: &str) -> Markup {
    html! { bdi dir="auto" { (shown(text, NAME_CHARS_MAX)) } }
}

/// A sentence that others wrote.
pub fn sentence(text: &str) -> Markup {
    html! { bdi dir="auto" { (shown(text, SENTENCE_CHARS_MAX)) } }
}

/// A note that a person wrote; line feeds stay.
pub fn note(text: &str) -> Markup {
    let lines = shown_by(text, NOTE_CHARS_MAX, |letter| letter == '\n');
    html! { p.note dir="auto" { (lines) } }
}

/// At most this many characters, none of them invisible; `…` stands for what is left out.
pub fn shown(text: &str, chars_max: usize) -> String {
    shown_by(text, chars_max, |_| false)
}

fn shown_by(text: &str, chars_max: usize, stays: impl Fn(char) -> bool) -> String {
    let (mut seen, mut length) = (String::new(), 0);
    for letter in text.chars() {
        let before = seen.len();
        match letter {
            letter if stays(letter) => seen.push(letter),
            '\0'..='\u{1f}' => seen.extend(char::from_u32(0x2400 + u32::from(letter))),
            '\u{7f}' => seen.push('\u{2421}'),
            letter if is_hidden(letter) => {
                let _ = write!(seen, "\\u{{{:x}}}", u32::from(letter)); // writing to a string cannot fail
            }
            letter => seen.push(letter),
        }
        let more = seen.get(before..).map_or(0, |piece| piece.chars().count());
        if length + more > chars_max {
            seen.truncate(before);
            seen.push('…');
            return seen;
        }
        length += more;
    }
    seen
}

/// What a reader would not see, or would see elsewhere than it is.
fn is_hidden(letter: char) -> bool {
    matches!(letter,
        '\u{80}'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// A text as a JSON string of ASCII alone: how a value that is not to be shown gets to the script unharmed.
pub fn ascii_json(text: &str) -> String {
    let mut json = String::from("\"");
    let mut units = [0; 2];
    for letter in text.chars() {
        if letter.is_ascii_graphic() && !matches!(letter, '"' | '\\' | '<' | '>' | '&' | '\'') || letter == ' ' {
            json.push(letter);
            continue;
        }
        for unit in letter.encode_utf16(&mut units) {
            let _ = write!(json, "\\u{unit:04x}"); // writing to a string cannot fail
        }
    }
    json.push('"');
    json
}

/// A text as a part of a path or a query.
pub fn encoded(text: &str) -> String {
    let mut part = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b':') {
            part.push(char::from(byte));
        } else {
            let _ = write!(part, "%{byte:02X}"); // writing to a string cannot fail
        }
    }
    part
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_invisible_is_written_out_and_what_is_long_is_cut() {
        let check = |text: &str, expected: &str| assert_eq!(shown(text, 20), expected, "{text:?}");
        check("Port Scanning", "Port Scanning");
        check("größe ✓ 漢字", "größe ✓ 漢字");
        check("a\0b", "a␀b");
        check("\u{1b}[2J", "␛[2J");
        check("a\r\nb\tc\u{7f}", "a␍␊b␉c␡");
        check("abc\u{202e}def", "abc\\u{202e}def");
        check("\u{200b}\u{feff}", "\\u{200b}\\u{feff}");
        check("01234567890123456789", "01234567890123456789");
        check("012345678901234567890", "01234567890123456789…");
        check("0123456789012345\u{202e}x", "0123456789012345…");
        check("", "");
    }

    #[test]
    fn a_note_keeps_its_lines() {
        assert_eq!(note("a\nb\r<").into_string(), "<p class=\"note\" dir=\"auto\">a\nb␍&lt;</p>");
    }

    #[test]
    fn names_are_escaped_and_isolated() {
        let text = "<img src=x onerror=alert(1)>\"'&\u{202e}";
        let expected = "<bdi dir=\"auto\">&lt;img src=x onerror=alert(1)&gt;&quot;'&amp;\\u{202e}</bdi>";
        assert_eq!(name(text).into_string(), expected);
    }

    proptest! {
        #[test]
        fn whatever_is_shown_is_short_and_visible(text in any::<String>(), chars_max in 1_usize..200) {
            let found = shown(&text, chars_max);
            prop_assert!(found.chars().count() <= chars_max + 1);
            prop_assert!(!found.chars().any(|letter| letter.is_control() || is_hidden(letter)), "{found:?}");
            prop_assert!(!name(&text).into_string().replace("<bdi dir=\"auto\">", "").replace("</bdi>", "").contains(['<', '>']));
        }

        #[test]
        fn json_and_paths_are_ascii_and_mean_the_same(text in any::<String>()) {
            let json = ascii_json(&text);
            prop_assert!(json.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text.clone());
            prop_assert!(encoded(&text).bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"'&?#/".contains(&byte)));
        }
    }
}
