//! The reference page of the metrics: the table of metrics as Markdown, each with the alerting rules that ask for it.

use crate::telemetry::metrics::{ALL, Definition, Kind};

const ALERTS: &str = include_str!("../../../deploy/prometheus/rules/alerts.yaml");
const RECORDED: &str = include_str!("../../../deploy/prometheus/rules/recording.yaml");

const BEGINNING: &str = "\
# Metrics

<!-- Written by `flowsentry reference metrics`. -->

Everything that is at `/metrics` of `http.listen`, in the format that Prometheus reads. What has no unit counts what its name says.
`_total` only grows, and begins at 0 with the process. No label holds an address or a name that traffic chooses, and none
takes more than 64 values. A histogram `name` is read as `name_bucket`, `name_sum` and `name_count`.

*Alerts* are the rules of `deploy/prometheus/rules/alerts.yaml` that ask for it, each with its [runbook](runbooks.md). What to look
at first is in the README under *Operating*.

| metric | type | unit | label | what it says | alerts |
| --- | --- | --- | --- | --- | --- |
";

/// The page.
pub fn page() -> String {
    let recorded = rules(RECORDED, "record");
    let alerts: Vec<(&str, String)> =
        rules(ALERTS, "alert").into_iter().map(|(name, rule)| (name, resolved(rule, &recorded))).collect();
    ALL.iter().fold(BEGINNING.to_owned(), |page, metric| page + &line(metric, &alerts))
}

/// The rules of a file, with their names and all that they say but their notes for people. The files are ours, and plain.
fn rules<'a>(file: &'a str, kind: &str) -> Vec<(&'a str, &'a str)> {
    let start = format!("- {kind}: ");
    let named = |rule: &'a str| {
        let (name, rest) = rule.split_once('\n')?;
        let expression = rest.split("annotations:").next().unwrap_or(rest);
        Some((name.trim(), expression))
    };
    file.split(start.as_str()).skip(1).filter_map(named).collect()
}

/// With the expression of each recorded series that it names behind it.
fn resolved(rule: &str, recorded: &[(&str, &str)]) -> String {
    let named = recorded.iter().filter(|(name, _)| rule.contains(name));
    named.fold(rule.to_owned(), |rule, (_, expression)| rule + expression)
}

fn line(metric: &Definition, alerts: &[(&str, String)]) -> String {
    let Definition { name, kind, label, help } = metric;
    let kind = match kind {
        Kind::Counter | Kind::TimeCounter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram | Kind::Tally => "histogram",
    };
    let label = match label {
        // The bounds of buckets are no label of its own.
        Some(label) if label.name != "le" => {
            let values: Vec<String> = label.values.iter().map(|value| format!("`{value}`")).collect();
            format!("`{}` {}", label.name, values.join(" ")).trim_end().to_owned()
        }
        _ => String::new(),
    };
    let asking: Vec<String> = alerts
        .iter()
        .filter(|(_, rule)| names(rule, name))
        .map(|(alert, _)| format!("[{alert}](runbooks.md#{})", alert.to_lowercase()))
        .collect();
    let help = help.replace('|', "\\|");
    let unit = unit(name);
    format!("| `{name}` | {kind} | {unit} | {label} | {help} | {} |\n", asking.join(", "))
}

/// As the name says it.
fn unit(name: &str) -> &'static str {
    let base = name.trim_end_matches("_total");
    let units = [("_timestamp_seconds", "Unix seconds"), ("_seconds", "seconds"), ("_bytes", "bytes")];
    units.iter().find(|(ending, _)| base.ends_with(ending)).map_or("", |(_, unit)| unit)
}

/// Whether an expression asks for a metric, or for a part of a histogram, and not for one whose name goes on.
fn names(expression: &str, metric: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "_:".contains(c);
    let mut words = expression.split(|c: char| !is_word(c));
    words.any(|word| word.strip_prefix(metric).is_some_and(|rest| ["", "_bucket", "_sum", "_count"].contains(&rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_are_found_through_recorded_series_and_by_whole_names() {
        let recorded = rules("- record: a:x:sum\n  expr: sum(x_total)\n- record: b\n  expr: y\n", "record");
        let rule = resolved("expr: a:x:sum > 1", &recorded);
        assert!(names(&rule, "x_total") && !names(&rule, "x") && !names(&rule, "y"), "{rule}");
        assert!(names("rate(z_bucket[5m])", "z") && !names("zz", "z"));
        assert_eq!(rules(ALERTS, "alert").len(), ALERTS.matches("runbook_url").count());
    }
}
