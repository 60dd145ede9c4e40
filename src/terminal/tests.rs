//! What a person sees, as snapshots; and that no text gets through that could drive a terminal.

use std::time::Duration;

use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::style::Color;
use serde_json::{Value, json};

use super::*;

const NOW: &str = "2026-03-02T08:00:05.123456Z";

fn alert(id: i64, severity: &str, label: &str, subject: &str) -> Value {
    json!({
        "id": id, "subject": subject, "subject_kind": "attacker", "label": label, "severity": severity, "state": "open",
        "confidence": 0.987, "first_seen": "2026-03-02T07:56:05Z", "last_seen": "2026-03-02T08:00:03Z", "ended_at": null,
        "packets": 1234 * id, "bytes": 98_765 * id, "flows": 3 * id, "windows": 2, "peers": 7 + id, "ports": 1024,
        "peer_sample": ["192.0.2.1", "192.0.2.2", "2001:db8::7"], "port_sample": [1, 22, 80, 443], "protocols": ["TCP", "UDP"],
        "model_version": "2026-03-01", "acknowledged_by": if id == 3 { Some("anna") } else { None },
        "note": if id == 3 { Some("the scanner of the second floor, which is to be moved to the exceptions when we are back from the holidays") } else { None },
        "reasons": {"logit_difference": 9.0, "base": -2.0, "others": 0.1, "features": [
            {"sentence": "412 destination ports in 6 s; usual: 2", "contribution": 7.5, "value": 412.0},
            {"sentence": "99 % of its connections were not answered; usual: 3 %", "contribution": 3.1, "value": 0.99},
            {"sentence": "packets of 60 octets; usual: 540", "contribution": -0.4, "value": 60.0}],
            "way_back": {"feature": "x", "value": 14, "sentence": "below 14 destination ports this would be Normal"}}
    })
}

fn state() -> Value {
    json!({
        "now": NOW, "uptime_seconds": 11_525.3, "ready": true, "reasons": [], "role": "owner", "lag_rows": 12,
        "model_version": "2026-03-01", "model_problem": null, "figures": {"lag_seconds": 0.34, "open_flows": 1203.0}
    })
}

fn wave(points: u64, period: u64, height: u64) -> Vec<u64> {
    (0..points).map(|at| (at % period) * height / period).collect()
}

fn busy(alerts: i64) -> Value {
    let kinds = [
        ("critical", "DDoS", "203.0.113.9"),
        ("high", "Port Scanning", "10.0.0.7"),
        ("medium", "Brute Force", "2001:db8:1:2:3:4:5:6"),
        ("low", "ARP Poisoning", "10.0.0.66"),
    ];
    let first: Vec<Value> = (1..=alerts)
        .map(|id| {
            let (severity, label, subject) = kinds[usize::try_from((id - 1) * 4 / alerts.max(4)).unwrap()];
            alert(id, severity, label, subject)
        })
        .collect();
    let packets: Vec<Option<u64>> =
        wave(180, 45, 15_000).into_iter().enumerate().map(|(at, rate)| (at >= 40).then_some(rate)).collect();
    let lag: Vec<f64> = wave(180, 30, 20).into_iter().map(|lag| lag as f64 / 10.0).collect();
    json!({
        "state": state(),
        "past": {
            "packets_per_second": 12_345.6, "step_seconds": 10, "packets": packets, "lag_seconds": lag, "column_seconds": 30,
            "verdicts": {"Normal": wave(60, 12, 40_000), "DDoS": wave(60, 30, 90), "Port Scanning": wave(60, 60, 12),
                "Brute Force": wave(60, 7, 3), "ARP Poisoning": wave(60, 59, 2), "unknown": wave(60, 50, 1), "rare": wave(60, 60, 60)}
        },
        "alerts": {"open": {"critical": alerts / 4, "high": alerts / 4, "medium": alerts / 4, "low": alerts - alerts / 4 * 3},
            "unacknowledged": alerts - 1, "first": first, "problem": null}
    })
}

fn quiet() -> Value {
    json!({ "state": state(), "past": {"step_seconds": 10, "packets": [], "lag_seconds": [], "verdicts": {}}, "alerts": {"first": [], "open": {}} })
}

fn hostile_text() -> String {
    format!(
        "\u{1b}[2J\u{1b}]0;x\u{7}\u{202e}\u{2066}\0\r\n\u{9b}31m日本\u{200b}e\u{301}\u{ad}{}",
        "\u{301}x".repeat(20_000)
    )
}

/// Every text of an answer in turn made hostile.
fn hostile(value: &mut Value) {
    match value {
        Value::String(text) => *text = hostile_text(),
        Value::Array(all) => all.iter_mut().for_each(hostile),
        Value::Object(all) => {
            all.values_mut().for_each(hostile);
            if let Some(labels) = all.get_mut("verdicts").and_then(Value::as_object_mut) {
                *labels = labels
                    .iter()
                    .map(|(name, columns)| (format!("{name}{}", hostile_text()), columns.clone()))
                    .collect();
            }
        }
        _ => {}
    }
}

fn view(answer: Value) -> View {
    let mut view = View::new("http://127.0.0.1:9477".to_owned(), true);
    view.take(Duration::from_secs(100), Ok(serde_json::from_value(answer).unwrap()));
    view
}

fn press(view: &mut View, keys: &str) {
    for letter in keys.chars() {
        assert!(view.press(if letter == '\n' { Key::Enter } else { Key::Letter(letter) }));
    }
}

fn evidence(alert: &Value) -> Evidence {
    let window = |at: u32| json!({ "window_start": format!("2026-03-02T07:{at}:30Z"), "packets": 1000 * at, "flows": at, "peers": 3, "ports": 512, "confidence": 0.9 });
    let flow = |at: u32| json!({ "window_start": format!("2026-03-02T07:{at}:30Z"), "src_ip": "10.0.0.7", "dest_ip": "2001:db8::7", "protocol": "TCP", "packet_count": 100 * at, "destination_ports": 512, "predicted_label": "Port Scanning" });
    let windows: Vec<Value> = (50..60).rev().map(window).collect();
    let flows: Vec<Value> = (40..60).rev().map(flow).collect();
    serde_json::from_value(
        json!({ "alert": alert, "windows": windows, "stored_flows": flows, "stored_flows_problem": null }),
    )
    .unwrap()
}

/// What is seen, a line a row, between bars; a letter that takes two columns is there once.
fn seen(buffer: &Buffer) -> String {
    let mut text = String::new();
    for y in 0..buffer.area.height {
        let mut line = String::new();
        let mut skip = 0;
        for x in 0..buffer.area.width {
            let symbol = buffer.cell((x, y)).unwrap().symbol();
            if skip == 0 {
                line.push_str(symbol);
                skip = text::width(symbol, 9).max(1);
            }
            skip -= 1;
        }
        text.extend(["|", &line, "|\n"]);
    }
    text
}

#[track_caller]
fn shown(name: &str, view: &mut View, size: (u16, u16)) {
    let buffer = frame(view, size, Paint::Colour);
    assert_harmless(&buffer);
    insta::assert_snapshot!(name, seen(&buffer));
}

fn assert_harmless(buffer: &Buffer) {
    for cell in buffer.content() {
        for letter in cell.symbol().chars() {
            let turns =
                matches!(u32::from(letter), 0x61c | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x2069 | 0xfeff);
            assert!(!letter.is_control() && !turns, "{letter:?}");
        }
        assert!(cell.symbol().chars().count() <= 1, "{:?}: letters pile up", cell.symbol());
    }
}

#[test]
fn the_usual_window() {
    let mut view = view(busy(50));
    shown("busy_80x24", &mut view, (80, 24));
    press(&mut view, "jjj");
    shown("fourth_selected_80x24", &mut view, (80, 24));
    press(&mut view, "G");
    shown("last_selected_80x24", &mut view, (80, 24));
    press(&mut view, "fscan\n");
    shown("filtered_80x24", &mut view, (80, 24));
    press(&mut view, "?");
    shown("help_80x24", &mut view, (80, 24));
}

#[test]
fn few_alerts_all_say_why() {
    shown("four_80x24", &mut view(busy(4)), (80, 24));
}

#[test]
fn other_sizes() {
    shown("busy_120x40", &mut view(busy(50)), (120, 40));
    shown("busy_40x10", &mut view(busy(50)), (40, 10));
    shown("busy_60x16", &mut view(busy(50)), (60, 16));
    shown("too_small_39x10", &mut view(busy(50)), (39, 10));
}

#[test]
fn nothing_happens() {
    shown("quiet_80x24", &mut view(quiet()), (80, 24));
    shown("asking_80x24", &mut View::new("http://127.0.0.1:9477".to_owned(), true), (80, 24));
}

#[test]
fn it_says_since_when_figures_are_old_and_why() {
    let mut never = View::new("http://127.0.0.1:9477".to_owned(), true);
    never.take(Duration::from_secs(1), Err("it cannot be reached: Connection refused".to_owned()));
    shown("never_answered_80x24", &mut never, (80, 24));
    let mut view = view(busy(4));
    view.take(Duration::from_secs(112), Err("it cannot be reached: Connection refused".to_owned()));
    shown("stale_80x24", &mut view, (80, 24));
    shown("stale_40x10", &mut view, (40, 10));
}

#[test]
fn it_says_what_does_not_work() {
    let mut answer = busy(4);
    answer["state"]["ready"] = json!(false);
    answer["state"]["reasons"] = json!(["the database cannot be used", "an attempt failed 3 s ago"]);
    answer["state"]["model_problem"] = json!("there is no model file");
    answer["state"]["model_version"] = json!(null);
    answer["state"]["lag_rows"] = json!(null);
    answer["alerts"] = json!({ "problem": "connection refused" });
    shown("not_ready_80x24", &mut view(answer), (80, 24));
}

#[test]
fn an_alert_in_detail() {
    let mut view = view(busy(4));
    press(&mut view, "jj\n");
    shown("detail_asked_80x24", &mut view, (80, 24));
    view.take_evidence(3, Ok(evidence(&alert(3, "medium", "Brute Force", "10.0.0.7"))));
    shown("detail_80x24", &mut view, (80, 24));
    press(&mut view, "G");
    shown("detail_end_80x24", &mut view, (80, 24));
    press(&mut view, "k");
    let buffer = frame(&mut view, (80, 24), Paint::Colour);
    assert!(seen(&buffer).contains("1 more lines"), "the end is where scrolling back begins");
}

#[test]
fn hostile_text_is_shown_and_does_nothing() {
    let mut answer = busy(4);
    hostile(&mut answer);
    let mut view = view(answer.clone());
    shown("hostile_80x24", &mut view, (80, 24));
    press(&mut view, "\n");
    let mut told = serde_json::to_value(json!({ "alert": answer["alerts"]["first"][0], "windows": [{"window_start": "x"}], "stored_flows": [{"window_start": "y", "src_ip": "z", "predicted_label": "l"}], "stored_flows_problem": "p" })).unwrap();
    hostile(&mut told);
    view.take_evidence(1, Ok(serde_json::from_value(told).unwrap()));
    for size in [(80, 24), (40, 10), (120, 100)] {
        assert_harmless(&frame(&mut view, size, Paint::Colour));
    }
    view.take(Duration::from_secs(101), Err(hostile_text()));
    assert_harmless(&frame(&mut view, (80, 24), Paint::Colour));
    for text in [
        text(&mut view, 120),
        state_line(view.overview.as_ref().unwrap()),
        alert_line(&view.overview.as_ref().unwrap().alerts.first[0]),
    ] {
        assert!(!text.chars().any(|letter| letter.is_control() && letter != '\n'), "{text:?}");
        assert!(text.len() < 200_000);
    }
}

#[test]
fn colour_only_supports() {
    let mut view = view(busy(50));
    let (colour, plain) = (frame(&mut view, (80, 24), Paint::Colour), frame(&mut view, (80, 24), Paint::Plain));
    assert_eq!(seen(&colour), seen(&plain));
    let has_colour =
        |buffer: &Buffer| buffer.content().iter().any(|cell| (cell.fg, cell.bg) != (Color::Reset, Color::Reset));
    assert!(has_colour(&colour) && !has_colour(&plain));
}

#[test]
fn a_frame_for_a_pipe_has_all_alerts_and_no_keys() {
    let mut view = View::new("http://127.0.0.1:9477".to_owned(), false);
    view.take(Duration::from_secs(100), Ok(serde_json::from_value(busy(50)).unwrap()));
    let text = text(&mut view, 120);
    assert_eq!(text.lines().filter(|line| line.contains("412 destination ports")).count(), 50);
    assert!(!text.contains('>') && !text.contains("quit") && !text.contains('\u{1b}'), "{text}");
    insta::assert_snapshot!("piped", super::text(&mut self::view_without_keys(busy(3)), 120));
}

fn view_without_keys(answer: Value) -> View {
    let mut view = View::new("http://127.0.0.1:9477".to_owned(), false);
    view.take(Duration::from_secs(100), Ok(serde_json::from_value(answer).unwrap()));
    view
}

proptest! {
    #[test]
    fn whatever_comes_and_is_pressed_a_frame_is_harmless(
        text in any::<String>(), figure in any::<i64>(), rate in any::<f64>(), width in 0_u16..200, height in 0_u16..60,
        keys in prop::collection::vec(0_usize..14, 0..20),
    ) {
        let mut answer = busy(3);
        for place in ["label", "subject", "severity", "first_seen", "note"] {
            answer["alerts"]["first"][1][place] = json!(text);
        }
        answer["state"]["now"] = json!(text);
        answer["state"]["lag_rows"] = json!(figure);
        answer["past"]["packets_per_second"] = json!(rate);
        answer["past"]["packets"] = json!([rate, null, 1.0]);
        answer["alerts"]["open"] = json!({ "high": figure, &text: i64::MAX });
        answer["past"]["verdicts"][&text] = json!([u64::MAX, u64::MAX, 1]);
        answer["alerts"]["first"][1]["packets"] = json!(figure);
        let mut view = view(answer);
        let all = [Key::Up, Key::Down, Key::PageUp, Key::PageDown, Key::Home, Key::End, Key::Enter, Key::Escape, Key::Backspace,
            Key::Letter('f'), Key::Letter('p'), Key::Letter('?'), Key::Letter('x'), Key::Letter('\u{202e}')];
        for key in keys {
            let _ = view.press(all[key]);
            assert_harmless(&frame(&mut view, (width, height), Paint::Colour));
        }
        assert_harmless(&frame(&mut view, (width, height), Paint::Plain));
    }
}
