use axum::response::IntoResponse;
use futures::StreamExt;

use super::*;
