//! Beyond loopback a browser signs in, without script, and may then read.

use std::io::Write;

use tempfile::NamedTempFile;

use crate::kit::{Browser, Database, Service, Tables, Theme, axe};

const TOKEN: &str = "0123456789abcdef0123";

#[test]
fn a_browser_signs_in_goes_where_it_wanted_and_signs_out() {
    let Some(mut browser) = Browser::start() else { return };
    let database = Database::new(Tables::Ours);
    let mut token = NamedTempFile::new().unwrap();
    writeln!(token, "{TOKEN}").unwrap();
    let setting = format!("http.token_file={}", token.path().display());
    let service = Service::start(&database, &["http.listen=0.0.0.0:0", &setting]);
    let address = service.address();
    let (_, port) = address.rsplit_once(':').unwrap();
    let own = format!("http://127.0.0.1:{port}");

    let mut tab = browser.tab();
    tab.open(&format!("{own}/alerts?state=open"));
    assert_eq!(tab.text("location.pathname + location.search"), "/sign-in?then=/alerts%3Fstate%3Dopen");
    assert_eq!(tab.text("document.activeElement.id"), "token");
    if let Some(axe) = axe() {
        for theme in Theme::ALL {
            tab.theme(theme);
            tab.assert_accessible(&axe);
        }
    }
    tab.fill("#token", "a wrong one");
    tab.press("Enter");
    tab.until("document.querySelector('[role=alert]')?.textContent");
    assert_eq!(tab.evaluate("document.cookie"), "");
    tab.fill("#token", TOKEN);
    tab.press("Enter");
    tab.until("location.pathname === '/alerts'");
    assert_eq!(tab.text("location.search"), "?state=open");
    assert_eq!(tab.evaluate("document.cookie"), "", "no script may read it");
    tab.open(&format!("{own}/sign-in"));
    tab.click("form[action='/sign-out'] button");
    tab.until_there("#token");
    tab.open(&format!("{own}/"));
    assert_eq!(tab.text("location.pathname"), "/sign-in");
}
