//! A model of the database drives the real pure code through everything that can go wrong, in random order, one seed a run;
//! at the end every packet must be in exactly one place.
//!
//! `FLOWSENTRY_SIMULATION_SEEDS=100000` runs that many seeds, `FLOWSENTRY_SIMULATION_SEED=17` runs one.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::print_stdout)] // a test says what it saw

mod simulation {
    pub mod check;
    pub mod database;
    pub mod random;
    pub mod reader;
    pub mod results;
    pub mod run;
    pub mod service;
    pub mod setting;
    pub mod sniffers;
    pub mod tally;
    pub mod traffic;
}

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use simulation::check::Failure;
use simulation::random::Random;
use simulation::run::run;
use simulation::setting::{Broken, Setting};
use simulation::tally::{Seen, Tally};

const SEEDS: u64 = 100_000;

#[test]
fn every_packet_is_stored_exactly_once_whatever_happens() {
    let (seeds, one) = (number("FLOWSENTRY_SIMULATION_SEEDS"), number("FLOWSENTRY_SIMULATION_SEED"));
    let (first, last) = one.map_or((0, seeds.unwrap_or(SEEDS)), |seed| (seed, seed + 1));
    let (tally, failure) = seeds_from(first, last, None);
    if let Some((seed, failure)) = failure {
        panic!(
            "seed {seed}: {failure}\nagain: FLOWSENTRY_SIMULATION_SEED={seed} cargo test --test simulation every_packet\n{:#?}",
            Setting::random(&mut Random::new(seed), None)
        );
    }
    for seen in Seen::ALL {
        println!("{seen:?}: {}", tally.get(seen));
        assert!(tally.get(seen) > 0 || last - first < 1_000, "{seen:?} never happened");
    }
}

/// Runs seeds on all processors. Gives the failure of the lowest seed that fails.
fn seeds_from(first: u64, last: u64, broken: Option<Broken>) -> (Tally, Option<(u64, Failure)>) {
    let next = AtomicU64::new(first);
    let work = || {
        let mut tally = Tally::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= last {
                return (tally, None);
            }
            let result = catch_unwind(AssertUnwindSafe(|| run(seed, broken)));
            let failure = match result {
                Ok((happened, result)) => {
                    tally.merge(&happened);
                    result.err()
                }
                Err(panic) => Some(Failure::Panic(message(panic.as_ref()))),
            };
            if let Some(failure) = failure {
                next.store(last, Ordering::Relaxed);
                return (tally, Some((seed, failure)));
            }
        }
    };
    thread::scope(|scope| {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut tally = Tally::default();
        let mut failures = Vec::new();
        for worker in workers {
            let (seen, failure) = worker.join().unwrap();
            tally.merge(&seen);
            failures.extend(failure);
        }
        (tally, failures.into_iter().min_by_key(|(seed, _)| *seed))
    })
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message").to_owned()
}

#[expect(clippy::disallowed_methods, reason = "switches of this test, not settings of the program")]
fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is not a number")))
}

/// A simulation that cannot fail proves nothing: each rule, broken on purpose, must be noticed within so many seeds.
fn check_noticed(broken: Broken, seeds: u64) {
    let (_, failure) = seeds_from(0, seeds, Some(broken));
    let (seed, failure) = failure.unwrap_or_else(|| panic!("{broken:?} went unnoticed for {seeds} seeds"));
    println!("{broken:?}: seed {seed}: {failure}");
}

#[test]
fn reading_above_the_last_id_is_noticed() {
    check_noticed(Broken::IdAboveLast, 200);
}

#[test]
fn one_snapshot_for_locks_and_rows_is_noticed() {
    check_noticed(Broken::OneSnapshot, 500);
}

#[test]
fn a_lock_on_the_table_alone_is_noticed() {
    check_noticed(Broken::TableLockOnly, 500);
}

#[test]
fn a_holder_that_ends_with_its_process_is_noticed() {
    check_noticed(Broken::HolderIsProcess, 5_000);
}

#[test]
fn a_checkpoint_that_settles_open_windows_is_noticed() {
    check_noticed(Broken::SettledIsPosition, 200);
}

#[test]
fn a_replay_of_closed_windows_is_noticed() {
    check_noticed(Broken::ReplayKeepsClosedWindows, 200);
}

#[test]
fn a_replay_that_judges_the_future_anew_is_noticed() {
    check_noticed(Broken::ReplayForgetsRejected, 2_000);
}

#[test]
fn a_store_without_a_fence_is_noticed() {
    check_noticed(Broken::NoFence, 500);
}

#[test]
fn sending_again_after_a_lost_answer_is_noticed() {
    check_noticed(Broken::SendAgain, 500);
}

#[test]
fn remembering_across_a_crash_of_the_server_is_noticed() {
    check_noticed(Broken::RememberAcrossCrash, 500);
}

#[test]
fn a_reset_between_the_judgement_and_the_first_read_is_noticed() {
    check_noticed(Broken::TrustFirstLook, 2_000);
}

#[test]
fn a_replay_of_other_packets_that_is_stored_is_noticed() {
    check_noticed(Broken::StoreUnprovedReplay, 20_000);
}

#[test]
fn a_reset_in_the_middle_of_a_read_is_noticed() {
    check_noticed(Broken::OneLook, 5_000);
}

#[test]
fn a_reset_taken_for_a_deleted_row_is_noticed() {
    check_noticed(Broken::MissingRowIsProof, 5_000);
}
