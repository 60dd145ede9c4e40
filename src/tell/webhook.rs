//! A webhook: the message as JSON, signed, so that its receiver knows from whom it is and that it is not an old one.
//!
//! `X-Flowsentry-Signature: v1=<hex>` is HMAC-SHA256 under the shared key of `<timestamp>.<body>`, where the timestamp is
//! that of `X-Flowsentry-Timestamp`, Unix seconds of this attempt. A receiver refuses timestamps that are far from its
//! clock, and ignores a number in `X-Flowsentry-Delivery` that it has seen: a message may come more than once.

use std::time::Duration;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use hyper::Uri;
use serde_json::Value;
use sha2::Sha256;

use super::Message;
use super::client::Client;
use super::error::TellError;
use crate::config::Secret;

/// The header with the signature.
pub const SIGNATURE: &str = "X-Flowsentry-Signature";
/// The header with the time of the attempt.
pub const TIMESTAMP: &str = "X-Flowsentry-Timestamp";
/// The header with the message's number.
pub const DELIVERY: &str = "X-Flowsentry-Delivery";

/// A webhook.
#[derive(Debug)]
pub struct Webhook {
    client: Client,
    address: Uri,
    key: Secret,
}

impl Webhook {
    pub(super) fn new(client: Client, address: Uri, key: Secret) -> Self {
        Self { client, address, key }
    }

    /// One attempt at this time of the wall clock.
    pub async fn tell(&self, message: &Message, now: Duration) -> Result<(), TellError> {
        let body = body(message);
        let timestamp = now.as_secs();
        let headers = [
            (SIGNATURE, format!("v1={}", signature(self.key.reveal().as_bytes(), timestamp, &body))),
            (TIMESTAMP, timestamp.to_string()),
            (DELIVERY, message.id.to_string()),
        ];
        self.client.post(&self.address, &headers, Bytes::from(body)).await
    }
}

/// The message with its number, the same octets at every attempt.
fn body(message: &Message) -> String {
    let mut body = message.body.clone();
    if let Value::Object(fields) = &mut body {
        fields.insert("delivery".to_owned(), message.id.into());
    }
    body.to_string()
}

/// HMAC-SHA256 of `<timestamp>.<body>`, in hexadecimal digits.
pub fn signature(key: &[u8], timestamp: u64, body: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return String::new() }; // takes keys of any length
    mac.update(timestamp.to_string().as_bytes());
    mac.update(b".");
    mac.update(body.as_bytes());
    mac.finalize().into_bytes().iter().fold(String::new(), |text, octet| format!("{text}{octet:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_what_others_compute() {
        // printf '1700000000.{}' | openssl dgst -sha256 -hmac 0123456789abcdef
        let expected = "e4f8e2ecae2295b2ddb2f0b5584c8275e226c0ebe9b3b819e70156bb67122e3e";
        let found = signature(b"0123456789abcdef", 1_700_000_000, "{}");
        assert_eq!(found, expected);
    }

    #[test]
    fn the_body_says_its_number() {
        let message = Message { id: 7, body: serde_json::json!({"event": "opened"}), previous: None };
        assert_eq!(body(&message), r#"{"delivery":7,"event":"opened"}"#);
    }
}
