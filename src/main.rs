//! The binary: parse, run, print one chain of errors, exit with its code. Everything else is in the library.

use std::io::Write;
use std::process::ExitCode;

use flowsentry::cli;
use flowsentry::config::Environment;

fn main() -> ExitCode {
    let arguments = match cli::parse(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    let environment = Environment::of_process();
    cli::threads::limit(&environment, std::env::args_os().skip(1));
    match arguments.execute(environment) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // With standard error closed, the exit code has to say it alone.
            let _ = writeln!(std::io::stderr().lock(), "{failure}");
            failure.exit.into()
        }
    }
}
