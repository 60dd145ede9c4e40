//! A page of the guide as what a reader does: files to write, commands and statements to run, programs to stop.
//!
//! Comments in front of a block say what becomes of it, and where the text tells a reader to stop or start something. A block
//! of which nothing is said is an error: what is not tried may be wrong.

use std::fs;
use std::path::Path;

/// What a reader does at a place of the page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Write a file of this name.
    File(String, String),
    /// Run commands.
    Shell(String),
    /// Run statements as this role.
    Sql(String, String),
    /// Run a command that goes on, under this name.
    Begin(String, String),
    /// Start something that is there already.
    Start(String),
    /// Stop something.
    Stop(String),
}

/// A page, by its headings.
pub struct Page {
    sections: Vec<(String, Vec<(usize, Step)>)>,
}

impl Page {
    /// A page of `docs`.
    pub fn read(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
        Self::of(&fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}")))
    }

    fn of(text: &str) -> Self {
        let mut sections = vec![(String::new(), Vec::new())];
        let (mut said, mut lines) = (None, text.lines().enumerate());
        while let Some((index, line)) = lines.next() {
            let steps = &mut sections.last_mut().unwrap().1;
            if let Some(heading) = line.strip_prefix("## ") {
                sections.push((heading.to_owned(), Vec::new()));
            } else if let Some(language) = line.strip_prefix("```") {
                let block: Vec<&str> = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
                let what = said
                    .take()
                    .unwrap_or_else(|| panic!("line {}: nothing says what becomes of this block", index + 1));
                steps.push((index + 1, step(what, language, block.join("\n") + "\n", index + 1)));
            } else {
                for comment in line.split("<!-- ").skip(1).filter_map(|rest| rest.split_once(" -->")).map(|(it, _)| it)
                {
                    match comment.split_once(": ") {
                        Some(("stop", name)) => steps.push((index + 1, Step::Stop(name.to_owned()))),
                        Some(("start", name)) => steps.push((index + 1, Step::Start(name.to_owned()))),
                        Some(("file" | "run as" | "keeps running", _)) => said = Some(comment),
                        None if comment == "run" => said = Some(comment),
                        _ => {}
                    }
                }
            }
        }
        Self { sections }
    }

    /// The steps below the heading that begins so, with their lines.
    pub fn section(&self, heading: &str) -> &[(usize, Step)] {
        let found = self.sections.iter().find(|(found, _)| found.starts_with(heading));
        &found.unwrap_or_else(|| panic!("there is no section {heading:?}")).1
    }
}

fn step(said: &str, language: &str, text: String, line: usize) -> Step {
    match (said.split_once(": "), language) {
        (Some(("file", name)), _) => Step::File(name.to_owned(), text),
        (Some(("run as", role)), "sql") => Step::Sql(role.to_owned(), text),
        (Some(("keeps running", name)), "sh") => Step::Begin(name.to_owned(), text),
        (None, "sh") => Step::Shell(text),
        _ => panic!("line {line}: {said:?} cannot be done with a block of {language:?}"),
    }
}

#[test]
fn a_page_is_read_as_steps() {
    let page = Page::of(
        "# T\n## 1 One\n<!-- run as: app -->\n<!-- a note -->\n```sql\nSELECT 1;\n```\n## Two\nNow <!-- stop: it --> stop.\n",
    );
    assert_eq!(page.section("1"), [(5, Step::Sql("app".to_owned(), "SELECT 1;\n".to_owned()))]);
    assert_eq!(page.section("Two"), [(9, Step::Stop("it".to_owned()))]);
}

#[test]
#[should_panic(expected = "line 2: nothing says what becomes of this block")]
fn a_block_that_nobody_tries_is_found() {
    Page::of("# T\n```sh\ntrue\n```\n");
}
