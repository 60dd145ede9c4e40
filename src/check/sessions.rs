//! Whether our sessions are sessions of the server, or of a pooler that changes them between transactions.

use super::finding::{Finding, Remedy};

/// What two sessions, opened at the same time, saw.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Sessions {
    /// Each had a server process of its own in every transaction.
    Direct {
        /// Whether a session's advisory lock was still held in its next transaction.
        keeps_locks: bool,
        /// Whether a session was still listening in its next transaction, and heard what it told itself.
        hears: bool,
    },
    /// A session changed its server process between transactions, or two shared one.
    Pooled {
        /// What gave it away.
        evidence: String,
    },
}

/// Judges the sessions; `listens`: whether the settings want to be woken by NOTIFY.
pub fn judge(sessions: &Sessions, listens: bool) -> Vec<Finding> {
    let subject = "sessions";
    let direct = || {
        Remedy::Advice(
            "name the server itself, not the pooler: DATABASE_URL=postgres://USER@HOST:5432/DATABASE, or a pool of the \
             pooler with pool_mode=session"
                .to_owned(),
        )
    };
    let (keeps_locks, hears) = match sessions {
        Sessions::Pooled { evidence } => {
            let why = "the lock that keeps a second instance out would not be ours, settings of our sessions would reach \
                       others, and LISTEN and prepared statements do not work; wakeup.trigger=false mends only LISTEN";
            return vec![Finding::refused("session.direct", subject, evidence, why).mend(direct())];
        }
        Sessions::Direct { keeps_locks, hears } => (*keeps_locks, *hears),
    };
    let mut findings = Vec::new();
    findings.push(if keeps_locks {
        let found = "a server process of their own in every transaction, and advisory locks last";
        Finding::fine("session.direct", subject, found)
    } else {
        let found = "an advisory lock of a session was gone in its next transaction";
        let why = "that lock keeps a second instance from owning the source at the same time";
        Finding::refused("session.direct", subject, found, why).mend(direct())
    });
    findings.push(if hears {
        Finding::fine("session.listen", subject, "a session hears its own NOTIFY")
    } else if listens {
        let why = "nothing would wake flowsentry, so packets are found by the fallback timer only";
        Finding::warning("session.listen", subject, "a session does not hear its own NOTIFY", why)
            .mend(Remedy::Setting("wakeup.trigger=false".to_owned()))
    } else {
        Finding::fine("session.listen", subject, "NOTIFY is not heard, and wakeup.trigger=false does without")
    });
    findings
}

#[cfg(test)]
mod tests {
    use super::super::Severity::{self, Fine, Refused, Warning};
    use super::*;

    #[test]
    fn each_thing_that_a_pooler_breaks_is_told() {
        let check = |sessions: &Sessions, listens, expected: &[(&str, Severity)]| {
            let findings = judge(sessions, listens);
            let found: Vec<_> = findings.iter().map(|finding| (finding.check, finding.severity)).collect();
            assert_eq!(found, expected, "{sessions:?}");
            assert!(findings.iter().all(|finding| (finding.severity == Fine) == finding.remedy.is_none()));
        };
        let direct = |keeps_locks, hears| Sessions::Direct { keeps_locks, hears };
        check(&Sessions::Pooled { evidence: String::new() }, true, &[("session.direct", Refused)]);
        check(&direct(true, true), true, &[("session.direct", Fine), ("session.listen", Fine)]);
        check(&direct(false, true), true, &[("session.direct", Refused), ("session.listen", Fine)]);
        check(&direct(true, false), true, &[("session.direct", Fine), ("session.listen", Warning)]);
        check(&direct(true, false), false, &[("session.direct", Fine), ("session.listen", Fine)]);
    }
}
