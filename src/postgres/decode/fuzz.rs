//! Random and damaged COPY streams of columns of any type: an end, an error or a row, never a panic or a large allocation.

use super::*;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

const KINDS: [Kind; 10] = [
    Kind::Int2,
    Kind::Int4,
    Kind::Int8,
    Kind::Float8,
    Kind::Timestamp,
    Kind::Text,
    Kind::ForeignText,
    Kind::Inet,
    Kind::Bool,
    Kind::Macaddr,
];

/// Columns of every meaning, each of one of the kinds that it may have.
fn columns() -> impl Strategy<Value = Vec<SourceColumn>> {
    vec(any::<prop::sample::Index>(), Role::ALL.len()).prop_map(|picks| {
        let kind = |role: Role, pick: &prop::sample::Index| {
            let fitting: Vec<Kind> = KINDS.into_iter().filter(|kind| role.accepts(*kind)).collect();
            *pick.get(&fitting)
        };
        let columns = Role::ALL.iter().zip(&picks);
        columns
            .map(|(&role, pick)| SourceColumn { role, name: role.name().to_owned(), kind: kind(role, pick) })
            .collect()
    })
}

/// What a server could send for a column, and what it could not.
fn value() -> impl Strategy<Value = Option<Vec<u8>>> {
    option::weighted(
        0.9,
        prop_oneof![
            any::<i16>().prop_map(|value| value.to_be_bytes().to_vec()),
            any::<i32>().prop_map(|value| value.to_be_bytes().to_vec()),
            any::<i64>().prop_map(|value| value.to_be_bytes().to_vec()),
            any::<f64>().prop_map(|value| value.to_be_bytes().to_vec()),
            "[0-9.]{0,16}|[0-9a-f:%]{0,40}|(SYN|ACK|,| ){0,9}|TCP|\\PC{0,14}".prop_map(String::into_bytes),
            vec(any::<u8>(), 0..24),
            Just(vec![b'x'; TEXT_BYTES_MAX + 1]),
            Just(vec![3, 128, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
        ],
    )
}

fn stream(rows: &[Vec<Option<Vec<u8>>>]) -> Vec<u8> {
    let mut bytes = [HEADER, &[0; 8]].concat();
    for row in rows {
        bytes.extend(i16::try_from(row.len()).unwrap().to_be_bytes());
        for value in row {
            bytes.extend(value.as_ref().map_or(-1, |value| i32::try_from(value.len()).unwrap()).to_be_bytes());
            bytes.extend(value.iter().flatten());
        }
    }
    bytes.extend((-1i16).to_be_bytes());
    bytes
}

/// Reads a stream to its end. What is kept of a row is bounded, whatever it held.
fn read(columns: &[SourceColumn], bytes: &[u8]) -> usize {
    let mut decoder = RowDecoder::new(columns);
    let mut left = bytes;
    let mut rows = 0;
    while let Ok(Some(row)) = decoder.next(&mut left) {
        rows += 1;
        match row.packet {
            Ok(packet) => {
                assert!(packet.length <= Packet::MAX_LENGTH);
                assert!(EventTime::from_micros(packet.time.micros()).is_some());
                assert!(!packet.key.protocol.name().is_empty());
                packet.fingerprint();
            }
            Err(rejected) => {
                let value = rejected.value.unwrap_or_default();
                assert!(value.len() <= 3 * Rejected::VALUE_BYTES && !value.contains('\0'), "{value:?}");
            }
        }
        assert!(rows <= bytes.len(), "more rows than bytes");
    }
    rows
}

proptest! {
    #[test]
    fn a_stream_of_any_values_gives_every_row(columns in columns(), rows in vec(vec(value(), Role::ALL.len()), 0..4)) {
        let mut rows = rows;
        for row in &mut rows {
            let id = match columns[0].kind {
                Kind::Int2 => vec![0, 7],
                Kind::Int4 => vec![0, 0, 0, 7],
                _ => vec![0, 0, 0, 0, 0, 0, 0, 7],
            };
            row[0] = Some(id);
        }
        prop_assert_eq!(read(&columns, &stream(&rows)), rows.len());
    }

    #[test]
    fn a_damaged_stream_ends(
        columns in columns(),
        rows in vec(vec(value(), Role::ALL.len()), 1..4),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = stream(&rows);
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes.truncate(cut.map_or(bytes.len(), |cut| cut.index(bytes.len())));
        read(&columns, &bytes);
    }

    #[test]
    fn random_bytes_after_the_header_end(columns in columns(), random in vec(any::<u8>(), 0..400), is_counted: bool) {
        let mut bytes = [HEADER, &[0; 8]].concat();
        if is_counted {
            bytes.extend(i16::try_from(columns.len()).unwrap().to_be_bytes());
        }
        bytes.extend(random);
        read(&columns, &bytes);
        read(&columns, &bytes[HEADER_BYTES..]);
    }

    #[test]
    fn an_address_is_what_the_standard_library_says(text in "[0-9.]{0,17}|[0-9a-f:]{0,42}|\\PC{0,20}") {
        let expected = match text.trim() {
            "" | "0" | "0.0.0.0" => Ok(None),
            trimmed => trimmed.parse::<IpAddr>().map(Some).map_err(|_| Reason::Address),
        };
        // Zeros at the front of an octet, which no sniffer writes, are read as decimal or refused.
        let has_zeros = text.split('.').any(|octet| octet.len() > 1 && octet.starts_with('0'));
        prop_assume!(!has_zeros);
        prop_assert_eq!(address(Kind::Text, text.as_bytes()), expected);
    }

    #[test]
    fn protocols_and_flags_are_read_as_they_are_written(text in "\\PC{0,14}|[A-Z,]{0,12}|[FSRPAUEC]{1,8}") {
        if let Some(protocol) = Protocol::from_name(&text) {
            prop_assert_eq!(Protocol::from_name(protocol.name()), Some(protocol));
        }
        if let Some(flags) = TcpFlags::parse(&text) {
            prop_assert_eq!(TcpFlags::parse(flags.names()), Some(flags));
        }
        HardwareAddress::parse(&text);
    }

    #[test]
    fn times_are_within_what_can_be_written(seconds: f64, micros: i64) {
        for time in [EventTime::from_unix_seconds(seconds), EventTime::from_postgres_micros(micros)].into_iter().flatten() {
            prop_assert_eq!(EventTime::from_micros(time.micros()), Some(time));
            prop_assert!(time.saturating_add(std::time::Duration::MAX) >= time);
            prop_assert!(time.saturating_sub(std::time::Duration::MAX) <= time);
        }
    }
}
