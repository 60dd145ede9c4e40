//! Whatever a text holds, it is shown as text: nothing of it runs, is asked for, turns the page around or makes it long.

use std::fmt::Write;

use serde_json::json;

use super::{Stage, TOKEN};
use crate::kit::{Database, Tab, Tables};

/// What would show that something ran.
const MARK: &str = "window.hasRun = 1";

fn hostile() -> Vec<String> {
    vec![
        format!("<img src=x onerror=\"{MARK};alert(1)\">"),
        format!("\"><svg/onload=\"{MARK};alert(2)\">"),
        format!("'><script>{MARK};alert(3)</script><a href=\"javascript:{MARK}\">x</a>"),
        format!("</title></textarea></style></script><iframe srcdoc=\"<script>parent.{MARK}</script>\">"),
        "\u{202e}gnp.exe\u{2066} \u{200b}\u{feff}".to_owned(),
        "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m".to_owned(),
        "a\r\nSet-Cookie: b=c\r\n\r\n<b>x</b>".to_owned(),
        "{{constructor.constructor('window.hasRun=1')()}} ${window.hasRun=1} %3Cimg src=y%3E".to_owned(),
        "<b>x".repeat(16 * 1024),
    ]
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Every text column of what pages show holds this.
fn fill(database: &Database, number: usize, text: &str) {
    let reasons = json!({
        "features": [{ "feature": text, "sentence": text, "contribution": 1.5, "value": text, "usual": text }],
        "others": 0.5, "way_back": { "sentence": text, "feature": text }, (text): text,
    });
    let (text, reasons, port) = (quoted(text), quoted(&reasons.to_string()), 4000 + number);
    database.execute(&format!(
        "INSERT INTO flowsentry.alerts (source_id, subject, subject_kind, label, severity, state, confidence, first_seen,
             last_seen, packets, bytes, flows, windows, peers, peer_sample, ports, port_sample, protocols, reasons,
             model_version, acknowledged_at, acknowledged_by, note, memory)
         SELECT 1, '10.0.0.66', (ARRAY['attacker', 'victim', 'identity'])[1 + {number} % 3], {text}, 'critical', state, 1,
             now() - interval '60 s', now(), 1, 60, 1, 1, 1, '{{192.0.2.1}}', 1, '{{22}}', ARRAY[{text}, {text}], {reasons},
             {text}, now(), {text}, {text}, '{{}}'
         FROM unnest(ARRAY['open', 'closed']) state;
         INSERT INTO flowsentry.exceptions (protocol, label, schedule, owner, reason, port)
             VALUES ({text}, {text}, {text}, {text}, {text}, {port})"
    ));
    // Flows: all texts but the two addresses, by which they are found.
    let columns = database.query(
        "SELECT string_agg(format('%I = %%1$s', column_name), ', ') FROM information_schema.columns
         WHERE table_name = 'traffic_data' AND table_schema = 'public' AND data_type IN ('text', 'character varying')
             AND column_name NOT IN ('source_ip', 'src_ip', 'dest_ip', 'dst_ip')",
    );
    let assignments = columns[0].get::<_, String>(0).replace("%1$s", &text);
    database.execute(&format!(
        "UPDATE traffic_data SET {assignments} WHERE ctid IN (SELECT ctid FROM traffic_data ORDER BY ctid OFFSET {number} LIMIT 1)"
    ));
}

#[track_caller]
fn assert_harmless(tab: &mut Tab, own: &str) {
    let place = tab.text("location.href");
    assert_eq!(tab.evaluate("window.hasRun === undefined"), true, "{place}");
    let strange = "document.querySelectorAll('img, iframe, object, embed, script:not([src]), style, b, [style], a[href^=javascript]')\
                   .length + [...document.querySelectorAll('*')].filter(e => [...e.attributes].some(a => /^on/.test(a.name))).length";
    assert_eq!(tab.number(strange), 0.0, "{place}");
    // Neither in text nor in attributes is there anything that cannot be seen, but what layout needs.
    let hidden = tab.evaluate(
        "document.documentElement.outerHTML.match(/[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u200b\\u200e\\u200f\
         \\u202a-\\u202e\\u2066-\\u2069\\ufeff]/gu)",
    );
    assert!(hidden.is_null(), "{place}: {hidden}");
    assert!(tab.number("document.documentElement.outerHTML.length") < 1_000_000.0, "{place} is long");
    tab.assert_fits_in_width();
    tab.assert_no_complaint(own);
    let foreign: Vec<String> =
        tab.requests().into_iter().filter(|url| url.ends_with("/x") || url.ends_with("/y")).collect();
    assert!(foreign.is_empty(), "{place}: {foreign:?}");
}

#[test]
fn no_text_runs_or_breaks_a_page() {
    let Some(mut stage) = Stage::set() else { return };
    let attack = stage.attack_for_a_while();
    for (number, text) in hostile().iter().enumerate() {
        fill(&stage.database, number, text);
    }
    let alerts = stage.database.query("SELECT id FROM flowsentry.alerts WHERE state = 'closed' ORDER BY id");
    let alerts = alerts.iter().map(|row| format!("/alerts/{}", row.get::<_, i64>(0)));
    let queries = hostile().into_iter().take(8).flat_map(|text| {
        let text = text.bytes().fold(String::new(), |mut text, octet| {
            write!(text, "%{octet:02X}").unwrap();
            text
        });
        [
            format!("/search?q={text}"),
            format!("/alerts?label={text}"),
            format!("/sign-in?then={text}"),
            format!("/{text}"),
        ]
    });
    let queries: Vec<String> = queries.collect();
    let paths = ["/", "/alerts", "/hosts/10.0.0.66", "/exceptions"].into_iter().map(str::to_owned);
    for path in paths.chain(alerts).chain([format!("/alerts/{attack}")]) {
        let mut tab = stage.open(&path);
        tab.until("document.body.dataset.stream === 'live'");
        assert_harmless(&mut tab, &stage.own);
        tab.screen(375, 812);
        tab.assert_fits_in_width();
        if path == "/" || path == "/hosts/10.0.0.66" || path == "/exceptions" {
            tab.keep_picture(&format!("hostile-{}", path.rsplit('/').next().unwrap()));
        }
    }
    for path in queries {
        let mut tab = stage.open(&path);
        let place = tab.text("location.href");
        assert_eq!(tab.evaluate("window.hasRun === undefined"), true, "{place}");
        let said = tab.complaints(&stage.own);
        // That a page is not there, or was asked for in vain, is told on the console; it is all that may be.
        assert!(
            said.iter().all(|line| line.starts_with("log: \"Failed to load resource: the server responded")),
            "{said:?}"
        );
    }
}

#[test]
fn hostile_texts_are_shown_in_the_proof_and_in_problems_as_texts() {
    let Some(mut stage) = Stage::set() else { return };
    let text = &hostile()[0];
    fill(&stage.database, 0, text);
    let alert = stage.database.number("SELECT max(id) FROM flowsentry.alerts");
    let mut tab = stage.open(&format!("/alerts/{alert}"));
    tab.click("#prove");
    tab.until("document.getElementById('token-dialog').open");
    tab.fill("#token", TOKEN);
    tab.click("#token-use");
    // What it is about is in the proof, or why it cannot be proved beside the button.
    tab.until("document.getElementById('proof').innerText || document.querySelector('#silence .trouble').innerText");
    assert_harmless(&mut tab, &stage.own);
    tab.fill("#silence [name=schedule]", text);
    tab.click("#prove");
    tab.until("document.querySelector('#silence .trouble').innerText.includes('img')");
    assert_eq!(tab.evaluate("window.hasRun === undefined"), true);
    assert_eq!(tab.number("document.querySelectorAll('#silence img').length"), 0.0);
}

#[test]
fn what_no_text_can_hold_is_refused_by_the_database() {
    let database = Database::new(Tables::Ours);
    let is_taken = |value: &str| {
        database.try_execute(&format!(
            "INSERT INTO flowsentry.exceptions (label, owner, reason) VALUES ({value}, 'test', 'a test')"
        ))
    };
    assert!(is_taken("'a' || chr(233)"));
    assert!(!is_taken("'a' || chr(0)"), "NUL");
    assert!(!is_taken("convert_from('\\xff', 'UTF8')"), "invalid UTF-8");
    assert!(!is_taken("E'\\xc3\\x28'"), "invalid UTF-8");
    assert_eq!(database.number("SELECT count(*) FROM flowsentry.exceptions"), 1);
}
