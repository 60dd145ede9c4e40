//! What the lab of `bench/lab` records is what training reads, its labels hold, and nothing of it stays behind.
//!
//! Left out, aloud, where network namespaces are not permitted or Python's packages cannot be fetched.

use std::path::Path;
use std::process::{Command, Stdio};

use flowsentry::flow::key::Protocol;
use flowsentry::flow::packet::TcpFlags;
use flowsentry::training::corpus::{Corpus, LabelledPacket, Split};

use crate::kit::{python, until, until_some};

const HERE: &str = env!("CARGO_MANIFEST_DIR");
/// How the recorder ends where it may not make namespaces.
const NOT_PERMITTED: i32 = 77;
const ATTACKERS: [&str; 4] = ["10.9.0.61", "10.9.0.62", "10.9.0.63", "10.9.0.64"];

fn recorder(python: &Path, directory: &Path, seconds: &str, names: &[&str]) -> Command {
    let mut command = Command::new(python);
    command.arg(format!("{HERE}/bench/lab/record.py")).arg(directory).args(["--seconds", seconds]).args(names);
    command.stdin(Stdio::null());
    command
}

fn packets(corpus: &Corpus, id: &str) -> Vec<LabelledPacket> {
    let captures = corpus.captures(Split::Train).unwrap();
    corpus.packets(captures.iter().find(|capture| capture.id == id).unwrap()).unwrap()
}

#[test]
fn what_is_recorded_is_read_and_its_labels_hold() {
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().unwrap();
    let recorded = recorder(&python, directory.path(), "4", &["sweep-syn", "arp-many"]).output().unwrap();
    let said = String::from_utf8_lossy(&recorded.stderr);
    if recorded.status.code() == Some(NOT_PERMITTED) {
        println!("skipped: {said}");
        return;
    }
    assert!(recorded.status.success(), "{said}");
    let corpus = Corpus::open(directory.path()).unwrap();
    check_sweep(&packets(&corpus, "lab-1-sweep-syn"));
    check_poisoning(&packets(&corpus, "lab-1-arp-many"));
}

/// Every SYN of an attacker is of the sweep, and nothing that another host sends is.
fn check_sweep(packets: &[LabelledPacket]) {
    let mut probes = 0;
    for LabelledPacket { packet, label } in packets {
        let by_attacker = ATTACKERS.iter().any(|address| packet.key.source.to_string() == *address);
        let is_of_sweep = by_attacker && packet.key.protocol == Protocol::Tcp;
        assert_eq!(label.name() == "Port Scanning", is_of_sweep, "{packet:?}");
        probes += usize::from(is_of_sweep && packet.tcp_flags == TcpFlags::SYN);
    }
    assert!(probes > 10, "{probes} probes");
    assert!(packets.iter().filter(|it| it.label.name() == "Normal").count() > 50, "{} packets", packets.len());
}

/// Who claims an address that is not its own is the attacker, and nobody else.
fn check_poisoning(packets: &[LabelledPacket]) {
    let mut forged = 0;
    for LabelledPacket { packet, label } in packets {
        let Some(hardware) = packet.arp.and_then(|arp| arp.source_hardware) else {
            assert_eq!(label.name(), "Normal", "{packet:?}");
            continue;
        };
        let host: u8 = packet.key.source.to_string().rsplit('.').next().unwrap().parse().unwrap();
        let is_own = hardware.to_string() == format!("02:09:00:00:00:{host:02x}");
        assert_eq!(label.name() == "ARP Poisoning", !is_own, "{packet:?}");
        forged += usize::from(!is_own);
    }
    assert!(forged > 0, "no forged claim among {} packets", packets.len());
}

/// What an attacker sends has the label, what comes back is Normal, as is everything where no attack is named.
#[test]
fn hours_of_a_sniffer_become_captures() {
    const HOUR: &str = "id,timestamp,src_ip,dst_ip,protocol,length,src_port,dst_port,tcp_flags,arp_op,arp_psrc,arp_pdst\n\
        1,1700000000.5,10.0.0.5,10.0.1.1,TCP,60,40000,22,SYN,,,\n\
        2,1700000000.6,10.0.1.1,10.0.0.5,TCP,60,22,40000,\"SYN,ACK\",,,\n\
        3,1700000001,,,ARP,42,,,,1,10.0.0.5,10.0.0.1\n";
    let Some(python) = python() else { return };
    let site = tempfile::tempdir().unwrap();
    let hour = site.path().join("hour.csv");
    std::fs::write(&hour, HOUR).unwrap();
    let hours = |arguments: &[&str]| {
        let mut command = Command::new(&python);
        command.arg(format!("{HERE}/bench/adapt/hours.py")).arg(site.path()).args(arguments);
        command.stdin(std::fs::File::open(&hour).unwrap()).output().unwrap()
    };
    for arguments in [&["quiet"][..], &["loud", "--attack", "Port Scanning", "10.0.0.5", "10.0.1.0/24"]] {
        let made = hours(arguments);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }
    let said = hours(&["none", "--attack", "DDoS", "10.9.9.9"]);
    assert!(String::from_utf8_lossy(&said.stderr).contains("no packet is from an attacker"), "{said:?}");
    let corpus = Corpus::open(site.path()).unwrap();
    let labels = |id| packets(&corpus, id).iter().map(|it| it.label.name()).collect::<Vec<_>>();
    assert_eq!(labels("quiet"), ["Normal"; 3]);
    assert_eq!(labels("loud"), ["Port Scanning", "Normal", "Normal"]);
    let arp = packets(&corpus, "loud")[2].packet.key;
    assert_eq!((arp.protocol, arp.source.to_string()), (Protocol::Arp, "10.0.0.5".to_owned()));
}

#[test]
fn a_recorder_that_is_killed_leaves_nothing_running() {
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().unwrap();
    let mut recorder = recorder(&python, directory.path(), "60", &["flood-syn"]).spawn().unwrap();
    let permitted =
        until_some("a capture that runs, or a recorder that may not", || match recorder.try_wait().unwrap() {
            Some(status) => {
                Some(status.code() != Some(NOT_PERMITTED)).inspect(|permitted| assert!(!permitted, "{status}"))
            }
            None => (running(directory.path()) >= 2).then_some(true),
        });
    if !permitted {
        println!("skipped: network namespaces are not permitted");
        return;
    }
    recorder.kill().unwrap();
    recorder.wait().unwrap();
    until("none of its processes", || running(directory.path()), |running| *running == 0);
}

/// Processes whose command line names the directory.
fn running(directory: &Path) -> usize {
    let wanted = directory.to_string_lossy();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    lines.filter(|line| String::from_utf8_lossy(line).contains(&*wanted)).count()
}
