//! The live view in a terminal: what the service answers, and what a person has chosen to see of it, become cells.
//!
//! Promises: pure, so that a test draws what a person sees; whatever a text holds, nothing of it can drive the terminal
//! (`text`), since `canvas` is the only way to the cells; severity and state are words, and colour only supports them.

mod canvas;
mod draw;
mod figures;
mod overview;
mod plain;
mod text;
mod view;

pub use canvas::Paint;
pub use draw::frame;
pub use overview::{Alert, Evidence, Overview};
pub use plain::{alert_line, alert_name, state_line, text};
pub use text::safe;
pub use view::{Key, View};

#[cfg(test)]
mod tests;
