//! What a process has cost so far, as the kernel counts it; and programs that are run as somebody else.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// Processor time of all threads of a process that live, in seconds: to the nanosecond, unlike `/proc/PID/stat`.
pub fn cpu_seconds(pid: u32) -> f64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    // A thread may end while this looks.
    let schedules = tasks.filter_map(|task| fs::read_to_string(task.unwrap().path().join("schedstat")).ok());
    let nanoseconds: u64 = schedules.map(|text| text.split(' ').next().unwrap().parse::<u64>().unwrap()).sum();
    nanoseconds as f64 / 1e9
}

/// How often the threads of a process that live have waited for something so far.
pub fn waits(pid: u32) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let statuses = tasks.filter_map(|task| fs::read_to_string(task.unwrap().path().join("status")).ok());
    let of = |text: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap();
        line.trim().parse::<u64>().unwrap()
    };
    statuses.map(|text| of(&text)).sum()
}

/// The most memory that a process has had resident, in MiB.
pub fn peak_mib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

/// A program run by whom a directory belongs to: PostgreSQL refuses to run as root.
pub fn as_owner(directory: &Path, program: &Path) -> Command {
    let owner = fs::metadata(directory).unwrap();
    let mut command = Command::new(program);
    command.current_dir(directory).env_clear().env("PATH", "/usr/bin:/bin");
    if fs::metadata("/proc/self").unwrap().uid() != owner.uid() {
        command.uid(owner.uid()).gid(owner.gid());
    }
    command
}
