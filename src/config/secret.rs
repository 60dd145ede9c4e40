//! Texts that may hold a password: nothing that prints them shows it.

use std::fmt;

use toml::Value;

use super::setting::Setting;
use super::written::Written;

const HIDDEN: &str = "***";
/// Parameters of a connection text that are worth showing and cannot hold a password.
const SHOWN_PARAMETERS: [&str; 6] = ["host", "hostaddr", "port", "user", "dbname", "sslmode"];

/// A database URL or `key=value` connection text. Shown without password; where its parts are in doubt, not at all.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for connecting only.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    fn redacted(&self) -> String {
        let shown = match self.0.split_once("://") {
            Some((scheme @ ("postgres" | "postgresql"), rest)) => redacted_url(scheme, rest),
            Some(_) => None,
            None => redacted_parameters(&self.0),
        };
        shown.unwrap_or_else(|| HIDDEN.to_owned())
    }
}

/// `scheme://user:***@hosts/database`, if every part is plain; parameters after `?` are left out.
fn redacted_url(scheme: &str, rest: &str) -> Option<String> {
    let (place, parameters) = match rest.split_once('?') {
        None => (rest, ""),
        Some((_, parameters)) if parameters.contains('@') => return None, // perhaps a `?` in the password
        Some((place, _)) => (place, "?***"),
    };
    let (login, place) = place.rsplit_once('@').map_or((None, place), |(login, place)| (Some(login), place));
    let login = match login.map(|login| login.split_once(':').unwrap_or((login, ""))) {
        None => String::new(),
        Some((user, "")) if is_plain(user) => format!("{user}@"),
        Some((user, _)) if is_plain(user) => format!("{user}:{HIDDEN}@"),
        Some(_) => return None,
    };
    let (hosts, database) = place.split_once('/').unwrap_or((place, ""));
    let hosts_are_plain = hosts.split(',').all(|host| {
        let (name, port) = host.rsplit_once(':').unwrap_or((host, ""));
        let name = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        port.chars().all(|digit| digit.is_ascii_digit()) && name.chars().all(|c| c == ':' || is_plain_char(c))
    });
    let slash = if place.contains('/') { "/" } else { "" };
    (hosts_are_plain && is_plain(database)).then(|| format!("{scheme}://{login}{hosts}{slash}{database}{parameters}"))
}

/// The harmless `key=value` pairs. With quotes, escapes or loose spaces a pair may be a part of a password: then none.
fn redacted_parameters(text: &str) -> Option<String> {
    if text.contains(['\'', '"', '\\']) {
        return None;
    }
    let pairs: Option<Vec<_>> = text.split_whitespace().map(|pair| pair.split_once('=')).collect();
    let pairs = pairs?;
    if pairs.iter().any(|(key, value)| key.is_empty() || value.is_empty()) {
        return None;
    }
    let shown = pairs.iter().map(|&(key, value)| {
        let value = if SHOWN_PARAMETERS.contains(&key) { value } else { HIDDEN };
        if is_plain(key) { format!("{key}={value}") } else { HIDDEN.to_owned() }
    });
    Some(shown.collect::<Vec<_>>().join(" ")).filter(|shown| !shown.is_empty())
}

fn is_plain(text: &str) -> bool {
    text.chars().all(is_plain_char)
}

fn is_plain_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

impl fmt::Display for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.redacted())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Secret({})", self.redacted())
    }
}

impl Setting for Option<Secret> {
    const SECRET: bool = true;

    fn read(written: &Written) -> Result<Self, String> {
        let text = written.as_text().ok_or("write a URL or key=value text in quotes")?;
        Ok(if text.is_empty() { None } else { Some(Secret::new(text)) })
    }

    fn shown(&self) -> Value {
        Value::String(self.as_ref().map(ToString::to_string).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_text_is_shown_without_its_password() {
        let check = |text: &str, expected: &str| {
            assert_eq!(Secret::new(text).to_string(), expected);
            assert_eq!(format!("{:?}", Secret::new(text)), format!("Secret({expected})"));
        };
        check("postgres://ada:hunter2@db:5432/net", "postgres://ada:***@db:5432/net");
        check("postgresql://ada@[::1]:5432/net", "postgresql://ada@[::1]:5432/net");
        check("postgres://ada:hunter2@a:1,b:2/net", "postgres://ada:***@a:1,b:2/net");
        check("postgres://db/net?user=ada&password=hunter2", "postgres://db/net?***");
        check("postgres:///net", "postgres:///net");
        check("postgres://ada:hunter2@@db/net", "postgres://ada:***@db/net");
        check("postgres://ada:hun/ter2@db/net", "postgres://ada:***@db/net");
        check("postgres://ada:hun?ter2@db/net", "***");
        check("postgres://ada:12?34@db/net", "***");
        check("postgres://ada:hunter2", "***");
        check("postgres://ada%3Ahunter2@db", "***");
        check("http://ada:hunter2@db", "***");
        check("host=db user=ada password=hunter2 dbname=net", "host=db user=ada password=*** dbname=net");
        check("password = hunter2", "***");
        check("password= host=hunter2", "***");
        check("password='hunter2 user=hunter2'", "***");
        check(r"password=a\ host=hunter2", "***");
        check("hunter2", "***");
    }

    #[test]
    fn no_spelling_of_a_password_is_ever_shown() {
        let check = |password: &str| {
            for text in [
                format!("postgres://ada:{password}@db/net"),
                format!("postgres://ada:{password}@db/net?sslmode=require"),
                format!("postgres://db/net?password={password}"),
                format!("host=db password={password} user=ada"),
                format!("host=db password='{password}' user=ada"),
                format!("host=db password={password} sslmode=verify-full sslcert=/c sslkey=/k channel_binding=require"),
                format!("host=db sslpassword={password} sslrootcert=system"),
                format!("postgres://ada:{password}@db/net?sslrootcert=/r&sslkey=/k&channel_binding=require"),
            ] {
                let shown = Secret::new(&text).to_string();
                assert!(!shown.contains("hunter2"), "{text} was shown as {shown}");
            }
        };
        for spelling in [
            "hunter2",
            "a@hunter2",
            "a/hunter2",
            "a?hunter2",
            "a:hunter2",
            "a#hunter2",
            "a'hunter2",
            "?a@hunter2",
            "=hunter2",
        ] {
            check(spelling);
        }
    }
}
