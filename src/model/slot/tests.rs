//! A crash before, within or after any step leaves a whole model at the path, and the command can be given again.

use super::super::file::tests::model_file;
use super::*;

const BYTES_MAX: u64 = 1 << 20;

fn content(version: &str) -> Vec<u8> {
    let mut file = model_file();
    file.description.version = version.to_owned();
    file.to_bytes().unwrap()
}

/// A directory with files of models that are named as they are.
struct Place {
    directory: tempfile::TempDir,
    slot: Slot,
}

impl Place {
    /// With these versions in use and kept.
    fn with(in_use: Option<&str>, kept: Option<&str>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let slot = Slot::at(&directory.path().join("model.safetensors"), BYTES_MAX);
        let place = Self { directory, slot };
        for (version, path) in [(in_use, place.slot.path().to_owned()), (kept, place.slot.previous())] {
            if let Some(version) = version {
                fs::write(&path, content(version)).unwrap();
            }
        }
        for version in ["one", "two", "three"] {
            fs::write(place.file(version), content(version)).unwrap();
        }
        place
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn version(path: &Path) -> String {
        match Checked::read(path, BYTES_MAX) {
            Ok(checked) => checked.description.version,
            Err(ModelError::File { source: FileError::Read(_), .. }) => "none".to_owned(),
            Err(error) => format!("broken: {error:?}"),
        }
    }

    /// Versions in use and kept.
    fn versions(&self) -> [String; 2] {
        [Self::version(self.slot.path()), Self::version(&self.slot.previous())]
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.directory.path()).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|n| n.starts_with('m'))
            .collect();
        names.sort();
        names
    }
}

#[test]
fn a_switch_keeps_the_model_before_and_a_rollback_puts_it_back() {
    let place = Place::with(Some("one"), None);
    let switched = place.slot.switch(&place.file("two")).unwrap();
    assert_eq!(switched.before.unwrap().description.version, "one");
    assert_eq!(place.versions(), ["two", "one"]);
    assert!(place.slot.switch(&place.file("three")).unwrap().is_change());
    assert_eq!(place.versions(), ["three", "two"]);
    assert!(!place.slot.switch(&place.file("three")).unwrap().is_change());
    assert_eq!(place.versions(), ["three", "two"], "the same again loses nothing");
    place.slot.rollback().unwrap();
    assert_eq!(place.versions(), ["two", "three"]);
    place.slot.rollback().unwrap();
    assert_eq!(place.versions(), ["three", "two"], "rolling back again undoes it");
    assert_eq!(place.names(), ["model.safetensors", "model.safetensors.previous"]);
}

#[test]
fn what_is_no_model_changes_nothing() {
    let place = Place::with(Some("one"), Some("two"));
    let check = |name: &str, content: &[u8]| {
        fs::write(place.file(name), content).unwrap();
        let error = place.slot.switch(&place.file(name)).unwrap_err();
        assert!(matches!(error, SlotError::Unusable(_)), "{name}: {error:?}");
        assert_eq!(place.versions(), ["one", "two"], "{name}");
    };
    check("cut", &content("three")[..200]);
    check("empty", &[]);
    let mut file = model_file();
    file.layers[0].weights[0] = -1.0;
    check("other weights", &file.to_bytes().unwrap());
    let mut file = model_file();
    file.description.inputs[0].feature = "entropy".to_owned();
    check("unknown feature", &file.to_bytes().unwrap());
    assert!(matches!(place.slot.switch(&place.file("absent")), Err(SlotError::Unusable(_))));
    assert!(matches!(place.slot.switch(place.directory.path()), Err(SlotError::Unusable(_))));

    fs::write(place.slot.previous(), "no model").unwrap();
    assert!(matches!(place.slot.rollback(), Err(SlotError::Unusable(_))));
    assert_eq!(Place::version(place.slot.path()), "one");
}

#[test]
fn where_nothing_was_before_there_is_nothing_to_go_back_to() {
    let place = Place::with(None, None);
    assert!(matches!(place.slot.rollback(), Err(SlotError::NoPrevious { .. })));
    assert!(place.slot.switch(&place.file("one")).unwrap().before.is_err());
    assert_eq!(place.versions(), ["one", "none"]);
    assert!(matches!(place.slot.rollback(), Err(SlotError::NoPrevious { .. })));
    let place = Place::with(Some("one"), Some("one"));
    assert!(matches!(place.slot.rollback(), Err(SlotError::SamePrevious { .. })));
    let place = Place::with(None, Some("one"));
    place.slot.rollback().unwrap();
    assert_eq!(place.versions(), ["one", "one"]);
}

#[test]
fn a_broken_model_in_use_is_replaced_and_does_not_push_out_the_one_kept() {
    let place = Place::with(None, Some("one"));
    fs::write(place.slot.path(), "no model").unwrap();
    assert!(place.slot.switch(&place.file("two")).unwrap().before.is_err());
    assert_eq!(place.versions(), ["two", "one"]);
}

#[test]
fn one_command_at_a_time() {
    let place = Place::with(Some("one"), Some("two"));
    let lock = place.slot.lock().unwrap();
    assert!(matches!(place.slot.switch(&place.file("three")), Err(SlotError::Busy { .. })));
    assert!(matches!(place.slot.rollback(), Err(SlotError::Busy { .. })));
    drop(lock);
    place.slot.switch(&place.file("three")).unwrap();
    assert_eq!(place.versions(), ["three", "one"]);
}

/// Where a crash comes: after so many steps, and so many octets of the next if that one writes.
fn crash(place: &Place, steps: &[Step<'_>], after: usize, octets: usize) {
    let directory = place.slot.lock().unwrap();
    steps[..after].iter().for_each(|step| step.take(None, &directory).unwrap());
    if let Some(Step::Write { file, content }) = steps.get(after) {
        fs::write(file, &content[..octets.min(content.len())]).unwrap();
    }
}

#[test]
fn a_crash_at_any_step_of_a_switch_leaves_a_whole_model() {
    let mut seen = Vec::new();
    for (after, octets) in [(0, 0), (0, 100), (1, 0), (1, 100), (2, 0), (3, 0), (4, 0)] {
        let place = Place::with(Some("two"), Some("one"));
        let read = |path: &Path| Checked::read(path, BYTES_MAX);
        let switched = Switched { before: read(place.slot.path()), now: read(&place.file("three")).unwrap() };
        let steps = place.slot.steps_of_switch(&switched);
        assert_eq!(steps.len(), 4);
        crash(&place, &steps, after, octets);
        seen.push(place.versions());
        place.slot.switch(&place.file("three")).unwrap();
        assert_eq!(place.versions(), ["three", "two"], "given again after {after} steps and {octets} octets");
        assert_eq!(place.names(), ["model.safetensors", "model.safetensors.previous"]);
    }
    seen.dedup();
    assert_eq!(seen, [["two", "one"], ["two", "two"], ["three", "two"]]);
}

#[test]
fn a_crash_at_any_step_of_a_rollback_leaves_a_whole_model() {
    let mut seen = Vec::new();
    for (after, octets) in [(0, 0), (0, 100), (1, 0), (1, 100), (2, 0), (3, 0), (4, 0)] {
        let place = Place::with(Some("two"), Some("one"));
        let read = |path: &Path| Checked::read(path, BYTES_MAX);
        let switched = Switched { before: read(place.slot.path()), now: read(&place.slot.previous()).unwrap() };
        let steps = place.slot.steps_of_rollback(&switched);
        assert_eq!(steps.len(), 4);
        crash(&place, &steps, after, octets);
        seen.push(place.versions());
    }
    seen.dedup();
    assert_eq!(seen, [["two", "one"], ["one", "one"], ["one", "two"]], "the one to go back to is never lost");
}

#[test]
fn a_failed_step_leaves_nothing_behind_and_nothing_switched() {
    let place = Place::with(Some("one"), None);
    // A directory in the way of what would be kept: the first rename fails, after both files were written.
    fs::create_dir(place.slot.previous()).unwrap();
    fs::write(place.slot.previous().join("something"), "").unwrap();
    let error = place.slot.switch(&place.file("two")).unwrap_err();
    assert!(matches!(&error, SlotError::Write { file, .. } if *file == place.slot.previous()), "{error:?}");
    assert_eq!(Place::version(place.slot.path()), "one");
    assert_eq!(place.names(), ["model.safetensors", "model.safetensors.previous"]);
}

#[test]
fn who_may_read_the_model_may_read_the_next() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::with(Some("one"), None);
    fs::set_permissions(place.slot.path(), fs::Permissions::from_mode(0o640)).unwrap();
    place.slot.switch(&place.file("two")).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(place.slot.path()), mode(&place.slot.previous())), (0o640, 0o640));
}
