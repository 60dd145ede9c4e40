//! Which room may import which, and what pure rooms never touch.

use super::assert_none;
use super::source::{Source, sources};

/// A room of `src` and its walls.
struct Room {
    name: &'static str,
    /// Rooms, or single modules of them, that it may import. `*`: all.
    imports: &'static [&'static str],
    /// Whether it is free of I/O, clocks, async, logging and metrics.
    is_pure: bool,
    /// Why the walls stand where they stand.
    why: &'static str,
}

const fn room(name: &'static str, imports: &'static [&'static str], why: &'static str) -> Room {
    Room { name, imports, is_pure: false, why }
}

const fn pure(name: &'static str, imports: &'static [&'static str], why: &'static str) -> Room {
    Room { name, imports, is_pure: true, why }
}

const ROOMS: &[Room] = &[
    pure("flow", &[], "packets become flows by the same rules everywhere; time is an argument"),
    pure("verdict", &["flow"], "a verdict follows from a flow and its neighbours alone"),
    pure("alert", &["flow", "verdict"], "what is told to people follows from verdicts and time alone"),
    pure("check", &["flow", "config"], "what was seen is judged the same way everywhere; who looks is told"),
    pure("terminal", &[], "from what the service answers and a size to cells; who asks and who draws is told"),
    room("config", &[], "settings know nothing of what they set"),
    room("telemetry", &["config"], "every room may use it, so it uses none"),
    room("model", &["flow", "verdict"], "the only room with tensors knows neither SQL nor HTTP"),
    room("training", &["flow", "verdict", "model"], "learns from files; the service's own folding and features"),
    room("capture", &["flow"], "reads files, and nothing else"),
    pure("export", &["flow"], "rows become files by one table of fields; where they come from and go to is for others"),
    room("exit", &[], "the list of exit codes, and what a failed command says"),
    room(
        "postgres",
        &["flow", "verdict", "alert", "check", "export", "config", "telemetry", "exit"],
        "the only room with SQL labels nothing",
    ),
    room("tell", &["config"], "says what it is given to whom it is told; what that is and when is for others"),
    room(
        "http",
        &["config", "telemetry", "flow", "alert", "exit", "postgres::queries"],
        "shows what the status and bounded queries say, and cannot delay the pipeline",
    ),
    room("supervisor", &[], "knows tasks, not what they do"),
    room(
        "stage",
        &[
            "flow",
            "verdict",
            "model",
            "alert",
            "check",
            "postgres",
            "config",
            "telemetry",
            "supervisor",
            "tell",
            "exit",
        ],
        "loops around the rooms above; composed by pipeline",
    ),
    room(
        "sandbox",
        &["flow", "verdict", "capture", "postgres", "config", "telemetry"],
        "a server and a sniffer, not the service",
    ),
    room("pipeline", &["*"], "the composition root"),
    room("cli", &["*"], "the way in"),
    room("main", &["*"], "the way in"),
    room("lib", &["*"], "the list of rooms"),
];

/// What a pure room must not contain, and what to do instead.
const IMPURE: &[(&str, &str)] = &[
    ("tokio", "async belongs to stage and postgres"),
    ("futures", "async belongs to stage and postgres"),
    ("std::time::Instant", "time is an argument"),
    ("SystemTime", "time is an argument"),
    ("telemetry::clock", "time is an argument"),
    ("std::fs", "files belong to the adapters"),
    ("std::net::Tcp", "sockets belong to the adapters"),
    ("std::thread", "threads belong to supervisor"),
    ("tracing::", "return a fact; the stage logs it"),
    ("metrics::", "return a fact; the stage counts it"),
];

#[test]
fn rooms_import_in_one_direction() {
    let found: Vec<String> = product().iter().flat_map(forbidden_imports).collect();
    assert_none(&found);
}

#[test]
fn pure_rooms_are_pure() {
    let found: Vec<String> = product().iter().flat_map(impurities).collect();
    assert_none(&found);
}

#[test]
fn every_room_has_its_walls_and_every_wall_its_room() {
    let files = product();
    for file in &files {
        assert!(
            find(file).is_some(),
            "{}: add the room {:?} to the table in tests/house/rooms.rs",
            file.path,
            file.room()
        );
    }
    for room in ROOMS {
        assert!(files.iter().any(|file| file.room() == room.name), "there is no room {:?} any more", room.name);
    }
}

fn product() -> Vec<Source> {
    sources("src").into_iter().filter(|file| !file.is_test()).collect()
}

fn find(file: &Source) -> Option<&'static Room> {
    ROOMS.iter().find(|room| room.name == file.room())
}

fn forbidden_imports(file: &Source) -> Vec<String> {
    let Some(room) = find(file) else { return Vec::new() };
    let mut found = Vec::new();
    for (line, code) in file.code() {
        for path in crate_paths(code) {
            if !may_import(room, path) {
                found.push(format!(
                    "{}:{line}: {} must not import {path:?}; it may import {}: {}",
                    file.path,
                    room.name,
                    if room.imports.is_empty() { "nothing of ours".to_owned() } else { room.imports.join(", ") },
                    room.why,
                ));
            }
        }
    }
    found
}

/// What follows each `crate::` on a line.
fn crate_paths(code: &str) -> impl Iterator<Item = &str> {
    code.match_indices("crate::").map(|(index, prefix)| {
        let rest = &code[index + prefix.len()..];
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
        rest[..end.unwrap_or(rest.len())].trim_end_matches(':')
    })
}

/// A grouped `crate::{…}` gives an empty path, which is refused: it would hide the rooms.
fn may_import(room: &Room, path: &str) -> bool {
    let is_within =
        |module: &str| path == module || path.strip_prefix(module).is_some_and(|rest| rest.starts_with("::"));
    !path.is_empty() && (is_within(room.name) || room.imports.iter().any(|module| *module == "*" || is_within(module)))
}

fn impurities(file: &Source) -> Vec<String> {
    let Some(room) = find(file).filter(|room| room.is_pure) else { return Vec::new() };
    let mut found = Vec::new();
    for (line, code) in file.code() {
        for (word, instead) in IMPURE.iter().filter(|(word, _)| code.contains(word)) {
            found.push(format!("{}:{line}: {} is pure and must not use {word:?}: {instead}", file.path, room.name));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn a_forbidden_import_is_found() {
        let check = |path: &str, text: &str, expected: &[&str]| {
            let found = forbidden_imports(&source(path, text));
            assert_eq!(found.len(), expected.len(), "{text}: {found:?}");
            found.iter().zip(expected).for_each(|(found, start)| assert!(found.starts_with(start), "{found}"));
        };
        let wall = "src/flow/key.rs:1: flow must not import \"postgres::decode::Row\"; it may import nothing of ours: ";
        check("src/flow/key.rs", "use crate::postgres::decode::Row;", &[wall]);
        check("src/flow/key.rs", "use crate::flow::time::EventTime;", &[]);
        check("src/flow/key.rs", "/// See [`crate::postgres`].\nfn f() {} // crate::postgres", &[]);
        check(
            "src/flow/key.rs",
            "\nlet x = crate::stage::f(crate::cli::g());",
            &["src/flow/key.rs:2: ", "src/flow/key.rs:2: "],
        );
        check("src/flow/key.rs", "#[cfg(test)]\nmod tests {\n    use crate::postgres::Row;\n}", &[]);
        check(
            "src/http/server.rs",
            "use crate::{config::Http, stage};",
            &["src/http/server.rs:1: http must not import \"\""],
        );
        check("src/postgres/error.rs", "use crate::exit::Exit;", &[]);
        check("src/postgres/error.rs", "use crate::exits;", &["src/postgres/error.rs:1: "]);
        check("src/postgres/error.rs", "use crate::model::Model;", &["src/postgres/error.rs:1: "]);
        check("src/pipeline.rs", "use crate::postgres::Database;", &[]);
    }

    #[test]
    fn an_impurity_is_found() {
        let check = |path: &str, text: &str, expected: usize| {
            let found = impurities(&source(path, text));
            assert_eq!(found.len(), expected, "{text}: {found:?}");
        };
        check("src/flow/table.rs", "use tokio::sync::mpsc;", 1);
        check("src/verdict/judge.rs", "let now = std::time::Instant::now();", 1);
        check("src/flow/table.rs", "tracing::warn!(\"late\");\nuse std::fs;", 2);
        check("src/flow/table.rs", "//! No tokio, no std::fs.\nuse std::time::Duration;", 0);
        check("src/stage/ingest.rs", "use tokio::sync::mpsc;", 0);
    }
}
