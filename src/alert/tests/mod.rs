//! What the book makes of traffic, of labels that waver, and of crashes.

mod attacks;
mod crash;
mod kit;
