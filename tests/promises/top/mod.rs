//! `flowsentry top` shows in a real terminal what the service says, says when it says nothing, and gives the terminal back.

mod terminal;

use std::net::TcpListener;

use serde_json::Value;

use self::terminal::Terminal;
use crate::kit::{Database, Service, Tables, until};

/// Alerts as the service would have stored them; the third has a label that would clear the screen and turn the line.
const ALERTS: &str = r"
    INSERT INTO flowsentry.alerts (source_id, subject, subject_kind, label, severity, state, confidence, first_seen, last_seen,
        packets, bytes, flows, windows, peers, peer_sample, ports, port_sample, protocols, memory, reasons)
    SELECT 1, ('10.0.0.' || n)::inet, 'attacker', label, severity, 'open', 0.9, now() - interval '3 min', now(), 1000 + n, 60000, 5,
        1, 2, '{192.0.2.1,192.0.2.2}', 412, '{22,80}', '{TCP}', '{}', jsonb_build_object('features', jsonb_build_array(
            jsonb_build_object('sentence', n || '12 destination ports in 6 s; usual: 2', 'contribution', 7.5)),
            'way_back', jsonb_build_object('sentence', 'below 14 destination ports this would be Normal'))
    FROM (VALUES (1, 'Port Scanning', 'high'), (2, 'DDoS', 'critical'), (3, E'\x1b[2J\x1b]0;x\x07\u202Eabc', 'low')) rows (n, label, severity);
    INSERT INTO flowsentry.alert_windows (alert_id, window_start, revision, packets, bytes, flows, peers, ports, confidence)
    SELECT id, '2026-03-02T08:00:30Z', 0, 777, 60000, 5, 2, 412, 0.9 FROM flowsentry.alerts";

/// A service at an address of its own, and the setting that says so.
fn start(database: &Database, address: &str) -> Service {
    let service = Service::start(database, &[&format!("http.listen={address}")]);
    service.until_owner();
    service.until_logged("serving metrics and health over HTTP");
    service
}

fn free_address() -> String {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().to_string()
}

#[test]
fn alerts_are_seen_and_one_in_detail_and_the_terminal_is_given_back() {
    let database = Database::new(Tables::Ours);
    let Some(terminal) = Terminal::start(&database, &[]) else { return };
    let address = free_address();
    let service = start(&database, &address);
    terminal.top(&format!("--set http.listen={address}"));
    terminal.until_seen("no alert is open");
    database.execute(ALERTS);
    let list = terminal.until("three alerts", |screen| screen.contains("10.0.0.3"));
    let rows: Vec<&str> = list.lines().filter(|line| line.contains("10.0.0.")).collect();
    assert_eq!(rows.len(), 3, "{list}");
    for (row, parts) in rows.iter().zip([
        ["> critical", "DDoS", "10.0.0.2", "2", "412", "1002", "3m"],
        ["  high", "Port Scanning", "10.0.0.1", "2", "412", "1001", "3m"],
        ["  low", "␛[2J␛]0;x␇\u{fffd}abc", "10.0.0.3", "2", "412", "1003", "3m"],
    ]) {
        let mut rest = *row;
        for part in parts {
            let at = rest.find(part).unwrap_or_else(|| panic!("{part:?} is not in {row:?}"));
            rest = &rest[at + part.len()..];
        }
    }
    assert!(list.contains("212 destination ports in 6 s; usual: 2"), "{list}");

    terminal.press("j");
    terminal.until("the second to be selected", |screen| screen.contains("> high"));
    terminal.press("Enter");
    let detail = terminal.until("its evidence", |screen| screen.contains("08:00:30"));
    for part in [
        "Port Scanning",
        "attacker 10.0.0.1",
        "192.0.2.1, 192.0.2.2",
        "22, 80",
        "112 destination ports in 6 s; usual: 2",
    ] {
        assert!(detail.contains(part), "{part} is missing:\n{detail}");
    }
    assert!(detail.contains("below 14 destination ports this would be Normal") && detail.contains("777"), "{detail}");
    terminal.press("Escape");
    terminal.until_seen("> high");
    terminal.run("/ddos");
    terminal.until("the filter", |screen| screen.contains("1 hold ddos") && !screen.contains("10.0.0.1"));

    terminal.resize(130, 40);
    let wide = terminal.until_seen("strongest reason");
    assert!(wide.lines().any(|line| line.contains("10.0.0.2") && line.contains("212 destination ports")), "{wide}");
    terminal.resize(30, 8);
    terminal.until_seen("40 x 10 at least");
    terminal.resize(80, 24);
    terminal.until_seen("1 hold ddos");
    terminal.press("q");
    terminal.until_given_back();
    drop(service);
}

#[test]
fn a_service_that_is_gone_is_said_to_be_and_so_is_its_return() {
    let database = Database::new(Tables::Ours);
    let Some(terminal) = Terminal::start(&database, &[]) else { return };
    let address = free_address();
    terminal.top(&format!("--url http://{address}"));
    terminal.until("it to wait", |screen| screen.contains("no answer yet") && screen.contains("refused"));
    let service = start(&database, &address);
    database.execute(ALERTS);
    terminal.until("it to be live", |screen| screen.contains("  live ") && screen.contains("10.0.0.1"));
    service.stop();
    let stale = terminal.until("it to be stale", |screen| screen.contains("STALE for ") && screen.contains("refused"));
    assert!(stale.contains("10.0.0.1") && !stale.contains(" live "), "{stale}");
    let _service = start(&database, &address);
    terminal.until("it to be live again", |screen| screen.contains("  live ") && !screen.contains("STALE"));
    terminal.press("C-c");
    terminal.until_given_back();
}

#[test]
fn stopped_or_ended_from_outside_the_terminal_is_given_back() {
    let database = Database::new(Tables::Ours);
    let Some(terminal) = Terminal::start(&database, &[]) else { return };
    let top = "--url http://127.0.0.1:1";
    terminal.top(top);
    terminal.until_seen("no answer yet");
    terminal.press("C-z");
    terminal.until_given_back();
    terminal.run("clear; fg");
    terminal.until("it to be there again", |screen| screen.contains("no answer yet"));
    terminal.press("q");
    terminal.until_given_back();
    for (signal, code) in [("TERM", 143), ("INT", 130), ("HUP", 129)] {
        terminal.run("clear");
        terminal.top(&format!("{top}; echo ended by $?"));
        terminal.until_seen("no answer yet");
        terminal.signal(signal);
        terminal.until_seen(&format!("ended by {code}"));
        terminal.until_given_back();
    }
}

#[test]
fn without_colour_everything_is_words() {
    let database = Database::new(Tables::Ours);
    let Some(coloured) = Terminal::start(&database, &[]) else { return };
    let Some(plain) = Terminal::start(&database, &[("NO_COLOR", "1")]) else { return };
    let Some(dumb) = Terminal::start(&database, &[]) else { return };
    let address = free_address();
    let _service = start(&database, &address);
    database.execute(ALERTS);
    for terminal in [&coloured, &plain] {
        terminal.top(&format!("--url http://{address}"));
        terminal.until("the alerts", |screen| screen.contains("> critical") && screen.contains("10.0.0.3"));
    }
    assert!(has_colour(&coloured.painted()));
    let painted = plain.painted();
    assert!(!has_colour(&painted) && painted.contains("critical") && painted.contains(";7m"), "{painted:?}");

    dumb.run(&format!("TERM=dumb {} top --url http://{address}", env!("CARGO_BIN_EXE_flowsentry")));
    let lines = dumb.until_seen("10.0.0.3");
    assert!(lines.contains("owner ready") && lines.contains("critical DDoS 10.0.0.2"), "{lines}");
    assert!(dumb.painted().lines().all(|line| !line.contains('\u{1b}')));
    database.execute("UPDATE flowsentry.alerts SET state = 'closed', ended_at = now() WHERE label = 'DDoS'");
    dumb.until_seen("not open any more: alert 2");
    dumb.press("C-c");
    dumb.until_given_back();
}

/// Whether a sequence that sets how letters look sets a colour.
fn has_colour(painted: &str) -> bool {
    let sequences =
        painted.split("\u{1b}[").skip(1).filter_map(|rest| rest.split_once('m')).map(|(numbers, _)| numbers);
    let mut numbers = sequences.flat_map(|numbers| numbers.split(';')).filter_map(|number| number.parse::<u32>().ok());
    numbers.any(|number| matches!(number, 30..=38 | 40..=48 | 90..=107))
}

#[test]
fn one_look_through_a_pipe_says_what_the_service_says() {
    let database = Database::new(Tables::Ours);
    let address = free_address();
    let once = || {
        let output = database.command("top").args(["--once", "--url", &format!("http://{address}/")]).output().unwrap();
        let text = |octets| String::from_utf8(octets).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, out, error) = once();
    assert_eq!((code, out.as_str()), (Some(69), ""), "{error}");
    assert!(error.contains(&format!("error: no answer from the service at http://{address}")), "{error}");
    assert!(error.contains("refused") && error.contains("hint: is `flowsentry run` running?"), "{error}");

    let service = start(&database, &address);
    database.execute(ALERTS);
    database.execute(
        "INSERT INTO flowsentry.alerts OVERRIDING SYSTEM VALUE SELECT (jsonb_populate_record(alerts, jsonb_build_object('id', 100 + n, 'subject', '192.0.2.' || n))).*
         FROM flowsentry.alerts, generate_series(1, 60) n WHERE label = 'Port Scanning'",
    );
    let overview = || serde_json::from_str::<Value>(&service.get("/api/overview").1).unwrap();
    let overview = until("the alerts", overview, |overview| overview["alerts"]["unacknowledged"] == 63);
    let (code, out, error) = once();
    assert_eq!((code, error.as_str()), (Some(0), ""));
    assert!(
        out.starts_with("flowsentry  owner  ready") && out.contains("open alerts: 63  1 critical  61 high  1 low"),
        "{out}"
    );
    assert!(!out.chars().any(|letter| letter.is_control() && letter != '\n'), "{out:?}");
    let said: Vec<String> = out
        .lines()
        .skip_while(|line| !line.contains("severity label"))
        .skip(1)
        .map(|line| line.split_whitespace().filter(|word| word.parse::<std::net::IpAddr>().is_ok()).collect())
        .collect();
    let first = overview["alerts"]["first"].as_array().unwrap();
    let told: Vec<&str> = first.iter().map(|alert| alert["subject"].as_str().unwrap()).collect();
    assert_eq!((told.len(), said), (50, told.iter().map(ToString::to_string).collect()));
    let version = overview["state"]["model_version"].as_str().unwrap_or("none");
    assert!(out.contains(&format!("model {version}")), "{out}");
}
