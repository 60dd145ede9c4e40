//! Text from the network, made safe for a terminal.
//!
//! Labels, names and reasons may hold whatever an attacker writes into a packet: escapes that move the cursor or set a title,
//! marks that turn the direction of the line, letters without a width that pile up. Each is shown as a letter of its own.

use unicode_width::UnicodeWidthChar;

/// Stands for a letter that cannot be shown.
const HIDDEN: char = '\u{fffd}';
/// Ends what was cut.
const CUT: char = '…';
/// U+2400 onwards are the pictures of the control characters.
const PICTURES: u32 = 0x2400;
const DELETE: char = '\u{7f}';
const DELETE_PICTURE: char = '\u{2421}';

/// The text with every letter of it visible, and cut so that it takes at most `width` columns. Reads no more than it needs.
pub fn safe(text: &str, width: usize) -> String {
    let mut shown = String::new();
    let mut used = 0;
    let mut letters = text.chars().map(visible);
    while let Some((letter, columns)) = letters.next() {
        let room = width - used;
        let is_last = columns == room && letters.clone().next().is_none();
        if columns < room || is_last {
            shown.push(letter);
            used += columns;
        } else {
            if room > 0 {
                shown.push(CUT);
            }
            break;
        }
    }
    shown
}

/// How many columns a text takes when it is made safe; counts no further than `limit`.
pub fn width(text: &str, limit: usize) -> usize {
    let mut used = 0;
    for (_, columns) in text.chars().map(visible) {
        used += columns;
        if used >= limit {
            return limit;
        }
    }
    used
}

/// A letter as it is shown, and how many columns it takes: one or two.
pub(super) fn visible(letter: char) -> (char, usize) {
    let shown = match letter {
        '\0'..='\u{1f}' => char::from_u32(PICTURES + u32::from(letter)).unwrap_or(HIDDEN),
        DELETE => DELETE_PICTURE,
        _ if turns(letter) => HIDDEN,
        other => other,
    };
    match shown.width() {
        Some(columns @ 1..=2) => (shown, columns),
        // No width: it would be put onto the letter before it, without end.
        _ => (HIDDEN, 1),
    }
}

/// Whether it changes the direction or the line of what stands beside it.
fn turns(letter: char) -> bool {
    matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Whether a terminal that is given this letter shows it, and does nothing else.
    pub fn is_harmless(letter: char) -> bool {
        !letter.is_control() && !turns(letter)
    }

    #[test]
    fn what_drives_a_terminal_is_shown_instead() {
        let check = |text: &str, width: usize, expected: &str| assert_eq!(safe(text, width), expected, "{text:?}");
        check("Port Scan", 9, "Port Scan");
        check("Port Scan", 20, "Port Scan");
        check("Port Scan", 8, "Port Sc…");
        check("Port Scan", 1, "…");
        check("Port Scan", 0, "");
        check("", 0, "");
        check("\u{1b}[2J\u{7}\0\r\n\t", 20, "␛[2J␇␀␍␊␉");
        check("\u{7f}\u{9b}31m", 20, "␡\u{fffd}31m");
        check("a\u{202e}b\u{2066}c\u{61c}", 20, "a\u{fffd}b\u{fffd}c\u{fffd}");
        check("e\u{301}\u{200b}\u{feff}\u{ad}", 20, "e\u{fffd}\u{fffd}\u{fffd}\u{fffd}");
        check("日本語", 6, "日本語");
        check("日本語", 5, "日本…");
        check("日本語", 4, "日…");
        check("日本語", 1, "…");
        check(&"x".repeat(65_536), 5, "xxxx…");
        check(&"\u{301}".repeat(65_536), 3, "\u{fffd}\u{fffd}…");
    }

    proptest! {
        #[test]
        fn nothing_but_visible_letters_comes_out_and_it_fits(text in any::<String>(), limit in 0_usize..200) {
            let shown = safe(&text, limit);
            prop_assert!(shown.chars().all(is_harmless), "{shown:?}");
            prop_assert!(shown.bytes().all(|byte| byte >= 0x20 && byte != 0x7f));
            let columns: usize = shown.chars().filter_map(UnicodeWidthChar::width).sum();
            prop_assert!(columns <= limit, "{columns} of {limit}");
            prop_assert_eq!(width(&shown, 1000), columns);
            prop_assert_eq!(safe(&shown, limit), shown, "once is enough");
        }

        #[test]
        fn escapes_never_come_out(text in "[\\x00-\\x1f\\x7f-\\u{9f}\\u{200b}-\\u{202f}\\u{2060}-\\u{206f}a日]{0,200}", limit in 0_usize..100) {
            prop_assert!(safe(&text, limit).chars().all(is_harmless));
        }
    }
}
