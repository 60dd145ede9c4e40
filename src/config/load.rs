//! Puts the layers together.

use std::path::Path;

use super::layers::{self, Given};
use super::options::{Config, SECTIONS};
use super::table::OptionEntry;
use super::written::Written;
use super::{ConfigError, Environment, Origin};

const DATABASE_URL: &str = "DATABASE_URL";

impl Config {
    /// Settings out of the defaults, then the file (`file`, else `./pipeline.toml` if that exists), then the variables
    /// `FLOWSENTRY__SECTION__KEY`, then `set` flags of the form `section.key=value`; checked one by one and together.
    ///
    /// Without `database.url`, a `DATABASE_URL` is taken for it.
    pub fn load(environment: &Environment, file: Option<&Path>, set: &[String]) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        for given in layers::given(environment, file, set)? {
            config.apply(given)?;
        }
        if let (None, Some(url)) = (&config.database.url, environment.get(DATABASE_URL)) {
            let origin = Origin::Variable(DATABASE_URL.to_owned());
            config.apply(Given { path: "database.url".to_owned(), written: Written::bare(url), origin })?;
        }
        config.check()?;
        Ok(config)
    }

    fn apply(&mut self, given: Given) -> Result<(), ConfigError> {
        let Given { path, written, origin } = given;
        let (option, entry) = find(&path, &origin)?;
        match (option.set)(self, entry, &written) {
            Ok(()) => {
                self.origins.insert(option.name, origin);
                Ok(())
            }
            Err(remedy) => {
                let value = if option.secret { "***".to_owned() } else { written.shown() };
                Err(ConfigError::Value { origin, key: path, value, remedy })
            }
        }
    }

    /// Where an option's value comes from.
    pub(super) fn origin(&self, name: &str) -> &Origin {
        self.origins.get(name).unwrap_or(&Origin::Default)
    }
}

pub(super) fn all() -> impl Iterator<Item = &'static OptionEntry> {
    SECTIONS.iter().flat_map(|section| section.options)
}

/// The option of this name, and which of its entries is meant if it is a table.
fn find<'p>(path: &'p str, origin: &Origin) -> Result<(&'static OptionEntry, Option<&'p str>), ConfigError> {
    let exact = all().find(|option| option.name == path);
    let entry_of = || {
        let (name, entry) = path.rsplit_once('.')?;
        Some((all().find(|option| option.table && option.name == name)?, Some(entry)))
    };
    exact.map(|option| (option, None)).or_else(entry_of).ok_or_else(|| {
        let shown: String = path.escape_debug().take(80).collect();
        ConfigError::Unknown { origin: origin.clone(), key: shown, nearest: nearest_name(path) }
    })
}

/// The same key in another section, else the option or section that is spelt most alike.
fn nearest_name(path: &str) -> Option<String> {
    if !path.contains('.') {
        let section = nearest(path, SECTIONS.iter().map(|section| section.name)).map(|name| format!("[{name}]"));
        let same_key = || all().find(|option| option.key == path).map(|option| option.name.to_owned());
        return section.or_else(same_key);
    }
    let similar = nearest(path, all().map(|option| option.name));
    let key = path.rsplit('.').next().unwrap_or(path);
    let elsewhere = || all().find(|option| option.key == key).map(|option| option.name);
    similar.or_else(elsewhere).map(str::to_owned)
}

/// The candidate with the fewest differences, if it differs in at most a third of its letters.
pub(super) fn nearest<'c>(name: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    let name: String = name.chars().take(80).collect();
    candidates
        .map(|candidate| (strsim::damerau_levenshtein(&name, candidate), candidate))
        .filter(|(differences, candidate)| differences * 3 <= candidate.len())
        .min_by_key(|(differences, _)| *differences)
        .map(|(_, candidate)| candidate)
}
