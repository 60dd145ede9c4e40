//! Python beside our own: an environment of pinned packages, made once under `target/`.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The interpreter of the environment `name` with the packages of a requirements file, made if need be; else why not.
pub fn environment(name: &str, requirements: &str) -> Result<PathBuf, String> {
    let environment = target().join(name);
    let python = environment.join("bin/python");
    let made = environment.join("requirements.txt");
    if std::fs::read(&made).ok() == std::fs::read(requirements).ok() {
        return Ok(python);
    }
    println!("fetching Python packages into {} …", environment.display());
    run(Path::new("python3"), &["-m", "venv", "--clear", &environment.display().to_string()])?;
    run(&python, &["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", requirements])?;
    std::fs::copy(requirements, &made).map_err(|error| error.to_string())?;
    Ok(python)
}

/// Where cargo puts what it builds: a bench is `target/release/examples/NAME`.
pub fn target() -> PathBuf {
    let here = std::env::current_exe().expect("a path of this program");
    here.ancestors().nth(3).expect("a directory of builds").to_owned()
}

fn run(program: &Path, arguments: &[&str]) -> Result<(), String> {
    let status = Command::new(program).args(arguments).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{} {}: {status}", program.display(), arguments.join(" "))),
        Err(error) => Err(format!("{}: {error}", program.display())),
    }
}
