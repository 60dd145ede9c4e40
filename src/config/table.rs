//! The macro that makes everything out of the one table of options, and the erased form that loading works on.

use toml::Value;

use super::options::Config;
use super::written::Written;

/// A section of `pipeline.toml`.
pub(super) struct SectionEntry {
    pub name: &'static str,
    pub doc: &'static [&'static str],
    pub options: &'static [OptionEntry],
}

/// One option, whatever its type.
pub(super) struct OptionEntry {
    /// `section.key`.
    pub name: &'static str,
    pub key: &'static str,
    /// One line of documentation each, with a leading space.
    pub doc: &'static [&'static str],
    pub secret: bool,
    pub table: bool,
    /// The restriction on this option alone, as a sentence of no, one or more lines.
    pub limit: fn() -> String,
    /// Reads and checks a written value; an error is the remedy.
    pub set: fn(&mut Config, Option<&str>, &Written) -> Result<(), String>,
    pub shown: fn(&Config) -> Value,
}

/// Defines sections as structs with their defaults, `Config` over them, and [`SectionEntry`]s for loading and printing.
///
/// An option is one line: `/// doc` `key: Type = default, limit;` where the limit may be left out.
macro_rules! options {
    ($(
        $(#[doc = $section_doc:literal])+
        $section:ident: $Section:ident {
            $( $(#[doc = $doc:literal])+ $key:ident: $type:ty = $default:expr $(, $limit:expr)?; )+
        }
    )+) => {
        $(
            $(#[doc = $section_doc])+
            #[derive(Clone, Debug, PartialEq)]
            pub struct $Section { $( $(#[doc = $doc])+ pub $key: $type, )+ }

            impl Default for $Section {
                fn default() -> Self {
                    Self { $( $key: $default, )+ }
                }
            }
        )+

        /// All settings, each at its default unless it was set.
        #[derive(Clone, Debug, Default)]
        pub struct Config {
            $( $(#[doc = $section_doc])+ pub $section: $Section, )+
            /// Where options that were set come from, by `section.key`.
            pub(super) origins: std::collections::BTreeMap<&'static str, super::Origin>,
        }

        pub(super) const SECTIONS: &[SectionEntry] = &[ $( SectionEntry {
            name: stringify!($section),
            doc: &[$($section_doc),+],
            options: &[ $( OptionEntry {
                name: concat!(stringify!($section), ".", stringify!($key)),
                key: stringify!($key),
                doc: &[$($doc),+],
                secret: <$type as Setting>::SECRET,
                table: <$type as Setting>::TABLE,
                limit: || {
                    #[allow(unused_mut, unused_assignments)] // an option without a limit leaves it empty
                    let mut text = String::new();
                    $( text = Limit::<$type>::text(&$limit); )?
                    text
                },
                set: |config, entry, written| {
                    config.$section.$key.set(entry, written)?;
                    $( Limit::<$type>::check(&$limit, &config.$section.$key)?; )?
                    Ok(())
                },
                shown: |config| config.$section.$key.shown(),
            } ),+ ],
        } ),+ ];
    };
}
pub(super) use options;
