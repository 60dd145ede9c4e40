//! What is wrong, and what to do about it.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::exit::chain;
use crate::postgres::queries::PostgresError;

/// Why a request was not answered.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub(in crate::http) struct Problem {
    /// What is wrong, with place and value.
    error: String,
    /// What to do about it.
    remedy: String,
    #[serde(skip)]
    #[schema(ignore)]
    status: StatusCode,
}

impl Problem {
    pub fn new(status: StatusCode, error: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { error: error.into(), remedy: remedy.into(), status }
    }

    /// For people, and for programs that asked for no JSON.
    pub fn into_text(self) -> Response {
        let text = format!("{}\n{}\n", self.error, self.remedy);
        self.answer(text)
    }

    fn answer(&self, body: impl IntoResponse) -> Response {
        let mut response = (self.status, body).into_response();
        let (name, value) = match self.status {
            StatusCode::UNAUTHORIZED => (WWW_AUTHENTICATE, "Bearer"),
            StatusCode::SERVICE_UNAVAILABLE => (RETRY_AFTER, "5"),
            _ => return response,
        };
        response.headers_mut().insert(name, axum::http::HeaderValue::from_static(value));
        response
    }

    /// The request itself is wrong.
    pub fn request(error: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error, remedy)
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// What is wrong.
    pub fn error(&self) -> &str {
        &self.error
    }

    /// What to do about it.
    pub fn remedy(&self) -> &str {
        &self.remedy
    }
}

impl From<PostgresError> for Problem {
    fn from(error: PostgresError) -> Self {
        let remedy = error.hint().map_or_else(|| "try again in a moment".to_owned(), std::borrow::Cow::into_owned);
        Self::new(StatusCode::SERVICE_UNAVAILABLE, chain(&error), remedy)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let json = Json(&self).into_response();
        self.answer(json)
    }
}
