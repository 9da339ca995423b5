//! What a verification says of a trail that is what was sealed.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use super::VerifyArgs;
use crate::audit::Verified;
use crate::audit::verification::{Removed, Span};
use crate::cli::report::{Report, fields, remark};

/// Prints it.
///
/// # Errors
/// Standard output cannot be written.
pub(super) fn say(verified: &Verified, args: &VerifyArgs, report: &Report) -> std::io::Result<()> {
    let given = args.checkpoints.len();
    let Verified {
        first,
        end,
        root,
        sealed,
        agreed,
        elsewhere,
        repeated,
        epochs,
        removed,
    } = verified;
    // A range that begins later says nothing of what comes before it.
    let covers = |removed: &&Removed| *first > 0 && removed.last.saturating_add(1) >= *first;
    let removed = removed.as_ref().filter(covers);
    let (events, root) = (end - first, BASE64.encode(root));
    let spans: Vec<_> = epochs
        .iter()
        .filter(|span| span.end > *first)
        .copied()
        .collect();
    let record = json!({
        "events": events, "first": first, "sealed": sealed, "root": root, "checkpoints": given, "agreed": agreed, "notCompared": elsewhere,
        "repeated": repeated, "removed": removed.map(|removed| json!({ "first": 0, "last": first - 1, "event": removed.event, "time": removed.time })),
        "epochs": spans.iter().map(span_record).collect::<Vec<_>>(),
    });
    report.record(&record, || {
        let sound = match first {
            0 => format!("{events}, each as it was sealed"),
            first => format!("{events}, from {first} on, each as it was sealed"),
        };
        let agrees = match elsewhere {
            0 => format!("{given} given, all agree"),
            some => format!("{given} given, all agree but {some} that seal another part"),
        };
        let again = (*repeated > 0).then(|| format!("{repeated} events, which count once"));
        let mut lines = vec![("events", Some(sound))];
        lines.extend(
            spans
                .iter()
                .map(|span| ("epoch", Some(span_text(span, *first)))),
        );
        lines.push(("came again", again));
        lines.push(("root", Some(root.clone())));
        lines.push(("checkpoints", Some(agrees)));
        fields(&lines)
    })?;
    if let Some(removed) = removed {
        let (last, time, event) = (first - 1, &removed.time, removed.event);
        remark(&format!(
            "Events 0 to {last} were removed by retention, as event {event} of {time} says."
        ));
    }
    for (epoch, tail) in unsealed_tails(epochs) {
        let (first, last) = (tail.start, tail.end - 1);
        remark(&format!(
            "Events {first} to {last} of epoch {epoch} are not on the server any more, and no checkpoint seals them: nothing proves them."
        ));
    }
    if sealed < end {
        let unsealed = end - sealed;
        remark(&format!(
            "The last {unsealed} events are sealed by no checkpoint yet."
        ));
    }
    Ok(())
}

fn span_record(span: &Span) -> Value {
    let events = span.end - span.first;
    json!({ "epoch": span.epoch, "first": span.first, "events": events, "sealed": span.sealed, "lastSealed": span.last_sealed })
}

/// Events that an epoch had after the place where the next one began, and that nothing seals: the server lost them.
fn unsealed_tails(spans: &[Span]) -> impl Iterator<Item = (u32, Range<u64>)> {
    let with_next = spans.iter().zip(spans.iter().skip(1));
    let tail = |(span, next): (&Span, &Span)| (span.epoch, span.sealed.max(next.first)..span.end);
    with_next.map(tail).filter(|(_, tail)| !tail.is_empty())
}

/// An epoch, with what is known to be lost of it.
fn span_text(span: &Span, first: u64) -> String {
    let (epoch, begins, last) = (
        span.epoch,
        span.first.max(first),
        span.end.saturating_sub(1),
    );
    let held = format!("{epoch}, events {begins} to {last}");
    match span.last_sealed.filter(|sealed| *sealed > span.end) {
        Some(sealed) => format!(
            "{held}; a checkpoint of it sealed {sealed}: {} to {} are lost",
            span.end,
            sealed - 1
        ),
        None => held,
    }
}
