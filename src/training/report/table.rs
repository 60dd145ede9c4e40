//! Tables of a page: a head, rows of cells, numbers at the right.

use super::markup::Markup;

/// A cell.
pub enum Cell {
    /// A text at the left.
    Name(String),
    /// A number, or anything else at the right.
    Figure(String),
    /// A count shaded by its share, 0 to 1; as a mistake or as right.
    Shaded {
        /// What it says.
        text: String,
        /// How dark it is.
        share: f64,
        /// Whether it counts mistakes.
        is_wrong: bool,
    },
    /// A bar as long as its share, 0 to 1, of the longest.
    Bar(f64),
}

impl Cell {
    /// A text at the left.
    pub fn name(text: impl Into<String>) -> Self {
        Self::Name(text.into())
    }

    /// A number.
    #[allow(clippy::needless_pass_by_value)] // numbers, and texts made for the cell
    pub fn figure(number: impl ToString) -> Self {
        Self::Figure(number.to_string())
    }

    /// A number between 0 and 1.
    pub fn rate(rate: f64) -> Self {
        Self::Figure(format!("{rate:.3}"))
    }

    fn class(&self) -> &'static str {
        match self {
            Self::Name(_) | Self::Bar(_) => "name",
            Self::Figure(_) => "figure",
            Self::Shaded { is_wrong: false, .. } => "cell",
            Self::Shaded { is_wrong: true, .. } => "cell wrong",
        }
    }

    fn write(&self, row: &mut Markup) {
        let class = self.class();
        match self {
            Self::Name(text) | Self::Figure(text) => row.leaf("td", &[("class", &class)], text),
            Self::Shaded { text, share, .. } => {
                row.leaf("td", &[("class", &class), ("style", &format!("--share:{share:.3}"))], text);
            }
            Self::Bar(share) => row.element("td", &[("class", &class)], |cell| {
                cell.leaf("span", &[("class", &"bar"), ("style", &format!("--share:{share:.3}"))], "");
            }),
        }
    }
}

/// Writes a table that scrolls by itself where the page is narrow. A head stands as the cells of the first row do.
pub fn table(page: &mut Markup, heads: &[&str], rows: impl IntoIterator<Item = Vec<Cell>>) {
    let rows: Vec<Vec<Cell>> = rows.into_iter().collect();
    let class_of = |column: usize| rows.first().and_then(|row| row.get(column)).map_or("", Cell::class);
    page.element("div", &[("class", &"wide"), ("tabindex", &0)], |page| {
        page.element("table", &[], |table| {
            table.element("thead", &[], |head| {
                head.element("tr", &[], |row| {
                    for (column, head) in heads.iter().enumerate() {
                        row.leaf("th", &[("scope", &"col"), ("class", &class_of(column))], head);
                    }
                });
            });
            table.element("tbody", &[], |body| {
                for cells in &rows {
                    body.element("tr", &[], |row| cells.iter().for_each(|cell| cell.write(row)));
                }
            });
        });
    });
}
