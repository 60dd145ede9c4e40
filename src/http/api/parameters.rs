//! What stands behind the `?`: every name known, every value read, or the request refused with the place.

use std::str::FromStr;

use super::problem::Problem;
use super::time;
use crate::flow::time::EventTime;

/// Longest value that is taken.
const VALUE_CHARS_MAX: usize = 200;

/// Names and values of a query.
pub(in crate::http) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads a query that may have these names.
    pub fn of(query: Option<&str>, names: &[&str]) -> Result<Self, Problem> {
        let mut found: Vec<(String, String)> = Vec::new();
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (Some(name), Some(value)) = (decoded(name), decoded(value)) else {
                return Err(Problem::request(format!("?{pair} cannot be decoded"), "write UTF-8, and % as %25"));
            };
            if !names.contains(&name.as_str()) {
                return Err(Problem::request(
                    format!("there is no parameter {name:?}"),
                    format!("use {}", names.join(", ")),
                ));
            }
            if found.iter().any(|(known, _)| *known == name) {
                return Err(Problem::request(format!("{name} is there twice"), "write each parameter once"));
            }
            if value.contains('\0') || value.chars().count() > VALUE_CHARS_MAX {
                return Err(wrong(&name, &value, "write at most 200 characters, and no NUL"));
            }
            found.push((name, value));
        }
        Ok(Self(found))
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A value that must be read.
    pub fn read<T>(&self, name: &str, remedy: &str, read: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        read(text).map(Some).ok_or_else(|| wrong(name, text, remedy))
    }

    pub fn time(&self, name: &str) -> Result<Option<EventTime>, Problem> {
        self.read(name, "write a time in UTC such as 2026-01-31T08:00:00Z", time::read)
    }

    pub fn limit(&self, default: usize, most: usize) -> Result<usize, Problem> {
        let remedy = format!("write a number from 1 to {most}");
        let read = |text: &str| usize::from_str(text).ok().filter(|limit| (1..=most).contains(limit));
        Ok(self.read("limit", &remedy, read)?.unwrap_or(default))
    }
}

pub(in crate::http) fn wrong(name: &str, value: &str, remedy: &str) -> Problem {
    let value: String = value.chars().take(VALUE_CHARS_MAX).collect();
    Problem::request(format!("{name} = {value:?} cannot be used"), remedy)
}

/// `%41` and `+` become what they stand for.
pub(in crate::http) fn decoded(text: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        octets.push(match first {
            b'+' => b' ',
            b'%' => {
                let (digits, after) = rest.split_at_checked(2)?;
                rest = after;
                let digits =
                    std::str::from_utf8(digits).ok().filter(|two| two.bytes().all(|c| c.is_ascii_hexdigit()))?;
                u8::from_str_radix(digits, 16).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(octets).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded() {
        let check = |text: &str, expected: Option<&str>| assert_eq!(decoded(text).as_deref(), expected, "{text}");
        check("a+b%20c", Some("a b c"));
        check("10.0.0.0%2F8", Some("10.0.0.0/8"));
        check("%C3%A4", Some("ä"));
        check("%", None);
        check("%4", None);
        check("%+1", None);
        check("%ff", None);
        check("", Some(""));
    }

    #[test]
    fn what_is_not_known_is_refused() {
        let check = |query: &str, is_fine: bool| {
            assert_eq!(Parameters::of(Some(query), &["limit", "label"]).is_ok(), is_fine, "{query}");
        };
        check("", true);
        check("limit=1&label=a", true);
        check("limit=1&limit=2", false);
        check("limits=1", false);
        check("label=%00", false);
        check("label=%zz", false);
        let limit = |query: &str| Parameters::of(Some(query), &["limit"]).and_then(|found| found.limit(7, 500)).ok();
        assert_eq!(limit(""), Some(7));
        assert_eq!(limit("limit=500"), Some(500));
        assert_eq!(limit("limit=501"), None);
        assert_eq!(limit("limit=0"), None);
        assert_eq!(limit("limit=-1"), None);
    }
}
