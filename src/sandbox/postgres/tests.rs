//! Real servers; a test takes a few seconds. Skipped, aloud, where PostgreSQL is not installed.

use tokio_postgres::NoTls;

use super::*;

fn start(options: Options) -> Option<PrivatePostgres> {
    match PrivatePostgres::start(options) {
        Err(error @ SandboxError::NotInstalled) => {
            println!("skipped: {error}");
            None
        }
        result => Some(result.unwrap()),
    }
}

/// First column of the first row, as text, from a session of its own.
fn ask(server: &PrivatePostgres, statement: &str) -> Result<String, tokio_postgres::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(&server.url("postgres"), NoTls).await?;
        let connection = tokio::spawn(connection);
        let rows = client.simple_query(statement).await?;
        drop(client);
        connection.await.unwrap()?;
        Ok(rows
            .iter()
            .find_map(|message| match message {
                tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
                _ => None,
            })
            .unwrap_or_default())
    })
}

fn exists(pid: u32) -> bool {
    Command::new("/bin/sh").args(["-c", &format!("kill -0 {pid} 2>/dev/null")]).status().unwrap().success()
}

#[test]
fn a_server_lives_through_stops_and_a_kill_and_leaves_nothing() {
    let Some(mut server) = start(Options { max_prepared_transactions: 7, ..Options::default() }) else { return };
    assert_eq!(ask(&server, "SHOW max_prepared_transactions").unwrap(), "7");
    assert_eq!(ask(&server, "SHOW listen_addresses").unwrap(), "127.0.0.1");
    assert_eq!(ask(&server, "SHOW unix_socket_directories").unwrap(), server.directory().to_str().unwrap());
    let first = server.pid().unwrap();

    ask(&server, "CREATE TABLE kept AS SELECT 42 AS answer").unwrap();
    for end in [
        (|server| server.stop(Mode::Smart)) as fn(&mut PrivatePostgres) -> Result<(), SandboxError>,
        |server| server.stop(Mode::Fast),
        |server| server.stop(Mode::Immediate),
        PrivatePostgres::kill,
    ] {
        let pid = server.pid().unwrap();
        end(&mut server).unwrap();
        assert!(server.pid().is_none() && !exists(pid));
        ask(&server, "SELECT 1").unwrap_err();
        server.start_again().unwrap();
        assert_eq!(ask(&server, "SELECT answer FROM kept").unwrap(), "42");
    }
    assert_ne!(server.pid(), Some(first));

    let (pid, directory) = (server.pid().unwrap(), server.directory().to_owned());
    drop(server);
    assert!(!exists(pid) && !directory.exists());
}

#[test]
fn a_setting_that_is_refused_is_told_in_the_words_of_the_log() {
    let settings = vec![("shared_buffers".to_owned(), "lots".to_owned())];
    let error = match PrivatePostgres::start(Options { settings, ..Options::default() }) {
        Err(SandboxError::NotInstalled) => return,
        result => result.unwrap_err().to_string(),
    };
    assert!(error.contains("did not start"), "{error}");
    assert!(error.contains(r#"invalid value for parameter "shared_buffers": "lots""#), "{error}");
}

#[test]
#[allow(clippy::used_underscore_binding)] // it has no use but to be there
fn a_server_whose_process_is_gone_is_ended_by_its_watchdog() {
    let Some(mut server) = start(Options::default()) else { return };
    let elsewhere = Directory::create().unwrap();
    let other = Watchdog::start(&elsewhere, &server.programs.path("pg_ctl")).unwrap();
    let pid = server.pid().unwrap();
    drop(std::mem::replace(&mut server._watchdog, other));
    server.wait_for_end().unwrap();
    assert!(!exists(pid) && !server.directory().exists());
}
