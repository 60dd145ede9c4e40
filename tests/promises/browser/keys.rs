//! Without a mouse.

use super::Stage;

#[test]
fn everything_can_be_reached_by_keys() {
    let Some(mut stage) = Stage::set() else { return };
    let (alert, _) = stage.attack();
    super::insert_alerts(&stage.database, 9);
    for path in ["/".to_owned(), "/alerts".to_owned(), format!("/alerts/{alert}"), "/exceptions".to_owned()] {
        let mut tab = stage.open(&path);
        let reachable = "[...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex=\"0\"]')]\
             .filter(e => !e.disabled && e.type !== 'hidden' && e.checkVisibility() && !e.closest('dialog:not([open])'))";
        let expected = tab.evaluate(&format!("{reachable}.length")).as_u64().unwrap();
        // Live sections are made anew meanwhile: what counts is where something is.
        tab.evaluate(
            "window.placeOf = e => e && e !== document.body ? \
                 placeOf(e.parentElement) + '/' + [...e.parentElement.children].indexOf(e) : '';
             window.reached = new Set(); 0",
        );
        for step in 0..expected + 20 {
            tab.press("Tab");
            tab.evaluate("window.reached.add(placeOf(document.activeElement)), 0");
            if step == 0 {
                assert!(
                    tab.text("document.activeElement.innerText").contains("Skip"),
                    "the first way is past the head"
                );
            }
            let is_seen = "(e => e === document.body || getComputedStyle(e).outlineStyle !== 'none' \
                           || getComputedStyle(e).boxShadow !== 'none')(document.activeElement)";
            assert_eq!(tab.evaluate(is_seen), true, "{path}: where one is cannot be seen");
        }
        let missed = tab.evaluate(&format!(
            "{reachable}.filter(e => !window.reached.has(placeOf(e))).map(e => e.outerHTML.slice(0, 100))"
        ));
        assert_eq!(missed, serde_json::json!([]), "{path}");
    }
}

#[test]
fn keys_search_move_between_alerts_and_tell_of_themselves() {
    let Some(mut stage) = Stage::set() else { return };
    super::insert_alerts(&stage.database, 9);
    for path in ["/", "/alerts"] {
        let mut tab = stage.open(path);
        tab.until("document.querySelectorAll('[data-alert]').length > 1");
        let ids = tab.evaluate("[...document.querySelectorAll('[data-alert]')].map(e => e.dataset.alert)");
        let at = "document.activeElement.closest('[data-alert]')?.dataset.alert ?? ''";
        tab.press("j");
        assert_eq!(tab.evaluate(at), ids[0], "{path}");
        tab.press("j");
        assert_eq!(tab.evaluate(at), ids[1]);
        tab.press("k");
        assert_eq!(tab.evaluate(at), ids[0]);
        tab.press("/");
        assert_eq!(tab.text("document.activeElement.id"), "search");
        // In a field they are letters.
        tab.press("j");
        tab.press("/");
        assert_eq!(tab.text("document.activeElement.value"), "j/");
        tab.evaluate("document.activeElement.blur()");
        tab.press("?");
        tab.until("document.getElementById('keys-dialog').open");
        tab.press("Escape");
        tab.until("!document.getElementById('keys-dialog').open");
        tab.press("j");
        tab.press("Enter");
        tab.until("/^.alerts.[0-9]+$/.test(location.pathname)");
        tab.assert_no_complaint(&stage.own);
    }
}

#[test]
fn a_search_leads_to_a_host_or_to_the_alerts_of_a_network() {
    let Some(mut stage) = Stage::set() else { return };
    stage.attack();
    let mut check = |query: &str, expected: &str| {
        let mut tab = stage.open("/");
        tab.press("/");
        tab.fill("#search", query);
        tab.press("Enter");
        tab.until(&format!("decodeURIComponent(location.pathname + location.search) === '{expected}'"));
        tab.until_loaded();
    };
    check("10.0.0.66", "/hosts/10.0.0.66");
    check("2001:db8::1", "/hosts/2001:db8::1");
    check("10.0.0.0/8", "/alerts?subject=10.0.0.0/8");
    check("nonsense", "/search?q=nonsense");
}
