//! Seeing an alert through: acknowledged, and silenced only after the proof of what that would have silenced.

use super::{Stage, TOKEN};
use crate::kit::Tab;

/// Gives the token to who asks for it.
fn give_token(tab: &mut Tab, token: &str) {
    tab.until("document.getElementById('token-dialog').open");
    tab.fill("#token", token);
    tab.click("#token-use");
}

#[test]
fn an_alert_is_acknowledged_with_the_token_and_not_without() {
    let Some(mut stage) = Stage::set() else { return };
    let (alert, _) = stage.attack();
    let mut tab = stage.open(&format!("/alerts/{alert}"));
    let acknowledged = "SELECT count(*) FROM flowsentry.alerts WHERE acknowledged_by = 'jo' AND note = 'on it'";
    tab.fill("#by", "jo");
    tab.fill("#note", "on it");
    tab.click("#acknowledge button[type=submit]");
    give_token(&mut tab, "0123456789abcdef0124");
    tab.until("document.getElementById('token-title').innerText.includes('not the right one')");
    assert_eq!(stage.database.number(acknowledged), 0);
    give_token(&mut tab, TOKEN);
    tab.until("document.getElementById('acknowledging').innerText.includes('Acknowledged by jo')");
    assert_eq!(stage.database.number(acknowledged), 1);
    assert!(tab.text("document.getElementById('acknowledging').innerText").contains("on it"));
    // Nobody is asked twice, and another tab knows nothing of it.
    assert_eq!(tab.text("sessionStorage.getItem(sessionStorage.key(0))"), TOKEN);
    let mut other = stage.open(&format!("/alerts/{alert}"));
    assert_eq!(other.number("sessionStorage.length"), 0.0);
}

#[test]
fn an_exception_is_saved_only_after_the_proof_of_its_values() {
    let Some(mut stage) = Stage::set() else { return };
    let (alert, _) = stage.attack();
    super::insert_alerts(&stage.database, 20);
    let mut tab = stage.open(&format!("/alerts/{alert}"));
    let is_disabled = "document.getElementById('save-exception').disabled";
    assert_eq!(tab.evaluate(is_disabled), true);
    assert_eq!(tab.text("document.querySelector('#silence [name=source]').value"), "10.0.0.66");
    assert_eq!(tab.text("document.querySelector('#silence [name=label]').value"), "DDoS");
    tab.fill("#silence [name=owner]", "jo");
    tab.fill("#silence [name=reason]", "a load test");
    assert_eq!(tab.evaluate(is_disabled), true);

    tab.click("#prove");
    give_token(&mut tab, TOKEN);
    let proof = tab.until("document.getElementById('proof').innerText");
    assert!(
        proof.as_str().unwrap().contains("Of 21 alerts in the last seven days it would have silenced 1."),
        "{proof}"
    );
    assert_eq!(tab.evaluate(is_disabled), false);
    tab.keep_picture("silencing");

    // Another value needs another proof.
    tab.fill("#silence [name=source]", "10.0.0.0/16");
    assert_eq!(tab.evaluate(is_disabled), true);
    assert_eq!(tab.text("document.getElementById('proof').innerText"), "");
    tab.click("#prove");
    tab.until("document.getElementById('proof').innerText");
    assert_eq!(tab.evaluate(is_disabled), false);
    assert_eq!(stage.database.number("SELECT count(*) FROM flowsentry.exceptions"), 0, "proving saves nothing");

    tab.click("#save-exception");
    let saved = "SELECT count(*) FROM flowsentry.exceptions WHERE source = '10.0.0.0/16' AND label = 'DDoS'
                 AND owner = 'jo' AND reason = 'a load test' AND expires_at > now() + interval '29 days'";
    tab.until("location.pathname === '/exceptions' && document.querySelector('#exception-1')");
    assert_eq!(stage.database.number(saved), 1);
    let listed = tab.text("document.querySelector('#exception-1').innerText");
    assert!(listed.contains("10.0.0.0/16") && listed.contains("jo") && listed.contains("a load test"), "{listed}");
    tab.assert_no_complaint(&stage.own);

    tab.click("form.remove button");
    tab.until("document.querySelector('#exception-1') === null && document.readyState === 'complete'");
    assert_eq!(stage.database.number("SELECT count(*) FROM flowsentry.exceptions"), 0);
}

#[test]
fn what_would_silence_everything_must_be_insisted_on() {
    let Some(mut stage) = Stage::set() else { return };
    let (alert, _) = stage.attack();
    let mut tab = stage.open(&format!("/alerts/{alert}"));
    for field in ["source", "destination", "protocol", "port", "label"] {
        tab.evaluate(&format!(
            "(() => {{ const f = document.querySelector('#silence [name={field}]'); f.value = ''; \
             f.dispatchEvent(new Event('input', {{ bubbles: true }})) }})()"
        ));
    }
    tab.click("#prove");
    give_token(&mut tab, TOKEN);
    tab.until("document.getElementById('proof').innerText.includes('everything')");
    assert_eq!(tab.evaluate("document.getElementById('save-exception').disabled"), true);
    tab.click("#force");
    assert_eq!(tab.evaluate("document.getElementById('save-exception').disabled"), false);
    assert_eq!(stage.database.number("SELECT count(*) FROM flowsentry.exceptions"), 0);
}
