//! The model file, and that of a candidate: there, whole, and made for this program.

use super::finding::{Finding, Remedy};

/// What became of loading the model file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ModelFile {
    /// It labels.
    Loaded {
        /// Its name.
        version: String,
        /// Features that it wants, all of them known.
        features: usize,
        /// What it tells apart.
        classes: Vec<String>,
    },
    /// There is none.
    Missing,
    /// It cannot be used.
    Unusable {
        /// Why, with names.
        reason: String,
    },
}

/// Judges the model file at `path`.
pub fn judge(file: &ModelFile, path: &str) -> Finding {
    let check = "model";
    let another = || Remedy::Setting("model.path=models/flowsentry.safetensors".to_owned());
    match file {
        ModelFile::Loaded { version, features, classes } => {
            let found = format!("{version:?}, {features} features, tells apart {}", classes.join(", "));
            Finding::fine(check, path, found)
        }
        ModelFile::Missing => {
            let why = "without a model every flow is stored with the label unknown";
            Finding::warning(check, path, "there is no such file", why).mend(another())
        }
        ModelFile::Unusable { reason } => {
            let why = "the service refuses the file, and stores every flow with the label unknown";
            Finding::refused(check, path, reason, why).mend(another())
        }
    }
}

/// Judges the file of a candidate, which judges in shadow: whatever is wrong with it, labels do not depend on it.
pub fn judge_candidate(file: &ModelFile, path: &str) -> Finding {
    let check = "model.candidate";
    let none = Remedy::Setting("model.candidate=".to_owned());
    let why = "nothing judges beside the model, so no metric says how the candidate would do";
    match file {
        ModelFile::Loaded { .. } => Finding { check, ..judge(file, path) },
        ModelFile::Missing => Finding::warning(check, path, "there is no such file", why).mend(none),
        ModelFile::Unusable { reason } => Finding::warning(check, path, reason, why).mend(none),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Severity;
    use super::*;

    #[test]
    fn a_missing_file_is_a_warning_and_a_broken_one_is_refused() {
        let check = |file: ModelFile, expected: Severity| assert_eq!(judge(&file, "m").severity, expected, "{file:?}");
        check(ModelFile::Missing, Severity::Warning);
        check(ModelFile::Unusable { reason: String::new() }, Severity::Refused);
        check(ModelFile::Loaded { version: String::new(), features: 1, classes: Vec::new() }, Severity::Fine);
    }

    #[test]
    fn a_candidate_that_cannot_judge_is_a_warning() {
        let check = |file: ModelFile, expected: Severity| {
            let finding = judge_candidate(&file, "m");
            assert_eq!((finding.check, finding.severity), ("model.candidate", expected), "{file:?}");
        };
        check(ModelFile::Missing, Severity::Warning);
        check(ModelFile::Unusable { reason: String::new() }, Severity::Warning);
        check(ModelFile::Loaded { version: String::new(), features: 1, classes: Vec::new() }, Severity::Fine);
    }
}
