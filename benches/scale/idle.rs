//! Memory: of a server that nobody uses, and of each idle connection.
//!
//! Of the process, as the kernel counts it: what its sockets hold in the kernel comes on top.

use std::fs;
use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::connection::{Connection, Target};
use crate::settings::Settings;
use crate::site::Site;
use crate::{interrupt, requests};

/// Connections of one address: fewer than the server allows.
const PER_ADDRESS: usize = 500;
/// Connections that are opened at the same time.
const AT_ONCE: usize = 16;
/// How long the server is left alone before it is looked at.
const REST: Duration = Duration::from_millis(500);

pub(crate) fn measure(runtime: &Runtime, settings: &Settings, sites: &[Site; 2]) -> Result<()> {
    println!("\nidle: memory of the process (budget: 25 MiB, and 40 KiB for each connection)");
    println!(
        "{:>9} {:>12} {:>12} {:>12} {:>16}",
        "objects", "connections", "RSS MiB", "anon MiB", "KiB/connection"
    );
    for site in sites {
        let server = site.serve()?;
        let target = site.target(&server)?;
        interrupt::run(runtime, async {
            let bare = rest(server.id()).await?;
            print(site, 0, bare, bare);
            let few = site.objects == settings.few;
            let counts = settings.idle.iter().filter(|_| few);
            let mut open = Vec::new();
            for count in counts {
                open_more(&target, &mut open, *count).await?;
                print(site, *count, bare, rest(server.id()).await?);
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// Opens connections until there are `count`, with one request on each.
async fn open_more(target: &Target, open: &mut Vec<Connection>, count: usize) -> Result<()> {
    let mut tasks = JoinSet::new();
    for number in open.len()..count {
        if tasks.len() == AT_ONCE {
            open.push(joined(&mut tasks).await?);
        }
        let target = target.clone();
        tasks.spawn(async move {
            let mut connection = Connection::open_from(&target, address(number)).await?;
            connection.exchange(&requests::discover_versions()).await?;
            anyhow::Ok(connection)
        });
    }
    while !tasks.is_empty() {
        open.push(joined(&mut tasks).await?);
    }
    ensure!(open.len() == count, "some connections are missing");
    Ok(())
}

async fn joined(tasks: &mut JoinSet<Result<Connection>>) -> Result<Connection> {
    let ended = tasks
        .join_next()
        .await
        .context("no connection is being opened")?;
    ended.context("a connection's task failed")?
}

/// The loopback address of a connection.
fn address(number: usize) -> Ipv4Addr {
    let last = u32::try_from(number / PER_ADDRESS).unwrap_or(0);
    Ipv4Addr::from_bits(Ipv4Addr::LOCALHOST.to_bits() + last)
}

/// Resident and anonymous memory in KiB, once the server had time to rest.
#[derive(Clone, Copy)]
struct Memory {
    resident: u64,
    anonymous: u64,
}

async fn rest(process: u32) -> Result<Memory> {
    tokio::time::sleep(REST).await;
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|line| line.split_whitespace().next());
        let number = number.with_context(|| format!("the kernel does not tell {name}"))?;
        anyhow::Ok(number.parse::<u64>()?)
    };
    Ok(Memory {
        resident: field("VmRSS:")?,
        anonymous: field("RssAnon:")?,
    })
}

fn print(site: &Site, connections: usize, bare: Memory, now: Memory) {
    let each = match connections {
        0 => "-".to_owned(),
        count => format!(
            "{:.1}",
            now.resident.saturating_sub(bare.resident) as f64 / count as f64
        ),
    };
    println!(
        "{:>9} {connections:>12} {:>12.1} {:>12.1} {each:>16}",
        site.objects,
        now.resident as f64 / 1024.0,
        now.anonymous as f64 / 1024.0
    );
}
