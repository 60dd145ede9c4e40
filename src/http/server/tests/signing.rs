//! Who signs in, and what they may do then.

use super::*;

const TOKEN: &str = "0123456789abcdef";
const BROWSER: &str = "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n";

async fn get(server: &Server, path: &str, lines: &str) -> String {
    server.ask(&format!("GET {path} HTTP/1.1\r\nHost: 10.1.2.3\r\n{lines}Connection: close\r\n\r\n")).await
}

async fn post(server: &Server, path: &str, lines: &str, form: &str) -> String {
    let length = form.len();
    server
        .ask(&format!(
            "POST {path} HTTP/1.1\r\nHost: 10.1.2.3\r\n{lines}Connection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{form}"
        ))
        .await
}

fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[tokio::test]
async fn a_browser_that_shows_the_token_reads_and_changes_nothing() {
    let server = Server::elsewhere(Some(TOKEN), |_| {}).await;
    let away = get(&server, "/alerts?label=a%20b", BROWSER).await;
    assert_status(&away, "303");
    assert_eq!(header(&away, "location"), Some("/sign-in?then=/alerts%3Flabel%3Da%2520b"));
    let form = get(&server, "/sign-in?then=/alerts%3Flabel%3Da%2520b", BROWSER).await;
    assert_status(&form, "200");
    assert!(form.contains("value=\"/alerts?label=a%20b\""), "{form}");
    assert!(form.contains("form-action 'self'") && form.contains("script-src 'self'"), "{form}");
    assert_eq!(header(&form, "referrer-policy"), Some("same-origin"));

    let own = "Origin: http://10.1.2.3\r\nSec-Fetch-Site: same-origin\r\n";
    let entered = post(&server, "/sign-in", own, "token=0123456789abcdef&then=%2Falerts%3Flabel%3Da%2520b").await;
    assert_status(&entered, "303");
    assert_eq!(header(&entered, "location"), Some("/alerts?label=a%20b"));
    let cookie = header(&entered, "set-cookie").unwrap();
    assert!(cookie.ends_with("; Max-Age=43200; Path=/; HttpOnly; SameSite=Strict"), "{cookie}");
    let pass = format!("Cookie: {}\r\n", cookie.split(';').next().unwrap());
    assert!(!entered.contains(TOKEN), "{entered}");

    assert_status(&get(&server, "/api/state", &pass).await, "200");
    assert_status(&get(&server, "/api/state", "").await, "401");
    assert_status(&get(&server, "/api/state", BROWSER).await, "401");
    assert_status(&get(&server, "/", "").await, "401");
    assert_status(&get(&server, "/", &pass).await, "200");
    assert_status(&get(&server, "/no/such", BROWSER).await, "303");
    assert_status(&post(&server, "/api/exceptions/try", &pass, "{}").await, "401");
    assert!(get(&server, "/sign-in", &pass).await.contains("Sign out"));

    let left = post(&server, "/sign-out", &format!("{own}{pass}"), "").await;
    assert_status(&left, "303");
    assert_eq!(header(&left, "set-cookie"), Some("flowsentry=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict"));
    let another = Server::elsewhere(Some("another-token-of-them"), |_| {}).await;
    assert_status(&get(&another, "/api/state", &pass).await, "401");
}

#[tokio::test]
async fn nobody_is_sent_away_from_this_server() {
    let server = Server::elsewhere(Some(TOKEN), |_| {}).await;
    for then in
        ["https%3A%2F%2Fevil.example", "%2F%2Fevil.example", "%2F%5Cevil.example", "%2Fa%0D%0ASet-Cookie%3A+b", ""]
    {
        let entered = post(&server, "/sign-in", "", &format!("then={then}&token={TOKEN}")).await;
        assert_status(&entered, "303");
        assert_eq!(header(&entered, "location"), Some("/"), "{then}");
        let form = get(&server, &format!("/sign-in?then={then}"), BROWSER).await;
        assert!(form.contains("value=\"/\"") && !form.contains("evil"), "{form}");
    }
    let form = get(&server, "/sign-in?then=/%22%3E%3Csvg/onload=alert(1)%3E", BROWSER).await;
    assert!(!form.contains("<svg"), "{form}");
}

#[tokio::test]
async fn wrong_tokens_are_slow_and_few() {
    let server = Server::elsewhere(Some(TOKEN), |_| {}).await;
    let start = clock::now();
    let wrong = async || post(&server, "/sign-in", "", "token=0123456789abcdeF").await;
    let answers = futures::future::join_all((0..10).map(|_| wrong())).await;
    assert!(start.elapsed() >= Duration::from_millis(500));
    for answer in answers {
        assert_status(&answer, "403");
        assert!(answer.contains("not the token") && !answer.contains("set-cookie"), "{answer}");
    }
    for token in ["0123456789abcdeF", TOKEN] {
        let answer = post(&server, "/sign-in", "", &format!("token={token}")).await;
        assert_status(&answer, "429");
        let wait: u64 = header(&answer, "retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait), "{answer}");
    }
    // Programs do not sign in, and are not kept out by who does.
    assert_status(&get(&server, "/api/state", "Authorization: Bearer 0123456789abcdef\r\n").await, "200");
}

#[tokio::test]
async fn a_form_is_small_text_of_this_site() {
    let server = Server::elsewhere(Some(TOKEN), |_| {}).await;
    let form = format!("token={TOKEN}");
    assert_status(&post(&server, "/sign-in", "Origin: http://evil.example\r\n", &form).await, "403");
    assert_status(&post(&server, "/sign-in", "Origin: null\r\n", &form).await, "403");
    assert_status(&post(&server, "/sign-in", "Sec-Fetch-Site: cross-site\r\n", &form).await, "403");
    assert_status(&post(&server, "/sign-in", "", &format!("{form}&x={}", "y".repeat(8192))).await, "413");
    assert_status(&post(&server, "/sign-in", "", "token=%zz").await, "403");
    let bare = Server::elsewhere(None, |_| {}).await;
    let answer = post(&bare, "/sign-in", "", &form).await;
    assert_status(&answer, "403");
    assert!(answer.contains("http.token_file"), "{answer}");
    assert!(get(&bare, "/", BROWSER).await.contains("http.token_file"));
}
