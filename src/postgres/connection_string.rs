//! Connection strings, as libpq writes them: `postgresql://user@host:port/database?option=value` or `option=value …`.
//!
//! Own parser, for two reasons: what a string leaves open comes from the environment, so that given and default must be told
//! apart; and an error must never show a piece of the string, since a password with a blank, `@` or `/` in it can end up in
//! any place of a string that does not parse. Errors name the option or the position instead.

/// A text that does not parse: what is wrong, and where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Misfit {
    pub problem: &'static str,
    pub at: usize,
}

/// Option and value as written, and the position of the option.
pub(super) type Pair = (String, String, usize);

/// Splits a connection string of either form into its options.
pub(super) fn split(text: &str) -> Result<Vec<Pair>, Misfit> {
    let is_scheme = |scheme: &&str| !scheme.contains(|character: char| character == '=' || character.is_whitespace());
    let Some(scheme) = text.split_once("://").map(|(scheme, _)| scheme).filter(is_scheme) else {
        return KeywordScanner { text, at: 0 }.options();
    };
    // SQLAlchemy names a driver behind a plus sign: postgresql+psycopg2.
    match scheme.split_once('+').map_or(scheme, |(name, _)| name) {
        "postgres" | "postgresql" => UriScanner { text, at: scheme.len() + "://".len() }.options(),
        _ => Err(Misfit { problem: "the scheme is not postgresql", at: 0 }),
    }
}

/// `postgresql://user:password@host:port,host:port/database?option=value&…`, from behind the scheme.
struct UriScanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> UriScanner<'a> {
    fn options(mut self) -> Result<Vec<Pair>, Misfit> {
        let mut options = Vec::new();
        let start = self.at;
        let authority = self.take_until(&['/', '?']);
        let (credentials, hosts) = match authority.rsplit_once('@') {
            Some((credentials, hosts)) => (Some(credentials), hosts),
            None => (None, authority),
        };
        if let Some(credentials) = credentials {
            // libpq ends the password at the first @ and would take the rest for the host, to be shown in messages.
            if credentials.contains('@') {
                return Err(Misfit { problem: "a second @ before the host", at: start });
            }
            let (user, password) = credentials.split_once(':').map_or((credentials, None), |(u, p)| (u, Some(p)));
            push(&mut options, "user", user, start)?;
            push(&mut options, "password", password.unwrap_or_default(), start)?;
        }
        push_hosts(&mut options, hosts, start)?;
        if self.eat('/') {
            let at = self.at;
            let database = self.take_until(&['?']);
            if database.contains('@') {
                return Err(Misfit { problem: "an @ behind the first /", at });
            }
            push(&mut options, "dbname", database, at)?;
        }
        if self.eat('?') {
            self.query(&mut options)?;
        }
        Ok(options)
    }

    fn query(&mut self, options: &mut Vec<Pair>) -> Result<(), Misfit> {
        loop {
            let at = self.at;
            let pair = self.take_until(&['&']);
            let (option, value) = pair.split_once('=').ok_or(Misfit { problem: "an option without =", at })?;
            match (&*decoded(option, at)?, value) {
                ("ssl", "true") => push(options, "sslmode", "require", at)?,
                (option, value) => push(options, option, value, at)?,
            }
            if !self.eat('&') {
                return Ok(());
            }
        }
    }

    fn take_until(&mut self, ends: &[char]) -> &'a str {
        let rest = &self.text[self.at..];
        let taken = &rest[..rest.find(ends).unwrap_or(rest.len())];
        self.at += taken.len();
        taken
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.text[self.at..].starts_with(wanted);
        self.at += if found { wanted.len_utf8() } else { 0 };
        found
    }
}

/// `host:port,[host]:port,…`
fn push_hosts(options: &mut Vec<Pair>, list: &str, at: usize) -> Result<(), Misfit> {
    let (mut hosts, mut ports) = (Vec::new(), Vec::new());
    for entry in list.split(',') {
        let bracketed = entry.strip_prefix('[').map(|entry| {
            let (host, rest) = entry.split_once(']').ok_or(Misfit { problem: "a [ without its ]", at })?;
            match rest.strip_prefix(':') {
                Some(port) => Ok((host, port)),
                None if rest.is_empty() => Ok((host, "")),
                None => Err(Misfit { problem: "something other than a port behind a ]", at }),
            }
        });
        let (host, port) = match bracketed {
            Some(entry) => entry?,
            None => entry.split_once(':').unwrap_or((entry, "")),
        };
        if !port.bytes().all(|octet| octet.is_ascii_digit()) {
            return Err(Misfit { problem: "a port that is no number", at });
        }
        hosts.push(decoded(host, at)?);
        ports.push(port);
    }
    if ports.iter().any(|port| !port.is_empty()) {
        options.push(("port".to_owned(), ports.join(","), at));
    }
    if hosts.iter().any(|host| !host.is_empty()) {
        options.push(("host".to_owned(), hosts.join(","), at));
    }
    Ok(())
}

fn push(options: &mut Vec<Pair>, option: &str, value: &str, at: usize) -> Result<(), Misfit> {
    options.push((option.to_owned(), decoded(value, at)?, at));
    Ok(())
}

/// Undoes percent-encoding.
fn decoded(text: &str, at: usize) -> Result<String, Misfit> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [octet, after @ ..] = rest {
        rest = after;
        if *octet != b'%' {
            octets.push(*octet);
            continue;
        }
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let digits = digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let value = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match value.filter(|value| *value != 0) {
            Some(value) => octets.push(value),
            None => return Err(Misfit { problem: "a % without two hexadecimal digits behind it, or %00", at }),
        }
        rest = &after[2..];
    }
    String::from_utf8(octets).map_err(|_| Misfit { problem: "percent-encoded octets that are not UTF-8", at })
}

/// `option=value option='value with blanks' …`; `\` takes the next character as it is.
struct KeywordScanner<'a> {
    text: &'a str,
    at: usize,
}

impl KeywordScanner<'_> {
    fn options(mut self) -> Result<Vec<Pair>, Misfit> {
        let mut options = Vec::new();
        loop {
            self.skip_blanks();
            let at = self.at;
            let option = self.option();
            if option.is_empty() && self.peek().is_none() {
                return Ok(options);
            }
            self.skip_blanks();
            if self.next() != Some('=') {
                return Err(Misfit { problem: "an option without =", at });
            }
            self.skip_blanks();
            let value = if self.peek() == Some('\'') { self.quoted()? } else { self.plain() };
            options.push((option, value, at));
        }
    }

    fn option(&mut self) -> String {
        let mut option = String::new();
        while let Some(character) = self.peek().filter(|character| *character != '=' && !character.is_whitespace()) {
            option.push(character);
            self.next();
        }
        option
    }

    fn plain(&mut self) -> String {
        let mut value = String::new();
        while let Some(character) = self.peek().filter(|character| !character.is_whitespace()) {
            self.next();
            value.extend(if character == '\\' { self.next() } else { Some(character) });
        }
        value
    }

    fn quoted(&mut self) -> Result<String, Misfit> {
        let at = self.at;
        self.next();
        let mut value = String::new();
        while let Some(character) = self.next() {
            match character {
                '\'' => return Ok(value),
                '\\' => value.extend(self.next()),
                _ => value.push(character),
            }
        }
        Err(Misfit { problem: "a ' without its end", at })
    }

    fn skip_blanks(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.next();
        }
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.at += character.len_utf8();
        Some(character)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: Result<&[(&str, &str)], &str>) {
        let found = split(text);
        let found = found.as_ref().map(|options| {
            options.iter().map(|(option, value, _)| (option.as_str(), value.as_str())).collect::<Vec<_>>()
        });
        match (&found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{text}"),
            (Err(misfit), Err(expected)) => assert!(misfit.problem.contains(expected), "{text}: {misfit:?}"),
            _ => panic!("{text}: {found:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn uris_split_into_options() {
        check("postgresql://", Ok(&[]));
        check("postgres:///flows", Ok(&[("dbname", "flows")]));
        check("postgres://db", Ok(&[("host", "db")]));
        check("postgres://me@db/", Ok(&[("user", "me"), ("password", ""), ("host", "db"), ("dbname", "")]));
        check(
            "postgresql+psycopg2://me:p%40%2Fw@db:5433/flows?connect_timeout=3&sslmode=prefer",
            Ok(&[
                ("user", "me"),
                ("password", "p@/w"),
                ("port", "5433"),
                ("host", "db"),
                ("dbname", "flows"),
                ("connect_timeout", "3"),
                ("sslmode", "prefer"),
            ]),
        );
        check("postgres://a:1,b,[::1]:3/d", Ok(&[("port", "1,,3"), ("host", "a,b,::1"), ("dbname", "d")]));
        check("postgres://%2Frun%2Fpg/d", Ok(&[("host", "/run/pg"), ("dbname", "d")]));
        check("postgres:///d?host=/tmp&port=5", Ok(&[("dbname", "d"), ("host", "/tmp"), ("port", "5")]));
        check("postgres://db?ssl=true", Ok(&[("host", "db"), ("sslmode", "require")]));
    }

    #[test]
    fn uris_that_would_show_a_password_as_a_host_are_refused() {
        check("postgres://me:p@w@db/flows", Err("second @"));
        check("postgres://me:12/34@db/flows", Err("an @ behind"));
        check("postgres://me:p/w@db/flows", Err("port"));
        check("postgres://me:p?w@db/flows", Err("port"));
        check("postgres://me:p%zz@db/flows", Err("%"));
        check("postgres://me:p%00@db/flows", Err("%"));
        check("postgres://me:p%ff@db/flows", Err("UTF-8"));
        check("postgres://me:pw@[::1/flows", Err("without its ]"));
        check("mysql://me:pw@db/flows", Err("scheme"));
        check("postgres://db/d?password", Err("without ="));
    }

    #[test]
    fn keywords_split_into_options() {
        check("", Ok(&[]));
        check("host=db user = me", Ok(&[("host", "db"), ("user", "me")]));
        check("password='a b' dbname=''", Ok(&[("password", "a b"), ("dbname", "")]));
        check(r"password='it\'s \\' user=a\ b", Ok(&[("password", r"it's \"), ("user", "a b")]));
        check("options='-c a=b://c'", Ok(&[("options", "-c a=b://c")]));
        check("password=se cret user=me", Err("without ="));
        check("password='open", Err("' without its end"));
        check("me:pw@db/flows", Err("without ="));
    }

    proptest! {
        #[test]
        fn nothing_panics(text in ".*") {
            let _ = split(&text);
            let _ = split(&format!("postgresql://{text}"));
        }

        #[test]
        fn what_is_quoted_comes_back(values in proptest::collection::vec("[^\\x00]{0,12}", 1..4)) {
            let quoted = values.iter().map(|value| format!("dbname = '{}'", value.replace('\\', r"\\").replace('\'', r"\'")));
            let options = split(&quoted.collect::<Vec<_>>().join(" ")).unwrap();
            prop_assert_eq!(options.into_iter().map(|(_, value, _)| value).collect::<Vec<_>>(), values);
        }

        #[test]
        fn uris_mean_what_the_client_library_reads(
            user in "[a-z%][a-z0-9]{0,5}", password in "[ -~]{1,8}", host in "[a-z]{1,5}", port in 1u16.., database in "[ -~]{1,6}",
        ) {
            let encode = |text: &str| text.bytes().map(|octet| format!("%{octet:02X}")).collect::<Vec<_>>().concat();
            let uri = format!(
                "postgres://{}:{}@{host}:{port}/{}?application_name=x", encode(&user), encode(&password), encode(&database)
            );
            let theirs: tokio_postgres::Config = uri.parse().unwrap();
            let ours = split(&uri).unwrap();
            let value = |option: &str| ours.iter().find(|(name, ..)| name == option).map(|(_, value, _)| value.as_str());
            prop_assert_eq!(value("user"), theirs.get_user());
            prop_assert_eq!(value("password").map(str::as_bytes), theirs.get_password());
            prop_assert_eq!(value("dbname"), theirs.get_dbname());
            prop_assert_eq!(value("port").map(str::to_owned), Some(port.to_string()));
        }
    }
}
