//! Keys of our advisory locks. The low 32 bits are free for an object id or a source's number, so that several tables and
//! sources in one database do not meet.

/// The gate of a source table: plus the table's object id. The trigger function of `sql/` has the same number.
pub const GATE_KEY_BASE: i64 = 0x666c_6f77 << 32;

/// The lease of a source: plus its number in `flowsentry.checkpoint`.
pub const LEASE_KEY_BASE: i64 = 0x666c_6f78 << 32;

/// Of `check`, to see whether a lock lasts: plus the server process.
pub const CHECK_KEY_BASE: i64 = 0x666c_6f7a << 32;
