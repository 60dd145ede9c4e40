//! The database room against a real PostgreSQL: sessions, migrations, adoption, retention.
//!
//! A server of our own is started once for all tests, unless `FLOWSENTRY_TEST_DATABASE_URL` names another (a superuser's
//! connection string in URL form); each test has a database of its own.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers, too, are tests here

#[path = "database/adoption.rs"]
mod adoption;
#[path = "database/alerts.rs"]
mod alerts;
#[path = "database/command.rs"]
mod command;
#[path = "database/dump.rs"]
mod dump;
#[path = "database/kit.rs"]
mod kit;
#[path = "database/migrations.rs"]
mod migrations;
#[path = "database/retention.rs"]
mod retention;
#[path = "database/sessions.rs"]
mod sessions;
#[path = "promises/kit/stall.rs"]
mod stall;
#[path = "database/stalls.rs"]
mod stalls;
#[path = "database/tls/mod.rs"]
mod tls;
