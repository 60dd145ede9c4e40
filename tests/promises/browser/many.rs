//! A hundred thousand alerts: the pages stay as short and as quick as with a few.

use std::time::Instant;

use super::{Stage, insert_alerts};

#[test]
#[allow(clippy::disallowed_methods)] // tests have no other clock
fn among_a_hundred_thousand_alerts_pages_are_short_and_lead_on() {
    let Some(mut stage) = Stage::set() else { return };
    insert_alerts(&stage.database, 100_000);
    let mut tab = stage.open("/text");
    let timed = |tab: &mut crate::kit::Tab, path: &str| {
        let began = Instant::now();
        tab.open(&format!("{}{path}", stage.own));
        let server =
            tab.number("(e => e.responseStart - e.requestStart)(performance.getEntriesByType('navigation')[0])");
        println!("{path}: {} ms until complete, {server:.0} ms of it the server's", began.elapsed().as_millis());
    };
    timed(&mut tab, "/");
    assert_eq!(tab.number("document.querySelectorAll('#alerts article').length"), 25.0);
    let told = tab.text("document.getElementById('alerts').innerText");
    assert!(told.contains("33,333") || told.contains("33 333") || told.contains("33333"), "{told}");

    timed(&mut tab, "/alerts");
    let ids = "[...document.querySelectorAll('#alert-list tr[data-alert]')].map(e => Number(e.dataset.alert))";
    let expected: Vec<i64> =
        (stage.database.query("SELECT id FROM flowsentry.alerts ORDER BY last_seen DESC, id DESC LIMIT 150").iter())
            .map(|row| row.get(0))
            .collect();
    for page in expected.chunks(50) {
        assert_eq!(tab.evaluate(ids), serde_json::json!(page));
        tab.click("a[rel=next]");
        tab.until(&format!("document.readyState === 'complete' && !({ids}).includes({})", page[0]));
    }
    timed(&mut tab, "/alerts?state=closed&severity=high&subject=10.0.3.0%2F24");
    let shown = tab.evaluate(ids);
    let matching = "SELECT id FROM flowsentry.alerts WHERE state = 'closed' AND severity = 'high'
                    AND subject <<= '10.0.3.0/24' ORDER BY last_seen DESC, id DESC LIMIT 50";
    let expected: Vec<i64> = stage.database.query(matching).iter().map(|row| row.get(0)).collect();
    assert_eq!(shown, serde_json::json!(expected));
    timed(&mut tab, "/hosts/10.0.3.3");
    tab.assert_no_complaint(&stage.own);
}

#[test]
fn a_filter_is_a_form() {
    let Some(mut stage) = Stage::set() else { return };
    insert_alerts(&stage.database, 40);
    let mut tab = stage.open("/alerts");
    tab.evaluate("document.querySelector('[name=severity]').value = 'high'");
    tab.fill("form.filter [name=subject]", "10.0.2.0/24");
    tab.press("Enter");
    tab.until("location.search.includes('severity=high') && document.readyState === 'complete'");
    let matching = "SELECT count(*) FROM flowsentry.alerts WHERE severity = 'high' AND subject <<= '10.0.2.0/24'";
    let expected = stage.database.number(matching);
    assert!(expected > 0);
    assert_eq!(tab.number("document.querySelectorAll('#alert-list tr[data-alert]').length"), expected as f64);
    assert_eq!(tab.text("document.querySelector('form.filter [name=subject]').value"), "10.0.2.0/24");
    tab.assert_no_complaint(&stage.own);
}
