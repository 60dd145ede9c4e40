//! Labelled captures on disk: `packets/ID.parquet` with rows as `raw_packets` has them plus `label` and `role`,
//! `captures.json` with what each capture is about, `splits.json` with the ids of `train`, `validation` and `test`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use parquet::schema::types::Type;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::flow::key::{FlowKey, NO_ADDRESS, Protocol};
use crate::flow::packet::{Arp, Dns, HardwareAddress, Packet, TcpFlags};
use crate::flow::time::EventTime;

/// What a packet may be labelled, in the order of [`Label`].
pub const LABELS: [&str; 8] =
    ["Normal", "DDoS", "Port Scanning", "Brute Force", "ARP Poisoning", "Slowloris", "DNS Tunnel", "C2 Beacon"];

/// The collection of our own recordings.
pub const OWN_RECORDINGS: &str = "own recordings";

/// Index into [`LABELS`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Label(pub u8);

impl Label {
    /// Nothing hostile.
    pub const NORMAL: Self = Self(0);

    /// By its name.
    pub fn from_name(name: &str) -> Option<Self> {
        LABELS.iter().position(|label| *label == name).and_then(|index| u8::try_from(index).ok()).map(Self)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        LABELS[usize::from(self.0) % LABELS.len()]
    }
}

/// A packet and what its sender does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LabelledPacket {
    /// The packet.
    pub packet: Packet,
    /// The attack's label where the attacking side sent it; [`Label::NORMAL`] for the victim's answers and for bystanders.
    pub label: Label,
}

/// Which captures a model may learn from, is chosen by, and is judged by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Split {
    /// To learn from.
    Train,
    /// To choose by.
    Validation,
    /// To judge by, never to choose by.
    Test,
}

impl Split {
    /// As `splits.json` names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

/// The corpus cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    /// A file cannot be opened or read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A JSON file is not as expected.
    #[error("{} is not as expected", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A Parquet file is damaged or has other columns.
    #[error("{} is not as expected", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ParquetError,
    },
    /// A row cannot be used.
    #[error("{}: row {row}: {column} is {value}", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// Which row, from 0.
        row: usize,
        /// Which column.
        column: &'static str,
        /// What it holds.
        value: String,
    },
    /// A capture is in a split but not described.
    #[error("captures.json has no capture {id}")]
    Undescribed {
        /// Its id.
        id: String,
    },
    /// Two directories have a capture of the same id.
    #[error("capture {id} is in both directories")]
    Twice {
        /// Its id.
        id: String,
    },
}

/// Labelled captures, of one directory or of several.
#[derive(Debug)]
pub struct Corpus {
    splits: BTreeMap<String, Vec<String>>,
    captures: BTreeMap<String, Capture>,
}

/// What a capture is about.
#[derive(Clone, Debug, Deserialize)]
pub struct Capture {
    /// Its id.
    pub id: String,
    /// The label that it is there for.
    #[serde(rename = "class")]
    pub subject: String,
    /// Where it is from.
    pub repo: Option<String>,
    /// Licence of the collection.
    pub licence: String,
    /// Where its packets are.
    #[serde(skip)]
    pub(super) directory: PathBuf,
}

impl Capture {
    /// Whether nothing hostile is in it.
    pub fn is_benign(&self) -> bool {
        self.subject == Label::NORMAL.name()
    }

    /// The collection that it is from; our own recordings are one.
    pub fn source(&self) -> &str {
        self.repo.as_deref().unwrap_or(OWN_RECORDINGS)
    }
}

impl Corpus {
    /// Opens a directory; packets are read when asked for.
    ///
    /// # Errors
    /// [`CorpusError`] if one of its two JSON files is missing or not as expected.
    pub fn open(directory: &Path) -> Result<Self, CorpusError> {
        let splits = read_json(&directory.join("splits.json"))?;
        let captures: Vec<Capture> = read_json(&directory.join("captures.json"))?;
        let here = |capture| Capture { directory: directory.to_owned(), ..capture };
        let captures = captures.into_iter().map(|capture| (capture.id.clone(), here(capture))).collect();
        Ok(Self { splits, captures })
    }

    /// With the captures of the training and validation splits of another; what it is judged by stays its own.
    ///
    /// # Errors
    /// [`CorpusError::Twice`] if a capture of the other has the id of one of these.
    pub fn join(mut self, other: &Self) -> Result<Self, CorpusError> {
        for split in [Split::Train, Split::Validation] {
            for capture in other.captures(split)? {
                if self.captures.insert(capture.id.clone(), capture.clone()).is_some() {
                    return Err(CorpusError::Twice { id: capture.id.clone() });
                }
                self.splits.entry(split.name().to_owned()).or_default().push(capture.id.clone());
            }
        }
        Ok(self)
    }

    /// The captures of a split, by id.
    ///
    /// # Errors
    /// [`CorpusError::Undescribed`] if `captures.json` lacks one.
    pub fn captures(&self, split: Split) -> Result<Vec<&Capture>, CorpusError> {
        let ids = self.splits.get(split.name()).map_or(&[][..], Vec::as_slice);
        let mut captures = Vec::with_capacity(ids.len());
        for id in ids {
            captures.push(self.captures.get(id).ok_or_else(|| CorpusError::Undescribed { id: id.clone() })?);
        }
        captures.sort_by(|left, right| left.id.cmp(&right.id));
        Ok(captures)
    }

    /// The packets of a capture, by time.
    ///
    /// # Errors
    /// [`CorpusError`] that names file, row and column.
    pub fn packets(&self, capture: &Capture) -> Result<Vec<LabelledPacket>, CorpusError> {
        let path = Self::path_of(capture);
        let file = File::open(&path).map_err(|source| CorpusError::Read { path: path.clone(), source })?;
        let damaged = |source| CorpusError::Parquet { path: path.clone(), source };
        let reader = SerializedFileReader::new(file).map_err(damaged)?;
        let projection = projection(reader.metadata().file_metadata().schema()).map_err(damaged)?;
        let mut packets = Vec::new();
        for (number, row) in reader.get_row_iter(Some(projection)).map_err(damaged)?.enumerate() {
            let decoded = decode(row.map_err(damaged)?);
            packets.push(decoded.map_err(|Unusable { column, value }| {
                let path = path.clone();
                CorpusError::Row { path, row: number, column, value }
            })?);
        }
        packets.sort_by_key(|labelled| labelled.packet.time);
        Ok(packets)
    }

    /// Fingerprint of the packets of some splits: another octet in one of their files gives another.
    ///
    /// # Errors
    /// [`CorpusError::Read`] if a file cannot be read.
    pub fn fingerprint(&self, splits: &[Split]) -> Result<String, CorpusError> {
        let mut hasher = Sha256::new();
        for split in splits {
            for capture in self.captures(*split)? {
                let content = read_bytes(&Self::path_of(capture))?;
                hasher.update(split.name());
                hasher.update(&capture.id);
                hasher.update(Sha256::digest(&content));
            }
        }
        Ok(hexadecimal(&hasher.finalize()))
    }

    fn path_of(capture: &Capture) -> PathBuf {
        capture.directory.join("packets").join(format!("{}.parquet", capture.id))
    }
}

/// Octets as digits.
pub fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |text, octet| format!("{text}{octet:02x}"))
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, CorpusError> {
    let mut content = Vec::new();
    File::open(path)
        .and_then(|mut file| file.read_to_end(&mut content))
        .map_err(|source| CorpusError::Read { path: path.to_owned(), source })?;
    Ok(content)
}

fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T, CorpusError> {
    let content = read_bytes(path)?;
    serde_json::from_slice(&content).map_err(|source| CorpusError::Json { path: path.to_owned(), source })
}

const COLUMNS: [&str; 14] = [
    "timestamp",
    "src_ip",
    "dst_ip",
    "protocol",
    "length",
    "src_port",
    "dst_port",
    "tcp_flags",
    "arp_op",
    "arp_psrc",
    "arp_pdst",
    "arp_hwsrc",
    "arp_hwdst",
    "label",
];
const ROLE: &str = "role";
/// Read where they are.
const OPTIONAL: [&str; 2] = ["dns_response", "dns_qname"];

/// The columns that are read, in the file's order.
fn projection(schema: &Type) -> Result<Type, ParquetError> {
    let is_required = |name: &str| name == ROLE || COLUMNS.contains(&name);
    let wanted = |name: &str| is_required(name) || OPTIONAL.contains(&name);
    let fields: Vec<_> = schema.get_fields().iter().filter(|field| wanted(field.name())).cloned().collect();
    if fields.iter().filter(|field| is_required(field.name())).count() <= COLUMNS.len() {
        return Err(ParquetError::General(format!("expected the columns {} and {ROLE}", COLUMNS.join(", "))));
    }
    Type::group_type_builder(schema.name()).with_fields(fields).build()
}

/// A row cannot be used.
struct Unusable {
    column: &'static str,
    value: String,
}

/// A row, by the name of its columns.
struct Columns(Vec<(String, Field)>);

impl Columns {
    fn field(&self, column: &'static str) -> &Field {
        self.0.iter().find(|(name, _)| name == column).map_or(&Field::Null, |(_, field)| field)
    }

    fn text(&self, column: &'static str) -> &str {
        match self.field(column) {
            Field::Str(text) => text,
            _ => "",
        }
    }

    /// NULL is 0.
    fn number<T: TryFrom<i32> + Default>(&self, column: &'static str) -> Result<T, Unusable> {
        match self.field(column) {
            Field::Null => Ok(T::default()),
            Field::Int(number) => T::try_from(*number).map_err(|_| self.unusable(column)),
            _ => Err(self.unusable(column)),
        }
    }

    /// The first of two columns that holds an address; none is [`NO_ADDRESS`].
    fn address(&self, column: &'static str, instead: &'static str) -> Result<IpAddr, Unusable> {
        for column in [column, instead] {
            match self.text(column) {
                "" | "0" | "0.0.0.0" => {}
                text => return text.parse().map_err(|_| self.unusable(column)),
            }
        }
        Ok(NO_ADDRESS)
    }

    fn unusable(&self, column: &'static str) -> Unusable {
        Unusable { column, value: self.field(column).to_string() }
    }
}

/// As the service decodes a row of `raw_packets`.
fn decode(row: Row) -> Result<LabelledPacket, Unusable> {
    let row = Columns(row.into_columns());
    let Field::Double(seconds) = *row.field("timestamp") else { return Err(row.unusable("timestamp")) };
    let time = EventTime::from_unix_seconds(seconds).ok_or_else(|| row.unusable("timestamp"))?;
    let protocol = Protocol::from_name(row.text("protocol")).ok_or_else(|| row.unusable("protocol"))?;
    let key = FlowKey {
        source: row.address("src_ip", "arp_psrc")?,
        destination: row.address("dst_ip", "arp_pdst")?,
        protocol,
    };
    let length: u32 = row.number("length")?;
    if length > Packet::MAX_LENGTH {
        return Err(row.unusable("length"));
    }
    let arp = (protocol == Protocol::Arp).then(|| {
        let hardware = |column| HardwareAddress::parse(row.text(column));
        let is_reply = *row.field("arp_op") == Field::Int(2);
        Arp { is_reply, source_hardware: hardware("arp_hwsrc"), destination_hardware: hardware("arp_hwdst") }
    });
    let packet = Packet {
        time,
        key,
        length,
        source_port: row.number("src_port")?,
        destination_port: row.number("dst_port")?,
        tcp_flags: TcpFlags::parse(row.text("tcp_flags")).ok_or_else(|| row.unusable("tcp_flags"))?,
        arp,
        dns: Dns::of_name(row.text("dns_qname").as_bytes(), *row.field("dns_response") == Field::Bool(true)),
    };
    let label = Label::from_name(row.text("label")).ok_or_else(|| row.unusable("label"))?;
    let label = if row.text(ROLE) == "attacker" { label } else { Label::NORMAL };
    Ok(LabelledPacket { packet, label })
}

#[cfg(test)]
mod tests;
