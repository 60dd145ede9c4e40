//! What axe-core, which knows the rules of accessibility (WCAG 2.2 AA and good practice), says of a page.

use std::fs;

use serde_json::Value;

use super::Tab;
use super::picture::target;

/// As `.ci/axe` fetches it.
const FILE: &str = "axe-4.14.1.min.js";

/// Its script; `None`, aloud, where it was not fetched.
pub fn axe() -> Option<String> {
    let path = target().join(FILE);
    let script = fs::read_to_string(&path).ok();
    if script.is_none() {
        println!("SKIPPED: there is no {}; run: make programs", path.display());
    }
    script
}

impl Tab {
    /// What it finds, a line each: the rule, how bad it is, and where.
    #[track_caller]
    pub fn violations(&mut self, axe: &str) -> Vec<String> {
        // By the protocol, which the page's policy does not bind.
        self.evaluate(&format!("{axe};0"));
        let found = self.evaluate("axe.run(document, { resultTypes: ['violations'] }).then(found => found.violations)");
        let line = |violation: &Value| {
            let nodes = violation["nodes"].as_array().unwrap().iter().take(5);
            let places: Vec<String> =
                nodes.map(|node| format!("{} {}", node["html"], node["any"][0]["message"])).collect();
            format!("{} ({}): {}", violation["id"], violation["impact"], places.join("; "))
        };
        found.as_array().unwrap().iter().map(line).collect()
    }

    #[track_caller]
    pub fn assert_accessible(&mut self, axe: &str) {
        let found = self.violations(axe);
        let place = self.text("location.href");
        assert!(found.is_empty(), "{place}: {found:#?}");
    }
}
