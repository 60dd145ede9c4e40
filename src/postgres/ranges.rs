//! Statements that read ranges of ids again, each bounded: many narrow ranges in one, a wide one in steps.

use crate::flow::position::IdRange;
use crate::postgres::source::Source;
use crate::postgres::texts::guarded_list;

/// Ranges in one statement at most.
const RANGES_PER_STATEMENT: usize = 1_000;
/// Ids from which a range is read on its own.
const WIDE: u64 = 4_096;

/// Ranges that are read by one statement, or by one statement after another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Chunk {
    /// A wide range, in steps.
    Span(IdRange),
    /// Narrow ranges, ascending, that together hold no more ids than one statement may give rows.
    Narrow(Vec<IdRange>),
}

/// Cuts ascending ranges into chunks; `rows_per_read` is the number of rows that one statement may give.
pub fn chunks(ranges: &[IdRange], rows_per_read: usize) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    let mut narrow: Vec<IdRange> = Vec::new();
    let mut ids = 0;
    for &range in ranges {
        if range.len() >= WIDE.min(rows_per_read as u64) {
            chunks.push(Chunk::Span(range));
            continue;
        }
        if narrow.len() == RANGES_PER_STATEMENT || ids + range.len() > rows_per_read as u64 {
            chunks.push(Chunk::Narrow(std::mem::take(&mut narrow)));
            ids = 0;
        }
        ids += range.len();
        narrow.push(range);
    }
    if !narrow.is_empty() {
        chunks.push(Chunk::Narrow(narrow));
    }
    chunks
}

impl Chunk {
    /// Lowest id.
    pub fn first(&self) -> i64 {
        match self {
            Self::Span(range) => range.first,
            Self::Narrow(ranges) => ranges.first().map_or(0, |range| range.first),
        }
    }

    /// Highest id.
    pub fn last(&self) -> i64 {
        match self {
            Self::Span(range) => range.last,
            Self::Narrow(ranges) => ranges.last().map_or(0, |range| range.last),
        }
    }

    /// The ranges that are done with when everything from `from` to `upto` (`None`: to the end) has been read.
    pub fn ranges(&self, from: i64, upto: Option<i64>) -> Vec<IdRange> {
        match self {
            Self::Span(range) => vec![IdRange { first: from, last: upto.unwrap_or(range.last) }],
            Self::Narrow(ranges) => ranges.clone(),
        }
    }

    /// Whether a statement that gave as many rows as it may leaves more to read.
    pub fn has_more(&self, rows: usize, rows_per_read: usize) -> bool {
        matches!(self, Self::Span(_)) && rows == rows_per_read
    }

    /// The COPY statement that reads it from `from` on.
    pub fn sql(&self, source: &Source, from: i64, rows_per_read: usize) -> String {
        let (columns, table, id) = (guarded_list(source), &source.table, source.id());
        match self {
            Self::Span(range) => format!(
                "COPY (SELECT {columns} FROM {table} WHERE {id} >= {from} AND {id} <= {} ORDER BY {id} \
                 LIMIT {rows_per_read}) TO STDOUT (FORMAT binary)",
                range.last
            ),
            Self::Narrow(ranges) => {
                let list = |bound: fn(&IdRange) -> i64| {
                    ranges.iter().map(|range| bound(range).to_string()).collect::<Vec<_>>().join(",")
                };
                // OFFSET 0 keeps the plan a look-up by id for each range.
                format!(
                    "COPY (SELECT p.* FROM ROWS FROM (pg_catalog.unnest('{{{}}}'::bigint[]), pg_catalog.unnest('{{{}}}'::bigint[])) AS g(first, last) \
                     CROSS JOIN LATERAL (SELECT {columns} FROM {table} WHERE {id} >= g.first AND {id} <= g.last OFFSET 0) \
                     AS p) TO STDOUT (FORMAT binary)",
                    list(|range| range.first),
                    list(|range| range.last),
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn chunks_hold_every_range_once_and_are_bounded(
            steps in prop::collection::vec((1i64..5, prop_oneof![1i64..20, 1i64..100_000]), 0..3000),
            rows_per_read in 10usize..60_000,
        ) {
            let mut end = 0;
            let ranges: Vec<IdRange> = steps.iter().map(|&(distance, length)| {
                let first = end + distance + 1;
                end = first + length - 1;
                IdRange { first, last: end }
            }).collect();
            let chunks = chunks(&ranges, rows_per_read);
            let mut all: Vec<IdRange> = chunks.iter().flat_map(|chunk| chunk.ranges(chunk.first(), None)).collect();
            all.sort_unstable();
            prop_assert_eq!(all, ranges);
            for chunk in chunks {
                if let Chunk::Narrow(ranges) = chunk {
                    prop_assert!(ranges.len() <= RANGES_PER_STATEMENT);
                    prop_assert!(ranges.iter().map(IdRange::len).sum::<u64>() <= rows_per_read as u64);
                }
            }
        }
    }
}
