//! A backup that was taken while all was running, restored under another name: packets, flows and checkpoint are of one
//! moment, so the service goes on there as from any checkpoint.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::super::kit::{Database, Tables, program, until};
use super::{burst, insert, start, until_all_is_stored};

const PACKETS: u32 = 300;

#[test]
fn a_backup_taken_while_running_goes_on_where_it_was() {
    let database = Database::new(Tables::Adopted);
    let Some(pg_dump) = program(&database, "pg_dump") else { return };
    let service = start(&database, &[]);
    let over = AtomicBool::new(false);
    let backup = thread::scope(|scope| {
        scope.spawn(|| {
            let session = database.session();
            for number in 1.. {
                if over.load(Ordering::Acquire) {
                    break;
                }
                // Half of the ids die, and some are held across the moment of the backup.
                session.execute(&format!("BEGIN; {}; ROLLBACK", burst(number, PACKETS)));
                session.execute(&burst(number, PACKETS));
                // No further ahead of the service than that, however long the backup takes.
                let behind =
                    "SELECT (SELECT max(id) FROM raw_packets) - (SELECT max(position_high) FROM flowsentry.checkpoint)";
                until("the service to come along", || database.number(behind), |ids| *ids < 20 * i64::from(PACKETS));
            }
        });
        until("some packets", || super::checkpoint(&database), |number| *number >= 5);
        let backup =
            Command::new(pg_dump).args(["--inserts", "--rows-per-insert=500", &database.url]).output().unwrap();
        over.store(true, Ordering::Release);
        backup
    });
    assert!(backup.status.success(), "{}", String::from_utf8_lossy(&backup.stderr));
    until_all_is_stored(&database);

    let restored = Database::new(Tables::None);
    restore(&restored, &String::from_utf8(backup.stdout).unwrap());
    let at_backup = super::sums(&restored);
    assert!(at_backup.packets > 0, "the backup is empty");
    assert!(at_backup.packets < super::sums(&database).packets, "the backup was not taken while packets came");
    let beside = start(&restored, &[]);
    until_all_is_stored(&restored);
    insert(&restored, 2_000, PACKETS);
    until_all_is_stored(&restored);
    assert_eq!(restored.number("SELECT generation FROM flowsentry.checkpoint"), 1);
    insert(&database, 2_000, PACKETS);
    until_all_is_stored(&database);
    assert!(beside.stop().success() && service.stop().success());
}

/// Runs a backup's statements, but not psql's own.
fn restore(database: &Database, backup: &str) {
    let statements: Vec<&str> = backup.lines().filter(|line| !line.starts_with('\\')).collect();
    database.session().execute(&statements.join("\n"));
}
