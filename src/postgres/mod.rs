//! The only room with SQL and connections.
