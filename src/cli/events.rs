//! `keyledger events`: the trail, oldest first, filtered, followed; [`seal`] verifies it.
//!
//! In JSON each event is the very text that is hashed and delivered: it is passed on, not written anew.

use std::str::FromStr as _;

use clap::Subcommand;

use super::export::ExportArgs;
use super::master::PassphraseArgs;
use super::reach::{self, Reach};
use super::report::{Format, Report, line, remark};
use super::verify::{self, VerifyArgs};
use super::{WrongUse, export, find, prove, record, seal};
use crate::admin::message::{Event, Events, EventsFrom};
use crate::admin::socket::SocketError;
use crate::admin::{Request, Response};
use crate::audit::filter::time_ms;
use crate::audit::{ActionPattern, EventFilter, Outcome};
use crate::config::Layout;
use crate::domain::{Clock as _, SystemClock};

/// The most events asked for at once.
pub(super) const PAGE: usize = 500;
/// How long one request of `--follow` waits.
const FOLLOW_WAIT_MS: u64 = 10_000;
/// The first part of the trail `tail` looks at, in events.
const TAIL_WINDOW: u64 = 1000;

/// What to do with events.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List events, oldest first
    List {
        /// Which of them
        #[command(flatten)]
        filter: FilterArgs,
        /// The first sequence
        #[arg(long, default_value_t = 0, value_name = "SEQUENCE")]
        from: u64,
        /// At most so many (default: all)
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
    },
    /// List the last events, and with --follow those that come
    Tail {
        /// Which of them
        #[command(flatten)]
        filter: FilterArgs,
        /// How many of the last
        #[arg(long, short = 'n', default_value_t = 10, value_name = "N")]
        lines: usize,
        /// Stay and print what comes, until interrupted
        #[arg(long, short)]
        follow: bool,
    },
    /// Record a management event that another system performed
    Record(record::RecordArgs),
    /// Show one event
    Show {
        /// Its sequence, or its id
        event: String,
    },
    /// Print a checkpoint, the signed size and root of the trail, to be kept elsewhere
    Checkpoint {
        /// The passphrase, where no server runs
        #[command(flatten)]
        passphrase: PassphraseArgs,
    },
    /// Print the key that verifies checkpoints
    PublicKey,
    /// Verify that the trail, an export of it or a proof is what was sealed; exit code 3 where it is not
    Verify(VerifyArgs),
    /// Begin a new epoch of the trail, after a database was put back or the trail was damaged
    NewEpoch {
        /// Why, for the event that says so
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Write events as they are sealed, with a checkpoint and what proves them
    Export(ExportArgs),
    /// Print a proof about the trail that others check without it
    #[command(subcommand)]
    Prove(prove::Command),
}

/// Which events.
#[derive(Debug, Clone, clap::Args)]
pub struct FilterArgs {
    /// Only this action: kmip-key.read, or a prefix such as kmip-key.*
    #[arg(long, value_parser = ActionPattern::from_str)]
    action: Option<ActionPattern>,
    /// Only this outcome: success, failure or pending
    #[arg(long, value_parser = Outcome::from_str)]
    outcome: Option<Outcome>,
    /// Only by this client: its label, initiator id, or fingerprint (at least eight digits)
    #[arg(long)]
    client: Option<String>,
    /// Only on this key, by its Unique Identifier
    #[arg(long, value_name = "ID")]
    key: Option<String>,
    /// Not before: 2026-11-23T12:00:00Z, 2026-11-23, or 15m, 2h, 7d ago
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Before: as --since
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

impl FilterArgs {
    fn filter(self, now_ms: i64) -> Result<EventFilter, WrongUse> {
        let time = |text: Option<String>| {
            let parsed = text.map(|text| time_ms(&text, now_ms)).transpose();
            parsed.map_err(|error| WrongUse(error.to_string()))
        };
        Ok(EventFilter {
            action: self.action,
            outcome: self.outcome,
            client: self.client,
            key: self.key,
            since_ms: time(self.since)?,
            until_ms: time(self.until)?,
            instance: None,
        })
    }
}

/// Carries out a command.
///
/// # Errors
/// A filter is wrong, or the router cannot be reached.
pub async fn run(layout: &Layout, command: Command, report: &Report) -> anyhow::Result<()> {
    let now_ms = SystemClock.now_ms();
    match command {
        Command::List {
            filter,
            from,
            limit,
        } => {
            let filter = filter.filter(now_ms)?;
            let mut reach = Reach::open(layout).await?;
            let done = list(&mut reach, filter, from, limit, report).await;
            reach.close().await;
            done
        }
        Command::Tail {
            filter,
            lines,
            follow,
        } => {
            let filter = filter.filter(now_ms)?;
            tail(layout, filter, lines, follow, report).await
        }
        Command::Record(args) => record::run(layout, args, report).await,
        Command::Show { event } => {
            let mut reach = Reach::open(layout).await?;
            let done = show(&mut reach, &event, report).await;
            reach.close().await;
            done
        }
        Command::Checkpoint { passphrase } => {
            let mut reach = Reach::open_with_master_key(layout, &passphrase).await?;
            let done = seal::checkpoint(&mut reach, report).await;
            reach.close().await;
            done
        }
        Command::PublicKey => {
            let mut reach = Reach::open(layout).await?;
            let done = seal::public_key(&mut reach, report).await;
            reach.close().await;
            done
        }
        Command::Verify(args) => verify::run(layout, &args, report).await,
        Command::NewEpoch { reason } => {
            let mut reach = Reach::open(layout).await?;
            let done = seal::new_epoch(&mut reach, reason, report).await;
            reach.close().await;
            done
        }
        Command::Export(args) => export::run(layout, args, report).await,
        Command::Prove(command) => prove::run(layout, &command, report).await,
    }
}

/// A page of the trail.
///
/// # Errors
/// The router's.
pub async fn page(reach: &mut Reach, request: EventsFrom) -> anyhow::Result<Events> {
    match reach.run(Request::Events(request)).await? {
        Response::Events(events) => Ok(events),
        other => Err(reach::unexpected(&other)),
    }
}

/// Prints events as they come, so that a long trail is not held in memory.
struct Printer {
    format: Format,
    printed: usize,
}

impl Printer {
    const fn new(report: &Report) -> Self {
        Self {
            format: report.format(),
            printed: 0,
        }
    }

    fn print(&mut self, event: &Event) -> std::io::Result<()> {
        let first = self.printed == 0;
        self.printed += 1;
        match self.format {
            Format::Text => line(&event.line),
            Format::Jsonl => line(&event.json),
            Format::Json => line(&format!("{}{}", if first { "[" } else { "," }, event.json)),
        }
    }

    fn end(self, none: &str) -> std::io::Result<()> {
        match (self.format, self.printed) {
            (Format::Text, 0) => line(none),
            (Format::Json, 0) => line("[]"),
            (Format::Json, _) => line("]"),
            (Format::Text | Format::Jsonl, _) => Ok(()),
        }
    }
}

async fn list(
    reach: &mut Reach,
    filter: EventFilter,
    mut from: u64,
    limit: Option<usize>,
    report: &Report,
) -> anyhow::Result<()> {
    let none = if filter == EventFilter::default() {
        "no events yet"
    } else {
        "no event matches"
    };
    let mut printer = Printer::new(report);
    let mut left = limit.unwrap_or(usize::MAX);
    let wanted = from;
    while left > 0 {
        let limit = PAGE.min(left);
        let request = EventsFrom {
            from,
            limit,
            filter: filter.clone(),
            wait_ms: 0,
        };
        let page = page(reach, request).await?;
        if from == wanted && from < page.first {
            let last = page.first - 1;
            remark(&format!(
                "Events 0 to {last} were removed by retention; `--action trail.trim` lists when."
            ));
        }
        page.events
            .iter()
            .try_for_each(|event| printer.print(event))?;
        left -= page.events.len().min(left);
        if page.next >= page.head {
            break;
        }
        from = page.next;
    }
    printer.end(none)?;
    Ok(())
}

async fn tail(
    layout: &Layout,
    filter: EventFilter,
    lines: usize,
    follow: bool,
    report: &Report,
) -> anyhow::Result<()> {
    let mut reach = Reach::open(layout).await?;
    let mut printer = Printer::new(report);
    let last = last(&mut reach, &filter, lines).await;
    let printed = match &last {
        Ok((events, _)) => events.iter().try_for_each(|event| printer.print(event)),
        Err(_) => Ok(()),
    };
    if !follow {
        reach.close().await;
        printed?;
        last?;
        printer.end("no events to show")?;
        return Ok(());
    }
    printed?;
    let (_, mut from) = last?;
    // Without a server the store is released between looks: who waits must not keep a server from starting.
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    loop {
        let wait_ms = if matches!(reach, Reach::Server(_)) {
            FOLLOW_WAIT_MS
        } else {
            0
        };
        let request = EventsFrom {
            from,
            limit: PAGE,
            filter: filter.clone(),
            wait_ms,
        };
        let next = tokio::select! {
            next = page(&mut reach, request) => next,
            _ = &mut interrupted => break,
        };
        let page = match next {
            Ok(page) => page,
            // The server went away: the trail is the same, whoever has it now.
            Err(error) if lost_server(&error) => {
                reach = Reach::open(layout).await?;
                continue;
            }
            Err(error) => return Err(error),
        };
        page.events
            .iter()
            .try_for_each(|event| printer.print(event))?;
        from = page.next;
        if matches!(reach, Reach::Local(_)) && page.next >= page.head {
            reach.close().await;
            tokio::select! {
                () = tokio::time::sleep(std::time::Duration::from_secs(1)) => {}
                _ = &mut interrupted => return Ok(()),
            }
            reach = Reach::open(layout).await?;
        }
    }
    reach.close().await;
    Ok(())
}

/// Whether the connection failed, rather than the request.
fn lost_server(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(SocketError::Io { .. }))
}

/// The last events that match, oldest first, and where the trail ended.
async fn last(
    reach: &mut Reach,
    filter: &EventFilter,
    lines: usize,
) -> anyhow::Result<(Vec<Event>, u64)> {
    let (first, head) = ends(reach).await?;
    let mut window = TAIL_WINDOW.max(u64::try_from(lines).unwrap_or(u64::MAX));
    loop {
        let start = head.saturating_sub(window);
        let (mut events, mut from) = (std::collections::VecDeque::new(), start);
        while from < head {
            let filter = filter.clone();
            let page = page(
                reach,
                EventsFrom {
                    from,
                    limit: PAGE,
                    filter,
                    wait_ms: 0,
                },
            )
            .await?;
            for event in page
                .events
                .into_iter()
                .filter(|event| event.sequence < head)
            {
                events.push_back(event);
                if events.len() > lines {
                    events.pop_front();
                }
            }
            from = page.next;
        }
        if events.len() >= lines || start <= first {
            return Ok((events.into(), head));
        }
        window = window.saturating_mul(8);
    }
}

/// The sequence the next event gets.
///
/// # Errors
/// The router's.
pub async fn head(reach: &mut Reach) -> anyhow::Result<u64> {
    Ok(ends(reach).await?.1)
}

/// The first event there is, and the sequence the next one gets.
async fn ends(reach: &mut Reach) -> anyhow::Result<(u64, u64)> {
    let probe = EventsFrom {
        from: u64::MAX / 2,
        limit: 1,
        ..EventsFrom::default()
    };
    let page = page(reach, probe).await?;
    Ok((page.first, page.head))
}

async fn show(reach: &mut Reach, text: &str, report: &Report) -> anyhow::Result<()> {
    let event = find::find(reach, text).await?;
    match report.format() {
        Format::Jsonl => line(&event.json)?,
        Format::Text | Format::Json => line(&indented(&event.json))?,
    }
    Ok(())
}

/// JSON without white space as lines for people, its fields in their order.
fn indented(json: &str) -> String {
    let (mut text, mut depth) = (String::with_capacity(json.len() * 2), 0_usize);
    let (mut in_text, mut escaped) = (false, false);
    let mut rest = json.chars().peekable();
    let new_line = |depth: usize| format!("\n{}", "  ".repeat(depth));
    while let Some(c) = rest.next() {
        if in_text {
            in_text = escaped || c != '"';
            escaped = !escaped && c == '\\';
            text.push(c);
            continue;
        }
        match c {
            '{' | '[' if rest.next_if(|next| matches!(next, '}' | ']')).is_some() => {
                text.push_str(if c == '{' { "{}" } else { "[]" });
            }
            '{' | '[' => {
                depth += 1;
                text.push(c);
                text.push_str(&new_line(depth));
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                text.push_str(&new_line(depth));
                text.push(c);
            }
            ',' => {
                text.push(c);
                text.push_str(&new_line(depth));
            }
            ':' => text.push_str(": "),
            _ => {
                in_text = c == '"';
                text.push(c);
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_indented_in_its_own_order_and_texts_are_left_alone() {
        let json = r#"{"b":{"t":"{a,\\\"b:"},"a":[1,2],"e":{},"n":[]}"#;
        let text = indented(json);
        let expected = "{\n  \"b\": {\n    \"t\": \"{a,\\\\\\\"b:\"\n  },\n  \"a\": [\n    1,\n    \
                        2\n  ],\n  \"e\": {},\n  \"n\": []\n}";
        assert_eq!(text, expected);
        let (read, meant): (serde_json::Value, serde_json::Value) = (
            serde_json::from_str(&text).unwrap(),
            serde_json::from_str(json).unwrap(),
        );
        assert_eq!(read, meant);
    }
}
