//! The table of flows: what of it could make storing fail, lose what was stored, or store less than was found.

use super::finding::Finding;

/// The table of flows, as far as it is not ours to choose.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sink {
    /// Schema-qualified and quoted.
    pub table: String,
    /// Whether a crash empties it.
    pub is_unlogged: bool,
    /// Integer columns narrower than ours: quoted name, type.
    pub narrow: Vec<(String, String)>,
    /// Text columns that may be too short: quoted name, type.
    pub short: Vec<(String, String)>,
    /// Triggers that each stored row runs.
    pub triggers: Vec<SinkTrigger>,
    /// Unique indexes over columns that we write only: quoted name, definition, and what drops it.
    pub unique: Vec<(String, String, String)>,
    /// Constraints that a flow may violate: quoted name, definition.
    pub constraints: Vec<(String, String)>,
}

/// A trigger on the table of flows.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SinkTrigger {
    /// Quoted.
    pub name: String,
    /// Its function, with its arguments, as SQL names it.
    pub function: String,
    /// Whether the function sets its own `search_path`.
    pub sets_search_path: bool,
    /// The quoted schema of the table.
    pub schema: String,
}

/// Judges the table of flows.
pub fn judge(sink: &Sink) -> Vec<Finding> {
    let table = &sink.table;
    let mut findings = Vec::new();
    if sink.is_unlogged {
        let why = "a crash of the server empties it, while the checkpoint says that those packets are stored";
        let finding = Finding::refused("sink.unlogged", table, "it is UNLOGGED", why);
        findings.push(finding.sql(format!("ALTER TABLE {table} SET LOGGED;")));
    }
    findings.extend(columns(sink));
    findings.extend(sink.triggers.iter().map(|trigger| of_trigger(table, trigger)));
    for (name, definition, drop) in &sink.unique {
        let why = "flows of one key come in several rows (late packets, early flushes), and one that the index refuses \
                   stops storing";
        findings
            .push(Finding::warning("sink.unique", table, format!("unique index {name}: {definition}"), why).sql(drop));
    }
    for (name, definition) in &sink.constraints {
        let why = "a flow that violates it stops storing";
        let finding = Finding::warning("sink.constraint", table, format!("constraint {name}: {definition}"), why);
        findings.push(finding.sql(format!("ALTER TABLE {table} DROP CONSTRAINT {name};")));
    }
    if findings.is_empty() {
        findings.push(Finding::fine("sink", table, "takes every flow as it is"));
    }
    findings
}

fn columns(sink: &Sink) -> impl Iterator<Item = Finding> {
    let table = &sink.table;
    let list = |columns: &[(String, String)]| {
        columns.iter().map(|(name, kind)| format!("{name} {kind}")).collect::<Vec<_>>().join(", ")
    };
    let change = |columns: &[(String, String)], to: &str| {
        let changes = columns.iter().map(|(name, _)| format!("ALTER COLUMN {name} TYPE {to}"));
        format!("ALTER TABLE {table} {};", changes.collect::<Vec<_>>().join(", "))
    };
    let narrow = (!sink.narrow.is_empty()).then(|| {
        let why = "a larger count is cut to what the column holds, and counted in flowsentry_flow_values_clamped_total; \
                   the change rewrites the table";
        Finding::warning("sink.narrow", table, list(&sink.narrow), why).sql(change(&sink.narrow, "bigint"))
    });
    let short = (!sink.short.is_empty()).then(|| {
        let why = "a longer text is cut to what the column holds";
        Finding::warning("sink.short", table, list(&sink.short), why).sql(change(&sink.short, "text"))
    });
    narrow.into_iter().chain(short)
}

fn of_trigger(table: &str, trigger: &SinkTrigger) -> Finding {
    let SinkTrigger { name, function, schema, .. } = trigger;
    if !trigger.sets_search_path {
        let found = format!("trigger {name} runs {function}, which relies on the session's search_path");
        let why = "our sessions have an empty one, so names in it are not found unless qualified, and storing stops";
        return Finding::warning("sink.trigger_search_path", table, found, why)
            .sql(format!("ALTER FUNCTION {function} SET search_path = {schema}, pg_temp;"));
    }
    let found = format!("trigger {name} runs {function}");
    let why = "it runs with each flow that is stored: an error in it stops storing, its time is ours";
    Finding::warning("sink.trigger", table, found, why).sql(format!("ALTER TABLE {table} DISABLE TRIGGER {name};"))
}

#[cfg(test)]
mod tests {
    use super::super::Severity::{self, Fine, Refused, Warning};
    use super::*;

    #[test]
    fn each_danger_is_a_finding_of_its_own() {
        let check = |sink: Sink, expected: &[(&str, Severity)]| {
            let found: Vec<_> = judge(&sink).iter().map(|finding| (finding.check, finding.severity)).collect();
            assert_eq!(found, expected, "{sink:?}");
        };
        check(Sink::default(), &[("sink", Fine)]);
        check(Sink { is_unlogged: true, ..Sink::default() }, &[("sink.unlogged", Refused)]);
        let pair = || vec![("a".to_owned(), "b".to_owned())];
        check(
            Sink { narrow: pair(), short: pair(), ..Sink::default() },
            &[("sink.narrow", Warning), ("sink.short", Warning)],
        );
        check(Sink { constraints: pair(), ..Sink::default() }, &[("sink.constraint", Warning)]);
        let trigger = SinkTrigger::default();
        let tidy = SinkTrigger { sets_search_path: true, ..SinkTrigger::default() };
        check(
            Sink { triggers: vec![trigger, tidy], ..Sink::default() },
            &[("sink.trigger_search_path", Warning), ("sink.trigger", Warning)],
        );
    }
}
