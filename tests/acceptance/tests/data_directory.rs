//! What the machine can do to the data directory: another process in it, something else in its
//! place, damage, no right to write, no space. Each is met with a clear word, and nothing that was
//! accepted is lost by it.

use std::collections::HashSet;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use postback_acceptance::api::{plain_body, text};
use postback_acceptance::client::Request;
use postback_acceptance::clock::{DEADLINE, eventually};
use postback_acceptance::receiver::Receiver;
use postback_acceptance::server::{Ended, Launch};
use postback_acceptance::sign::Provider;
use postback_acceptance::stack::{Stack, may_start_servers, scratch_folder};
use postback_acceptance::tmpfs::Tmpfs;
use serde_json::json;

/// How every SQLite database begins.
const DATABASE_MAGIC: &[u8] = b"SQLite format 3\0";

#[track_caller]
fn check_refusal(launch: &Launch, words: &[&str]) {
    let Ended { status, output, .. } = launch.run_to_end();
    assert!(!status.success(), "it must not start:\n{output}");
    assert!(status.code().is_some(), "it ends by itself, with {status}:\n{output}");
    assert!(!output.contains("panicked"), "{output}");
    for word in words {
        assert!(
            output.to_lowercase().contains(&word.to_lowercase()),
            "`{word}` is not in:\n{output}"
        );
    }
}

#[test]
fn two_processes_do_not_share_a_directory() {
    let Some(mut stack) = Stack::own() else { return };
    let mut second = stack.launch().clone();
    second.listen.set_port(0);
    let data = second.data.display().to_string();
    check_refusal(&second, &[&data, "in use"]);
    // The first one has not noticed.
    assert!(stack.server().is_running());
    let merchant = stack.merchant();
    let receiver = Receiver::accepting();
    let endpoint = merchant.endpoint(&receiver, json!({}));
    merchant.source(Provider::Stripe).deliver("evt_1", "charge.refunded");
    merchant.wait_for("evt_1", &endpoint, "SUCCESS");
    // However it ends, the directory is free then.
    stack.take_server().kill();
    stack.restart();
    assert_eq!(merchant.api.list("/v1/events").len(), 1);
}

#[test]
fn what_is_no_directory_is_refused() {
    if !may_start_servers() {
        return;
    }
    let folder = scratch_folder();
    let file = folder.path().join("a-file");
    fs::write(&file, "I am a file").expect("the folder is writable");
    for data in [file.clone(), file.join("below"), PathBuf::from("/proc/postback")] {
        let launch = Launch::new(&data, folder.path(), "admin-key-of-a-server-that-never-starts");
        check_refusal(&launch, &[&data.display().to_string()]);
    }
    assert_eq!(fs::read(&file).expect("it is still there"), b"I am a file");
}

#[test]
fn a_port_that_is_taken_is_named() {
    if !may_start_servers() {
        return;
    }
    let folder = scratch_folder();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
    let mut launch = Launch::new(
        &folder.path().join("data"),
        folder.path(),
        "admin-key-of-a-server-that-never-starts",
    );
    launch.listen = taken.local_addr().expect("a listener has an address");
    check_refusal(&launch, &[&launch.listen.to_string()]);
}

#[test]
fn a_read_only_directory_is_refused_and_left_alone() {
    let Some(disk) = Tmpfs::mount(16) else { return };
    let data = disk.path().join("data");
    let Some(mut stack) = Stack::own_in(data.clone()) else { return };
    let server = stack.take_server();
    server.ask_to_stop();
    server.wait(DEADLINE);
    disk.make_read_only();
    check_refusal(stack.launch(), &[&data.display().to_string()]);
}

/// The databases in a directory, by what is in them and not by their names.
fn databases(directory: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(directory).expect("the data directory is there");
    let paths = files.map(|file| file.expect("the data directory can be read").path());
    let found: Vec<PathBuf> = paths
        .filter(|path| fs::read(path).is_ok_and(|bytes| bytes.starts_with(DATABASE_MAGIC)))
        .collect();
    assert!(!found.is_empty(), "no database in {}", directory.display());
    found
}

#[test]
fn a_damaged_database_is_refused_and_a_restored_one_goes_on() {
    let Some(mut stack) = Stack::own() else { return };
    let merchant = stack.merchant();
    let receiver = Receiver::accepting();
    let endpoint = merchant.endpoint(&receiver, json!({}));
    let source = merchant.source(Provider::Stripe);
    source.deliver("evt_1", "charge.refunded");
    merchant.wait_for("evt_1", &endpoint, "SUCCESS");
    let server = stack.take_server();
    server.ask_to_stop();
    server.wait(DEADLINE);

    let whole: Vec<_> = databases(&stack.launch().data)
        .into_iter()
        .map(|path| (fs::read(&path).expect("a database can be read"), path))
        .collect();
    type Damage = fn(&[u8]) -> Vec<u8>;
    let damages: [(&str, Damage); 5] = [
        ("garbage", |bytes| {
            b"this is not a database ".iter().copied().cycle().take(bytes.len()).collect()
        }),
        ("cut in half", |bytes| bytes[..bytes.len() / 2].to_vec()),
        ("cut after the first page", |bytes| bytes[..4096].to_vec()),
        ("cut inside the header", |bytes| bytes[..50].to_vec()),
        ("zeroes behind the header", |bytes| {
            bytes.iter().enumerate().map(|(at, byte)| if at < 100 { *byte } else { 0 }).collect()
        }),
    ];
    for (name, damage) in damages {
        for (bytes, path) in &whole {
            fs::write(path, damage(bytes)).expect("a database can be written");
        }
        println!("{name}");
        check_refusal(stack.launch(), &["database"]);
        for (bytes, path) in &whole {
            assert_eq!(fs::read(path).ok(), Some(damage(bytes)), "{name}: evidence was changed");
        }
    }
    for (bytes, path) in &whole {
        fs::write(path, bytes).expect("a database can be written");
    }
    stack.restart();
    source.deliver("evt_2", "charge.refunded");
    merchant.wait_for("evt_2", &endpoint, "SUCCESS");
    assert_eq!(merchant.api.list("/v1/events").len(), 2);
}

#[test]
fn a_full_disk_refuses_events_and_loses_none() {
    const EVENTS_MAX: usize = 2_000;
    const BODY_BYTES: usize = 32 * 1024;
    let Some(disk) = Tmpfs::mount(8) else { return };
    let Some(mut stack) = Stack::own_in(disk.path().join("data")) else { return };
    let merchant = stack.merchant();
    let receiver = Receiver::accepting();
    merchant.endpoint(&receiver, json!({}));
    let source = merchant.source(Provider::Stripe);
    let request = |id: &str| {
        let mut body = plain_body(id, "charge.refunded");
        body.resize(BODY_BYTES, b' ');
        source.signed(id, "charge.refunded", &body)
    };

    let mut accepted = HashSet::new();
    let mut refused = Vec::new();
    for number in 0..EVENTS_MAX {
        let id = format!("evt_{number}");
        let answer = source.send(&request(&id));
        match answer.status {
            200 => drop(accepted.insert(id)),
            503 => {
                assert!(answer.headers.get("retry-after").is_some(), "{answer:?}");
                refused.push(id);
            }
            _ => panic!("{answer:?}"),
        }
        // Once is not enough: it must stay up while it refuses.
        if refused.len() == 10 {
            break;
        }
    }
    println!("{} events fit", accepted.len());
    assert!(!accepted.is_empty() && refused.len() == 10, "the disk was filled");
    assert!(stack.server().is_running());
    stack.client().send(&Request::new("GET", "/healthz")).expect(200);
    assert_eq!(merchant.api.list("/v1/events").len(), accepted.len(), "it can still be read");

    disk.grow(64);
    for id in refused {
        eventually("events are accepted again", || {
            let answer = source.send(&request(&id));
            if answer.status == 200 { Ok(()) } else { Err(format!("{answer:?}")) }
        });
        accepted.insert(id);
    }
    let received = || -> HashSet<String> {
        let receipts = receiver.receipts();
        receipts.iter().map(|r| r.headers.the("postback-provider-event-id").to_owned()).collect()
    };
    eventually("everything accepted is received", || {
        let missing = accepted.len() - received().len();
        if missing == 0 { Ok(()) } else { Err(format!("{missing} are missing")) }
    });
    assert_eq!(received(), accepted);

    // An attempt whose end could not be written down is held by its lease, longer than this test
    // may take. A restart releases it.
    let server = stack.take_server();
    server.ask_to_stop();
    assert_eq!(server.wait(DEADLINE).status.code(), Some(0));
    stack.restart();
    eventually("nothing is owed any more", || {
        let pending = merchant.api.get("/v1/deliveries?state=PENDING&limit=1").expect(200).json();
        if pending["data"] == json!([]) { Ok(()) } else { Err(pending.to_string()) }
    });
    let deliveries = merchant.api.list("/v1/deliveries");
    assert_eq!(deliveries.len(), accepted.len(), "one delivery for each event");
    for delivery in deliveries {
        assert_eq!(text(&delivery, "state"), "SUCCESS", "{delivery}");
    }
}
