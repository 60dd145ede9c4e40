use std::iter;
use std::os::unix::fs::PermissionsExt;

use tokio_postgres::config::{ChannelBinding, Host};

use super::*;
use crate::postgres::tls::{Identity, Mode, Roots, Version};

const LIMIT: Duration = Duration::from_secs(7);

fn environment(variables: &[(&str, &str)]) -> Environment {
    let home = [("HOME", "/nonexistent"), ("PGUSER", "me")];
    home.iter().chain(variables).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn servers(url: &str, variables: &[(&str, &str)]) -> Result<Vec<Server>, ConnectionStringError> {
    let (first, others) = resolve(Some(url), &environment(variables), LIMIT)?;
    Ok(iter::once(first).chain(others).collect())
}

fn resolved(url: &str, variables: &[(&str, &str)]) -> Result<Vec<Config>, ConnectionStringError> {
    Ok(servers(url, variables)?.into_iter().map(|server| server.config).collect())
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
    check("target_session_attrs=prefer-standby", &[], Err("is not any, read-write, read-only, primary or standby"));
    check("", &[("PGSERVICE", "nowhere")], Err("service \"nowhere\" is not in"));
}

/// How the ways to the servers are protected: mode, name, whether they stay on this machine.
fn check_tls(url: &str, variables: &[(&str, &str)], expected: Result<&[&str], &str>) {
    let told = |server: Server| {
        let Tls { mode, name, is_local, .. } = server.tls;
        format!("{} {}{}", mode.name(), name.as_deref().unwrap_or("-"), if is_local { " local" } else { "" })
    };
    match (servers(url, variables), expected) {
        (Ok(found), Ok(expected)) => assert_eq!(found.into_iter().map(told).collect::<Vec<_>>(), expected, "{url}"),
        (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{url}: {error}"),
        (found, expected) => panic!("{url}: {found:?} instead of {expected:?}"),
    }
}

#[test]
fn where_nobody_says_how_the_way_is_verified_unless_it_stays_here() {
    check_tls("host=/tmp", &[], Ok(&["disable - local"]));
    check_tls("host=localhost", &[], Ok(&["prefer localhost local"]));
    check_tls("host=127.0.0.2", &[], Ok(&["prefer 127.0.0.2 local"]));
    check_tls("hostaddr=::1", &[], Ok(&["prefer ::1 local"]));
    check_tls("hostaddr=::ffff:127.0.0.1", &[], Ok(&["prefer ::ffff:127.0.0.1 local"]));
    check_tls("host=db hostaddr=127.0.0.1", &[], Ok(&["prefer db local"]));
    check_tls("host=localhost hostaddr=10.0.0.1", &[], Ok(&["verify-full localhost"]));
    check_tls("host=db", &[], Ok(&["verify-full db"]));
    check_tls("host=10.0.0.1", &[], Ok(&["verify-full 10.0.0.1"]));
    check_tls("host=localhost.example", &[], Ok(&["verify-full localhost.example"]));
    // Each host has its own.
    check_tls(
        "host=/tmp,localhost,a,b",
        &[],
        Ok(&["disable - local", "prefer localhost local", "verify-full a", "verify-full b"]),
    );
}

#[test]
fn what_is_said_counts_except_of_sockets() {
    for mode in ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] {
        check_tls(&format!("host=db sslmode={mode}"), &[], Ok(&[&format!("{mode} db")]));
        check_tls("host=db", &[("PGSSLMODE", mode)], Ok(&[&format!("{mode} db")]));
        check_tls("host=/tmp", &[("PGSSLMODE", mode)], Ok(&["disable - local"]));
    }
    check_tls("postgres://db?ssl=true", &[], Ok(&["require db"]));
    check_tls("host=db sslmode=prefer", &[("PGSSLMODE", "require")], Ok(&["prefer db"]));
    check_tls("host=db sslmode=yes", &[], Err("sslmode in [database] url is not disable, allow,"));
    check_tls("host=db", &[("PGSSLMODE", "on")], Err("sslmode in PGSSLMODE is not"));
    check_tls("host=localhost sslrootcert=system", &[], Ok(&["verify-full localhost local"]));
    check_tls("host=db sslrootcert=system sslmode=require", &[], Err("goes with sslrootcert=system"));
    check_tls("host=localhost sslnegotiation=direct", &[], Ok(&["verify-full localhost local"]));
    check_tls("host=db sslnegotiation=direct sslmode=require", &[], Ok(&["require db"]));
    check_tls("host=db sslnegotiation=direct sslmode=prefer", &[], Err("which sslnegotiation=direct needs"));
    check_tls("host=db sslnegotiation=gss", &[], Err("sslnegotiation in"));
    check_tls("host=db channel_binding=always", &[], Err("channel_binding in"));
    check_tls("host=db ssl_min_protocol_version=SSLv3", &[], Err("ssl_min_protocol_version in"));
    check_tls("host=db", &[("PGSSLMAXPROTOCOLVERSION", "TLSv1.1")], Err("ssl_max_protocol_version in"));
    check_tls(
        "host=db ssl_min_protocol_version=TLSv1.3 ssl_max_protocol_version=TLSv1.2",
        &[],
        Err("nor below the minimum"),
    );
    check_tls("host=db sslcertmode=require", &[], Err("sslcertmode in"));
    check_tls("host=db sslsni=2", &[], Err("sslsni in"));
    check_tls("host=db sslcrldir=/tmp", &[], Err("sslcrldir in [database] url is not supported"));
    check_tls("host=db sslpassword=hunter2", &[], Err("sslpassword in [database] url is not supported"));
}

#[test]
fn files_of_certificates_are_named_by_options_variables_services_or_lie_in_the_home_directory() {
    let one = |url: &str, variables: &[(&str, &str)]| servers(url, variables).unwrap().remove(0).tls;
    let tls = one("host=db", &[]);
    let home = |file: &str| Path::new("/nonexistent/.postgresql").join(file);
    assert_eq!(tls.roots, Roots::Usual(Some(home("root.crt"))));
    assert_eq!((tls.revoked, tls.revoked_given), (Some(home("root.crl")), false));
    let usual = Identity { certificate: home("postgresql.crt"), key: home("postgresql.key"), given: false };
    assert_eq!(tls.identity, Some(usual.clone()));
    assert_eq!(one("host=db sslrootcert=/r", &[]).roots, Roots::Given("/r".into()));
    assert_eq!(one("host=db", &[("PGSSLROOTCERT", "/v")]).roots, Roots::Given("/v".into()));
    assert_eq!(one("host=db", &[("PGSSLROOTCERT", "system")]).roots, Roots::System);
    let given = Some(Identity { certificate: "/c".into(), key: "/k".into(), given: true });
    assert_eq!(one("host=db sslcert=/c", &[("PGSSLKEY", "/k")]).identity, given);
    assert_eq!(one("host=db sslkey=/k", &[]).identity, Some(Identity { key: "/k".into(), ..usual }));
    assert_eq!(one("host=db sslcert=/c sslcertmode=disable", &[]).identity, None);
    assert!(one("host=db", &[("PGSSLCRL", "/l")]).revoked_given);
    assert_eq!(one("host=db channel_binding=require", &[]).binding, ChannelBinding::Require);

    let directory = tempfile::tempdir().unwrap();
    let services = directory.path().join("services");
    fs::write(&services, "[far]\nhost=db\nsslmode=verify-ca\nsslrootcert=/s\nssl_min_protocol_version=TLSv1.3\n")
        .unwrap();
    let services = services.display().to_string();
    let tls = one("service=far", &[("PGSERVICEFILE", &services), ("PGSSLROOTCERT", "/v")]);
    assert_eq!((tls.mode, tls.roots, tls.versions.0), (Mode::VerifyCa, Roots::Given("/s".into()), Version::Three));
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
        "host=db password={} sslmode=verify-full channel_binding=require sslcert=/c sslkey=/k sslrootcert=/r sslcrl=/l",
        "host=db sslmode={}",
        "host=db channel_binding={}",
        "host=db ssl_min_protocol_version={}",
        "host=db sslcertmode={} password={}",
        "host=db sslpassword={}",
        "host=db sslpassword={} sslkey=/k",
        "postgres://db/flows?sslnegotiation={}&password={}",
        "postgres://db/flows?sslpassword={}&sslmode=require",
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
