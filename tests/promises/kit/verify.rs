//! What `flowsentry verify` says of a database.

use serde_json::Value;

use super::Database;

/// Its exit code and its JSON.
#[track_caller]
pub fn verify(database: &Database, arguments: &[&str]) -> (i32, Value) {
    let output = database.command("verify").arg("--json").args(arguments).output().unwrap();
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("no report: {out}{error}"));
    (output.status.code().unwrap(), value)
}

/// Fails with what it found, if it found anything.
#[track_caller]
pub fn assert_verified(database: &Database) -> Value {
    let (code, report) = verify(database, &[]);
    assert!(code == 0 && report["holds"] == true, "{report:#}");
    report
}
