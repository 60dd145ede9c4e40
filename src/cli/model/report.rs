//! Model files for people and for programs.

use std::fmt::Write;
use std::path::Path;

use serde_json::{Value, json};

use crate::exit::chain;
use crate::model::{Checked, Description, FileError, ModelError, Slot, Switched};

/// Characters of a fingerprint that tell two apart.
const FINGERPRINT_CHARS: usize = 12;

/// A place where a model may be.
pub struct Place<'a> {
    /// What the model there is to the service.
    pub name: &'static str,
    /// The file, and what it is; `None`: no such place is set.
    pub file: Option<(&'a Path, Result<Checked, ModelError>)>,
}

/// All about one file.
pub fn show(path: &Path, model: &Checked) -> String {
    let Description { version, training_fingerprint, classes, hidden, temperature, inputs, golden, .. } =
        &model.description;
    let features: Vec<&str> = inputs.iter().map(|input| &*input.feature).collect();
    let hidden: Vec<String> = hidden.iter().map(ToString::to_string).collect();
    format!(
        "{path}\n  \
           version      {version:?}\n  \
           trained on   {fingerprint}\n  \
           classes      {classes}\n  \
           features     {count}: {features}\n  \
           network      {count} -> {hidden}{outputs}, temperature {temperature}\n  \
           golden rows  {rows}, all as in training\n  \
           size         {size} octets\n",
        path = path.display(),
        fingerprint = training_fingerprint.escape_debug(),
        classes = classes.join(", "),
        count = features.len(),
        features = features.join(", "),
        hidden = hidden.iter().fold(String::new(), |text, width| text + width + " -> "),
        outputs = classes.len(),
        rows = golden.rows.len(),
        size = model.content.len(),
    )
}

/// What is where, a place a line.
pub fn list(places: &[Place<'_>]) -> String {
    places.iter().fold(String::new(), |mut text, Place { name, file }| {
        // Writing to a String cannot fail.
        let _ = match file {
            None => writeln!(text, "{name:<9}  none"),
            Some((path, Ok(model))) => writeln!(text, "{name:<9}  {}  {}", path.display(), in_short(model)),
            Some((path, Err(error))) if is_missing(error) => writeln!(text, "{name:<9}  {}  none", path.display()),
            Some((_, Err(error))) => writeln!(text, "{name:<9}  {}", chain(error)),
        };
        text
    })
}

/// The same for programs.
pub fn list_as_json(places: &[Place<'_>]) -> String {
    let value = |place: &Place<'_>| match &place.file {
        None => Value::Null,
        Some((path, Ok(model))) => as_json(path, model),
        Some((_, Err(error))) if is_missing(error) => Value::Null,
        Some((path, Err(error))) => json!({ "file": path.to_string_lossy(), "error": chain(error) }),
    };
    let entries = places.iter().map(|place| (place.name.replace(' ', "_"), value(place)));
    line(&Value::Object(entries.collect()))
}

/// What was put in place of what, what differs, and what follows. `soon`: how often a service looks.
pub fn changed(slot: &Slot, switched: &Switched, soon: &str) -> String {
    let Switched { before, now } = switched;
    let path = slot.path().display();
    if !switched.is_change() {
        return format!("{path}\n  {} is in use already: nothing was changed\n", in_short(now));
    }
    let was = match before {
        Ok(before) => in_short(before),
        Err(error) if is_missing(error) => "none".to_owned(),
        Err(error) => format!("not kept: {}", chain(error)),
    };
    let mut text = format!("{path}\n  before    {was}\n  now       {}\n", in_short(now));
    if let Ok(before) = before {
        let (before, now) = (&before.description, &now.description);
        text += &difference("classes", &before.classes, &now.classes);
        text += &difference("features", &features(before), &features(now));
        if before.version == now.version {
            text += "  note      both have the same version: stored rows do not tell them apart\n";
        }
        let _ = writeln!(text, "  kept      {}; flowsentry model rollback puts it back", slot.previous().display());
    }
    text + "A running service looks every " + soon + ", takes it over with the next packets, and says so in its log.\n"
}

/// The same for programs.
pub fn changed_as_json(slot: &Slot, switched: &Switched) -> String {
    let Switched { before, now } = switched;
    let previous = slot.previous();
    let before = before.as_ref().map_or(Value::Null, |before| as_json(&previous, before));
    line(&json!({ "changed": switched.is_change(), "before": before, "now": as_json(slot.path(), now) }))
}

/// A model and the file it is in.
pub fn as_json(path: &Path, model: &Checked) -> Value {
    let description = &model.description;
    json!({
        "file": path.to_string_lossy(),
        "version": description.version,
        "training_fingerprint": description.training_fingerprint,
        "classes": description.classes,
        "features": features(description),
        "hidden": description.hidden,
        "temperature": description.temperature,
        "golden_rows": description.golden.rows.len(),
        "bytes": model.content.len(),
    })
}

/// One object, on a line.
pub fn line(value: &Value) -> String {
    format!("{value}\n")
}

fn in_short(model: &Checked) -> String {
    let Description { version, training_fingerprint, classes, inputs, .. } = &model.description;
    let fingerprint: String = training_fingerprint.chars().take(FINGERPRINT_CHARS).collect();
    let (fingerprint, features) = (fingerprint.escape_debug(), inputs.len());
    format!("{version:?}, trained on {fingerprint}, {features} features, {}", classes.join(", "))
}

fn features(description: &Description) -> Vec<String> {
    description.inputs.iter().map(|input| input.feature.clone()).collect()
}

/// What came and what went; nothing if it is the same.
fn difference(what: &str, before: &[String], now: &[String]) -> String {
    let missing = |names: &[String], from: &[String], sign: char| -> Vec<String> {
        names.iter().filter(|name| !from.contains(name)).map(|name| format!("{sign}{name}")).collect()
    };
    let names = [missing(now, before, '+'), missing(before, now, '-')].concat();
    if names.is_empty() { String::new() } else { format!("  {what:<8}  {}\n", names.join(", ")) }
}

fn is_missing(error: &ModelError) -> bool {
    matches!(error, ModelError::File { source: FileError::Read(cause), .. } if cause.kind() == std::io::ErrorKind::NotFound)
}
