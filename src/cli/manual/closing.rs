//! What a command's help ends with, told apart: examples, notes, exit codes.

/// What the line before examples is.
const EXAMPLES: &str = "Examples:";
/// What exit codes begin with; the rest of the text is theirs.
const EXITS: &str = "Exit codes: ";

/// The parts, in the order of the text.
#[derive(Default, PartialEq, Debug)]
pub(super) struct Closing {
    /// Lines as they are laid out.
    pub examples: Vec<String>,
    /// Everything else.
    pub notes: Vec<String>,
    /// Code and what it means.
    pub exits: Vec<(String, String)>,
}

impl Closing {
    /// Of the text after a command's options.
    pub fn of(text: &str) -> Self {
        let (text, exits) = text.split_once(EXITS).unwrap_or((text, ""));
        let mut closing = Self { exits: list(exits), ..Self::default() };
        for line in text.lines().filter(|line| !line.is_empty() && *line != EXAMPLES) {
            match line.strip_prefix("  ") {
                Some(example) => closing.examples.push(example.to_owned()),
                None => closing.notes.push(line.to_owned()),
            }
        }
        closing
    }
}

/// `0 done, 64 usage.` as pairs; a comma that no number follows belongs to what was said.
fn list(text: &str) -> Vec<(String, String)> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut pairs: Vec<(String, String)> = Vec::new();
    for part in text.trim_end_matches('.').split(", ").filter(|part| !part.is_empty()) {
        match (part.split_once(' ').filter(|(code, _)| code.parse::<u8>().is_ok()), pairs.last_mut()) {
            (Some((code, what)), _) => pairs.push((code.to_owned(), what.to_owned())),
            (None, Some((_, what))) => *what = format!("{what}, {part}"),
            (None, None) => {}
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_is_told_apart() {
        let check = |text: &str, examples: &[&str], notes: &[&str], exits: &[(&str, &str)]| {
            let own = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
            let exits = exits.iter().map(|(code, what)| ((*code).to_owned(), (*what).to_owned())).collect();
            assert_eq!(Closing::of(text), Closing { examples: own(examples), notes: own(notes), exits }, "{text}");
        };
        check("", &[], &[], &[]);
        check("Examples:\n  a   b\n    c\n\nMore.\nOf it.", &["a   b", "  c"], &["More.", "Of it."], &[]);
        check(
            "Note.\nExit codes: 0 done, 70 a bug,\n78 here, or there.",
            &[],
            &["Note."],
            &[("0", "done"), ("70", "a bug"), ("78", "here, or there")],
        );
        check("Exit codes of it: 69 gone.", &[], &["Exit codes of it: 69 gone."], &[]);
    }
}
