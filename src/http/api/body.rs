//! The JSON that comes with a request.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use serde::de::DeserializeOwned;

use super::parameters::wrong;
use super::problem::Problem;

/// Reads a body; what it has beyond what is known is refused where the type says so.
pub(super) fn read<T: DeserializeOwned>(body: Result<Bytes, BytesRejection>) -> Result<T, Problem> {
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large", "send less")
        }
        status => Problem::new(status, "the body did not come", "send it again"),
    })?;
    serde_json::from_slice(&body).map_err(|error| {
        Problem::request(format!("the body cannot be used: {error}"), "see /api/openapi.json for what it may have")
    })
}

/// A text that a person wrote: not blank, without NUL, which no table can have, and not too long.
pub(super) fn text<'a>(name: &str, text: &'a str, chars_max: usize) -> Result<&'a str, Problem> {
    if text.trim().is_empty() || text.contains('\0') || text.chars().count() > chars_max {
        let remedy = format!("write 1 to {chars_max} characters that are not all blank, and no NUL");
        return Err(wrong(name, text, &remedy));
    }
    Ok(text)
}
