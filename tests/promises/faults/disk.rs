//! The database's disk is full, and then it is not: the service stays up and goes on by itself. A disk is a small file system
//! in memory, which only root may mount.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::PathBuf;
use std::process::Command;

use flowsentry::sandbox::{Mode, Options, PrivatePostgres};

use super::super::kit::{Database, Service, Tables, until};
use super::{burst, insert, start, until_all_is_stored};

const PACKETS: u32 = 1500;

/// A file system of a few MiB, the server's own. Unmounted when dropped, which must be before the server removes its directory.
struct Disk {
    path: PathBuf,
}

impl Disk {
    /// `None`, aloud, where we may not mount.
    fn mount(path: PathBuf, size_mib: u32, owner: &fs::Metadata) -> Option<Self> {
        fs::create_dir_all(&path).unwrap();
        let options = format!("size={size_mib}m,mode=0700,uid={},gid={}", owner.uid(), owner.gid());
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&path).output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self { path }),
            other => {
                println!("SKIPPED: a full disk cannot be shown where tmpfs may not be mounted: {other:?}");
                None
            }
        }
    }

    fn ballast(&self) -> PathBuf {
        self.path.join("ballast")
    }

    /// Leaves no byte free.
    fn fill(&self) {
        let mut ballast = File::options().create(true).append(true).open(self.ballast()).unwrap();
        for size in [1 << 20, 1 << 12, 1] {
            while ballast.write_all(&vec![0; size]).is_ok() {}
        }
    }

    fn clear(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: the server may not have ended yet.
        let unmounted = Command::new("umount").arg("--lazy").arg(&self.path).status();
        println!("unmount {}: {unmounted:?}", self.path.display());
    }
}

fn full_disks_reported(service: &Service) -> f64 {
    let full = |line: &serde_json::Value| line["error"].as_str().is_some_and(|text| text.contains("No space left"));
    let told = service.log().iter().any(full);
    // The log says it once; how often, the counter tells.
    if told { service.metric("flowsentry_errors_total{kind=\"sink\"}") } else { 0.0 }
}

#[test]
fn the_disk_of_the_table_of_flows_is_full_and_then_cleared() {
    let server = PrivatePostgres::start(Options { shared_buffers_mib: 32, ..Options::default() }).unwrap();
    let owner = fs::metadata(server.directory()).unwrap();
    let Some(disk) = Disk::mount(server.directory().join("flows"), 8, &owner) else { return };
    let database = Database::on(&server.url("postgres"), Tables::Adopted);
    database.execute(&format!("CREATE TABLESPACE small LOCATION '{}'", disk.path.display()));
    database.execute("ALTER TABLE traffic_data SET TABLESPACE small");
    let service = start(&database, &[]);
    insert(&database, 1, PACKETS);
    until_all_is_stored(&database);
    for round in 1..=2 {
        disk.fill();
        let before = full_disks_reported(&service);
        insert(&database, round * 2, PACKETS);
        insert(&database, round * 2 + 1, PACKETS);
        until("the service to report it", || full_disks_reported(&service), |count| *count >= before + 3.0);
        assert_eq!(service.get("/healthz").0, 200);
        disk.clear();
        until_all_is_stored(&database);
    }
    assert!(service.stop().success());
}

/// Puts the log of a stopped server on a disk of its own.
fn move_log(server: &PrivatePostgres, owner: &fs::Metadata) -> Option<Disk> {
    let log = server.directory().join("data/pg_wal");
    let disk = Disk::mount(server.directory().join("log-disk"), 64, owner)?;
    let new = disk.path.join("pg_wal");
    let copied = Command::new("cp").arg("-a").args([&log, &new]).status().unwrap();
    assert!(copied.success());
    fs::remove_dir_all(&log).unwrap();
    std::os::unix::fs::symlink(&new, &log).unwrap();
    std::os::unix::fs::lchown(&log, Some(owner.uid()), Some(owner.gid())).unwrap();
    chown(&new, Some(owner.uid()), Some(owner.gid())).unwrap();
    Some(disk)
}

/// A server that cannot write its log ends; whoever watches over it clears the disk and starts it again.
#[test]
fn the_disk_of_the_log_is_full_the_server_ends_and_starts_again_when_it_is_cleared() {
    let mut server = PrivatePostgres::start(Options { shared_buffers_mib: 32, ..Options::default() }).unwrap();
    let owner = fs::metadata(server.directory()).unwrap();
    let mut database = Database::on(&server.url("postgres"), Tables::Adopted);
    server.stop(Mode::Fast).unwrap();
    let Some(disk) = move_log(&server, &owner) else { return };
    server.start_again().unwrap();
    database.reconnect();
    let service = start(&database, &[]);
    insert(&database, 1, PACKETS);
    until_all_is_stored(&database);
    disk.fill();
    // Until the log needs a new file.
    let mut number = 1;
    while database.try_execute(&burst(number + 1, PACKETS)) {
        number += 1;
        assert!(number < 500, "the log is not full");
    }
    let log = || fs::read_to_string(server.directory().join("log")).unwrap_or_default();
    until("the server to end", log, |log| log.contains("PANIC") && log.contains("No space left"));
    disk.clear();
    // Whether or not it could start again by itself before.
    server.stop(Mode::Immediate).unwrap();
    server.start_again().unwrap();
    database.reconnect();
    insert(&database, number + 2, PACKETS);
    until_all_is_stored(&database);
    assert!(service.stop().success());
}
