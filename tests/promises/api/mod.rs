//! `/api` answers as its document says, page by page, to those who may ask, and shows what others wrote as JSON.

mod schema;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::kit::{Database, Service, Tables, until};
use schema::Schema;

const TOKEN: &str = "0123456789abcdef0123";
const ALERT_COLUMNS: &str =
    "source_id, subject, subject_kind, label, severity, state, confidence, first_seen, last_seen,
    packets, bytes, flows, windows, peers, peer_sample, ports, port_sample, protocols, memory";

/// A service with a token, and its document.
struct Api {
    service: Service,
    address: String,
    schema: Schema,
    _token: NamedTempFile,
}

/// A request, and what is said beside its path.
#[derive(Clone, Copy)]
struct Request<'a> {
    method: &'a str,
    path: &'a str,
    body: &'a str,
    headers: &'a [(&'a str, &'a str)],
}

impl Api {
    fn start(database: &Database) -> Self {
        let mut token = NamedTempFile::new().unwrap();
        writeln!(token, "{TOKEN}").unwrap();
        let setting = format!("http.token_file={}", token.path().display());
        let service = Service::start(database, &[&setting]);
        service.until_owner();
        let line = service.until_logged("serving metrics and health over HTTP");
        let (status, document) = service.get("/api/openapi.json");
        assert_eq!(status, 200);
        Self {
            address: line["address"].as_str().unwrap().to_owned(),
            service,
            schema: Schema::new(serde_json::from_str(&document).unwrap()),
            _token: token,
        }
    }

    /// Status and answer, which must be JSON and as described.
    #[track_caller]
    fn ask(&self, request: Request) -> (u16, Value) {
        let Request { method, path, body, headers } = request;
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let extra: String =
            headers.iter().fold(String::new(), |all, (name, value)| format!("{all}{name}: {value}\r\n"));
        let host = &self.address;
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{extra}Content-Length: {length}\r\n\r\n"
        )
        .unwrap();
        // A body that is too large is refused by the head alone; whoever sends it all the same may miss the answer.
        if length <= 64 * 1024 {
            stream.write_all(body.as_bytes()).unwrap();
        }
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        assert!(head.to_lowercase().contains("content-type: application/json"), "{method} {path}: {answer}");
        let value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"));
        self.schema.hold(method, path, status, &value);
        (status, value)
    }

    #[track_caller]
    fn get(&self, path: &str) -> (u16, Value) {
        self.ask(Request { method: "GET", path, body: "", headers: &[] })
    }

    /// With the token and as JSON.
    #[track_caller]
    fn send(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let bearer = format!("Bearer {TOKEN}");
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        self.ask(Request { method, path, body: &body.to_string(), headers: &headers })
    }

    /// The ids of all pages.
    #[track_caller]
    fn ids(&self, query: &str) -> Vec<i64> {
        let mut ids = Vec::new();
        let mut before = String::new();
        loop {
            let (status, page) = self.get(&format!("/api/alerts?{query}{before}"));
            assert_eq!(status, 200, "{page}");
            ids.extend(page["alerts"].as_array().unwrap().iter().map(|alert| alert["id"].as_i64().unwrap()));
            match page["next"].as_str() {
                Some(next) => before = format!("&before={next}"),
                None => return ids,
            }
        }
    }
}

/// This many alerts, of which many were last seen at the same moment, the later ids the earlier.
fn insert_alerts(database: &Database, count: u32) {
    database.execute(&format!(
        "INSERT INTO flowsentry.alerts ({ALERT_COLUMNS})
         SELECT 1, ('10.0.' || n % 4 || '.' || n % 200)::inet, (ARRAY['attacker', 'victim', 'identity'])[1 + n % 3],
             (ARRAY['DDoS', 'PortScan'])[1 + n % 2], (ARRAY['low', 'medium', 'high', 'critical'])[1 + n % 4],
             (ARRAY['open', 'closed', 'withdrawn'])[1 + n % 3], 0.5, seen - interval '10 s', seen, 1, 60, 1, 1, 1,
             ARRAY['192.0.2.1'::inet], 1, '{{22}}', '{{TCP}}', '{{}}'
         FROM generate_series(1, {count}) n,
             LATERAL (SELECT '2026-03-02T00:00:00Z'::timestamptz - n / 1000 * interval '1 hour' AS seen) s;
         ANALYZE flowsentry.alerts"
    ));
}

#[test]
fn alerts_are_told_page_by_page_and_filtered() {
    let database = Database::new(Tables::Ours);
    insert_alerts(&database, 2500);
    let api = Api::start(&database);
    let expected = |condition: &str| -> Vec<i64> {
        let order = "ORDER BY last_seen DESC, id DESC";
        let rows = database.query(&format!("SELECT id FROM flowsentry.alerts WHERE {condition} {order}"));
        rows.iter().map(|row| row.get(0)).collect()
    };
    let check = |query: &str, condition: &str| {
        let (found, expected) = (api.ids(query), expected(condition));
        assert!(!expected.is_empty() && found == expected, "{query}: {} of {}", found.len(), expected.len());
    };
    check("limit=500", "true");
    check(
        "limit=7&subject=10.0.3.0/24&state=open&severity=critical",
        "subject <<= '10.0.3.0/24' AND state = 'open' AND severity = 'critical'",
    );
    check("state=closed", "state = 'closed'");
    check("label=PortScan&limit=333", "label = 'PortScan'");
    check("severity=critical", "severity = 'critical'");
    check("subject=10.0.1.1", "subject = '10.0.1.1'");
    check("subject=10.0.0.0%2F23&label=DDoS", "subject <<= '10.0.0.0/23' AND label = 'DDoS'");
    check("since=2026-03-01T23:00:00Z", "last_seen >= '2026-03-01T23:00:00Z'");
    check("until=2026-03-01T23:00:00Z", "last_seen < '2026-03-01T23:00:00Z'");
    assert_eq!(api.ids("subject=2001:db8::/32"), Vec::<i64>::new());

    let wrong = |path: &str, place: &str| {
        let (status, answer) = api.get(path);
        let error = answer["error"].as_str().unwrap();
        assert!(status == 400 && error.contains(place) && answer["remedy"] != "", "{path}: {status} {answer}");
    };
    wrong("/api/alerts?before=yesterday", "before = \"yesterday\"");
    wrong("/api/alerts?before=1-2-3", "before = ");
    wrong("/api/alerts?before=-1-2", "before = ");
    wrong("/api/alerts?limit=501", "limit = \"501\"");
    wrong("/api/alerts?limit=0", "limit = ");
    wrong("/api/alerts?state=gone", "state = \"gone\"");
    wrong("/api/alerts?severity=CRITICAL", "severity = ");
    wrong("/api/alerts?subject=10.0.0.0/33", "subject = ");
    wrong("/api/alerts?since=noon", "since = ");
    wrong("/api/alerts?label=%00", "label = ");
    wrong("/api/alerts?sort=id", "\"sort\"");
    wrong("/api/alerts/one", "id = \"one\"");
    let (status, answer) = api.get("/api/alerts/999999");
    assert_eq!((status, answer["error"].as_str().unwrap()), (404, "there is no alert 999999"));
}

#[test]
#[allow(clippy::disallowed_methods)] // tests have no other clock
fn the_list_is_quick_among_a_hundred_thousand_alerts() {
    let database = Database::new(Tables::Ours);
    insert_alerts(&database, 100_000);
    let api = Api::start(&database);
    let (_, page) = api.get("/api/alerts?limit=1");
    let next = page["next"].as_str().unwrap();
    for query in ["limit=50".to_owned(), format!("limit=50&before={next}"), "limit=50&subject=10.0.1.1".to_owned()] {
        // The best of a few: the machine has others to serve.
        let tries = (0..5).map(|_| {
            let began = Instant::now();
            assert_eq!(api.get(&format!("/api/alerts?{query}")).0, 200);
            began.elapsed()
        });
        let took = tries.min().unwrap();
        println!("{query}: {took:?}");
        assert!(took < Duration::from_millis(500), "{query}: {took:?}");
    }
}

#[test]
fn what_others_wrote_comes_back_as_json() {
    let database = Database::new(Tables::Ours);
    let hostile = "<img src=x onerror=alert(1)>\u{202e}\u{1b}[2J\"\\";
    database.execute(&format!(
        "INSERT INTO flowsentry.alerts ({ALERT_COLUMNS}, reasons, note)
         VALUES (1, '2001:db8::1', 'attacker', '{hostile}', 'high', 'open', 1, now(), now(), 1, 60, 1, 0, 1, '{{192.0.2.1}}', 1,
             '{{22}}', '{{TCP}}', '{{}}', '{{\"features\": []}}', '{hostile}')"
    ));
    let api = Api::start(&database);
    let (_, told) = api.get("/api/alerts/1");
    assert_eq!((&told["alert"]["label"], &told["alert"]["note"]), (&hostile.into(), &hostile.into()));
    assert_eq!(told["alert"]["subject"], "2001:db8::1");

    let path = "/api/alerts/1/acknowledge";
    let note = format!("{hostile} seen");
    let (status, alert) = api.send("POST", path, &json!({ "by": hostile, "note": note }));
    assert_eq!((status, alert["note"].as_str(), alert["acknowledged_by"].as_str()), (200, Some(&*note), Some(hostile)));
    let (_, again) = api.send("POST", path, &json!({ "by": "somebody else" }));
    assert_eq!(again["acknowledged_by"], hostile, "the first stays");
    assert_eq!((&again["acknowledged_at"], &again["note"]), (&alert["acknowledged_at"], &alert["note"]));

    let refused = |body: &Value, place: &str| {
        let (status, answer) = api.send("POST", path, body);
        assert!(status == 400 && answer["error"].as_str().unwrap().contains(place), "{body}: {status} {answer}");
    };
    refused(&json!({ "by": "me", "note": "a\0b" }), "note = \"a\\0b\"");
    refused(&json!({ "by": " " }), "by = ");
    refused(&json!({ "by": "me", "more": 1 }), "unknown field `more`");
    refused(&json!([]), "the body cannot be used");
    assert_eq!(api.send("POST", "/api/alerts/2/acknowledge", &json!({ "by": "me" })).0, 404);
    let (status, answer) = api.send("POST", path, &json!({ "by": "me", "note": "x".repeat(100_000) }));
    assert_eq!((status, answer["error"].as_str().unwrap()), (413, "the body is too large"));
}

#[test]
fn changes_need_the_token_json_and_no_foreign_origin() {
    let database = Database::new(Tables::Ours);
    let api = Api::start(&database);
    let bearer = format!("Bearer {TOKEN}");
    let body = r#"{"source": "10.0.0.1", "owner": "me", "reason": "r"}"#;
    let json = ("Content-Type", "application/json");
    let check = |headers: &[(&str, &str)], expected: u16| {
        let (status, answer) = api.ask(Request { method: "POST", path: "/api/exceptions", body, headers });
        assert_eq!(status, expected, "{headers:?}: {answer}");
    };
    check(&[json], 401);
    check(&[json, ("Authorization", "Bearer 0123456789abcdef0124")], 401);
    check(&[json, ("Authorization", "Basic 0123456789abcdef0123")], 401);
    check(&[("Authorization", &bearer)], 415);
    check(&[("Authorization", &bearer), ("Content-Type", "text/plain")], 415);
    check(&[json, ("Authorization", &bearer), ("Origin", "http://evil.example")], 403);
    check(&[json, ("Authorization", &bearer), ("Origin", "null")], 403);
    let delete = |headers: &[(&str, &str)]| {
        api.ask(Request { method: "DELETE", path: "/api/exceptions/1", body: "", headers }).0
    };
    assert_eq!(database.number("SELECT count(*) FROM flowsentry.exceptions"), 0);
    check(&[json, ("Authorization", &bearer), ("Origin", &format!("http://{}", api.address))], 201);
    assert_eq!(delete(&[]), 401);
    assert_eq!(delete(&[("Authorization", &bearer)]), 200);

    // Without a token nothing can be changed; and beyond loopback nothing can be read.
    let bare = Service::start(&database, &["http.listen=0.0.0.0:0"]);
    let (status, answer) = bare.get("/api/state");
    assert!(status == 403 && answer.contains("set http.token_file"), "{status} {answer}");
    assert_eq!(bare.get("/healthz").0, 200);
    assert_eq!(bare.get("/metrics").0, 200);
    let (status, error) = Service::start(&database, &["http.token_file=/nowhere/token"]).ended();
    assert!(status.code() == Some(78) && error.contains("http.token_file"), "{status} {error}");
}

#[test]
fn exceptions_are_proved_saved_and_deleted() {
    let database = Database::new(Tables::Ours);
    insert_alerts(&database, 12);
    database.execute("UPDATE flowsentry.alerts SET last_seen = now(), first_seen = now()");
    let api = Api::start(&database);
    let post = |path: &str, body: Value| api.send("POST", path, &body);
    let (status, proof) = post("/api/exceptions/try", json!({ "label": "ddos" }));
    assert_eq!(
        (status, &proof["alerts"], &proof["silenced"], &proof["objection"]),
        (200, &12.into(), &6.into(), &Value::Null)
    );
    assert_eq!(proof["by_label"].as_array().unwrap().len(), 2, "{proof}");
    assert_eq!(database.number("SELECT count(*) FROM flowsentry.exceptions"), 0);
    let (status, proof) = post("/api/exceptions/try", json!({ "protocol": "tcp" }));
    assert!(status == 200 && proof["objection"].as_str().unwrap().contains("every one of the 12 alerts"), "{proof}");

    let whole = json!({
        "source": "10.0.0.0/24", "destination": "192.0.2.1", "protocol": "tcp", "port": 22, "label": "DDoS",
        "schedule": "mon-fri 22:00-04:00", "expires_at": "2100-01-01T00:00:00Z", "owner": "me", "reason": "r",
    });
    let (status, saved) = post("/api/exceptions", whole);
    assert_eq!((status, &saved["id"]), (201, &1.into()));
    let refused = |body: Value, expected: u16, place: &str| {
        let (status, answer) = post("/api/exceptions", body);
        assert!(status == expected && answer["error"].as_str().unwrap().contains(place), "{status} {answer}");
    };
    refused(json!({ "owner": "me", "reason": "r" }), 409, "would silence everything");
    refused(json!({ "protocol": "TCP", "owner": "me", "reason": "r" }), 409, "every one of the 12 alerts");
    refused(json!({ "label": "DDoS", "reason": "r" }), 400, "owner = ");
    refused(json!({ "label": "DDoS", "owner": "me" }), 400, "reason = ");
    refused(json!({ "port": 65536, "owner": "me", "reason": "r" }), 400, "port = \"65536\"");
    refused(json!({ "schedule": "fry", "owner": "me", "reason": "r" }), 400, "schedule = ");
    refused(
        json!({ "label": "a", "expires_at": "2001-01-01T00:00:00Z", "owner": "me", "reason": "r" }),
        400,
        "expires_at = ",
    );
    let (status, _) = post("/api/exceptions?force=true", json!({ "owner": "me", "reason": "r" }));
    assert_eq!(status, 201);
    until("both to be in force", || api.service.metric("flowsentry_exceptions"), |found| *found == 2.0);
    let (_, listed) = api.get("/api/exceptions");
    let first = &listed["exceptions"][0];
    assert_eq!((&first["source"], &first["schedule"]), (&"10.0.0.0/24".into(), &"mon-fri 22:00-04:00".into()));
    assert_eq!((&first["expires_at"], &first["state"]), (&"2100-01-01T00:00:00.000000Z".into(), &"in_force".into()));
    assert_eq!(api.send("DELETE", "/api/exceptions/1", &Value::Null).0, 200);
    assert_eq!(api.send("DELETE", "/api/exceptions/1", &Value::Null).0, 404);
    assert_eq!(database.number("SELECT count(*) FROM flowsentry.exceptions"), 1);
}

const FLOWS: &str = "
    INSERT INTO traffic_data (src_ip, dest_ip, protocol, window_start, window_end, packet_count, byte_count, predicted_label)
    SELECT '10.0.0.' || n % 3, '10.0.0.9', 'TCP', '2026-03-02T00:00:00Z'::timestamptz + n * interval '30 s',
        '2026-03-02T00:00:30Z'::timestamptz + n * interval '30 s', n, 60 * n, 'DDoS' FROM generate_series(0, 599) n";

#[test]
fn flows_of_a_host_and_of_an_alert_are_told() {
    for tables in [Tables::Ours, Tables::Adopted] {
        let database = Database::new(tables);
        database.execute(FLOWS);
        database.execute(&format!(
            "INSERT INTO flowsentry.alerts ({ALERT_COLUMNS})
             SELECT 1, subject, kind, 'DDoS', 'high', 'closed', 1, '2026-03-02T00:00:40Z', '2026-03-02T00:04:59Z', 1, 60, 1, 1, 1,
                 '{{10.0.0.9}}', 1, '{{22}}', '{{TCP}}', '{{}}'
             FROM (VALUES ('10.0.0.1'::inet, 'attacker'), ('10.0.0.9', 'victim')) a (subject, kind);
             INSERT INTO flowsentry.alert_windows VALUES (1, '2026-03-02T00:00:30Z', 0, 1, 60, 1, 1, 1, 0.9)"
        ));
        let api = Api::start(&database);
        let span = "since=2026-03-02T00:00:00Z&until=2026-03-02T05:00:00Z";
        let (_, told) = api.get(&format!("/api/hosts/10.0.0.1/flows?{span}&limit=500"));
        let flows = told["flows"].as_array().unwrap();
        assert_eq!((flows.len(), &told["has_more"]), (200, &false.into()), "{tables:?}");
        assert_eq!((&flows[0]["packet_count"], &flows[0]["src_ip"]), (&598.into(), &"10.0.0.1".into()));
        let (_, told) = api.get(&format!("/api/hosts/10.0.0.9/flows?{span}"));
        assert_eq!((told["flows"].as_array().unwrap().len(), &told["has_more"]), (100, &true.into()), "{tables:?}");
        assert_eq!(api.get("/api/hosts/10.0.0.9/flows").1["flows"], json!([]), "nothing in the last hour");
        assert_eq!(api.get("/api/hosts/somebody/flows").0, 400);

        // Of windows 1 to 9, which it lasted for: those of every third second by the attacker, all at the victim.
        let counts = |id: u8| -> Vec<i64> {
            let (_, told) = api.get(&format!("/api/alerts/{id}"));
            assert_eq!(told["stored_flows_problem"], Value::Null);
            told["stored_flows"].as_array().unwrap().iter().map(|flow| flow["packet_count"].as_i64().unwrap()).collect()
        };
        assert_eq!(counts(1), [7, 4, 1]);
        assert_eq!(counts(2), [9, 8, 7, 6, 5, 4, 3, 2, 1]);
        assert_eq!(api.get("/api/alerts/1").1["windows"].as_array().unwrap().len(), 1);
    }
}

#[test]
fn the_state_is_told_and_every_path_is_described() {
    let database = Database::new(Tables::Ours);
    let api = Api::start(&database);
    // The log tells it a moment before the status does.
    let (_, state) = until("it to be the owner", || api.get("/api/state"), |(_, state)| state["role"] == "owner");
    assert_eq!(state["ready"], true, "{state}");
    assert_eq!(
        (&state["figures"]["attempts_total"], &state["figures"]["exceptions"]),
        (&1.0.into(), &0.0.into()),
        "{state}"
    );
    let found: BTreeSet<String> = api.schema.operations().into_iter().collect();
    let expected = [
        "GET /api/alerts",
        "GET /api/alerts/{id}",
        "POST /api/alerts/{id}/acknowledge",
        "GET /api/hosts/{address}/flows",
        "GET /api/overview",
        "GET /api/state",
        "GET /api/exceptions",
        "POST /api/exceptions",
        "POST /api/exceptions/try",
        "DELETE /api/exceptions/{id}",
    ];
    assert_eq!(found, expected.into_iter().map(str::to_owned).collect());
    for (path, expected) in [("/api/nothing", 404), ("/api", 404)] {
        assert_eq!(api.service.get(path).0, expected, "{path}");
    }

    // Without a database the figures are told all the same, and the rest says what is wrong.
    database.execute("ALTER TABLE flowsentry.alerts RENAME TO hidden");
    let (status, answer) = api.get("/api/alerts");
    assert!(status == 503 && answer["error"].as_str().unwrap().starts_with("cannot read the alerts"), "{answer}");
    assert_eq!(api.get("/api/state").0, 200);
}
