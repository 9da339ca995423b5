//! Searches on the wire, each with its durable event.

use anyhow::Result;
use tokio::runtime::Runtime;

use crate::drive::{Round, Until, drive};
use crate::percentile::percentile;
use crate::settings::Settings;
use crate::site::Site;
use crate::start::milliseconds;
use crate::{interrupt, searches};

/// A kind of search: its name, its request for the object of a number, and whether it passes over all objects.
type Kind = (&'static str, fn(usize) -> Vec<u8>, bool);

const KINDS: [Kind; 8] = [
    ("name", searches::by_name, false),
    ("x- tag of one", searches::by_identifier, false),
    ("two x- tags", searches::by_two_tags, false),
    ("group of 1000", searches::by_group, false),
    ("x- tag of all", searches::by_component, true),
    ("active, of all", searches::by_state, true),
    ("compromised", searches::by_rare_state, true),
    ("no index", searches::by_contact, true),
];

/// A search that passes over all objects is repeated less.
const LONG_SEARCHES: usize = 5;

pub(crate) fn measure(runtime: &Runtime, settings: &Settings, sites: &[Site]) -> Result<()> {
    println!("\nlocate: one connection, milliseconds; each answer tells how many match in all");
    println!(
        "{:<16} {:>9} {:>10} {:>10} {:>10}",
        "by", "objects", "searches", "p50", "p99"
    );
    for site in sites {
        let server = site.serve()?;
        let target = site.target(&server)?;
        for (name, request, passes_all) in KINDS {
            let count = match passes_all {
                true => LONG_SEARCHES.min(settings.searches),
                false => settings.searches,
            };
            let numbers = site.spread(count);
            let requests: Vec<_> = numbers.into_iter().map(request).collect();
            let round = interrupt::run(runtime, drive(&target, 1, &requests, Until::Once))?;
            print(name, site, &round);
        }
    }
    Ok(())
}

fn print(name: &str, site: &Site, round: &Round) {
    let at = |percent| milliseconds(percentile(&round.latencies, percent));
    println!(
        "{name:<16} {:>9} {:>10} {:>10.3} {:>10.3}",
        site.objects,
        round.latencies.len(),
        at(50),
        at(99)
    );
}
