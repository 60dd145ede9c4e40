//! The rights that the service needs, one by one; what is lost without each, and the GRANT that gives it.

use super::finding::Finding;

/// What a right is needed for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Need {
    /// Nothing works without; why.
    Must(&'static str),
    /// Something is lost without; what.
    Should(&'static str),
    /// The service does not need it; what else does.
    Told(&'static str),
}

/// A right of the role that the service runs as.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Right {
    /// Such as `SELECT`.
    pub privilege: &'static str,
    /// On what, such as `table "public"."raw_packets"`.
    pub object: String,
    /// Whether the role has it.
    pub held: bool,
    /// What for.
    pub need: Need,
    /// The statement that gives it.
    pub grant: String,
}

/// Judges the rights of `role`: each missing one is a finding.
pub fn judge(rights: &[Right], role: &str) -> Vec<Finding> {
    let held = rights.iter().filter(|right| right.held).count();
    let missing = rights.iter().filter(|right| !right.held);
    let mut findings: Vec<Finding> = missing.map(|right| one(right, role)).collect();
    if findings.iter().all(|finding| finding.check == "rights.migrate") {
        let found = format!("all that the service needs ({held} rights looked at)");
        findings.insert(0, Finding::fine("rights", format!("role {role}"), found));
    }
    findings
}

fn one(right: &Right, role: &str) -> Finding {
    let subject = format!("role {role}");
    let found = format!("may not {} on {}", right.privilege, right.object);
    match right.need {
        Need::Must(why) => Finding::refused("rights", subject, found, why).sql(&right.grant),
        Need::Should(why) => Finding::warning("rights", subject, found, why).sql(&right.grant),
        Need::Told(what) => Finding::fine("rights.migrate", subject, format!("{found}: {what}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Severity::{Fine, Refused, Warning};
    use super::*;

    #[test]
    fn each_missing_right_is_a_finding_and_none_is_one() {
        let right = |held, need| Right {
            privilege: "SELECT",
            object: "table t".to_owned(),
            held,
            need,
            grant: "GRANT SELECT ON t TO r;".to_owned(),
        };
        let check = |rights: &[Right], expected: &[_]| {
            let found: Vec<_> = judge(rights, "r").iter().map(|finding| finding.severity).collect();
            assert_eq!(found, expected, "{rights:?}");
        };
        check(&[right(true, Need::Must("")), right(true, Need::Told(""))], &[Fine]);
        check(&[right(true, Need::Must("")), right(false, Need::Told(""))], &[Fine, Fine]);
        check(&[right(false, Need::Must("")), right(false, Need::Should(""))], &[Refused, Warning]);
        let finding = judge(&[right(false, Need::Must("why"))], "r").remove(0);
        assert_eq!(finding.found, "may not SELECT on table t");
        assert_eq!(finding.remedy.unwrap().text(), "GRANT SELECT ON t TO r;");
    }
}
