//! What was answered is there after the power is cut, on a disk that keeps what was synced and nothing else.
//!
//! A kill proves nothing about power, for the kernel still has what was written. Here the disk is a FUSE file system of the test.

use std::fs::{self, File};
use std::io::Write;
use std::thread;
use std::time::Duration;

use fuser::Errno;

use crate::harness::{
    Dice, Disk, Door, Faults, Ledger, Left, Server, create, destroy, fresh_directory, get,
    in_own_mounts, key_template, keys, reason, run_cli, settle, trail_from, under_load, until,
    whole_trail,
};

/// Clients at work in a round.
const CLIENTS: usize = 6;
/// Rounds unless the environment says otherwise.
const ROUNDS: u64 = 12;

/// A server on a disk of its own, whose files are all durable.
fn server_on_disk() -> Option<(Disk, Server)> {
    let directory = fresh_directory();
    let disk = Disk::mount(directory.path())?;
    let server = Server::start_in(directory, 1 << 20);
    disk.settle();
    Some((disk, server))
}

fn either(dice: &mut Dice) -> Left {
    if dice.below(2) == 0 {
        Left::Nothing
    } else {
        Left::Some
    }
}

#[test]
fn the_disk_of_these_tests_forgets_what_was_not_synced() {
    if !in_own_mounts() {
        return;
    }
    let directory = fresh_directory();
    let Some(mut disk) = Disk::mount(directory.path()) else {
        return;
    };
    let path = |name: &str| directory.path().join(name);
    let mut file = File::create(path("kept")).expect("a file");
    file.write_all(b"synced").expect("a write");
    file.sync_all().expect("a sync");
    File::open(directory.path())
        .expect("a directory")
        .sync_all()
        .expect("a sync");
    file.write_all(b" and not").expect("a write");
    let mut nameless = File::create(path("nameless")).expect("a file");
    nameless.write_all(b"synced").expect("a write");
    nameless.sync_all().expect("a sync");
    drop((file, nameless));
    disk.cut_power(Left::Nothing, &mut Dice::new(1));
    assert!(File::open(path("kept")).is_err(), "the power is off");
    disk.restore_power();
    assert_eq!(fs::read(path("kept")).expect("the file"), b"synced");
    assert!(!path("nameless").exists(), "its directory was not synced");
}

#[test]
fn whatever_was_answered_outlives_power_cuts() {
    if !in_own_mounts() {
        return;
    }
    let (mut dice, rounds) = Dice::and_rounds(ROUNDS);
    let Some((mut disk, mut server)) = server_on_disk() else {
        return;
    };
    let mut ledgers: Vec<_> = (0..CLIENTS).map(|_| Ledger::default()).collect();
    let mut settled = 0;
    for _ in 0..rounds {
        let door = Door::of(&server);
        under_load(&mut ledgers, &door, &mut dice, |dice| {
            thread::sleep(moment(dice, 400_000));
            if dice.below(4) == 0 {
                server.ask_to_stop();
                thread::sleep(moment(dice, 20_000));
            }
            disk.cut_power(either(dice), dice);
            server.kill();
        });
        disk.restore_power();
        server.start_again();
        let events = trail_from(&server, settled);
        settled += events.len();
        settle(&mut ledgers, &events, &Door::of(&server), &mut dice);
    }
    println!("{settled} events, {} keys", keys(&ledgers));
    assert!(keys(&ledgers) > 0, "something was done");
    whole_trail(&server);
}

#[test]
fn a_disk_that_fails_ends_the_process_and_nothing_answered_is_lost() {
    if !in_own_mounts() {
        return;
    }
    let (mut dice, _) = Dice::and_rounds(1);
    let Some((mut disk, mut server)) = server_on_disk() else {
        return;
    };
    let mut ledgers: Vec<_> = (0..CLIENTS).map(|_| Ledger::default()).collect();
    let mut settled = 0;
    let no_sync = |error| Faults {
        sync: Some(error),
        ..Faults::default()
    };
    let no_write = |error| Faults {
        write: Some(error),
        ..Faults::default()
    };
    let faults = [
        no_sync(Errno::EIO),
        no_sync(Errno::ENOSPC),
        no_write(Errno::EIO),
        no_write(Errno::EROFS),
    ];
    for faults in faults {
        let door = Door::of(&server);
        under_load(&mut ledgers, &door, &mut dice, |dice| {
            thread::sleep(moment(dice, 200_000));
            disk.set_faults(faults);
            let status = server.ends_by_itself("The process ends.");
            assert!(!status.success(), "{faults:?}");
        });
        disk.cut_power(either(&mut dice), &mut dice);
        disk.restore_power();
        server.start_again();
        let events = trail_from(&server, settled);
        settled += events.len();
        settle(&mut ledgers, &events, &Door::of(&server), &mut dice);
    }
    whole_trail(&server);
}

#[test]
fn a_quota_that_is_used_up_is_a_full_disk() {
    if !in_own_mounts() {
        return;
    }
    let Some((disk, server)) = server_on_disk() else {
        return;
    };
    let mut connection = server.connect();
    let uid = connection.ask(create(key_template())).success().uid();
    let quota = Some(disk.length());
    disk.set_faults(Faults {
        quota,
        ..Faults::default()
    });
    let refused = until("the quota to be used up", || {
        let answer = connection.ask(create(key_template()));
        (answer.status != 0).then_some(answer)
    });
    refused.failure(reason::GENERAL_FAILURE);
    connection.ask(get(&uid)).success();
    connection.ask(destroy(&uid)).success();
    disk.set_faults(Faults::default());
    until("room to be found again", || {
        let answer = connection.ask(create(key_template()));
        (answer.status == 0).then_some(())
    });
    let events = whole_trail(&server);
    let read = format!("kmip-key.read 200 {uid}");
    assert_eq!(
        events.iter().filter(|event| event.line() == read).count(),
        1
    );
}

#[test]
fn what_commands_made_is_there_after_a_power_cut() {
    if !in_own_mounts() {
        return;
    }
    let directory = fresh_directory();
    let Some(mut disk) = Disk::mount(directory.path()) else {
        return;
    };
    let mut dice = Dice::new(1);
    let steps: [&[&str]; 3] = [
        &["init", "--name", "127.0.0.1"],
        &["client", "issue", "demo"],
        &["instance", "add", "second"],
    ];
    for step in steps {
        run_cli(directory.path(), step).success();
        disk.cut_power(Left::Nothing, &mut dice);
        disk.restore_power();
    }
    let server = Server::start_plainly(directory);
    let uid = server.connect().ask(create(key_template())).success().uid();
    server.connect().ask(get(&uid)).success();
    let instances = server.cli(&["instance", "list"]).success();
    assert!(instances.stdout.contains("second"), "{instances:?}");
    whole_trail(&server);
}

/// A time below so many microseconds.
fn moment(dice: &mut Dice, below_us: usize) -> Duration {
    Duration::from_micros(dice.below(below_us).try_into().expect("64 bits"))
}
