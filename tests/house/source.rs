//! The files of the repository, as text.

use std::fs;
use std::path::Path;

/// A Rust file.
pub struct Source {
    /// From the root of the repository, with `/`.
    pub path: String,
    pub text: String,
}

impl Source {
    /// The room it belongs to: the directory or file below `src`.
    pub fn room(&self) -> &str {
        let below = self.path.strip_prefix("src/").unwrap_or(&self.path);
        let first = below.split('/').next().unwrap_or(below);
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// Whether it holds tests, or what they need, and nothing else.
    pub fn is_test(&self) -> bool {
        let mut parts = self.path.split('/');
        parts.any(|part| ["tests", "tests.rs", "testing.rs"].contains(&part))
    }

    /// Its numbered lines of code: no comments, no strings' contents told apart, no `mod tests` at the end.
    pub fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines: Vec<&str> = self.text.lines().collect();
        let tests = lines.windows(2).position(|pair| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod tests"));
        let end = tests.unwrap_or(lines.len());
        lines.into_iter().take(end).enumerate().map(|(index, line)| (index + 1, without_comment(line)))
    }
}

fn without_comment(line: &str) -> &str {
    let comment = line.trim_start().starts_with("//").then_some(0).or_else(|| line.find(" // "));
    &line[..comment.unwrap_or(line.len())]
}

/// The text of a file of the repository.
pub fn text(path: &str) -> String {
    let whole = root().join(path);
    fs::read_to_string(&whole).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Whether the repository has this file or directory.
pub fn exists(path: &str) -> bool {
    root().join(path).exists()
}

/// Names of the files of a directory of the repository that end in this way, in order.
pub fn files(directory: &str, extension: &str) -> Vec<String> {
    let paths = fs::read_dir(root().join(directory)).unwrap().map(|entry| entry.unwrap().path());
    let paths = paths.filter(|path| path.extension().is_some_and(|found| found == extension));
    let mut names: Vec<String> = paths.map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// All Rust files below a directory of the repository.
pub fn sources(directory: &str) -> Vec<Source> {
    let mut found = Vec::new();
    collect(&root().join(directory), &mut found);
    found.sort_by(|left, right| left.path.cmp(&right.path));
    found
}

fn collect(directory: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let parts: Vec<_> = path.strip_prefix(root()).unwrap().iter().map(|part| part.to_str().unwrap()).collect();
            found.push(Source { path: parts.join("/"), text: fs::read_to_string(&path).unwrap() });
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
