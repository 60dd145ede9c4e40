//! Text for people: in colour on their terminal, plain everywhere else.

use std::io::IsTerminal;

use crate::config::Environment;

/// Puts text into colour, or leaves it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Paint {
    /// Whether there is a terminal that shows colour.
    pub coloured: bool,
}

impl Paint {
    /// Colour only on a terminal, and without `NO_COLOR`.
    pub fn for_stdout(environment: &Environment) -> Self {
        let coloured = environment.get("NO_COLOR").is_none() && std::io::stdout().is_terminal();
        Self { coloured }
    }

    /// A heading.
    pub fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    /// What is beside the point.
    pub fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    /// As it should be.
    pub fn good(self, text: &str) -> String {
        self.with("32", text)
    }

    /// Worth a look.
    pub fn odd(self, text: &str) -> String {
        self.with("33", text)
    }

    /// Wrong.
    pub fn bad(self, text: &str) -> String {
        self.with("31", text)
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.coloured { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}
