//! Rows become packets as the service decodes them; the corpus itself is read where it is at hand.

use super::*;

fn row(changes: &[(&str, Field)]) -> Row {
    let text = |text: &str| Field::Str(text.to_owned());
    let columns = COLUMNS.iter().chain(&OPTIONAL);
    let mut fields: Vec<(String, Field)> = columns.map(|name| ((*name).to_owned(), Field::Null)).collect();
    fields.push((ROLE.to_owned(), text("attacker")));
    let defaults = [
        ("timestamp", Field::Double(1.5)),
        ("src_ip", text("10.0.0.1")),
        ("dst_ip", text("10.0.0.2")),
        ("protocol", text("TCP")),
        ("length", Field::Int(60)),
        ("src_port", Field::Int(4000)),
        ("dst_port", Field::Int(22)),
        ("tcp_flags", text("SYN")),
        ("label", text("Brute Force")),
    ];
    for (name, field) in defaults.iter().chain(changes) {
        fields.iter_mut().filter(|(known, _)| known == name).for_each(|(_, value)| *value = field.clone());
    }
    Row::new(fields)
}

fn text(text: &str) -> Field {
    Field::Str(text.to_owned())
}

#[test]
fn rows_decode_as_the_service_decodes_them() {
    let check = |changes: &[(&str, Field)], expected: &str| {
        let found = match decode(row(changes)) {
            Ok(LabelledPacket { packet, label }) => {
                let FlowKey { source, destination, protocol } = packet.key;
                let (length, ports) = (packet.length, (packet.source_port, packet.destination_port));
                let (time, flags) = (packet.time, packet.tcp_flags.names());
                format!("{time} {source} {destination} {protocol} {length} {ports:?} {flags} {}", label.name())
            }
            Err(Unusable { column, value }) => format!("{column} is {value}"),
        };
        assert_eq!(found, expected, "{changes:?}");
    };
    check(&[], "1.500000 10.0.0.1 10.0.0.2 TCP 60 (4000, 22) SYN Brute Force");
    let arp = [
        ("src_ip", text("0.0.0.0")),
        ("dst_ip", Field::Null),
        ("arp_psrc", text("10.0.0.7")),
        ("arp_pdst", text("10.0.0.8")),
        ("protocol", text("ARP")),
        ("src_port", Field::Null),
        ("dst_port", Field::Null),
        ("tcp_flags", Field::Null),
    ];
    check(&arp, "1.500000 10.0.0.7 10.0.0.8 ARP 60 (0, 0) NONE Brute Force");
    check(&[("role", text("victim"))], "1.500000 10.0.0.1 10.0.0.2 TCP 60 (4000, 22) SYN Normal");
    check(&[("role", text("bystander"))], "1.500000 10.0.0.1 10.0.0.2 TCP 60 (4000, 22) SYN Normal");
    check(&[("src_ip", text("ten"))], "src_ip is \"ten\"");
    check(&[("timestamp", Field::Double(f64::NAN))], "timestamp is NaN");
    check(&[("timestamp", Field::Null)], "timestamp is null");
    check(&[("length", Field::Int(-1))], "length is -1");
    check(&[("dst_port", Field::Int(70_000))], "dst_port is 70000");
    check(&[("label", text("Weather"))], "label is \"Weather\"");
}

#[test]
fn arp_rows_keep_what_they_claim() {
    let changes = [("protocol", text("ARP")), ("arp_op", Field::Int(2)), ("arp_hwsrc", text("02:00:00:00:00:01"))];
    let Ok(LabelledPacket { packet, .. }) = decode(row(&changes)) else { panic!("a usable row") };
    let arp = packet.arp.unwrap();
    assert!(arp.is_reply);
    assert_eq!(arp.source_hardware, HardwareAddress::parse("02:00:00:00:00:01"));
}

#[test]
fn dns_rows_keep_what_their_name_is_like() {
    let check = |changes: &[(&str, Field)], expected: Option<Dns>| {
        let Ok(LabelledPacket { packet, .. }) = decode(row(changes)) else { panic!("a usable row") };
        assert_eq!(packet.dns, expected, "{changes:?}");
    };
    let (name, query, response) = (text("www.example.org"), Field::Bool(false), Field::Bool(true));
    let named = |is_response| Dns::of_name(b"www.example.org", is_response);
    check(&[("dns_qname", name.clone()), ("dns_response", query)], named(false));
    check(&[("dns_qname", name.clone()), ("dns_response", response.clone())], named(true));
    check(&[("dns_qname", name)], named(false));
    check(&[("dns_response", response)], None);
    check(&[], None);
}

#[test]
fn a_missing_corpus_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let error = Corpus::open(directory.path()).unwrap_err();
    assert!(error.to_string().ends_with("splits.json cannot be read"), "{error}");
    std::fs::write(directory.path().join("splits.json"), "[]").unwrap();
    let error = Corpus::open(directory.path()).unwrap_err();
    assert!(error.to_string().ends_with("splits.json is not as expected"), "{error}");
}

#[test]
fn a_capture_reads_as_its_description_says() {
    let Some(directory) = crate::training::tests::shared_data() else { return };
    let corpus = Corpus::open(&directory).unwrap();
    let captures = corpus.captures(Split::Test).unwrap();
    let check = |id: &str, subject: &str, packets: usize, attacker_at_least: usize| {
        let capture = captures.iter().find(|capture| capture.id == id).unwrap();
        assert_eq!(capture.subject, subject);
        let read = corpus.packets(capture).unwrap();
        assert_eq!(read.len(), packets, "{id}");
        let attacker = read.iter().filter(|labelled| labelled.label != Label::NORMAL).count();
        assert!(attacker >= attacker_at_least && attacker <= packets, "{id}: {attacker}");
        assert!(read.is_sorted_by_key(|labelled| labelled.packet.time), "{id}");
    };
    check("sanders-syn", "Port Scanning", 2011, 1000);
    check("nours-arp", "ARP Poisoning", 41, 20);
    check("acandeias-arpstorm", "Normal", 622, 0);
    check("acandeias-dnstunnel", "DNS Tunnel", 223, 1);
    let tunnel = captures.iter().find(|capture| capture.id == "acandeias-dnstunnel").unwrap();
    let named = corpus.packets(tunnel).unwrap().iter().filter(|labelled| labelled.packet.dns.is_some()).count();
    assert!(named > 200, "{named}");
}

#[test]
fn joined_captures_are_learnt_from_and_chosen_by_but_not_judged_by() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    crate::training::kit::write_corpus(one.path());
    crate::training::kit::write_corpus(two.path());
    let rename = |name: &str| {
        let path = two.path().join(name);
        let text = std::fs::read_to_string(&path).unwrap().replace("normal-", "other-");
        std::fs::write(path, text).unwrap();
    };
    let join = || Corpus::open(one.path()).unwrap().join(&Corpus::open(two.path()).unwrap());
    assert!(matches!(join(), Err(CorpusError::Twice { .. })));
    std::fs::write(
        two.path().join("splits.json"),
        r#"{ "train": ["normal-0"], "validation": ["normal-2"], "test": ["normal-3"] }"#,
    )
    .unwrap();
    rename("splits.json");
    rename("captures.json");
    for number in [0, 2] {
        let path = |name: &str| two.path().join(format!("packets/{name}-{number}.parquet"));
        std::fs::rename(path("normal"), path("other")).unwrap();
    }
    let joined = join().unwrap();
    let counts = [Split::Train, Split::Validation, Split::Test].map(|split| joined.captures(split).unwrap().len());
    assert_eq!(counts, [13, 7, 6]);
    let captures = joined.captures(Split::Train).unwrap();
    let other = captures.iter().find(|capture| capture.id == "other-0").unwrap();
    assert!(!joined.packets(other).unwrap().is_empty());
    joined.fingerprint(&[Split::Train, Split::Validation]).unwrap();
}
