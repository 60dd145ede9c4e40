//! The manual pages and the completions, read by the programs that they are for.

use std::fs;

use super::{printed, run};

#[test]
fn manual_pages_have_no_faults() {
    let directory = tempfile::tempdir().unwrap();
    printed(&["manual", "--out", directory.path().to_str().unwrap()]);
    let mut pages: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.sort();
    assert!(pages.len() > 20, "{}", pages.len());
    for page in pages {
        let path = page.to_str().unwrap();
        let Some(output) = run("man", &["--warnings", "--local-file", path]) else { return };
        let faults = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && faults.is_empty(), "{path}: {faults}");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("NAME") && text.contains("EXIT STATUS"), "{path}: {text}");
    }
}

#[test]
fn completions_are_scripts_of_their_shells() {
    let directory = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let path = directory.path().join(shell);
        let check = |text: &str| {
            fs::write(&path, text).unwrap();
            run(shell, &["-n", path.to_str().unwrap()])
        };
        let script = printed(&["completions", shell]);
        let Some(output) = check(&script) else { continue };
        assert!(output.status.success(), "{shell}: {}", String::from_utf8_lossy(&output.stderr));
        let broken = format!("{script}\n)\n");
        assert!(!check(&broken).unwrap().status.success(), "{shell} looks at what it is given");
    }
}

#[test]
fn bash_completes_commands_and_flags() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("flowsentry");
    fs::write(&path, printed(&["completions", "bash"])).unwrap();
    let check = |words: &[&str], expected: &str| {
        let last = words.len() - 1;
        let (current, before) = (words[last], words[last - 1]);
        let script = format!(
            "source {}; COMP_WORDS=({}); COMP_CWORD={last}; _flowsentry flowsentry '{current}' '{before}'; \
             echo \"${{COMPREPLY[*]}}\"",
            path.display(),
            words.join(" ")
        );
        let Some(output) = run("bash", &["-c", &script]) else { return };
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), expected, "{words:?}");
    };
    check(&["flowsentry", "mod"], "model");
    check(&["flowsentry", "model", "sw"], "switch");
    check(&["flowsentry", "export", "--fie"], "--fields");
    check(&["flowsentry", "completions", "z"], "zsh");
}
