//! The one way to the cells: every text is made safe and cut on its way.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use super::text::{safe, visible};

/// Whether there is colour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Paint {
    /// Colours of the terminal's own palette.
    Colour,
    /// Bold and reversed only.
    Plain,
}

/// What a text is, which decides how it looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Tone {
    Usual,
    /// What stands beside figures and need not be read twice.
    Quiet,
    /// Figures and names that are looked for.
    Strong,
    Good,
    Careful,
    Bad,
    /// A line of a chart.
    Chart,
}

/// Cells that are drawn on.
pub(super) struct Canvas {
    pub buffer: Buffer,
    paint: Paint,
}

impl Canvas {
    pub fn new(width: u16, height: u16, paint: Paint) -> Self {
        Self { buffer: Buffer::empty(Rect::new(0, 0, width, height)), paint }
    }

    pub fn width(&self) -> u16 {
        self.buffer.area.width
    }

    pub fn height(&self) -> u16 {
        self.buffer.area.height
    }

    /// Writes what fits into `room` columns from there on, and gives the column after it.
    pub fn put(&mut self, (x, y): (u16, u16), room: u16, text: &str, tone: Tone) -> u16 {
        let room = room.min(self.width().saturating_sub(x));
        if y >= self.height() {
            return x;
        }
        let (style, mut at) = (self.style(tone), x);
        for (letter, columns) in safe(text, usize::from(room)).chars().map(visible) {
            if let Some(cell) = self.buffer.cell_mut((at, y)) {
                cell.set_char(letter).set_style(style);
            }
            at += 1;
            if columns > 1 {
                // The letter before covers this cell.
                if let Some(cell) = self.buffer.cell_mut((at, y)) {
                    cell.reset();
                    cell.set_style(style);
                }
                at += 1;
            }
        }
        at
    }

    /// Writes pieces one after the other, up to the end of the line.
    pub fn put_all(&mut self, (x, y): (u16, u16), pieces: &[(&str, Tone)]) -> u16 {
        pieces.iter().fold(x, |at, (text, tone)| self.put((at, y), self.width(), text, *tone))
    }

    /// Writes so that it ends at the right edge, and gives the column that it begins in.
    pub fn put_right(&mut self, y: u16, text: &str, tone: Tone) -> u16 {
        let columns = u16::try_from(super::text::width(text, usize::from(self.width()))).unwrap_or(u16::MAX);
        let x = self.width().saturating_sub(columns);
        self.put((x, y), columns, text, tone);
        x
    }

    /// Marks a whole line as the one that keys act on.
    pub fn select(&mut self, y: u16) {
        self.buffer.set_style(Rect::new(0, y, self.width(), 1), Style::new().add_modifier(Modifier::REVERSED));
    }

    fn style(&self, tone: Tone) -> Style {
        let colour = |colour| if self.paint == Paint::Colour { Style::new().fg(colour) } else { Style::new() };
        match tone {
            Tone::Usual => Style::new(),
            // Not `DIM`: it cannot be read on many terminals.
            Tone::Quiet => colour(Color::Gray),
            Tone::Strong => Style::new().add_modifier(Modifier::BOLD),
            Tone::Good => colour(Color::Green),
            Tone::Careful => colour(Color::Yellow),
            Tone::Bad => colour(Color::Red).add_modifier(Modifier::BOLD),
            Tone::Chart => colour(Color::Cyan),
        }
    }
}
