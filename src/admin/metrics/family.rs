//! Metrics in the text form that Prometheus reads: families of samples with labels.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use crate::domain::measure::Distributed;

/// What the text is, for whoever fetches it over HTTP.
pub const CONTENT_TYPE: &str = prometheus_text::CONTENT_TYPE;

/// The name of every metric of ours begins like this.
const PREFIX: &str = "keyledger";

type Labels = Vec<(&'static str, String)>;

/// A metric: its name, what it is, and a value for each set of labels.
#[derive(Debug)]
pub(super) struct Family {
    name: &'static str,
    help: &'static str,
    kind: MetricType,
    samples: Vec<(Labels, Value)>,
}

#[derive(Debug)]
enum Value {
    Counter(u64),
    Gauge(f64),
    /// A distribution, and what its values are divided by.
    Histogram(Distributed, f64),
}

/// Every family, in the order in which they are written.
#[derive(Debug, Default)]
pub(super) struct Families(Vec<Family>);

impl Families {
    fn add(&mut self, family: Family) {
        if !family.samples.is_empty() {
            self.0.push(family);
        }
    }

    /// A number that only grows; the text's name of it ends in `_total`.
    pub(super) fn counter(
        &mut self,
        name: &'static str,
        help: &'static str,
        samples: impl IntoIterator<Item = (Labels, u64)>,
    ) {
        let samples = samples.into_iter();
        let samples = samples.map(|(labels, value)| (labels, Value::Counter(value)));
        self.add(Family {
            name,
            help,
            kind: MetricType::Counter,
            samples: samples.collect(),
        });
    }

    /// A number that grows and shrinks.
    pub(super) fn gauge(
        &mut self,
        name: &'static str,
        help: &'static str,
        samples: impl IntoIterator<Item = (Labels, f64)>,
    ) {
        let samples = samples.into_iter();
        let samples = samples.map(|(labels, value)| (labels, Value::Gauge(value)));
        self.add(Family {
            name,
            help,
            kind: MetricType::Gauge,
            samples: samples.collect(),
        });
    }

    /// A distribution whose values are divided by `per`: 1 000 000 makes seconds of microseconds.
    pub(super) fn histogram(
        &mut self,
        name: &'static str,
        help: &'static str,
        per: f64,
        samples: impl IntoIterator<Item = (Labels, Distributed)>,
    ) {
        let samples = samples.into_iter();
        let samples = samples.map(|(labels, value)| (labels, Value::Histogram(value, per)));
        self.add(Family {
            name,
            help,
            kind: MetricType::Histogram,
            samples: samples.collect(),
        });
    }

    /// The text.
    ///
    /// # Errors
    /// None that is known: writing into memory does not fail.
    pub(super) fn text(self) -> Result<String, fmt::Error> {
        let mut registry = Registry::with_prefix(PREFIX);
        registry.register_collector(Box::new(self));
        let mut text = String::new();
        prometheus_text::encode(&mut text, &registry)?;
        Ok(text)
    }
}

impl Collector for Families {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for family in &self.0 {
            let mut metric =
                encoder.encode_descriptor(family.name, family.help, None, family.kind)?;
            for (labels, value) in &family.samples {
                if labels.is_empty() {
                    encode(&mut metric, value)?;
                } else {
                    encode(&mut metric.encode_family(labels)?, value)?;
                }
            }
        }
        Ok(())
    }
}

fn encode(metric: &mut MetricEncoder<'_>, value: &Value) -> fmt::Result {
    match value {
        Value::Counter(count) => metric.encode_counter::<NoLabelSet, _, u64>(count, None),
        Value::Gauge(value) => metric.encode_gauge(value),
        Value::Histogram(read, per) => {
            let bounds = read.counts.iter();
            // The encoder adds the bucket without a bound.
            let buckets: Vec<_> = bounds
                .map(|(bound, count)| (float(*bound) / per, *count))
                .collect();
            metric.encode_histogram::<NoLabelSet>(
                float(read.sum) / per,
                read.total(),
                &buckets,
                None,
            )
        }
    }
}

/// A number as metrics have them; what is above 2^53 is rounded.
#[expect(
    clippy::cast_precision_loss,
    reason = "metrics are floats, whatever is counted"
)]
pub(super) const fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::measure::Distribution;

    #[test]
    fn families_are_written_as_prometheus_reads_them() {
        let mut families = Families::default();
        let of = |label: &str| vec![("operation", label.to_owned())];
        families.counter("operations", "Items.", [(of("Get"), 3), (of("a\"b"), 1)]);
        families.gauge("clients", "Clients.", [(Vec::new(), 2.0)]);
        let sizes = Distribution::new(&[1000, 2000]);
        for size in [500, 1500, 9000] {
            sizes.note(size);
        }
        families.histogram(
            "size_seconds",
            "Sizes.",
            1000.0,
            [(Vec::new(), sizes.read())],
        );
        families.counter("nothing", "Left out.", []);
        let expected = "\
# HELP keyledger_operations_total Items.
# TYPE keyledger_operations_total counter
keyledger_operations_total{operation=\"Get\"} 3
keyledger_operations_total{operation=\"a\\\"b\"} 1
# HELP keyledger_clients Clients.
# TYPE keyledger_clients gauge
keyledger_clients 2.0
# HELP keyledger_size_seconds Sizes.
# TYPE keyledger_size_seconds histogram
keyledger_size_seconds_bucket{le=\"1\"} 1
keyledger_size_seconds_bucket{le=\"2\"} 2
keyledger_size_seconds_bucket{le=\"+Inf\"} 3
keyledger_size_seconds_sum 11.0
keyledger_size_seconds_count 3
";
        assert_eq!(families.text().unwrap(), expected);
    }
}
