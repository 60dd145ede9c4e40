//! The traffic keeps what its tables promise.

use super::*;
use crate::capture::hardware_text;
use crate::sandbox::layers::{ATTACKS, Attack};
use crate::sandbox::testing::database;

fn start() -> EventTime {
    EventTime::from_unix_seconds(1_700_000_010.0).unwrap()
}

#[test]
fn the_plan_is_what_a_demo_can_show_in_seconds() {
    let traffic = demo_traffic(start()).unwrap();
    let planned = &traffic.planned;
    assert_eq!(planned.rows, traffic.rows.len() as u64);
    assert_eq!(planned.packets, 5_521 + 14_420 + 11_065 + 24_000 + 9_618 + 2_945 + 4_234 + 115);
    assert_eq!(planned.windows, 4);
    assert_eq!(planned.unusable.values().sum::<u64>(), planned.rows - planned.packets);
    let reasons = [Reason::Time, Reason::Future, Reason::Address, Reason::Length, Reason::TcpFlags];
    assert_eq!(planned.unusable, reasons.map(|reason| (reason, 3)).into());
    assert!((200..1_000).contains(&planned.late), "{} late", planned.late);
    assert!((planned.late + 1_000..10_000).contains(&planned.out_of_order), "{} out of order", planned.out_of_order);
}

#[test]
fn late_packets_are_late_by_thousands_of_rows_and_others_never() {
    let traffic = demo_traffic(start()).unwrap();
    let begin = start().unix_seconds();
    let times: Vec<f64> = traffic.rows.iter().map(|row| row.packet.timestamp - begin).collect();
    let usable = traffic.rows.iter().zip(&times).filter(|(row, time)| row.flaw.is_none() && **time < 3000.0);
    let mut latest = 0.0_f64;
    for (_, time) in usable {
        assert!(*time >= latest - f64::from(DELAY_MAX) - 0.01 || *time <= latest - 30.0, "{time} after {latest}");
        latest = latest.max(*time);
    }
    let closed = times.iter().position(|time| (35.0..3000.0).contains(time)).unwrap();
    let late: Vec<usize> =
        (closed..times.len()).filter(|&row| times[row] < 30.0 && traffic.rows[row].flaw.is_none()).collect();
    assert_eq!(late.len() as u64, traffic.planned.late);
    assert!(late[0] - closed > 20_000, "{}", late[0] - closed);
}

#[test]
fn every_attack_is_where_and_when_the_table_says() {
    let traffic = demo_traffic(start()).unwrap();
    let check = |attack: &Attack, expected: u64| {
        let is_one = |list: &[&str], text: &str| list.contains(&text);
        let mut times: Vec<f64> = Vec::new();
        for RawRow { packet, .. } in &traffic.rows {
            let (source, destination) = match (&packet.addresses, &packet.content) {
                (Some((source, destination)), _) => (source.to_string(), destination.to_string()),
                (None, Content::Arp(arp)) => (hardware_text(arp.sender_hardware), arp.target.to_string()),
                (None, _) => continue,
            };
            let is_forged = is_one(attack.attackers, "thousands of addresses")
                && !source.starts_with("10.20.")
                && packet.content.ports().is_some_and(|(_, port)| port == 443);
            if (is_forged || is_one(attack.attackers, &source)) && is_one(attack.victims, &destination) {
                times.push(packet.timestamp - start().unix_seconds());
            }
        }
        times.sort_by(f64::total_cmp);
        let (begin, end) = (f64::from(attack.seconds.0), f64::from(attack.seconds.1));
        assert_eq!(times.len() as u64, expected, "{}", attack.name);
        assert!(times[0] >= begin && times[0] < begin + 3.0, "{} begins at {}", attack.name, times[0]);
        let last = times[times.len() - 1];
        assert!(last < end && last > end - 3.0, "{} ends at {last}", attack.name);
    };
    for (attack, packets) in ATTACKS.iter().zip([111, 1_524, 1_905, 16_000, 5_000]) {
        check(attack, packets);
    }
}

#[test]
fn nothing_of_the_lab_remains() {
    let traffic = demo_traffic(start()).unwrap();
    for RawRow { packet, .. } in &traffic.rows {
        let arp =
            if let Content::Arp(arp) = &packet.content { vec![arp.sender.into(), arp.target.into()] } else { vec![] };
        for address in packet.addresses.into_iter().flat_map(|(source, destination)| [source, destination]).chain(arp) {
            let text: String = IpAddr::to_string(&address);
            assert!(
                !text.starts_with("10.9.0.") && !text.starts_with("10.9.7.") && !text.starts_with("172.30.5."),
                "{text}"
            );
        }
    }
}

#[test]
fn the_same_traffic_comes_every_time() {
    let one = demo_traffic(start()).unwrap();
    let two = demo_traffic(start()).unwrap();
    assert_eq!(one.planned, two.planned);
    assert_eq!(format!("{:?}", one.rows), format!("{:?}", two.rows));
}

#[test]
fn all_rows_reach_a_table_in_their_order() {
    let Some((runtime, client)) = database("traffic") else { return };
    let traffic = demo_traffic(start()).unwrap();
    runtime.block_on(async {
        let create = "CREATE TABLE raw_packets (id serial, timestamp double precision, src_ip varchar, length integer)";
        client.batch_execute(create).await.unwrap();
        let sniffer = Sniffer::open(&client, "raw_packets", &BTreeMap::new(), "eth0").await.unwrap();
        let mut committed = Vec::new();
        traffic.insert(&sniffer, Speed::Times(500.0), 5000, |rows| committed.push(rows)).await.unwrap();
        assert_eq!(committed.iter().sum::<u64>(), traffic.planned.rows);
        assert!(committed.len() > 14 && committed.iter().all(|rows| *rows <= 5000), "{committed:?}");
        let times = client.query("SELECT timestamp FROM raw_packets ORDER BY id", &[]).await.unwrap();
        let times = times.iter().map(|row| row.get::<_, f64>(0).to_bits());
        assert!(times.eq(traffic.rows.iter().map(|row| row.packet.timestamp.to_bits())));
    });
}
