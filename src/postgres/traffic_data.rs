//! The columns of `traffic_data`: the existing system's, then the catalogue of statistics and context, then what says which
//! window, source, model and checkpoint a row is of. One list; DDL, adoption and COPY follow from it.

use crate::flow::context::{self, ContextStatistic};
use crate::flow::statistics::{self, Statistic};

/// A column of `traffic_data`.
#[derive(Clone, Copy)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Its type where flowsentry creates it.
    pub sql_type: &'static str,
    /// One sentence for people.
    pub doc: &'static str,
    /// Where its values come from.
    pub content: Content,
}

/// Where the values of a column come from.
#[derive(Clone, Copy)]
pub enum Content {
    /// The flow's packets.
    Statistic(&'static Statistic),
    /// The flow's neighbours.
    Context(&'static ContextStatistic),
    /// The row itself.
    Row(Field),
}

/// What is known of a stored flow beside its packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)] // named after the columns, which have their docs
pub enum Field {
    SourceAddress,
    DestinationAddress,
    Protocol,
    WindowStart,
    WindowEnd,
    Label,
    Confidence,
    ModelVersion,
    Revision,
    SourceId,
    CreatedAt,
}

/// Columns of the existing system, in its order.
pub const EXISTING: [&str; 13] = [
    "dest_ip",
    "source_mac",
    "dest_mac",
    "packet_count",
    "packet_per_sec",
    "byte_count",
    "byte_per_sec",
    "tcp_flags",
    "connection_attempts",
    "unique_ports",
    "protocol",
    "predicted_label",
    "created_at",
];

/// All columns but the key `id_num`: the existing system's first, in its order.
pub fn columns() -> Vec<Column> {
    let mut columns: Vec<Column> = fields().into_iter().chain(from_statistics()).chain(from_context()).collect();
    let rank = |column: &Column| EXISTING.iter().position(|name| *name == column.name).unwrap_or(EXISTING.len());
    columns.sort_by_key(rank);
    columns
}

fn from_statistics() -> impl Iterator<Item = Column> {
    statistics::catalogue().filter(|statistic| statistic.stored).map(|statistic| Column {
        name: statistic.column,
        sql_type: statistic.unit.sql_type(),
        doc: statistic.doc,
        content: Content::Statistic(statistic),
    })
}

fn from_context() -> impl Iterator<Item = Column> {
    context::catalogue().iter().filter(|statistic| statistic.stored).map(|statistic| Column {
        name: statistic.column,
        sql_type: "double precision",
        doc: statistic.doc,
        content: Content::Context(statistic),
    })
}

fn fields() -> [Column; 11] {
    let field = |name, sql_type, field, doc| Column { name, sql_type, doc, content: Content::Row(field) };
    [
        field("src_ip", "text", Field::SourceAddress, "Address of the sender; of ARP the sender protocol address."),
        field("dest_ip", "text", Field::DestinationAddress, "Address of the receiver; of ARP the target's."),
        field("protocol", "text", Field::Protocol, "Protocol as the sniffer names it."),
        field("window_start", "timestamp with time zone", Field::WindowStart, "First moment of the window."),
        field("window_end", "timestamp with time zone", Field::WindowEnd, "First moment after the window."),
        field("predicted_label", "text", Field::Label, "What the model takes the flow for; unknown without a model."),
        field("confidence", "double precision", Field::Confidence, "Probability of the label by the model, 0 to 1."),
        field("model_version", "text", Field::ModelVersion, "Version of the model that labelled the flow."),
        field(
            "revision",
            "bigint",
            Field::Revision,
            "0 for the row stored when its window closed; otherwise the number of the checkpoint that stored this part.",
        ),
        field("source_id", "integer", Field::SourceId, "The source in flowsentry.checkpoint."),
        field("created_at", "timestamp without time zone", Field::CreatedAt, "When the row was stored, in UTC."),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_existing_columns_come_first_and_every_name_once() {
        let names: Vec<_> = columns().iter().map(|column| column.name).collect();
        assert_eq!(names[..EXISTING.len()], EXISTING);
        let mut distinct = names.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), names.len());
    }
}
