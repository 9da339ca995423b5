//! Gets from a large store beside Gets from a small one, and beside clients that do nothing but search.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::runtime::Runtime;

use crate::connection::{Connection, Target};
use crate::drive::{Round, Until, drive};
use crate::percentile::{median, percentile};
use crate::requests::{get, unique_identifier};
use crate::settings::Settings;
use crate::site::Site;
use crate::start::milliseconds;
use crate::{interrupt, searches};

/// Keys that are read again and again.
const KEYS: usize = 1000;
/// Keys that are read for the first time since the start.
const FIRST_KEYS: usize = 20_000;
/// Connections that search all objects while others read keys.
const SEARCHERS: usize = 8;

pub(crate) fn measure(runtime: &Runtime, settings: &Settings, sites: &[Site; 2]) -> Result<()> {
    let [small, large] = sites;
    let (of_small, of_large) = (small.serve()?, large.serve()?);
    let (small_target, large_target) = (small.target(&of_small)?, large.target(&of_large)?);
    interrupt::run(runtime, async {
        let few = gets(&small_target, &small.spread(KEYS)).await?;
        let many = gets(&large_target, &large.spread(KEYS)).await?;
        let connections = settings.connections;
        println!("\nget: {connections} connections, {KEYS} keys again and again");
        println!(
            "{:>9} {:>10} {:>10} {:>10} {:>10}",
            "objects", "gets/s", "p50", "p99", "share"
        );
        let (mut rates, mut shares) = ((Vec::new(), Vec::new()), Vec::new());
        let mut latencies = (Vec::new(), Vec::new());
        for round in 0..=settings.rounds {
            // The first round warms up, and is forgotten.
            let length = if round == 0 {
                settings.round / 3
            } else {
                settings.round
            };
            let until = Until::Passed(length);
            let one = drive(&small_target, connections, &few, until).await?;
            let other = drive(&large_target, connections, &many, until).await?;
            if round > 0 {
                shares.push(other.rate() / one.rate());
                rates.0.push(one.rate());
                rates.1.push(other.rate());
                latencies.0.extend(one.latencies);
                latencies.1.extend(other.latencies);
            }
        }
        print(small.objects, median(&rates.0), &mut latencies.0, "-");
        let share = format!("{:.2}", median(&shares));
        print(large.objects, median(&rates.1), &mut latencies.1, &share);
        println!("{:>52} (budget 0.90)", "");
        first_reads(settings, large, &large_target).await?;
        beside_searches(settings, large, &large_target, &many).await
    })
}

/// Each key once: it is not in memory, and its first read is noted in its row.
async fn first_reads(settings: &Settings, large: &Site, target: &Target) -> Result<()> {
    let keys = large.spread(FIRST_KEYS);
    let requests = gets(target, &keys).await?;
    println!(
        "\nget: {} connections, {} keys once each",
        settings.connections,
        keys.len()
    );
    let round = drive(target, settings.connections, &requests, Until::Once).await?;
    print_round(large.objects, round);
    Ok(())
}

/// What clients that search all objects in a loop do to those that read keys.
async fn beside_searches(
    settings: &Settings,
    large: &Site,
    target: &Target,
    keys: &[Vec<u8>],
) -> Result<()> {
    println!(
        "\nget: {} connections, beside {SEARCHERS} that search all objects in a loop",
        settings.connections
    );
    let searches: Vec<_> = (0..SEARCHERS).map(searches::by_contact).collect();
    let forever = Until::Passed(Duration::MAX);
    let searching = drive(target, SEARCHERS, &searches, forever);
    let reading = drive(
        target,
        settings.connections,
        keys,
        Until::Passed(settings.round),
    );
    let read = tokio::select! {
        read = reading => read?,
        searched = searching => {
            searched?;
            bail!("the searches ended")
        }
    };
    print_round(large.objects, read);
    Ok(())
}

/// Gets of the keys of these numbers.
async fn gets(target: &Target, numbers: &[usize]) -> Result<Vec<Vec<u8>>> {
    let mut connection = Connection::open(target).await?;
    let mut requests = Vec::with_capacity(numbers.len());
    for number in numbers {
        let found = connection
            .exchange(&searches::by_identifier(*number))
            .await?;
        requests.push(get(&unique_identifier(found)?));
    }
    connection.close().await;
    Ok(requests)
}

fn print_round(objects: usize, round: Round) {
    let rate = round.rate();
    print(objects, rate, &mut { round.latencies }, "-");
}

fn print(objects: usize, rate: f64, latencies: &mut [Duration], share: &str) {
    latencies.sort_unstable();
    let at = |percent| milliseconds(percentile(latencies, percent));
    println!(
        "{objects:>9} {rate:>10.0} {:>10.3} {:>10.3} {share:>10}",
        at(50),
        at(99)
    );
}
