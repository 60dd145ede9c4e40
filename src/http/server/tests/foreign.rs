//! What pages of others make a browser send.

use super::*;

#[tokio::test]
async fn a_page_elsewhere_cannot_read_through_a_browser() {
    let server = Server::start(|_, _| {}).await;
    let check = async |target: &str, headers: &str, status: &str| {
        let answer = server.ask(&format!("GET {target} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n")).await;
        assert_status(&answer, status);
    };
    check("/metrics", "Host: 127.0.0.1:9477\r\n", "200").await;
    check("/metrics", "Host: evil.example\r\n", "421").await;
    check("/metrics", "Host: 192.0.2.1\r\n", "421").await;
    check("/metrics", "Host: localhost\r\nHost: evil.example\r\n", "421").await;
    check("/metrics", "", "421").await;
    check("http://evil.example/metrics", "Host: localhost\r\n", "421").await;
}

#[tokio::test]
async fn elsewhere_it_answers_for_addresses_and_for_names_that_are_listed() {
    let server =
        Server::elsewhere(None, |settings| settings.names = ["flowsentry.example"].into_iter().collect()).await;
    let check = async |target: &str, host: &str, status: &str| {
        let answer = server.ask(&format!("GET {target} HTTP/1.1\r\n{host}Connection: close\r\n\r\n")).await;
        assert_status(&answer, status);
        assert_eq!(answer.contains("http.names"), status == "421", "{answer}");
    };
    check("/metrics", "Host: 10.1.2.3:9477\r\n", "200").await; // as Prometheus asks a pod
    check("/metrics", "Host: [2001:db8::1]:9477\r\n", "200").await;
    check("/healthz", "Host: localhost\r\n", "200").await;
    check("/metrics", "Host: FlowSentry.example:9477\r\n", "200").await;
    check("/metrics", "Host: evil.example\r\n", "421").await;
    check("/api/alerts", "Host: evil.example\r\n", "421").await;
    check("/metrics", "Host: x.flowsentry.example\r\n", "421").await;
    check("/metrics", "", "421").await;
    check("http://evil.example/metrics", "Host: 10.1.2.3\r\n", "421").await;
}

#[tokio::test]
async fn no_other_site_changes_anything() {
    let server = Server::elsewhere(Some("0123456789abcdef"), |_| {}).await;
    let check = async |path: &str, lines: &str, status: &str| {
        for request in [format!("POST {path}"), format!("DELETE {path}"), format!("PUT {path}")] {
            let answer = server
                .ask(&format!(
                    "{request} HTTP/1.1\r\nHost: 10.1.2.3:9477\r\nAuthorization: Bearer 0123456789abcdef\r\n\
                     Content-Type: application/json\r\n{lines}Connection: close\r\nContent-Length: 2\r\n\r\n{{}}"
                ))
                .await;
            assert_eq!(answer.starts_with("HTTP/1.1 403 "), status == "403", "{request} {lines} {answer}");
        }
    };
    for path in ["/api/exceptions/try", "/api/alerts/1/acknowledge", "/sign-out", "/metrics", "/"] {
        check(path, "Origin: http://evil.example\r\n", "403").await;
        check(path, "Origin: null\r\n", "403").await;
        check(path, "Sec-Fetch-Site: cross-site\r\n", "403").await;
        check(path, "Sec-Fetch-Site: same-site\r\n", "403").await;
        check(path, "Origin: http://10.1.2.3:9477\r\nSec-Fetch-Site: same-origin\r\n", "let in").await;
        check(path, "", "let in").await;
    }
}
