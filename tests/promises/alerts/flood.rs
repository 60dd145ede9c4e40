//! A flood from forged sources: as many flows as packets, and one alert on the victim.

use super::super::kit::{peak_mib, until};
use super::{BEGIN, Site};

const SOURCES: i64 = 200_000;
/// Of the service, in MiB; the flows themselves take about half of it.
const MEMORY_MAX: u64 = 400;

#[test]
fn two_hundred_thousand_sources_are_one_alert_and_memory_stays_flat() {
    // A single packet is an attack to this model.
    let site = Site::with_border(0);
    let service = site.start(&[]);
    service.until_owner();
    let mut peaks = Vec::new();
    for window in 0..2 {
        let start = BEGIN + window * 30;
        site.database.execute(&format!(
            "INSERT INTO raw_packets (timestamp, src_ip, dst_ip, protocol, length, src_port, dst_port, tcp_flags)
             SELECT {start} + p * 0.0001, '10.' || p / 65536 || '.' || p / 256 % 256 || '.' || p % 256, '172.16.0.1',
                    'TCP', 60, 1024 + p % 50000, 80, 'SYN'
             FROM generate_series(1, {SOURCES}) p"
        ));
        let known = format!("SELECT count(*) FROM flowsentry.alerts WHERE packets > {}", window * SOURCES);
        until("the flood to be known", || site.database.number(&known), |count| *count == 1);
        assert_eq!(site.database.number("SELECT coalesce(max(windows), 0) FROM flowsentry.alerts"), window, "too late");
        // What looks had no time for the closed window tells.
        site.time_goes_on(36 + window * 30);
        let told = format!("SELECT count(*) FROM flowsentry.alerts WHERE windows = {}", window + 1);
        until("the closed window to tell", || site.database.number(&told), |count| *count == 1);
        peaks.push(peak_mib(service.pid()));
    }
    site.time_goes_on(190);
    let told = format!("172.16.0.1 victim DDoS closed 2 {}", 2 * SOURCES);
    until("it to be over", || site.alerts(), |alerts| alerts.first() == Some(&told));
    // The packet that lets time go on is an attack to this model as well.
    assert!(site.alerts().len() <= 2, "{:?}", site.alerts());
    let peers = site.database.number("SELECT peers FROM flowsentry.alerts ORDER BY id LIMIT 1");
    assert!((190_000..=210_000).contains(&peers), "{peers} sources");
    assert!(peaks[1] < MEMORY_MAX, "{peaks:?} MiB");
    assert!(peaks[1] < peaks[0] * 3 / 2, "{peaks:?} MiB");
}
