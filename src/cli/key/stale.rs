//! `keyledger key stale`: keys that nobody has read for long, the longest first.

use super::{KEYS_NONE, Key};
use crate::admin::message::{KeyStale, Keys};
use crate::admin::{Request, Response};
use crate::cli::reach::{self, Reach};
use crate::cli::report::{Format, Report, line, table};

/// The most keys asked for at once.
const PAGE: usize = 500;

/// Which keys.
#[derive(Debug, clap::Args)]
pub struct StaleArgs {
    /// The instance (default: the only one)
    #[arg(long)]
    instance: Option<String>,
    /// Not read for so many days; keys that nobody ever read count from the day they were made
    #[arg(long, default_value_t = 90, value_name = "DAYS")]
    older_than: u32,
    /// At most so many: those that were not read for longest
    #[arg(long, default_value_t = 1000, value_name = "N")]
    limit: usize,
}

pub(super) async fn list(
    reach: &mut Reach,
    args: StaleArgs,
    report: &Report,
) -> anyhow::Result<()> {
    let StaleArgs {
        instance,
        older_than,
        limit,
    } = args;
    let (mut stale, mut after, mut more) = (Vec::new(), None, false);
    loop {
        let request = KeyStale {
            instance: instance.clone(),
            older_than_days: older_than,
            after,
            limit: PAGE,
        };
        let Keys { keys, next } = match reach.run(Request::KeyStale(request)).await? {
            Response::Keys(page) => page,
            other => return Err(reach::unexpected(&other)),
        };
        stale.extend(keys);
        // RFC 3339 in UTC sorts as it reads. No more than what is shown is kept.
        stale.sort_by(|a, b| last_use(a).cmp(last_use(b)));
        more |= stale.len() > limit;
        stale.truncate(limit);
        after = next;
        if after.is_none() {
            break;
        }
    }
    report.list(&stale, || as_table(&stale))?;
    if report.format() == Format::Text && more {
        line("there are more; a larger --limit shows them")?;
    }
    Ok(())
}

fn last_use(key: &Key) -> &str {
    key.last_read.as_deref().unwrap_or(&key.created)
}

fn as_table(keys: &[Key]) -> String {
    if keys.is_empty() {
        return KEYS_NONE.to_owned();
    }
    let heading = [
        "ID",
        "STATE",
        "LAST READ",
        "BY",
        "CREATED",
        "X-NAME",
        "X-COMPONENT",
    ];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    let or = |text: &Option<String>, none: &str| text.clone().unwrap_or_else(|| none.to_owned());
    rows.extend(keys.iter().map(|key| {
        vec![
            key.id.clone(),
            key.state.clone(),
            or(&key.last_read, "never"),
            or(&key.last_read_by, "-"),
            key.created.clone(),
            or(&key.x_name, "-"),
            or(&key.x_component, "-"),
        ]
    }));
    table(&rows)
}
