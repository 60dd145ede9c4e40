//! What comes out of judging a flow: one of the model's classes, and how sure the model is.

use std::sync::Arc;

/// Label of a flow that no model has judged.
pub const UNKNOWN: &str = "unknown";

/// Class of flows whose source does nothing hostile.
pub const NORMAL: &str = "Normal";

/// What a model says of one flow.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Verdict {
    /// Index into the model's classes.
    pub class: u16,
    /// Softmax probability of the class at the model's temperature, 0 to 1.
    pub confidence: f32,
}

/// The class names of a model, shared with every window that it judged: a newer model may have others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Classes(Arc<[String]>);

impl Classes {
    /// Names in the order of the model's outputs.
    pub fn new(names: impl Into<Arc<[String]>>) -> Self {
        Self(names.into())
    }

    /// The label of a verdict; [`UNKNOWN`] for a class that the model does not have.
    pub fn label(&self, verdict: Verdict) -> &str {
        self.0.get(usize::from(verdict.class)).map_or(UNKNOWN, String::as_str)
    }

    /// Names in the order of the model's outputs.
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// Index of a class by its name.
    pub fn position(&self, name: &str) -> Option<u16> {
        self.0.iter().position(|class| class == name).and_then(|index| u16::try_from(index).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_reads_as_its_class_or_as_unknown() {
        let classes = Classes::new(vec![NORMAL.to_owned(), "DDoS".to_owned()]);
        let check = |class, expected| {
            assert_eq!(classes.label(Verdict { class, confidence: 1.0 }), expected, "{class}");
        };
        check(0, "Normal");
        check(1, "DDoS");
        check(2, UNKNOWN);
        assert_eq!(classes.position("DDoS"), Some(1));
        assert_eq!(classes.position("Slowloris"), None);
    }
}
