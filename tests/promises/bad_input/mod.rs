//! What nobody should put into the table, and somebody will: it never stops the stream, and costs no memory.

mod changed_columns;
mod clocks;
mod huge_values;
mod many_rows;
mod values;
