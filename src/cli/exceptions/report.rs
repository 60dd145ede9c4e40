//! What `flowsentry exceptions` prints. Texts of tables are somebody else's: control characters of theirs are not for a
//! terminal.

use std::fmt::Write;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::alert::exception::proof::{Proof, Urgent};
use crate::alert::{Exception, Filter};
use crate::flow::time::EventTime;
use crate::postgres::exceptions::Stored;

/// All exceptions, a line or two each.
pub fn listed(stored: &[Stored], now: EventTime, as_json: bool) -> String {
    if as_json {
        return line(
            &json!({ "exceptions": stored.iter().map(|stored| stored_json(stored, now)).collect::<Vec<_>>() }),
        );
    }
    if stored.is_empty() {
        return "There are no exceptions.\n".to_owned();
    }
    let mut text = String::new();
    for stored in stored {
        let Stored { id, filter, owner, reason, created, silenced, last_silenced, .. } = stored;
        let last = last_silenced.map_or(String::new(), |time| format!(", last {}", moment(time)));
        // Writing to a String cannot fail.
        let _ =
            writeln!(text, "{id:>4}  {}{}", asks(filter), state(stored, now).map_or(String::new(), |(_, told)| told));
        let _ = writeln!(
            text,
            "      silenced {silenced} verdicts{last}; by {} on {}: {}",
            plain(owner),
            moment(*created),
            plain(reason)
        );
    }
    text
}

/// Whether it has ended, or was never of use.
fn state(stored: &Stored, now: EventTime) -> Option<(&'static str, String)> {
    match stored.filter.understand(stored.id) {
        Err(error) => Some(("unusable", format!("  [silences nothing: {}]", plain(&error.to_string())))),
        Ok(_) if stored.filter.expires.is_some_and(|expires| expires <= now) => {
            Some(("expired", "  [expired]".to_owned()))
        }
        Ok(_) => None,
    }
}

fn asks(filter: &Filter) -> String {
    let Filter { source, destination, protocol, port, label, schedule, expires } = filter;
    let words = [
        source.as_ref().map(|text| format!("source {text}")),
        destination.as_ref().map(|text| format!("destination {text}")),
        protocol.as_ref().map(|text| format!("protocol {text}")),
        port.map(|port| format!("port {port}")),
        label.as_ref().map(|text| format!("label {text}")),
        schedule.as_ref().map(|text| format!("on {text}")),
        expires.map(|time| format!("until {}", moment(time))),
    ];
    let words: Vec<String> = words.into_iter().flatten().map(|word| plain(&word)).collect();
    if words.is_empty() { "everything".to_owned() } else { words.join(", ") }
}

fn stored_json(stored: &Stored, now: EventTime) -> Value {
    let Filter { source, destination, protocol, port, label, schedule, expires } = &stored.filter;
    json!({
        "id": stored.id, "source": source, "destination": destination, "protocol": protocol, "port": port, "label": label,
        "schedule": schedule, "expires_at": expires.map(moment), "owner": stored.owner, "reason": stored.reason,
        "created_at": moment(stored.created), "silenced": stored.silenced,
        "last_silenced_at": stored.last_silenced.map(moment),
        "state": state(stored, now).map_or("in_force", |(name, _)| name),
        "problem": stored.filter.understand(stored.id).err().map(|error| error.to_string()),
    })
}

/// What an exception would have silenced.
pub fn proved(proof: &Proof, exception: &Exception, as_json: bool) -> String {
    if as_json {
        return line(&proof_json(proof, exception));
    }
    let more = if proof.is_partial { ", the latest of more" } else { "" };
    let mut text =
        format!("Of {} alerts of the last 7 days{more}, it would have silenced {}.\n", proof.alerts, proof.silenced());
    for ((label, severity), count) in &proof.silenced {
        let _ = writeln!(text, "  {count:>6}  {} {}", plain(label), severity.name());
    }
    if proof.by_sample > 0 {
        let _ =
            writeln!(text, "  {} of them by a sample of their peers: there were more than are kept.", proof.by_sample);
    }
    if !proof.urgent.is_empty() {
        text += "Of high and critical severity:\n";
    }
    for Urgent { alert, by } in &proof.urgent {
        let by = by.as_ref().map_or(String::new(), |by| format!(" (by {by})"));
        let _ = writeln!(
            text,
            "  alert {}  {}  {} {} {} {}, {} peers{by}",
            alert.id,
            moment(alert.first_seen),
            alert.severity.name(),
            plain(&alert.label),
            alert.subject.kind.name(),
            alert.subject.address,
            alert.peers,
        );
    }
    if proof.urgent_unnamed > 0 {
        let _ = writeln!(text, "  … and {} more", proof.urgent_unnamed);
    }
    text
}

fn proof_json(proof: &Proof, exception: &Exception) -> Value {
    let silenced = proof
        .silenced
        .iter()
        .map(|((label, severity), count)| json!({ "label": label, "severity": severity.name(), "alerts": count }));
    let urgent = proof.urgent.iter().map(|Urgent { alert, by }| {
        json!({
            "id": alert.id, "label": alert.label, "severity": alert.severity.name(),
            "subject": alert.subject.address.to_string(), "subject_kind": alert.subject.kind.name(),
            "first_seen": moment(alert.first_seen), "last_seen": moment(alert.last_seen), "peers": alert.peers, "by": by,
        })
    });
    json!({
        "alerts": proof.alerts, "alerts_partial": proof.is_partial, "silenced": proof.silenced(),
        "by_label": silenced.collect::<Vec<_>>(), "by_sample": proof.by_sample, "urgent": urgent.collect::<Vec<_>>(),
        "urgent_unnamed": proof.urgent_unnamed,
        "objection": proof.objection(exception).map(|objection| objection.to_string()),
    })
}

/// It was saved.
pub fn added(id: i64, proof: &Proof, exception: &Exception, as_json: bool) -> String {
    if as_json {
        return line(&json!({ "id": id, "proof": proof_json(proof, exception) }));
    }
    format!("Saved as exception {id}; it takes effect within a second.\n")
}

/// It was deleted.
pub fn removed(id: i64, as_json: bool) -> String {
    if as_json { line(&json!({ "removed": id })) } else { format!("Removed exception {id}.\n") }
}

fn plain(text: &str) -> String {
    // Marks that turn the direction of writing are no control characters, and mislead all the same.
    let is_plain = |c: char| {
        !c.is_control() && !matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if is_plain(c) { c } else { '\u{fffd}' }).collect()
}

fn moment(time: EventTime) -> String {
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_micros(time.micros().unsigned_abs())).to_string()
}

fn line(value: &Value) -> String {
    format!("{value}\n")
}
