//! Nanoseconds per message for reading (outer item and one whole check) and for writing.
//!
//! A plain loop: each line is the best of several rounds, since everything else on the machine
//! only ever adds time. Tags are numbers because the codec knows no names.

use std::hint::black_box;
use std::time::{Duration, Instant};
use ttlv::{Item, Limits, Tag, Writer, read};

const ID: &str = "3f1c9a52-0c3e-4c43-9a3c-5b7a5a4c2f10";

const fn tag(low: u32) -> Tag {
    Tag::new(0x42_0000 | low)
}

/// A request of one batch item in KMIP 1.4.
fn request(writer: &mut Writer, operation: u32, payload: impl FnOnce(&mut Writer)) {
    writer.structure(tag(0x78), |writer| {
        writer.structure(tag(0x77), |writer| {
            version(writer);
            writer.integer(tag(0x0d), 1);
        });
        writer.structure(tag(0x0f), |writer| {
            writer.enumeration(tag(0x5c), operation);
            writer.structure(tag(0x79), payload);
        });
    });
}

fn version(writer: &mut Writer) {
    writer.structure(tag(0x69), |writer| {
        writer.integer(tag(0x6a), 1);
        writer.integer(tag(0x6b), 4);
    });
}

fn get_request(writer: &mut Writer) {
    request(writer, 10, |writer| writer.text(tag(0x94), ID));
}

fn create_request(writer: &mut Writer) {
    request(writer, 1, |writer| {
        writer.enumeration(tag(0x57), 2);
        writer.structure(tag(0x91), |writer| {
            attribute(writer, "Cryptographic Algorithm", |writer| {
                writer.enumeration(tag(0x0b), 3)
            });
            attribute(writer, "Cryptographic Length", |writer| {
                writer.integer(tag(0x0b), 256)
            });
            attribute(writer, "Cryptographic Usage Mask", |writer| {
                writer.integer(tag(0x0b), 12)
            });
        });
    });
}

fn attribute(writer: &mut Writer, name: &str, value: impl FnOnce(&mut Writer)) {
    writer.structure(tag(0x08), |writer| {
        writer.text(tag(0x0a), name);
        value(writer);
    });
}

fn get_response(writer: &mut Writer) {
    writer.structure(tag(0x7b), |writer| {
        writer.structure(tag(0x7a), |writer| {
            version(writer);
            writer.date_time(tag(0x92), 1_700_000_000);
            writer.integer(tag(0x0d), 1);
        });
        writer.structure(tag(0x0f), |writer| {
            writer.enumeration(tag(0x5c), 10);
            writer.enumeration(tag(0x7f), 0);
            writer.structure(tag(0x7c), |writer| {
                writer.enumeration(tag(0x57), 2);
                writer.text(tag(0x94), ID);
                writer.structure(tag(0x8f), key_block);
            });
        });
    });
}

fn key_block(writer: &mut Writer) {
    writer.structure(tag(0x40), |writer| {
        writer.enumeration(tag(0x42), 1);
        writer.structure(tag(0x45), |writer| writer.byte_string(tag(0x43), &[7; 32]));
        writer.enumeration(tag(0x28), 3);
        writer.integer(tag(0x2a), 256);
    });
}

/// A batch of 256 Gets: what one message costs when it is not small.
fn batch_request(writer: &mut Writer) {
    writer.structure(tag(0x78), |writer| {
        writer.structure(tag(0x77), version);
        for _ in 0..256 {
            writer.structure(tag(0x0f), |writer| {
                writer.enumeration(tag(0x5c), 10);
                writer.byte_string(tag(0x93), &[1; 8]);
                writer.structure(tag(0x79), |writer| writer.text(tag(0x94), ID));
            });
        }
    });
}

type Write = fn(&mut Writer);

/// The nanoseconds of one call, in the best of some rounds.
fn nanoseconds(mut call: impl FnMut()) -> f64 {
    const ROUNDS: usize = 20;
    let calls = calls_in(Duration::from_millis(10), &mut call);
    let round = |call: &mut dyn FnMut()| {
        let start = Instant::now();
        for _ in 0..calls {
            call();
        }
        start.elapsed().as_secs_f64() * 1e9 / f64::from(calls)
    };
    (0..ROUNDS)
        .map(|_| round(&mut call))
        .fold(f64::INFINITY, f64::min)
}

fn calls_in(time: Duration, call: &mut impl FnMut()) -> u32 {
    let start = Instant::now();
    let mut calls = 0;
    while start.elapsed() < time {
        call();
        calls += 1;
    }
    calls
}

fn check(item: &Item<'_>, limits: &Limits) {
    let mut items_left = limits.items_max;
    item.check(limits.depth_max, &mut items_left)
        .expect("the writer writes what the reader accepts");
    black_box(items_left);
}

#[allow(clippy::print_stdout, reason = "the numbers are what a bench is for")]
fn main() {
    let limits = Limits::default();
    let messages: [(&str, Write); 4] = [
        ("Get request", get_request),
        ("Create request", create_request),
        ("Get response", get_response),
        ("256 Gets", batch_request),
    ];
    println!(
        "{:16} {:>7} {:>14} {:>10}",
        "message", "bytes", "read+check ns", "write ns"
    );
    for (name, write) in messages {
        let mut writer = Writer::default();
        write(&mut writer);
        let bytes = writer.as_bytes().to_vec();
        let reading = nanoseconds(|| {
            let item = read(black_box(&bytes)).expect("the writer writes what the reader accepts");
            check(&item, &limits);
        });
        let writing = nanoseconds(|| {
            writer.clear();
            write(black_box(&mut writer));
            black_box(writer.as_bytes());
        });
        println!(
            "{name:16} {:>7} {reading:>14.0} {writing:>10.0}",
            bytes.len()
        );
    }
}
