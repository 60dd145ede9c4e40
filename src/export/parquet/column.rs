//! The rows of a group, column by column, as the Parquet library wants them: values, and levels that say which are there.

use parquet::basic::{ConvertedType, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::writer::SerializedColumnWriter;
use parquet::schema::types::Type;

use crate::export::jsonl::as_json;
use crate::export::value::{Kind, Value};

/// Values of a column and their levels. Of a list, repetition 0 begins a row; definition 0 is no list, 1 a list without
/// members, 3 a member (2 would be a member that is NULL). Of all else definition 1 is a value.
pub struct Column {
    values: Values,
    definition: Vec<i16>,
    repetition: Option<Vec<i16>>,
}

enum Values {
    Integers(Vec<i64>),
    Reals(Vec<f64>),
    Texts(Vec<ByteArray>),
}

/// What a value or its level takes beside its text.
const VALUE_BYTES: usize = 12;
/// The same of a text, which is counted for itself.
const TEXT_BYTES: usize = size_of::<ByteArray>() + 8;

/// The type of a field.
pub fn schema(name: &str, kind: Kind) -> Result<Type, ParquetError> {
    match kind {
        Kind::Texts => list(name, member("element", Kind::Text)?),
        Kind::Counts => list(name, member("element", Kind::Count)?),
        _ => member(name, kind),
    }
}

fn member(name: &str, kind: Kind) -> Result<Type, ParquetError> {
    let (physical, logical) = match kind {
        Kind::Count | Kind::Counts => (Physical::INT64, None),
        Kind::Real => (Physical::DOUBLE, None),
        Kind::Time => {
            let logical = LogicalType::timestamp(true, TimeUnit::MICROS);
            (Physical::INT64, Some(logical))
        }
        Kind::Text | Kind::Texts => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Kind::Json => (Physical::BYTE_ARRAY, Some(LogicalType::Json)),
    };
    Type::primitive_type_builder(name, physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical)
        .build()
}

fn list(name: &str, member: Type) -> Result<Type, ParquetError> {
    let repeated = Type::group_type_builder("list")
        .with_repetition(Repetition::REPEATED)
        .with_fields(vec![member.into()])
        .build()?;
    Type::group_type_builder(name)
        .with_repetition(Repetition::OPTIONAL)
        .with_converted_type(ConvertedType::LIST)
        .with_logical_type(Some(LogicalType::List))
        .with_fields(vec![repeated.into()])
        .build()
}

impl Column {
    /// No rows yet.
    pub fn of(kind: Kind) -> Self {
        let values = match kind {
            Kind::Count | Kind::Counts | Kind::Time => Values::Integers(Vec::new()),
            Kind::Real => Values::Reals(Vec::new()),
            Kind::Text | Kind::Texts | Kind::Json => Values::Texts(Vec::new()),
        };
        let repetition = matches!(kind, Kind::Texts | Kind::Counts).then(Vec::new);
        Self { values, definition: Vec::new(), repetition }
    }

    /// Takes in a row's value; gives how many octets it takes.
    pub fn push(&mut self, value: &Value) -> usize {
        match value {
            Value::Texts(texts) => self.push_all(texts.iter().map(|text| text.as_bytes().to_vec()), Self::push_text),
            Value::Counts(counts) => self.push_all(counts.iter().copied(), Self::push_integer),
            one => {
                let octets = match one {
                    Value::Text(text) => self.push_text(text.as_bytes().to_vec()),
                    Value::Json(_) => self.push_text(as_json(one).to_string().into_bytes()),
                    Value::Count(count) => self.push_integer(*count),
                    Value::Time(time) => self.push_integer(time.micros()),
                    Value::Real(real) => self.push_real(*real),
                    _ => None,
                };
                self.definition.push(i16::from(octets.is_some()));
                if let Some(repetition) = &mut self.repetition {
                    repetition.push(0);
                }
                VALUE_BYTES + octets.unwrap_or(0)
            }
        }
    }

    fn push_all<T>(&mut self, members: impl Iterator<Item = T>, push: impl Fn(&mut Self, T) -> Option<usize>) -> usize {
        let mut octets = VALUE_BYTES;
        let mut place = 0;
        for member in members {
            let Some(more) = push(self, member) else { continue };
            octets += VALUE_BYTES + more;
            self.definition.push(3);
            self.repetition.get_or_insert_default().push(place);
            place = 1;
        }
        if place == 0 {
            self.definition.push(1);
            self.repetition.get_or_insert_default().push(0);
        }
        octets
    }

    fn push_text(&mut self, text: Vec<u8>) -> Option<usize> {
        let Values::Texts(texts) = &mut self.values else { return None };
        let octets = TEXT_BYTES + text.len();
        texts.push(ByteArray::from(text));
        Some(octets)
    }

    fn push_integer(&mut self, integer: i64) -> Option<usize> {
        let Values::Integers(integers) = &mut self.values else { return None };
        integers.push(integer);
        Some(0)
    }

    fn push_real(&mut self, real: f64) -> Option<usize> {
        let Values::Reals(reals) = &mut self.values else { return None };
        reals.push(real);
        Some(0)
    }

    /// Writes what was taken in, and forgets it.
    pub fn write(&mut self, writer: &mut SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        let (definition, repetition) = (Some(self.definition.as_slice()), self.repetition.as_deref());
        match &mut self.values {
            Values::Integers(integers) => {
                writer.typed::<Int64Type>().write_batch(integers, definition, repetition)?;
                integers.clear();
            }
            Values::Reals(reals) => {
                writer.typed::<DoubleType>().write_batch(reals, definition, repetition)?;
                reals.clear();
            }
            Values::Texts(texts) => {
                writer.typed::<ByteArrayType>().write_batch(texts, definition, repetition)?;
                texts.clear();
            }
        }
        self.definition.clear();
        if let Some(repetition) = &mut self.repetition {
            repetition.clear();
        }
        Ok(())
    }
}
