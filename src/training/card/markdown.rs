//! Paragraphs and tables of a card.

use std::fmt::Write;

/// A text that grows.
#[derive(Default)]
pub struct Markdown(String);

impl Markdown {
    /// A paragraph, or a heading.
    pub fn paragraph(&mut self, text: &str) {
        let _ = write!(self.0, "{text}\n\n"); // writing to a string cannot fail
    }

    /// A table; nothing where there are no rows.
    pub fn table(&mut self, heads: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
        let mut rows = rows.into_iter().peekable();
        if rows.peek().is_none() {
            return;
        }
        let heads: Vec<String> = heads.iter().map(|head| (*head).to_owned()).collect();
        self.line(&heads);
        self.line(&vec!["---".to_owned(); heads.len()]);
        rows.for_each(|row| self.line(&row));
        self.0.push('\n');
    }

    fn line(&mut self, cells: &[String]) {
        let _ = writeln!(self.0, "| {} |", cells.join(" | ")); // writing to a string cannot fail
    }

    /// The text, with one line feed at its end.
    pub fn finish(self) -> String {
        let mut text = self.0;
        text.truncate(text.trim_end().len());
        text + "\n"
    }
}
