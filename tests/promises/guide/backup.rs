//! The guide's page on backups: what it says is done while packets come, and afterwards each packet is stored once.

use std::thread;

use super::beside::Beside;
use super::page::{Page, Step};
use super::site::Site;
use super::{Over, expect};
use crate::kit::{Database, until};

const RUN: &str = "DATABASE_URL=postgres://labeller@localhost/traffic flowsentry run";

/// Adopted, with the service at work.
fn adopted() -> Option<Site> {
    let mut site = Site::new()?;
    site.write(
        "pipeline.toml",
        "[retention]\nkeep = \"0\"\n[model]\npath = \"/path/to/flowsentry/models/flowsentry.safetensors\"\n",
    );
    expect(0, &site.shell("DATABASE_URL=postgres://app@localhost/traffic flowsentry migrate --adopt"));
    for (line, step) in Page::read("adopting.md").section("3") {
        let Step::Shell(text) = step else { panic!("{step:?} gives no rights") };
        expect(*line, &site.shell(text));
    }
    site.begin(RUN);
    Some(site)
}

fn follow(site: &mut Site, heading: &str) {
    for (line, step) in Page::read("backup.md").section(heading) {
        println!("docs/backup.md:{line}: {step:?}");
        match step {
            Step::Shell(text) => expect(*line, &site.shell(text)),
            Step::Begin(_, text) => site.begin(text),
            step => panic!("{step:?} is not of this page"),
        }
    }
}

#[test]
fn a_restored_dump_goes_on_where_it_was() {
    let Some(mut site) = adopted() else { return };
    let beside = Beside::running();
    let sniffer = site.url("sniffer");
    thread::scope(|scope| {
        let _over = Over(&beside);
        scope.spawn(|| beside.sniff(&sniffer));
        until("checkpoints", || site.database.number("SELECT number FROM flowsentry.checkpoint"), |number| *number > 3);
        follow(&mut site, "Back up");
        let uploads = beside.uploads();
        until("packets after the backup", || beside.uploads(), |now| *now > uploads + 3);
    });
    site.stop();
    follow(&mut site, "Restore a dump");
    let restored = Database::at(&site.url_of("superuser", "restored"));
    let packets = "SELECT count(*) FROM raw_packets";
    assert!(restored.number(packets) < site.database.number(packets), "the backup is of the end");
    insert(&restored);
    until_each_packet_is_stored_once(&restored);
    assert_eq!(restored.number("SELECT generation FROM flowsentry.checkpoint"), 1);
    expect(0, &site.shell("DATABASE_URL=postgres://labeller@localhost/restored flowsentry verify"));
}

#[test]
fn without_a_last_packet_the_line_about_the_sequence_is_what_prevents_a_second_reading() {
    let Some(mut site) = adopted() else { return };
    insert(&site.database);
    // The last one cannot be used, and so proves nothing.
    site.database.execute("INSERT INTO raw_packets (timestamp) VALUES (NULL)");
    let read = "SELECT position_high - (SELECT max(id) FROM raw_packets) FROM flowsentry.checkpoint";
    until_each_packet_is_stored_once(&site.database);
    until("the last packet to be read", || site.database.number(read), |behind| *behind == 0);
    follow(&mut site, "Back up");
    site.stop();
    follow(&mut site, "Restore a dump");
    let restored = Database::at(&site.url_of("superuser", "restored"));
    insert(&restored);
    until_each_packet_is_stored_once(&restored);
    site.stop();

    let without = "createdb --maintenance-db=postgres://postgres@localhost/postgres --owner=app twice
        pg_restore --exit-on-error --single-transaction -d postgres://postgres@localhost/twice traffic.dump";
    expect(0, &site.shell(without));
    site.begin(&RUN.replace("/traffic", "/twice"));
    let twice = Database::at(&site.url_of("superuser", "twice"));
    until("a new generation", || twice.number("SELECT generation FROM flowsentry.checkpoint"), |now| *now == 2);
}

#[test]
fn flows_and_checkpoint_go_on_without_the_packets() {
    let Some(mut site) = adopted() else { return };
    insert(&site.database);
    until_each_packet_is_stored_once(&site.database);
    let steps =
        "pg_dump -Fc --exclude-table-data=raw_packets --file traffic.dump postgres://postgres@localhost/traffic";
    expect(0, &site.shell(steps));
    site.stop();
    follow(&mut site, "Restore a dump");
    let restored = Database::at(&site.url_of("superuser", "restored"));
    let before = restored.number("SELECT sum(packet_count) FROM traffic_data");
    assert!(before > 0, "no flow was restored");
    insert(&restored);
    let packets = restored.number("SELECT count(*) FROM raw_packets");
    let stored = || restored.number("SELECT sum(packet_count) FROM traffic_data");
    until("the new packets to be stored", stored, |stored| *stored == before + packets);
    assert_eq!(restored.number("SELECT generation FROM flowsentry.checkpoint"), 1);
}

/// Packets of now, ten windows of them.
fn insert(database: &Database) {
    database.execute(
        "INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length, src_port, dst_port)
         SELECT extract(epoch FROM clock_timestamp()) - 10 + g * 0.01, '10.0.0.' || g % 9, '10.0.1.1', 'UDP', 60, 4000, 53
         FROM generate_series(1, 1000) g",
    );
}

#[track_caller]
fn until_each_packet_is_stored_once(database: &Database) {
    let behind = "SELECT (SELECT count(*) FROM raw_packets) - (SELECT coalesce(sum(packet_count), 0) FROM traffic_data)
        - (SELECT count(*) FROM flowsentry.rejected_packets)";
    until("each packet to be stored", || database.number(behind), |behind| *behind == 0);
}
