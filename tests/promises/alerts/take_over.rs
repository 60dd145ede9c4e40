//! A standby takes over in the middle of an attack.

use super::super::kit::until;
use super::Site;

#[test]
fn a_standby_goes_on_with_the_alert_of_the_owner() {
    let site = Site::new();
    let owner = site.start(&[]);
    owner.until_owner();
    let standby = site.start(&[]);
    standby.until_logged("another instance owns the source; standing by");
    site.attack(1);
    site.until_alerts("an alert", &["10.0.0.66 attacker DDoS open 0 40"]);
    owner.kill();
    standby.until_owner();
    site.attack(31);
    site.until_alerts("the alert to grow", &["10.0.0.66 attacker DDoS open 0 80"]);
    site.time_goes_on(66);
    site.until_alerts("both windows to confirm it", &["10.0.0.66 attacker DDoS open 2 80"]);
    site.time_goes_on(200);
    site.assert_told_once(2);
    until("the takeover to be counted", || standby.metric("flowsentry_takeovers_total"), |count| *count == 1.0);
}

#[test]
fn an_alert_that_nobody_attended_to_is_closed_after_a_restart() {
    let site = Site::new();
    let service = site.start(&[]);
    service.until_owner();
    site.attack(1);
    site.until_alerts("an alert", &["10.0.0.66 attacker DDoS open 0 40"]);
    service.kill();
    site.time_goes_on(500);
    let service = site.start(&[]);
    site.assert_told_once(1);
    assert!(service.stop().success());
}
