//! A private PostgreSQL and a replaying sniffer: demo, tests and bench use the same one.
