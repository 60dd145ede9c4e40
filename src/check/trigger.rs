//! The trigger that wakes us: there, enabled for whoever inserts, and doing what it should.
//!
//! What is proved, and what is not. A test row in somebody's table would be proof, but it is not ours to insert, not even
//! rolled back: it would use an id up. So the catalogue is the evidence: our function unchanged, on the right table, for
//! each insert statement, enabled. Beside it the channel is listened to for a second: a ring heard proves all of it; no
//! insert, or an awake service that holds the gate, proves nothing and harms nothing; packets without a ring are told.

use super::finding::{Finding, Remedy};

/// The trigger and what may keep it from ringing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Trigger {
    /// The table of packets, schema-qualified and quoted.
    pub table: String,
    /// Quoted name of the trigger; `None` where there is none of our function.
    pub name: Option<String>,
    /// `pg_trigger.tgenabled`: O origin, D disabled, R replica, A always.
    pub enabled: char,
    /// Whether it is for each statement, after each insert, without a condition.
    pub is_plain: bool,
    /// Whether the function is the one of this program, letter by letter, with the rights of whoever inserts.
    pub is_ours: bool,
    /// The statement that makes the function what it should be.
    pub function_sql: String,
    /// The table of which the table of packets is a partition, quoted.
    pub parent: Option<String>,
    /// Roles and databases for which `session_replication_role` is not `origin`.
    pub replicas: Vec<String>,
    /// What a second of listening gave.
    pub heard: Heard,
}

/// What a second of listening gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Heard {
    /// Nobody listened.
    #[default]
    NotListened,
    /// It rang.
    Ring,
    /// A service is awake and holds the gate: inserts must not ring.
    Gate,
    /// No packets came.
    NoPackets,
    /// Packets came, the gate was open, and nothing rang.
    Silence,
}

/// Judges the trigger; `wanted`: `[wakeup] trigger`.
pub fn judge(trigger: &Trigger, wanted: bool) -> Vec<Finding> {
    let table = &trigger.table;
    let Some(name) = trigger.name.as_deref().filter(|_| trigger.enabled != 'D') else {
        return vec![absent(trigger, wanted)];
    };
    if !wanted {
        let why = "inserts notify, each at the price of a lock at commit, and nobody listens";
        let finding =
            Finding::warning("trigger", table, format!("{name} is enabled, but wakeup.trigger is false"), why);
        return vec![finding.sql(format!("ALTER TABLE {table} DISABLE TRIGGER {name};"))];
    }
    let mut findings: Vec<Finding> =
        [mode(trigger, name), shape(trigger, name), parent(trigger)].into_iter().flatten().collect();
    findings.extend(heard(trigger, name, findings.is_empty()));
    findings
}

fn absent(trigger: &Trigger, wanted: bool) -> Finding {
    let table = &trigger.table;
    if !wanted {
        return Finding::fine("trigger", table, "no trigger rings, and wakeup.trigger is false: flowsentry polls");
    }
    let why = "new packets are found by the fallback timer only";
    match &trigger.name {
        Some(name) => Finding::warning("trigger", table, format!("{name} is disabled"), why)
            .sql(format!("ALTER TABLE {table} ENABLE TRIGGER {name};")),
        None => Finding::warning("trigger", table, "there is no trigger that wakes flowsentry", why)
            .mend(Remedy::Shell("flowsentry migrate".to_owned())),
    }
}

/// For whom it is enabled.
fn mode(trigger: &Trigger, name: &str) -> Option<Finding> {
    let table = &trigger.table;
    let always = format!("ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name};");
    let (found, why) = match trigger.enabled {
        'R' => (format!("{name} is enabled for replicas only"), "an ordinary insert does not ring"),
        'O' if !trigger.replicas.is_empty() => (
            format!("session_replication_role is set for {}", trigger.replicas.join(", ")),
            "what they insert does not ring, since the trigger is not enabled ALWAYS",
        ),
        _ => return None,
    };
    Some(Finding::warning("trigger.mode", table, found, why).sql(always))
}

/// What it calls, and when.
fn shape(trigger: &Trigger, name: &str) -> Option<Finding> {
    let table = &trigger.table;
    if !trigger.is_plain {
        let why = "a row trigger rings for each packet, and one with a condition not for all";
        let found = format!("{name} is not AFTER INSERT FOR EACH STATEMENT without a condition");
        let again = format!(
            "DROP TRIGGER {name} ON {table}; CREATE TRIGGER flowsentry_wake AFTER INSERT ON {table} FOR EACH STATEMENT \
             EXECUTE FUNCTION flowsentry.wake();"
        );
        return Some(Finding::warning("trigger.shape", table, found, why).sql(again));
    }
    (!trigger.is_ours).then(|| {
        let why =
            "what it does to those who insert is not what was measured, and whether it wakes flowsentry is not known";
        Finding::warning("trigger.function", table, "flowsentry.wake() is not the function of this program", why)
            .sql(&trigger.function_sql)
    })
}

fn parent(trigger: &Trigger) -> Option<Finding> {
    let (table, parent) = (&trigger.table, trigger.parent.as_ref()?);
    let why = "an insert into the parent runs the statement triggers of the parent alone, so it does not ring";
    let finding = Finding::warning("trigger.parent", table, format!("it is a partition of {parent}"), why);
    Some(finding.mend(Remedy::Setting(format!("source.table={parent}"))))
}

fn heard(trigger: &Trigger, name: &str, is_sound: bool) -> Option<Finding> {
    let table = &trigger.table;
    let seen = match trigger.heard {
        Heard::Ring => "and it rang",
        Heard::Gate => "an awake service keeps it silent, as it should",
        Heard::NoPackets => "no packets came within a second to hear it ring",
        Heard::NotListened => "it was not listened to",
        Heard::Silence => {
            let why = "packets came while nobody kept it silent, and it did not ring: they come past it (into a partition, \
                       or by logical replication), and are found by the fallback timer";
            let found = format!("{name} was not heard");
            let advice = Remedy::Advice(format!("insert into {table} itself, not into its partitions"));
            return Some(Finding::warning("trigger.silent", table, found, why).mend(advice));
        }
    };
    is_sound.then(|| Finding::fine("trigger", table, format!("{name} is there, enabled and unchanged; {seen}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> Trigger {
        Trigger {
            table: "t".to_owned(),
            name: Some("w".to_owned()),
            enabled: 'O',
            is_plain: true,
            is_ours: true,
            function_sql: "CREATE OR REPLACE".to_owned(),
            heard: Heard::Ring,
            ..Trigger::default()
        }
    }

    #[test]
    fn whatever_keeps_it_from_ringing_is_told_with_the_mend() {
        let check = |change: fn(&mut Trigger), wanted, expected: &[(&str, &str)]| {
            let mut trigger = sound();
            change(&mut trigger);
            let findings = judge(&trigger, wanted);
            let found: Vec<_> = findings
                .iter()
                .map(|finding| (finding.check, finding.remedy.as_ref().map_or("", |remedy| remedy.text())))
                .collect();
            assert_eq!(found, expected, "{trigger:?}");
        };
        check(|_| {}, true, &[("trigger", "")]);
        check(|_| {}, false, &[("trigger", "ALTER TABLE t DISABLE TRIGGER w;")]);
        check(|trigger| trigger.name = None, true, &[("trigger", "flowsentry migrate")]);
        check(|trigger| trigger.name = None, false, &[("trigger", "")]);
        check(|trigger| trigger.enabled = 'D', true, &[("trigger", "ALTER TABLE t ENABLE TRIGGER w;")]);
        check(|trigger| trigger.enabled = 'D', false, &[("trigger", "")]);
        let always = ("trigger.mode", "ALTER TABLE t ENABLE ALWAYS TRIGGER w;");
        check(|trigger| trigger.enabled = 'R', true, &[always]);
        check(|trigger| trigger.enabled = 'A', true, &[("trigger", "")]);
        check(|trigger| trigger.replicas.push("role x".to_owned()), true, &[always]);
        check(|trigger| trigger.is_ours = false, true, &[("trigger.function", "CREATE OR REPLACE")]);
        check(|trigger| trigger.parent = Some("p".to_owned()), true, &[("trigger.parent", "source.table=p")]);
        check(|trigger| trigger.heard = Heard::NoPackets, true, &[("trigger", "")]);
        check(
            |trigger| trigger.heard = Heard::Silence,
            true,
            &[("trigger.silent", "insert into t itself, not into its partitions")],
        );
        let findings = judge(&Trigger { is_plain: false, ..sound() }, true);
        assert_eq!(findings[0].check, "trigger.shape");
    }
}
