//! A finding: what was found, how bad it is, why, and what mends it.

/// How bad a finding is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    /// flowsentry does not work, or not as promised.
    Refused,
    /// It works, but something is lost, or soon will be.
    Warning,
    /// As it should be.
    Fine,
}

impl Severity {
    /// As printed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Warning => "warning",
            Self::Fine => "fine",
        }
    }
}

/// What mends a finding.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Remedy {
    /// Statements for psql, as a role that may run them.
    Sql(String),
    /// A command for the shell.
    Shell(String),
    /// A line of `pipeline.toml`, or a `--set` flag: `section.key=value`.
    Setting(String),
    /// What no command can do.
    Advice(String),
}

impl Remedy {
    /// What kind of text it is, for programs.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Sql(_) => "sql",
            Self::Shell(_) => "shell",
            Self::Setting(_) => "setting",
            Self::Advice(_) => "advice",
        }
    }

    /// The text itself.
    pub fn text(&self) -> &str {
        match self {
            Self::Sql(text) | Self::Shell(text) | Self::Setting(text) | Self::Advice(text) => text,
        }
    }
}

/// One finding.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// What was looked at: a stable name, for programs.
    pub check: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The table, sequence, session, setting that it is about.
    pub subject: String,
    /// What was found, with names and values.
    pub found: String,
    /// Why it matters, in a sentence.
    pub why: String,
    /// What mends it.
    pub remedy: Option<Remedy>,
}

impl Finding {
    /// All is well.
    pub fn fine(check: &'static str, subject: impl Into<String>, found: impl Into<String>) -> Self {
        Self::new(Severity::Fine, check, subject, found, "")
    }

    /// Something is lost, or soon will be.
    pub fn warning(
        check: &'static str,
        subject: impl Into<String>,
        found: impl Into<String>,
        why: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Warning, check, subject, found, why)
    }

    /// flowsentry does not work as promised.
    pub fn refused(
        check: &'static str,
        subject: impl Into<String>,
        found: impl Into<String>,
        why: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Refused, check, subject, found, why)
    }

    /// It could not be found out.
    pub fn undetermined(check: &'static str, problem: impl Into<String>, remedy: Option<String>) -> Self {
        let why = "what is not seen may be fine or not";
        let finding = Self::new(Severity::Warning, check, check, format!("not found out: {}", problem.into()), why);
        match remedy {
            Some(remedy) => finding.mend(Remedy::Advice(remedy)),
            None => finding,
        }
    }

    fn new(
        severity: Severity,
        check: &'static str,
        subject: impl Into<String>,
        found: impl Into<String>,
        why: impl Into<String>,
    ) -> Self {
        Self { check, severity, subject: subject.into(), found: found.into(), why: why.into(), remedy: None }
    }

    /// The same with what mends it.
    #[must_use]
    pub fn mend(self, remedy: Remedy) -> Self {
        Self { remedy: Some(remedy), ..self }
    }

    /// The same with statements that mend it.
    #[must_use]
    pub fn sql(self, statements: impl Into<String>) -> Self {
        self.mend(Remedy::Sql(statements.into()))
    }
}

/// Of several findings, how many are of this severity.
pub fn count(findings: &[Finding], severity: Severity) -> usize {
    findings.iter().filter(|finding| finding.severity == severity).count()
}
