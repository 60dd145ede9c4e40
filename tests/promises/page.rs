//! The live page over HTTP: a browser may show it, its stream tells of an alert as soon as it is stored, nothing that others
//! wrote becomes markup, and lists are read page by page. What a browser makes of it is shown elsewhere.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::kit::{Database, Service, Tables, until};

/// Markup, marks of direction, escapes of terminals, line ends: all that a table can hold.
const HOSTILE: &str = "<img src=x onerror=alert(1)>\"><svg/onload=alert(1)>\u{202e}\u{1b}[2J\r\n\u{200b}'&";
/// For an answer to come: a test that meets it has failed.
const PATIENCE: Duration = Duration::from_secs(20);

fn address(service: &Service) -> String {
    let line = service.until_logged("serving metrics and health over HTTP");
    line["address"].as_str().unwrap().to_owned()
}

/// Status, head and body.
#[track_caller]
fn ask(service: &Service, path: &str, extra: &str) -> (u16, String, String) {
    let address = address(service);
    let mut stream = TcpStream::connect(&address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{extra}\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), head.to_lowercase(), body.to_owned())
}

/// A page, which must be one and of this status.
#[track_caller]
fn page(service: &Service, path: &str, expected: u16) -> String {
    let (status, head, body) = ask(service, path, "");
    assert_eq!(status, expected, "{path}: {head}\n{body}");
    assert!(head.contains("content-type: text/html; charset=utf-8"), "{path}: {head}");
    assert!(body.starts_with("<!DOCTYPE html><html lang=\"en\">") && body.ends_with("</html>"), "{path}: {body}");
    body
}

/// Alerts as attackers of this many addresses, the later ids the later.
fn insert_alerts(database: &Database, count: u32, texts: &str) {
    database.execute(&format!(
        "INSERT INTO flowsentry.alerts (source_id, subject, subject_kind, label, severity, state, confidence, first_seen,
             last_seen, packets, bytes, flows, windows, peers, peer_sample, ports, port_sample, protocols, memory, reasons,
             model_version, acknowledged_at, acknowledged_by, note)
         SELECT 1, ('10.' || n / 65536 || '.' || n / 256 % 256 || '.' || n % 256)::inet, 'attacker', t.text, 'high',
             CASE WHEN n <= 20 THEN 'open' ELSE 'closed' END, 0.9, now() - interval '1 min', now() - n * interval '1 ms',
             7, 420, 1, 1, 2, ARRAY['192.0.2.1'::inet, '192.0.2.2'], 1, '{{22}}', ARRAY[t.text], '{{}}',
             jsonb_build_object('features', jsonb_build_array(jsonb_build_object('sentence', t.text, 'contribution', 1.5)),
                 'way_back', jsonb_build_object('sentence', t.text)),
             t.text, now(), t.text, t.text
         FROM generate_series(1, {count}) n, (SELECT {texts} AS text) t;
         ANALYZE flowsentry.alerts"
    ));
}

/// As SQL writes a text.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// What stands between two quotes after this, each time.
fn quoted<'a>(text: &'a str, before: &str) -> Vec<&'a str> {
    text.split(before).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn a_browser_may_show_each_page_and_asks_nobody_else() {
    let database = Database::new(Tables::Ours);
    insert_alerts(&database, 3, "'Port Scanning'");
    let service = Service::start(&database, &[]);
    service.until_owner();
    for path in ["/", "/alerts", "/alerts/1", "/hosts/10.0.0.1", "/hosts/2001:db8::1", "/exceptions", "/search?q=x"] {
        let (_, head, _) = ask(&service, path, "");
        let policy = head.lines().find_map(|line| line.strip_prefix("content-security-policy: ")).unwrap();
        for part in ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        let body = page(&service, path, 200);
        for attribute in [" href=\"", " src=\"", " action=\""] {
            for target in quoted(&body, attribute) {
                let is_ours = target.starts_with('#') || target.starts_with('/') && !target.starts_with("//");
                assert!(is_ours, "{path}: {target}");
            }
        }
        for tag in body.split('<').filter_map(|tag| tag.split('>').next()) {
            let names: String = tag.split('"').step_by(2).collect();
            assert!(!names.contains(" style=") && !names.contains(" on") && names != "style", "{path}: <{tag}>");
        }
        for (open, close) in body.match_indices("<script").zip(body.match_indices("</script>")) {
            assert!(body[open.0..close.0].ends_with('>'), "{path}: a script stands within the page");
        }
    }
    for (path, kind) in
        [("/assets/page.css", "text/css"), ("/assets/page.js", "text/javascript"), ("/assets/icon.svg", "image/svg")]
    {
        let (status, head, text) = ask(&service, path, "");
        assert!(status == 200 && head.contains(&format!("content-type: {kind}")) && text.len() > 100, "{path}: {head}");
        let tag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
        let (status, _, again) = ask(&service, path, &format!("If-None-Match: {tag}\r\n"));
        assert_eq!((status, again.as_str()), (304, ""), "{path}");
        assert_eq!(ask(&service, path, "If-None-Match: \"other\"\r\n").0, 200, "{path}");
    }
    assert_eq!(ask(&service, "/assets/../page.js", "").0, 404);
    let (status, _, text) = ask(&service, "/text", "");
    assert!(status == 200 && text.contains("/metrics  Prometheus"), "{text}");
}

#[test]
fn what_cannot_be_shown_is_a_page_that_says_why() {
    let database = Database::new(Tables::Ours);
    let service = Service::start(&database, &[]);
    service.until_owner();
    let check = |path: &str, status: u16, why: &str| {
        let body = page(&service, path, status);
        assert!(body.contains(why), "{path}: {body}");
        assert!(!body.contains("<script>") && !body.contains("<img"), "{path}: {body}");
    };
    check("/nothing", 404, "there is no /nothing");
    check("/%3Cscript%3Ealert(1)%3C/script%3E", 404, "there is no ");
    check("/alerts/7", 404, "there is no alert 7");
    check("/alerts/one", 400, "id = ");
    check("/alerts?state=gone", 400, "state = ");
    check("/alerts?subject=10.0.0.0/33", 400, "subject = ");
    check("/alerts?before=yesterday", 400, "before = ");
    check("/alerts?sort=%3Cimg%20src=x%3E", 400, "there is no parameter");
    check("/hosts/localhost", 400, "address = ");
    check("/search?q=%3Cimg%20src=x%20onerror=1%3E", 200, "is neither an address nor a network");
    check("/alerts?state=&label=&severity=&subject=", 200, "No alerts match.");
    let (status, head, _) = ask(&service, "/search?q=10.0.0.0%2F8", "");
    assert!(status == 303 && head.contains("location: /alerts?subject=10.0.0.0%2f8"), "{head}");
    let (status, head, _) = ask(&service, "/search?q=2001:DB8::1", "");
    assert!(status == 303 && head.contains("location: /hosts/2001:db8::1"), "{head}");
    database.execute("ALTER TABLE flowsentry.alerts RENAME TO gone");
    check("/alerts", 503, "The database does not answer");
    assert!(page(&service, "/", 200).contains("Alerts cannot be read now."));
}

/// Lines of an event stream.
struct Stream(BufReader<TcpStream>);

impl Stream {
    #[allow(clippy::disallowed_methods)] // tests have no other clock
    fn open(service: &Service, path: &str) -> Self {
        let address = address(service);
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: text/event-stream\r\n\r\n").unwrap();
        Self(BufReader::new(stream))
    }

    /// Reads on until a line has this; at its end, nothing.
    #[allow(clippy::disallowed_methods)] // tests have no other clock
    fn until(&mut self, part: &str) -> Option<String> {
        let deadline = Instant::now() + PATIENCE;
        let mut line = String::new();
        while self.0.read_line(&mut line).unwrap() > 0 {
            if line.contains(part) {
                return Some(line);
            }
            assert!(Instant::now() < deadline, "the stream went on without {part}");
            line.clear();
        }
        None
    }
}

#[test]
#[allow(clippy::disallowed_methods)] // tests have no other clock
fn the_stream_tells_of_an_alert_as_soon_as_it_is_stored() {
    let database = Database::new(Tables::Ours);
    let service = Service::start(&database, &[]);
    service.until_owner();
    let (mut stream, mut quiet) = (Stream::open(&service, "/events"), Stream::open(&service, "/events?of=alerts"));
    assert!(stream.until("content-type: text/event-stream").is_some());
    assert!(stream.until("No open alerts.").unwrap().contains("There has been none yet"));
    assert!(quiet.until("event: beat").is_some());
    insert_alerts(&database, 1, &literal("Port Scanning"));
    let stored = Instant::now();
    let told = stream.until("data-alert=\\\"1\\\"").unwrap();
    println!("told after {:?}", stored.elapsed());
    assert!(told.contains("10.0.0.1") && told.contains("Port Scanning"), "{told}");
    assert!(quiet.until("event: alerts").is_some());
    database.execute("UPDATE flowsentry.alerts SET state = 'closed', ended_at = now()");
    assert!(stream.until("The last one ended").is_some());
    // A standstill of the page is no standstill of the stream.
    assert!(stream.until("event: beat").is_some());
    let stops = std::thread::spawn(move || service.stop());
    assert_eq!(stream.until("data of a service that has stopped"), None);
    assert!(stops.join().unwrap().success());
}

#[test]
fn nothing_that_others_wrote_becomes_markup() {
    let database = Database::new(Tables::Ours);
    let long = format!("{} || repeat('<b>\u{202e}', 16384)", literal(HOSTILE));
    insert_alerts(&database, 2, &long);
    database.execute(&format!("UPDATE flowsentry.alerts SET label = {} WHERE id = 2", literal(HOSTILE)));
    database.execute(&format!(
        "INSERT INTO flowsentry.exceptions (protocol, label, schedule, owner, reason)
         SELECT {long}, {long}, {long}, {long}, {long};
         INSERT INTO traffic_data (window_start, window_end, src_ip, dest_ip, protocol, predicted_label, model_version,
             packet_count, byte_count)
         SELECT now() - interval '40 s', now() - interval '10 s', '10.0.0.1', {long}, {long}, {long}, {long}, 1, 60"
    ));
    let service = Service::start(&database, &[]);
    service.until_owner();
    let is_clean = |path: &str, text: &str| {
        for raw in ["<img", "<svg/", "<b>", "\u{202e}", "\u{200b}", "\u{1b}", "\r", "onerror=alert(1)>\""] {
            assert!(!text.contains(raw), "{path} has {raw:?}");
        }
        assert!(text.contains("&lt;img src=x onerror=alert(1)&gt;"), "{path}: it is shown");
        assert!(text.contains("\\u{202e}␛[2J␍␊\\u{200b}"), "{path}: what is invisible is written out");
        assert!(text.len() < 200_000, "{path}: {} octets", text.len());
    };
    for path in ["/", "/alerts", "/alerts/1", "/hosts/10.0.0.1", "/exceptions"] {
        is_clean(path, &page(&service, path, 200));
    }
    let mut stream = Stream::open(&service, "/events");
    let data = stream.until("\"alerts\"").unwrap();
    let told: serde_json::Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
    is_clean("/events", told["sections"]["alerts"].as_str().unwrap());
    // An exception for this label must match it to the letter: the script gets it beside what is shown.
    let body = page(&service, "/alerts/2", 200);
    assert!(body.contains(" data-value=\"&quot;\\u003cimg src=x onerror=alert(1)\\u003e"), "{body}");
}

#[test]
#[allow(clippy::disallowed_methods)] // tests have no other clock
fn a_hundred_thousand_alerts_are_read_page_by_page_and_quickly() {
    let database = Database::new(Tables::Ours);
    insert_alerts(&database, 100_000, "'Port Scanning'");
    let service = Service::start(&database, &[]);
    service.until_owner();
    let ids =
        |body: &str| -> Vec<i64> { quoted(body, "<tr data-alert=\"").iter().map(|id| id.parse().unwrap()).collect() };
    let mut path = "/alerts?label=Port+Scanning".to_owned();
    let mut found = Vec::new();
    for _ in 0..3 {
        let body = page(&service, &path, 200);
        found.extend(ids(&body));
        let next = quoted(&body, "<a rel=\"next\" href=\"");
        path = next.first().unwrap().replace("&amp;", "&");
        assert!(path.contains("label=Port%20Scanning&before="), "{path}");
    }
    assert_eq!(found, (1..=150).collect::<Vec<i64>>(), "the last seen first, each once");
    let last = page(&service, "/alerts?subject=10.1.134.160", 200);
    assert!(ids(&last) == [100_000] && !last.contains("rel=\"next\""), "{last}");

    for path in
        ["/", "/alerts", &path, "/alerts?state=open", "/alerts?subject=10.1.0.0/16", "/alerts/77", "/hosts/10.0.1.2"]
    {
        // The best of a few: the machine has others to serve.
        let tries = (0..5).map(|_| {
            let began = Instant::now();
            page(&service, path, 200);
            began.elapsed()
        });
        let took = tries.min().unwrap();
        println!("{path}: {took:?}");
    }
}

#[test]
fn an_adopted_table_without_our_columns_still_has_a_host_page() {
    let database = Database::new(Tables::Adopted);
    let service = Service::start(&database, &[]);
    service.until_owner();
    database.execute(
        "ALTER TABLE traffic_data DROP COLUMN IF EXISTS byte_count, DROP COLUMN IF EXISTS predicted_label;
         INSERT INTO traffic_data (window_start, src_ip, dest_ip, packet_count)
         VALUES (now() - interval '1 min', '10.0.0.1', '10.0.0.2', 5), (now() - interval '2 h', '10.0.0.2', '10.0.0.1', 3)",
    );
    let body =
        until("the flows", || page(&service, "/hosts/10.0.0.1", 200), |body| body.contains("Flows of the last hour"));
    assert!(body.contains("/hosts/10.0.0.2") && body.contains("What is usual of it"), "{body}");
}
