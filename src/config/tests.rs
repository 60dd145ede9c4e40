//! The promises of the room, through its door: layers, origins, one-line errors, no secret shown.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

/// A settings file in a directory of its own.
struct File {
    directory: tempfile::TempDir,
}

impl File {
    fn with(text: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("pipeline.toml"), text).unwrap();
        Self { directory }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("pipeline.toml")
    }
}

fn environment(variables: &[(&str, &str)]) -> Environment {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn load(file: &str, variables: &[(&str, &str)], set: &[&str]) -> Result<Config, ConfigError> {
    let file = File::with(file);
    let set: Vec<String> = set.iter().map(|&flag| flag.to_owned()).collect();
    Config::load(&environment(variables), Some(&file.path()), &set)
}

/// The error without the directory of the file; one line, always.
fn error(file: &str, variables: &[(&str, &str)], set: &[&str]) -> String {
    let error = load(file, variables, set).unwrap_err().to_string();
    assert_eq!(error.lines().count(), 1, "{error}");
    let start = error.find("pipeline.toml").filter(|_| error.starts_with('/')).unwrap_or(0);
    error[start..].to_owned()
}

fn effective(config: &Config, key: &str) -> EffectiveOption {
    config.effective().find(|option| option.key == key).unwrap()
}

#[test]
fn the_file_in_the_repository_is_what_the_code_writes() {
    let file = include_str!("../../pipeline.toml");
    assert!(file == documented(), "run: cargo run -- config --documented > pipeline.toml");
}

#[test]
fn the_documented_file_sets_every_option_to_its_default() {
    let config = load(&documented(), &[], &[]).unwrap();
    for option in config.effective() {
        assert_eq!(option.value, option.default, "{}", option.key);
        assert_eq!(option.origin == Origin::Default, option.key == "source.columns", "{}", option.key);
    }
}

#[test]
fn defaults_are_possible_together_and_within_their_limits() {
    Config::default().check().unwrap();
    load("", &[], &[]).unwrap();
}

#[test]
fn later_layers_win_and_every_value_keeps_its_origin() {
    let file = "[window]\nlength = \"10s\"\nidle_timeout = \"2s\"\nallowed_lateness = \"3s\"\n";
    let variables =
        [("FLOWSENTRY__WINDOW__LENGTH", "20s"), ("FLOWSENTRY__WINDOW__IDLE_TIMEOUT", "4s"), ("PATH", "/bin")];
    let config = load(file, &variables, &["window.length=15s"]).unwrap();

    let check = |key: &str, value: &str, origin: &str| {
        let option = effective(&config, key);
        let shown = option.origin.to_string();
        let shown = shown.rsplit('/').next().unwrap();
        assert_eq!((option.value.as_str().unwrap(), shown), (value, origin), "{key}");
    };
    check("window.length", "15s", "--set");
    check("window.idle_timeout", "4s", "FLOWSENTRY__WINDOW__IDLE_TIMEOUT");
    check("window.allowed_lateness", "3s", "pipeline.toml:4");
    check("window.out_of_orderness", "5s", "default");
    assert_eq!(config.window.length, Duration::from_secs(15));
    assert_eq!(config.window.idle_timeout, Duration::from_secs(4));
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    let config = load("", &[("FLOWSENTRY__WINDOW__LENGTH", ""), ("FLOWSENTRY__NO__SUCH", "")], &[]).unwrap();
    assert_eq!(config.window.length, Duration::from_secs(30));
}

#[test]
fn entries_of_a_table_are_set_one_by_one() {
    let file = "[source.columns]\ntimestamp = \"captured_at\"\nid = \"n\"\n";
    let config = load(file, &[("FLOWSENTRY__SOURCE__COLUMNS__ID", "nr")], &["source.columns.src_ip=a b"]).unwrap();
    let columns: Vec<_> = config.source.columns.iter().map(|(ours, theirs)| (ours.as_str(), theirs.as_str())).collect();
    assert_eq!(columns, [("id", "nr"), ("src_ip", "a b"), ("timestamp", "captured_at")]);
}

#[test]
fn zero_needs_no_unit() {
    for file in ["[retention]\nkeep = 0", "[retention]\nkeep = \"0\"", "[retention]\nkeep = \"0s\""] {
        assert_eq!(load(file, &[], &[]).unwrap().retention.keep, Duration::ZERO, "{file}");
    }
}

#[test]
fn the_database_url_of_the_environment_is_the_last_resort() {
    let check = |file: &str, variables: &[(&str, &str)], expected: Option<&str>, origin: &str| {
        let config = load(file, variables, &[]).unwrap();
        assert_eq!(config.database.url.as_ref().map(Secret::reveal), expected);
        let shown = effective(&config, "database.url").origin.to_string();
        assert_eq!(shown.rsplit('/').next().unwrap(), origin);
    };
    check("", &[], None, "default");
    check("", &[("DATABASE_URL", "postgres://a/b")], Some("postgres://a/b"), "DATABASE_URL");
    check("[database]\nurl = \"\"", &[("DATABASE_URL", "postgres://a/b")], Some("postgres://a/b"), "DATABASE_URL");
    check("[database]\nurl = \"host=c\"", &[("DATABASE_URL", "postgres://a/b")], Some("host=c"), "pipeline.toml:2");
}

#[test]
fn wrong_values_name_place_value_and_remedy() {
    let check = |file: &str, expected: &str| assert_eq!(error(file, &[], &[]), expected);
    check(
        "[window]\n\nlength = 30\n",
        "pipeline.toml:3: window.length = 30: write the unit (ms, s, m, h or d), as in \"30s\"",
    );
    check(
        "[window]\nlength = \"30 parsecs\"",
        "pipeline.toml:2: window.length = \"30 parsecs\": write a duration with its unit (ms, s, m, h or d), as in \"30s\"",
    );
    check("window.length = \"2h\"", "pipeline.toml:1: window.length = \"2h\": write a value from 1s to 1h");
    check(
        "[flows]\nmemory_max = 256",
        "pipeline.toml:2: flows.memory_max = 256: write the unit (B, KiB, MiB or GiB), as in \"256MiB\"",
    );
    check(
        "[wakeup]\ntrigger = \"true\"",
        "pipeline.toml:2: wakeup.trigger = \"true\": write true or false, without quotes",
    );
    check("[database]\npool_size = 0", "pipeline.toml:2: database.pool_size = 0: write a value from 1 to 64");
    check(
        "[database]\npool_size = -1",
        "pipeline.toml:2: database.pool_size = -1: write a whole number without quotes or unit, as in 1000",
    );
    check(
        "[database]\npool_size = 99999999999999999999",
        "pipeline.toml:2: database.pool_size = 99999999999999999999: \
         write a whole number without quotes or unit, as in 1000",
    );
    check("[ingest]\nstart = \"now\"", "pipeline.toml:2: ingest.start = \"now\": write \"earliest\" or \"latest\"");
    check("[source]\ntable = \"\"", "pipeline.toml:2: source.table = \"\": write a text that is not empty");
    check(
        "[source]\ntable = \"a\\nb\\u001b[31m\"",
        "pipeline.toml:2: source.table = \"a\\nb\\u{1b}[31m\": write at most 1024 bytes without control characters",
    );
    check("[source]\ntable = [1]", "pipeline.toml:2: source.table = [...]: write a text in quotes");
    check(
        "[source.columns]\ntimestmap = \"t\"",
        "pipeline.toml:2: source.columns.timestmap = \"t\": no column of ours has this name; did you mean timestamp?",
    );
    check(
        "[window]\nlength = {}",
        "pipeline.toml:2: window.length = {...}: write a duration with its unit (ms, s, m, h or d), as in \"30s\"",
    );
    check(
        "[source]\ncolumns = \"a=b\"",
        "pipeline.toml:2: source.columns = \"a=b\": this is a table: set its entries, one by one",
    );
}

#[test]
fn unknown_names_are_answered_with_the_nearest() {
    let check = |file: &str, expected: &str| {
        assert_eq!(error(file, &[], &[]), format!("pipeline.toml:{expected}"));
    };
    check("[window]\nlenght = \"30s\"", "2: window.lenght is not an option; did you mean window.length?");
    check("[windows]\nlength = \"30s\"", "2: windows.length is not an option; did you mean window.length?");
    check(
        "[window]\nrows_per_delete = 3",
        "2: window.rows_per_delete is not an option; did you mean retention.rows_per_delete?",
    );
    check("poll_interval = \"30s\"", "1: poll_interval is not an option; did you mean ingest.poll_interval?");
    check("[widnow]", "1: widnow is not an option; did you mean [window]?");
    check("[window]\nzebra = 1", "2: window.zebra is not an option; `flowsentry config` lists all options");
    check("[window.length]\nx = 1", "2: window.length.x is not an option; did you mean window.length?");
    check("[window.length.x]\ny = 1", "1: window.length.x is not an option; did you mean window.length?");
    check(
        "[[window]]\nlength = \"30s\"",
        "1: window is a section; write [window] on a line of its own, and the options below it",
    );
    check("window = 3", "1: window is a section; write [window] on a line of its own, and the options below it");
}

#[test]
fn variables_and_flags_are_named_in_errors() {
    assert_eq!(
        error("", &[("FLOWSENTRY__WINDOW__LENGHT", "30s")], &[]),
        "FLOWSENTRY__WINDOW__LENGHT: window.lenght is not an option; did you mean window.length?"
    );
    assert_eq!(
        error("", &[("FLOWSENTRY__WINDOW__LENGTH", "30")], &[]),
        "FLOWSENTRY__WINDOW__LENGTH: window.length = \"30\": write the unit (ms, s, m, h or d), as in \"30s\""
    );
    assert_eq!(error("", &[], &["window.length=1ms"]), "--set: window.length = \"1ms\": write a value from 1s to 1h");
    let form = "--set: not of the form section.key=value; write, for example, --set window.length=30s";
    for flag in ["window.length", "=", "length=30s", "postgres://ada:hunter2@db?sslmode=require", ""] {
        assert_eq!(error("", &[], &[flag]), form, "{flag}");
    }
}

#[test]
fn impossible_combinations_name_all_that_do_not_fit() {
    let check = |set: &[&str], expected: &str| assert_eq!(error("", &[], set), expected);
    check(
        &["window.length=1500ms"],
        "window.length = 1500ms (--set): windows are counted in whole seconds since 1970; \
         write whole seconds, as in \"30s\"",
    );
    check(
        &["retention.keep=75s"],
        "retention.keep = 75s (--set), window.length = 30s (default), window.out_of_orderness = 5s (default), \
         window.allowed_lateness = 30s (default), window.idle_timeout = 10s (default): \
         packets would be deleted while their window needs them; keep more than 75s, or 0 for ever",
    );
    check(
        &["ingest.rows_per_read=100"],
        "ingest.rows_per_read = 100 (--set), ingest.rows_per_batch = 4096 (default): \
         a read must fill at least one batch; raise the first or lower the second",
    );
    check(
        &["retry.backoff_min=20s"],
        "retry.backoff_min = 20s (--set), retry.backoff_max = 10s (default): make the first at most the second",
    );
    check(
        &["database.statement_timeout=5m"],
        "service.stuck_after = 15m (default), database.statement_timeout = 5m (--set), database.connect_timeout = 10s \
         (default): a piece of work may ask the database 12 times, each with its time-out and 5s; write at least 61m \
         for the first, or lower the others",
    );
    check(
        &["http.connections_max=10000", "http.body_max=1MiB"],
        "http.connections_max = 10000 (--set), http.body_max = 1MiB (--set): requests could take 10157MiB of memory; \
         lower one of them",
    );
    check(
        &["http.connections_max=32"],
        "http.streams_max = 32 (default), http.connections_max = 32 (--set): \
         make the first less than the second, which it is a part of",
    );
    check(
        &["window.length=1s", "window.out_of_orderness=101s"],
        "window.out_of_orderness = 101s (--set), window.length = 1s (--set): \
         more than 100 windows would stay open; write at most 100s",
    );
    assert!(load("", &[], &["retention.keep=76s"]).is_ok());
    assert!(load("", &[], &["window.length=1s", "window.out_of_orderness=100s"]).is_ok());
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let check = |file: &str, expected: &str| {
        let error = error(file, &[], &[]);
        assert!(error.starts_with(expected), "{error}");
    };
    check("[window]\nlength = \"30s", "pipeline.toml:2: not valid TOML: ");
    check("[window]\nlength = \"30s\"\nlength = \"31s\"", "pipeline.toml:3: not valid TOML: duplicate key");
    check(&"#".repeat((1 << 20) + 1), "pipeline.toml: cannot be read (larger than 1048576 bytes)");

    let missing = Config::load(&Environment::default(), Some("no/such.toml".as_ref()), &[]).unwrap_err().to_string();
    assert!(missing.starts_with("no/such.toml: cannot be read (No such file"), "{missing}");
    let directory = tempfile::tempdir().unwrap();
    Config::load(&Environment::default(), Some(directory.path()), &[]).unwrap_err();
}

#[test]
fn no_error_and_no_listing_shows_a_password() {
    let check = |file: &str, variables: &[(&str, &str)], set: &[&str]| {
        let shown = match load(file, variables, set) {
            Ok(config) => format!("{config:?} {:?}", config.effective().collect::<Vec<_>>()),
            Err(error) => format!("{error} {error:?}"),
        };
        assert!(!shown.contains("hunter2"), "{shown}");
    };
    check("[database]\nurl = \"postgres://ada:hunter2@db/net\"", &[], &[]);
    check("[database]\nurl = \"postgres://ada:hunter2@db/net", &[], &[]);
    check("[database]\nurl = postgres://ada:hunter2@db/net", &[], &[]);
    check("[database]\nurl = [\"postgres://ada:hunter2@db/net\"]", &[], &[]);
    check("[database]\nulr = \"postgres://ada:hunter2@db/net\"", &[], &[]);
    check("[database.url]\nx = \"postgres://ada:hunter2@db/net\"", &[], &[]);
    check("", &[("FLOWSENTRY__DATABASE__URL", "host=db password=hunter2")], &[]);
    check("", &[("FLOWSENTRY__DATABASE_URL", "host=db password=hunter2")], &[]);
    check("", &[("DATABASE_URL", "postgres://ada:hunter2@db/net")], &[]);
    check("", &[], &["database.url=postgres://ada:hunter2@db/net"]);
    check("", &[], &["postgres://ada:hunter2@db/net?sslmode=require"]);
}

proptest! {
    /// Whatever a file holds, it is taken or answered with one line.
    #[test]
    fn no_file_brings_the_loader_down(text in "([\\[\\].=\"'{}#\\n a-z0-9_-]|window|length|source|columns|\\PC){0,60}") {
        if let Err(error) = load(&text, &[], &[]) {
            prop_assert_eq!(error.to_string().lines().count(), 1, "{}", error);
        }
    }

    /// Whatever a variable holds, and whatever follows our prefix in its name.
    #[test]
    fn no_variable_brings_the_loader_down(rest in "(WINDOW|LENGTH|SOURCE|COLUMNS|_|[A-Z]|\\PC){0,8}", value in "\\PC{0,20}") {
        for name in [format!("FLOWSENTRY__{rest}"), rest] {
            if let Err(error) = load("", &[(&name, &value)], &[]) {
                prop_assert_eq!(error.to_string().lines().count(), 1, "{}", error);
            }
        }
    }

    /// Whatever a value is, an option takes it or says what to write instead.
    #[test]
    fn no_value_brings_an_option_down(value in "\\PC{0,40}|[0-9.eE+-]{1,12}(ms|s|d|MiB|)", index in 0..60_usize) {
        let keys: Vec<_> = Config::default().effective().map(|option| option.key).collect();
        let flag = format!("{}={value}", keys[index % keys.len()]);
        if let Err(error) = load("", &[], &[&flag]) {
            prop_assert_eq!(error.to_string().lines().count(), 1, "{}", error);
        }
    }
}
