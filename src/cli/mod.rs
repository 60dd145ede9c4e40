//! One file a command; parsing, exit codes and the one place where an error is printed.

pub mod exit;
