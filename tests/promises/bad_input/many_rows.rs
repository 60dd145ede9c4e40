//! A sniffer that goes wrong altogether: nearly every row is unusable. They are counted and bounded, and memory stays flat.

use crate::kit::{Database, Service, Tables, peak_mib, until};

const ROWS: u32 = 200_000;
/// Above what the same service takes for ordinary rows.
const MORE_MIB: u64 = 90;

#[test]
fn two_hundred_thousand_unusable_rows_are_counted_and_bounded() {
    let database = Database::new(Tables::Adopted);
    let settings = ["store.rejected_rows_max=5000", "retention.keep=0s"];
    let honest = "INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length)
                  SELECT 1700000000 + g % 20, '10.0.0.1', '10.0.0.2', 'TCP', 60 FROM generate_series(1, 60000) g";
    let service = Service::start(&database, &settings);
    database.execute(honest);
    let folded = || service.metric("flowsentry_packets_folded_total");
    until("the honest rows", folded, |folded| *folded == 60_000.0);
    let before = peak_mib(service.pid());
    database.execute(&format!(
        "INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length)
         SELECT 1700000000 + g % 20, repeat('x', 250), '10.0.0.2', 'TCP', 60 FROM generate_series(1, {ROWS}) g"
    ));
    database.execute(honest);
    until("the honest rows behind them", folded, |folded| *folded == 120_000.0);
    let rejected = service.metric("flowsentry_packets_rejected_total{reason=\"address\"}");
    assert_eq!(rejected, f64::from(ROWS));
    let kept = "SELECT count(*) FROM flowsentry.rejected_packets";
    // Those that the last increments brought may stand above.
    let bounded = until("the oldest to go", || database.number(kept), |kept| (5_000..60_000).contains(kept));
    let after = peak_mib(service.pid());
    println!("peak memory before {before} MiB, after {after} MiB; {bounded} rows kept");
    assert!(after <= before + MORE_MIB, "peak memory was {before} MiB, and is {after} MiB");
    assert_eq!(service.metric("flowsentry_errors_total{kind=\"database\"}"), 0.0);
}
