use std::os::unix::fs::PermissionsExt;

use tokio_postgres::config::Host;

use super::*;

const LIMIT: Duration = Duration::from_secs(7);

fn environment(variables: &[(&str, &str)]) -> Environment {
    let home = [("HOME", "/nonexistent"), ("PGUSER", "me")];
    home.iter().chain(variables).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn resolved(url: &str, variables: &[(&str, &str)]) -> Result<Vec<Config>, ConnectionStringError> {
    let (first, others) = resolve(Some(url), &environment(variables), LIMIT)?;
    Ok(iter::once(first).chain(others).collect())
}

/// Host, port, database, user, password of one configuration.
fn told(config: &Config) -> String {
    let host = match (config.get_hosts().first(), config.get_hostaddrs().first()) {
        (host, Some(address)) => format!("{}{address}", if host.is_some() { "name/" } else { "" }),
        (Some(Host::Tcp(name)), None) => name.clone(),
        (Some(Host::Unix(path)), None) => path.display().to_string(),
        (None, None) => String::new(),
    };
    format!(
        "{host} {} {} {} {}",
        config.get_ports().first().unwrap(),
        config.get_dbname().unwrap(),
        config.get_user().unwrap(),
        config.get_password().map(String::from_utf8_lossy).unwrap_or_default(),
    )
}

fn check(url: &str, variables: &[(&str, &str)], expected: Result<&[&str], &str>) {
    match (resolved(url, variables), expected) {
        (Ok(found), Ok(expected)) => assert_eq!(found.iter().map(told).collect::<Vec<_>>(), expected, "{url}"),
        (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{url}: {error}"),
        (found, expected) => panic!("{url}: {found:?} instead of {expected:?}"),
    }
}

#[test]
fn what_is_left_open_comes_from_the_environment_and_then_from_libpqs_defaults() {
    check("", &[], Ok(&["/var/run/postgresql 5432 me me ", "/tmp 5432 me me "]));
    check("postgres://db/flows", &[("PGPASSWORD", "pw"), ("PGPORT", "5433")], Ok(&["db 5433 flows me pw"]));
    check("host=db port=1 user=you", &[("PGPORT", "2"), ("PGDATABASE", "d")], Ok(&["db 1 d you "]));
    check("", &[("DATABASE_URL", "postgres://a:b@c:1/d"), ("PGHOST", "x")], Ok(&["c 1 d a b"]));
    check("postgres://db", &[("DATABASE_URL", "postgres://other")], Ok(&["db 5432 me me "]));
    check("", &[("PGHOST", "/run/pg"), ("PGDATABASE", "d")], Ok(&["/run/pg 5432 d me "]));
    check("host=a,b,c port=1,,3", &[], Ok(&["a 1 me me ", "b 5432 me me ", "c 3 me me "]));
    check("host=a,b port=9", &[], Ok(&["a 9 me me ", "b 9 me me "]));
    check("hostaddr=127.0.0.1,::1", &[], Ok(&["127.0.0.1 5432 me me ", "::1 5432 me me "]));
    check("host=db hostaddr=127.0.0.1", &[], Ok(&["name/127.0.0.1 5432 me me "]));
}

#[test]
fn nonsense_is_named_without_showing_it() {
    check("host=a,b port=1,2,3", &[], Err("2 hosts do not go with 3 port values"));
    check("host=a,b hostaddr=127.0.0.1", &[], Err("2 hosts do not go with 1 hostaddr values"));
    check("port=port", &[], Err("port in [database] url is not a list of port numbers"));
    check("port=0", &[], Err("port in"));
    check("port=65536", &[], Err("port in"));
    check("host=a", &[("PGPORT", "x")], Err("port in PGPORT"));
    check("hostaddr=localhost", &[], Err("hostaddr"));
    check("host=me:pw@db", &[], Err("host in"));
    check("connect_timeout=soon", &[], Err("connect_timeout in"));
    check("passwrod=x", &[], Err("unknown option at byte 0; is password meant?"));
    check("host=a frobnicate=x", &[], Err("unknown option at byte 7"));
    check("host=a require_auth=scram-sha-256", &[], Err("require_auth in [database] url is not supported"));
    check("host=a channel_binding=require", &[], Err("channel_binding"));
    check("target_session_attrs=standby", &[], Err("target_session_attrs"));
    check("", &[("PGSERVICE", "nowhere")], Err("service \"nowhere\" is not in"));
}

#[test]
fn tls_is_refused_where_it_is_asked_for() {
    check("host=db sslmode=require", &[], Err("[database] url asks for TLS"));
    check("postgres://db?sslmode=verify-full", &[], Err("[database] url asks for TLS"));
    check("host=db", &[("PGSSLMODE", "verify-ca")], Err("PGSSLMODE asks for TLS"));
    check("host=db sslmode=yes", &[], Err("sslmode in"));
    check("host=/tmp sslmode=require", &[], Ok(&["/tmp 5432 me me "]));
    check("host=db sslmode=prefer", &[("PGSSLMODE", "require")], Ok(&["db 5432 me me "]));
}

#[test]
fn time_limits_and_keepalives_have_our_defaults() {
    let config = |url: &str| resolved(url, &[]).unwrap().remove(0);
    assert_eq!(config("").get_connect_timeout(), Some(&LIMIT));
    assert_eq!(config("connect_timeout=0").get_connect_timeout(), Some(&LIMIT));
    assert_eq!(config("connect_timeout=2").get_connect_timeout(), Some(&Duration::from_secs(2)));
    assert_eq!(config("").get_keepalives_idle(), KEEPALIVE_IDLE);
    assert_eq!(config("keepalives_idle=3").get_keepalives_idle(), Duration::from_secs(3));
    assert_eq!(config("tcp_user_timeout=1500").get_tcp_user_timeout(), Some(&Duration::from_millis(1500)));
    assert!(!config("keepalives=0").get_keepalives());
    assert!(config("").get_keepalives());
}

#[test]
fn passwords_and_services_come_from_files() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path.display().to_string()
    };
    let home = directory.path().display().to_string();
    file(".pgpass", "localhost:*:*:me:socket\na:*:*:*:for a\n127.0.0.1:*:*:*:for address\nb:*:*:*:for b\n");
    file(".pg_service.conf", "[flows]\nhost=a\nport=5433\ndbname=d\n[bad]\nnonsense\n");
    let other = file("other", "*:*:*:*:other");
    let home = ("HOME", home.as_str());
    check("", &[home], Ok(&["/var/run/postgresql 5432 me me socket", "/tmp 5432 me me socket"]));
    check("host=a,b,c", &[home], Ok(&["a 5432 me me for a", "b 5432 me me for b", "c 5432 me me "]));
    check("hostaddr=127.0.0.1", &[home], Ok(&["127.0.0.1 5432 me me for address"]));
    check("host=a", &[home, ("PGPASSFILE", &other)], Ok(&["a 5432 me me other"]));
    check("host=a", &[home, ("PGPASSWORD", "variable")], Ok(&["a 5432 me me variable"]));
    check("service=flows", &[home, ("PGPORT", "1")], Ok(&["a 5433 d me for a"]));
    check("port=7", &[home, ("PGSERVICE", "flows")], Ok(&["a 7 d me for a"]));
    check("service=bad", &[home], Err("service \"bad\" of"));
}

/// Wherever a password is put, right or wrong, no text that we or the client library make of it shows it.
#[test]
fn no_password_shows_in_any_text() {
    let secrets =
        ["hunter2", "hunter2 x=y", "hun@hunter2", "a/hunter2", "hunter2?z", "'hunter2", "%hunter2", "12/hunter2"];
    let shapes = [
        "postgres://me:{}@db/flows",
        "postgres://me:{}@db:x/flows",
        "postgres://:{}@/",
        "postgres+x://me:{}@db",
        "mysql://me:{}@db",
        "//me:{}@db/flows",
        "me:{}@db/flows",
        "postgres://db/flows?password={}",
        "postgres://db/flows?passwrod={}",
        "postgres://db/flows?password={}&sslmode=require",
        "postgres://db/flows?sslpassword={}&port=x",
        "host=db password={}",
        "host=db password={} sslmode=require",
        "host=db password='{}' port=x",
        "host=db passwrod={}",
        "host=db password {}",
        "password={}",
    ];
    check("postgres://me:hunter2", &[], Err("a port that is no number"));
    let limits = crate::postgres::Limits {
        connect_timeout: Duration::from_secs(1),
        lock_timeout: Duration::ZERO,
        statement_timeout: Duration::ZERO,
        answer_limit: None,
    };
    for shape in shapes {
        for secret in secrets {
            let url = shape.replace("{}", secret);
            for variables in [vec![("DATABASE_URL", url.as_str())], vec![("DATABASE_URL", &url), ("PGPORT", "x")]] {
                let text = match crate::postgres::Database::resolve(None, &environment(&variables), limits) {
                    Ok(database) => format!("{database:?} {} {:?}", database.shown(), database.pool(1)),
                    Err(error) => format!("{error} {error:?} {}", error.hint()),
                };
                assert!(!text.contains("hunter2"), "{url}: {text}");
            }
        }
    }
}
