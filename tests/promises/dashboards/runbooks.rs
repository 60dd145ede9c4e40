//! What the runbooks say can be done: their commands exist, their statements run.

use super::files::{blocks, runbooks};
use crate::kit::{Database, Tables};

const PARTS: [&str; 4] = ["**Meaning.**", "**Impact.**", "**Look.**", "**Mend.**"];

#[test]
fn each_runbook_says_what_it_means_what_it_costs_how_to_look_and_how_to_mend() {
    for (name, text) in runbooks() {
        let mut at = 0;
        for part in PARTS {
            let found = text[at..].find(part).unwrap_or_else(|| panic!("{name} has no {part}, or not in this order"));
            at += found + part.len();
        }
        let commands = blocks(&text, "sh").len() + blocks(&text, "sql").len();
        assert!(commands > 0, "{name} has no command");
    }
}

#[test]
fn commands_of_the_runbooks_exist() {
    let database = Database::new(Tables::Ours);
    let mut seen = 0;
    for (name, text) in runbooks() {
        for line in blocks(&text, "sh").iter().flat_map(|block| block.lines()) {
            let Some(arguments) = line.strip_prefix("flowsentry ") else { continue };
            let arguments = arguments.split(" #").next().unwrap();
            let words: Vec<&str> = arguments.split_whitespace().collect();
            // The command and its own command; what follows is a file, a number or a flag.
            let is_word = |word: &&&str| word.bytes().all(|c| c.is_ascii_lowercase());
            let command: Vec<&str> = words.iter().take_while(is_word).copied().collect();
            let output = database.command(command[0]).args(&command[1..]).arg("--help").output().unwrap();
            assert!(output.status.success(), "{name}: {line}");
            let help = String::from_utf8_lossy(&output.stdout);
            for flag in words.iter().filter(|word| word.starts_with("--")) {
                assert!(help.contains(flag), "{name}: {line}: there is no {flag}");
            }
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen}");
}

/// As a person would in psql, on the tables of the existing system; each block on its own, and none leaves anything behind.
#[test]
fn statements_of_the_runbooks_run() {
    let database = Database::new(Tables::Adopted);
    let mut seen = 0;
    for (name, text) in runbooks() {
        for block in blocks(&text, "sql") {
            println!("{name}");
            database.execute("BEGIN");
            database.execute(&block);
            database.execute("ROLLBACK");
            seen += 1;
        }
    }
    assert!(seen > 10, "{seen}");
}
