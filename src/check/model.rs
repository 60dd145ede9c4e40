//! The model file: there, whole, and made for this program.

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
}
