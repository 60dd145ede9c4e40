//! Runs `flowsentry check`, finds findings in its report, and does what they say.

use std::process::{Command, Output};

use serde_json::Value;

use crate::kit::Database;

/// What `flowsentry check --json` printed.
#[derive(Debug)]
pub struct Report {
    pub code: Option<i32>,
    pub page: Value,
}

/// Runs it on the test's database.
#[track_caller]
pub fn check(database: &Database, arguments: &[&str]) -> Report {
    Report::of(&database.command("check").arg("--json").args(arguments).output().unwrap())
}

/// A command of the binary on any database.
pub fn at(url: &str, name: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flowsentry"));
    command.arg(name).args(arguments).env_clear().env("DATABASE_URL", url).current_dir(env!("CARGO_MANIFEST_DIR"));
    command.output().unwrap()
}

/// Runs the statements of a finding's remedy, one a message, as psql would.
#[track_caller]
pub fn mend(database: &Database, finding: &Value) {
    assert_eq!(finding["remedy"]["kind"], "sql", "{finding}");
    let text = finding["remedy"]["text"].as_str().unwrap();
    let session = database.session();
    if text.contains("$wake$") { session.execute(text) } else { session.execute_each(text) }
}

impl Report {
    #[track_caller]
    pub fn of(output: &Output) -> Self {
        let page = serde_json::from_slice(&output.stdout);
        let page = page.unwrap_or_else(|error| panic!("{error}: {output:?}"));
        Self { code: output.status.code(), page }
    }

    /// All findings of this name.
    pub fn all(&self, check: &str) -> Vec<Value> {
        let findings = self.page["findings"].as_array().unwrap();
        findings.iter().filter(|finding| finding["check"] == check).cloned().collect()
    }

    /// The finding of this name, severity, and with these words in its subject, what was found, and its remedy.
    #[track_caller]
    pub fn has(&self, check: &str, severity: &str, subject: &str, found: &str, remedy: &str) -> Value {
        let has = |finding: &Value, key: &str, words: &str| finding[key].as_str().unwrap().contains(words);
        let fits = |finding: &&Value| {
            finding["severity"] == severity
                && has(finding, "subject", subject)
                && has(finding, "found", found)
                && finding["remedy"]["text"].as_str().unwrap_or("").contains(remedy)
        };
        let all = self.all(check);
        let told =
            || serde_json::to_string_pretty(&if all.is_empty() { self.page.clone() } else { all.clone().into() });
        let finding = all
            .iter()
            .find(fits)
            .unwrap_or_else(|| panic!("no {severity} {check} of {subject}: {found}: {remedy} in {}", told().unwrap()));
        assert!(severity == "fine" || !finding["why"].as_str().unwrap().is_empty(), "{finding}");
        finding.clone()
    }

    /// Nothing of this name but what is fine.
    #[track_caller]
    pub fn is_fine(&self, check: &str) {
        let told: Vec<Value> = self.all(check).into_iter().filter(|finding| finding["severity"] != "fine").collect();
        assert!(told.is_empty(), "{told:?}");
    }

    /// Nothing but what is fine, and these.
    #[track_caller]
    pub fn has_no_others(&self, but: &[&str]) {
        let told = self.page["findings"].as_array().unwrap().iter();
        let told: Vec<&Value> = told
            .filter(|finding| finding["severity"] != "fine" && !but.contains(&finding["check"].as_str().unwrap()))
            .collect();
        assert!(told.is_empty(), "{told:?}");
    }
}
