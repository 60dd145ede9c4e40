//! Findings for people and for programs.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::check::finding::count;
use crate::check::{Finding, Remedy, Severity};

const SEVERITIES: [Severity; 3] = [Severity::Refused, Severity::Warning, Severity::Fine];

/// What is refused first, with why and what mends it; what is fine in a line each; a summary.
pub fn text(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let Finding { severity, check, subject, found, why, remedy } = finding;
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(text, "{:<8} {check}  {}: {}", severity.name(), printable(subject), printable(found));
        if !why.is_empty() {
            let _ = writeln!(text, "         why:  {}", printable(why));
        }
        if let Some(remedy) = remedy {
            let _ = writeln!(text, "         mend: {}", mend(remedy));
        }
        if *severity != Severity::Fine {
            text.push('\n');
        }
    }
    let [refused, warnings, fine] = SEVERITIES.map(|severity| count(findings, severity));
    let plural = if warnings == 1 { "" } else { "s" };
    let _ = writeln!(text, "\n{refused} refused, {warnings} warning{plural}, {fine} fine");
    text
}

fn mend(remedy: &Remedy) -> String {
    let text: Vec<String> = remedy.text().lines().map(printable).collect();
    let text = text.join("\n               ");
    match remedy {
        Remedy::Sql(_) | Remedy::Advice(_) => text,
        Remedy::Shell(_) => format!("$ {text}"),
        Remedy::Setting(_) => {
            match text.split_once('.').and_then(|(section, rest)| Some((section, rest.split_once('=')?))) {
                Some((section, (key, value))) => {
                    format!("--set {text}, or in pipeline.toml: [{section}] {key} = {}", quoted(value))
                }
                None => text,
            }
        }
    }
}

/// As TOML wants it: numbers and truth bare, everything else in quotes.
fn quoted(value: &str) -> String {
    let bare = value == "true" || value == "false" || value.parse::<i64>().is_ok();
    if bare { value.to_owned() } else { format!("'{value}'") }
}

/// Names come from others: nothing in them may steer a terminal.
fn printable(text: &str) -> String {
    let steers = |c: char| {
        c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().flat_map(|c| if steers(c) { c.escape_unicode().collect() } else { vec![c] }).collect()
}

/// One object.
pub fn json(findings: &[Finding]) -> String {
    let each = |finding: &Finding| {
        let remedy = finding.remedy.as_ref();
        json!({
            "check": finding.check,
            "severity": finding.severity.name(),
            "subject": finding.subject,
            "found": finding.found,
            "why": finding.why,
            "remedy": remedy.map(|remedy| json!({ "kind": remedy.kind(), "text": remedy.text() })),
        })
    };
    let counts: serde_json::Map<String, Value> =
        SEVERITIES.iter().map(|severity| (severity.name().to_owned(), count(findings, *severity).into())).collect();
    let findings: Vec<Value> = findings.iter().map(each).collect();
    format!("{}\n", json!({ "summary": counts, "findings": findings }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_has_what_was_found_why_and_what_mends_it() {
        let findings = [
            Finding::refused("a.b", "t", "CACHE 20\u{1b}[2J", "ids").sql("ALTER SEQUENCE s CACHE 1;"),
            Finding::warning("c", "u", "false", "w").mend(Remedy::Setting("wakeup.trigger=false".to_owned())),
            Finding::fine("d", "v", "well"),
        ];
        assert_eq!(
            text(&findings),
            "refused  a.b  t: CACHE 20\\u{1b}[2J\n         why:  ids\n         mend: ALTER SEQUENCE s CACHE 1;\n\n\
             warning  c  u: false\n         why:  w\n         \
             mend: --set wakeup.trigger=false, or in pipeline.toml: [wakeup] trigger = false\n\n\
             fine     d  v: well\n\n1 refused, 1 warning, 1 fine\n"
        );
    }

    #[test]
    fn a_setting_is_written_as_its_file_wants_it() {
        let check = |setting: &str, expected: &str| {
            let shown = mend(&Remedy::Setting(setting.to_owned()));
            assert!(shown.ends_with(expected), "{shown}");
        };
        check("window.out_of_orderness=8s", "[window] out_of_orderness = '8s'");
        check("source.table=\"s\".\"t\"", "[source] table = '\"s\".\"t\"'");
        check("database.pool_size=4", "[database] pool_size = 4");
    }
}
