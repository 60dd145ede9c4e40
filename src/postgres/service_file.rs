//! libpq's connection service file: `[service]` sections of `option=value` lines.

/// The options of a service in the order of the file, or `None` if it has no such section. Lines that are no
/// `option=value` are given back as they are, to be refused by whoever knows the options.
pub(super) fn section<'a>(text: &'a str, service: &str) -> Option<Vec<(&'a str, &'a str)>> {
    let mut found = None;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            if found.is_some() {
                break;
            }
            found = (name == service).then(Vec::new);
        } else if let Some(options) = &mut found {
            options.push(line.split_once('=').map_or((line, ""), |(option, value)| (option.trim(), value.trim())));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_section_ends_where_the_next_begins() {
        let text = "# services\n[one]\nhost=a\nport = 5433\n\n[two]\nhost=b\npassword=x=y\njunk\n[three]\n";
        let check = |service: &str, expected: Option<&[(&str, &str)]>| {
            assert_eq!(section(text, service).as_deref(), expected, "{service}");
        };
        check("one", Some(&[("host", "a"), ("port", "5433")]));
        check("two", Some(&[("host", "b"), ("password", "x=y"), ("junk", "")]));
        check("three", Some(&[]));
        check("four", None);
    }

    proptest! {
        #[test]
        fn no_file_makes_it_panic(text in "([\\[\\]=#\n ab]|\\PC){0,40}", service in "[ab\\[\\]]{0,3}") {
            let options = section(&text, &service).unwrap_or_default();
            prop_assert!(options.len() <= text.len());
        }
    }
}
