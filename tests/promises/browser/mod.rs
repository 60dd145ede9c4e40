//! The live page as a person meets it, in a real Chromium.

mod signing;
