//! What operators and Prometheus ask over HTTP: metrics, health, readiness.
