//! Every page in both themes, on a screen and on a phone: nothing beside the screen, nothing on the console, nothing asked
//! of others, nothing against the rules of accessibility. Pictures are kept for people to look at.

use super::Stage;
use crate::kit::{Theme, axe, until};

const PHONE: (u32, u32) = (375, 812);
const DESK: (u32, u32) = (1440, 900);

/// Each page under the name of its pictures.
fn pages(alert: i64) -> [(&'static str, String); 8] {
    [
        ("overview", "/".to_owned()),
        ("alerts", "/alerts".to_owned()),
        ("alerts-filtered", "/alerts?state=open&subject=10.0.0.0%2F24".to_owned()),
        ("alert", format!("/alerts/{alert}")),
        ("host", "/hosts/10.0.0.66".to_owned()),
        ("exceptions", "/exceptions".to_owned()),
        ("search", "/search?q=nonsense".to_owned()),
        ("sign-in", "/sign-in".to_owned()),
    ]
}

fn stage() -> Option<(Stage, i64)> {
    let stage = Stage::set()?;
    let alert = stage.attack_for_a_while();
    super::insert_alerts(&stage.database, 30);
    stage.database.execute(
        "INSERT INTO flowsentry.exceptions (source, protocol, port, label, schedule, owner, reason, silenced)
         VALUES ('10.0.9.0/24', 'UDP', 53, 'DDoS', 'mon-fri 22:00-04:00', 'jo', 'the load tests of the shop', 12)",
    );
    Some((stage, alert))
}

#[test]
fn every_page_fits_its_screen_in_both_themes_and_asks_nobody_else() {
    let Some((mut stage, alert)) = stage() else { return };
    for (name, path) in pages(alert) {
        let mut tab = stage.open(&path);
        for theme in Theme::ALL {
            tab.theme(theme);
            for (width, height) in [DESK, PHONE] {
                tab.screen(width, height);
                tab.open(&format!("{}{path}", stage.own));
                if name != "sign-in" {
                    tab.until("document.body.dataset.stream === 'live'");
                }
                tab.keep_picture(&format!("{name}-{}-{width}", theme.name()));
                tab.assert_fits_in_width();
            }
        }
        assert!(tab.requests().iter().any(|url| url.ends_with("/assets/page.css")), "requests are seen");
        tab.assert_no_complaint(&stage.own);
    }
}

#[test]
fn no_page_breaks_a_rule_of_accessibility_in_either_theme() {
    let Some(axe) = axe() else { return };
    let Some((mut stage, alert)) = stage() else { return };
    let mut found = Vec::new();
    for (name, path) in pages(alert) {
        let mut tab = stage.open(&path);
        for theme in Theme::ALL {
            tab.theme(theme);
            for (width, height) in [DESK, PHONE] {
                tab.screen(width, height);
                let more = tab.violations(&axe);
                found.extend(more.into_iter().map(|line| format!("{name} {} {width}: {line}", theme.name())));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn the_watch_for_complaints_hears_each_kind() {
    let Some(mut stage) = Stage::set() else { return };
    let mut tab = stage.open("/");
    tab.assert_no_complaint(&stage.own);
    let mut check = |act: &str, expected: &str| {
        tab.evaluate(act);
        let is_told = |found: &Vec<String>| found.iter().any(|complaint| complaint.contains(expected));
        until(act, || tab.complaints(&stage.own), is_told);
    };
    check("console.error('broken'), 0", "console: ");
    check("setTimeout(() => { throw new Error('thrown') }), 0", "exception: ");
    check("document.body.insertAdjacentHTML('beforeend', '<p style=\"color:red\">x</p>'), 0", "CSP: style-src");
    check("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=alert(1)>'), 0", "CSP: script-src");
    check("fetch('http://127.0.0.2:1/').catch(() => 0)", "CSP: connect-src");
    check("alert('hello'), 0", "dialog: ");
    // A link elsewhere is all that the policy lets through.
    tab.evaluate("location.assign('http://127.0.0.2:1/'), 0");
    let is_told = |found: &Vec<String>| found.iter().any(|complaint| complaint == "request: http://127.0.0.2:1/");
    until("the request to be told", || tab.complaints(&stage.own), is_told);
}
