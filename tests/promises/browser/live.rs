//! What happens is seen at once, and that nothing is heard any more is seen too.

use super::Stage;

#[test]
fn an_attack_appears_without_a_reload() {
    let Some(mut stage) = Stage::set() else { return };
    let mut tab = stage.open("/");
    tab.until("document.body.dataset.stream === 'live'");
    for section in ["status", "throughput", "lag", "verdicts", "alerts"] {
        tab.until_there(&format!("#{section}"));
    }
    assert_eq!(tab.number("document.querySelectorAll('[data-alert]').length"), 0.0);
    tab.evaluate("window.isTheSame = true");

    let (alert, stored) = stage.attack();
    tab.until_there(&format!("#alerts article[data-alert='{alert}']"));
    let seen = stored.elapsed();
    println!("seen {} ms after it was stored", seen.as_millis());
    assert_eq!(tab.evaluate("window.isTheSame"), true, "nothing was loaded again");
    let told = tab.text("document.querySelector('#alerts article').innerText");
    assert!(told.contains("10.0.0.66") && told.contains("10.0.1.1") && told.contains("DDoS"), "{told}");

    // A stream that ends and comes again is no standstill.
    tab.evaluate(
        "window.marks = []; new MutationObserver(() => marks.push(document.body.dataset.stream)).observe(\
                  document.body, { attributeFilter: ['data-stream'] }); window.before = heard; \
                  stream.dispatchEvent(new Event('error')); 0",
    );
    tab.until("Date.now() - window.before > 2000 && heard > window.before");
    assert_eq!(tab.evaluate("window.marks"), serde_json::json!([]));

    // It grows before one's eyes.
    stage.send(4, 30, "10.0.0.66", "10.0.1.7");
    tab.until("document.querySelector('#alerts article').innerText.includes('2 hosts')");
    assert_eq!(tab.evaluate("window.isTheSame"), true);
    tab.assert_no_complaint(&stage.own);
}

#[test]
fn other_pages_fetch_themselves_again_when_alerts_change() {
    let Some(mut stage) = Stage::set() else { return };
    let mut tab = stage.open("/alerts");
    tab.until("document.body.dataset.stream === 'live'");
    tab.evaluate("window.isTheSame = true");
    let (alert, _) = stage.attack();
    tab.until_there(&format!("#alert-list tr[data-alert='{alert}']"));
    assert_eq!(tab.evaluate("window.isTheSame"), true, "nothing was loaded again");
    tab.assert_no_complaint(&stage.own);
}

#[test]
fn a_frozen_service_is_seen_to_stand_still_and_to_go_on() {
    let Some(mut stage) = Stage::set() else { return };
    let mut tab = stage.open("/");
    tab.until("document.body.dataset.stream === 'live'");
    assert_eq!(tab.text("document.getElementById('stalled').innerText.trim()"), "");

    stage.service.signal("STOP");
    tab.until("document.body.dataset.stream === 'stalled'");
    let said = tab.text("document.getElementById('stalled').innerText");
    assert!(said.contains("UTC"), "{said}");
    assert_eq!(tab.text("getComputedStyle(document.getElementById('stalled')).visibility"), "visible");
    assert!(tab.number("document.getElementById('stalled').getBoundingClientRect().height") > 10.0);
    tab.keep_picture("stalled");

    stage.service.signal("CONT");
    tab.until("document.body.dataset.stream === 'live'");
    assert_eq!(tab.text("document.getElementById('stalled').innerText.trim()"), "");
    let (alert, _) = stage.attack();
    tab.until_there(&format!("#alerts article[data-alert='{alert}']"));
}
