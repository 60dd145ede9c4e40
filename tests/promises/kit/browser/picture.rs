//! Screenshots, into `target/screenshots`, for people to look at.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::Tab;

impl Tab {
    /// Keeps what the whole page looks like under a name.
    #[track_caller]
    pub fn keep_picture(&mut self, name: &str) {
        let taken = self.call("Page.captureScreenshot", &json!({ "format": "png", "captureBeyondViewport": true }));
        let octets = decoded(taken["data"].as_str().unwrap());
        assert!(octets.starts_with(b"\x89PNG"), "{name} is no picture");
        let directory = target().join("screenshots");
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join(format!("{name}.png")), octets).unwrap();
    }
}

/// Where cargo puts what it builds.
pub(super) fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().to_owned()
}

/// Base64.
fn decoded(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut values = [0_u8; 256];
    (0_u8..).zip(ALPHABET).for_each(|(value, letter)| values[usize::from(*letter)] = value);
    let letters: Vec<u8> = text.bytes().filter(|letter| *letter != b'=').collect();
    let group = |four: &[u8]| {
        let bits = (0..4).fold(0_u32, |bits, place| {
            bits << 6 | u32::from(four.get(place).map_or(0, |letter| values[usize::from(*letter)]))
        });
        bits.to_be_bytes()[1..four.len()].to_vec()
    };
    letters.chunks(4).flat_map(group).collect()
}
