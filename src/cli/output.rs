//! Standard output, for what was asked; everything else goes to standard error.

use std::io::{self, Write};

use crate::exit::{Exit, Failure};

/// Writes to standard output. A reader that has seen enough and closed the pipe is no failure.
///
/// # Errors
/// Whatever else the operating system refuses, such as a full disk.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(Exit::Output, error).hint("standard output cannot be written to; is the disk full?"))
        }
        _ => Ok(()),
    }
}
