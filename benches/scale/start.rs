//! How long it takes from the start of the process to the first answer.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::runtime::Runtime;

use crate::connection::{Connection, Target};
use crate::percentile::percentile;
use crate::settings::Settings;
use crate::site::Site;
use crate::tls::client_config;
use crate::{interrupt, requests};

pub(crate) fn measure(runtime: &Runtime, settings: &Settings, sites: &[Site]) -> Result<()> {
    println!("\nstart: milliseconds to the first answer");
    println!(
        "{:>9} {:>10} {:>10} {:>10}",
        "objects", "median", "max", "budget"
    );
    for site in sites {
        let mut times = (0..settings.starts)
            .map(|_| first_answer(runtime, site))
            .collect::<Result<Vec<_>>>()?;
        times.sort_unstable();
        println!(
            "{:>9} {:>10.1} {:>10.1} {:>10}",
            site.objects,
            milliseconds(percentile(&times, 50)),
            milliseconds(percentile(&times, 100)),
            200
        );
    }
    Ok(())
}

/// The client connects when the server says that it listens, and asks for the versions.
fn first_answer(runtime: &Runtime, site: &Site) -> Result<Duration> {
    let config = client_config(&site.certs())?;
    let start = Instant::now();
    let server = site.serve()?;
    let target = Target::new(server.address(), config);
    interrupt::run(runtime, async {
        let mut connection = Connection::open(&target).await?;
        connection.exchange(&requests::discover_versions()).await?;
        let elapsed = start.elapsed();
        connection.close().await;
        Ok(elapsed)
    })
}

pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
