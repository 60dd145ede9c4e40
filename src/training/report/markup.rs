//! HTML and SVG by elements. Promise: what comes from data cannot become markup. Names are literals, every text and every
//! value of an attribute is escaped, and nothing else writes.

use std::fmt::{Display, Write};

/// A part of a page.
#[derive(Debug, Default)]
pub struct Markup(String);

/// Attributes of an element.
pub type Attributes<'a> = &'a [(&'static str, &'a dyn Display)];

impl Markup {
    /// An element and what is inside.
    pub fn element(&mut self, name: &'static str, attributes: Attributes<'_>, inside: impl FnOnce(&mut Self)) {
        self.open(name, attributes);
        inside(self);
        self.literal("</");
        self.literal(name);
        self.literal(">");
    }

    /// An element with a text inside.
    pub fn leaf(&mut self, name: &'static str, attributes: Attributes<'_>, text: impl Display) {
        self.element(name, attributes, |inside| inside.text(text));
    }

    /// A text.
    pub fn text(&mut self, text: impl Display) {
        let _ = write!(Escaped(&mut self.0), "{text}"); // writing to a string cannot fail
    }

    /// What is in the program's own source, as it is.
    pub fn literal(&mut self, markup: &'static str) {
        self.0.push_str(markup);
    }

    /// The whole text.
    pub fn into_string(self) -> String {
        self.0
    }

    fn open(&mut self, name: &'static str, attributes: Attributes<'_>) {
        self.literal("<");
        self.literal(name);
        for (attribute, value) in attributes {
            self.literal(" ");
            self.literal(attribute);
            self.literal("=\"");
            self.text(value);
            self.literal("\"");
        }
        self.literal(">");
    }
}

/// Writes with the five characters that mean something in HTML and XML replaced.
struct Escaped<'a>(&'a mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for character in text.chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                _ => self.0.push(character),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_data_cannot_become_markup() {
        let check = |text: &str, expected: &str| {
            let mut markup = Markup::default();
            markup.leaf("p", &[("title", &text)], text);
            assert_eq!(markup.into_string(), format!("<p title=\"{expected}\">{expected}</p>"), "{text}");
        };
        check("", "");
        check("Brute Force ÷ 2", "Brute Force ÷ 2");
        check("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;");
        check("\" onload='x'", "&quot; onload=&#39;x&#39;");
        check("&lt;", "&amp;lt;");
    }

    #[test]
    fn elements_nest() {
        let mut markup = Markup::default();
        markup.element("ul", &[], |list| {
            list.leaf("li", &[("class", &1.5)], 1);
            list.element("li", &[], |_| {});
        });
        assert_eq!(markup.into_string(), "<ul><li class=\"1.5\">1</li><li></li></ul>");
    }
}
