//! The catalogue against the service's own documentation of its events.

use keyledger::audit::{Action, Kind};

use crate::harness::{shared, skipped};

/// The names that the documentation has for products, and what they stand for.
const KEYWORDS: [(&str, &str); 4] = [
    (
        "vcf-classic",
        "VMware Cloud Foundation for Classic - Automated",
    ),
    ("vcf-classic-short", "VCF for Classic - Automated"),
    ("vcf-flex", "VMware Cloud Foundation for Classic - Flexible"),
    ("vcf-flex-short", "VCF for Classic - Flexible"),
];

#[test]
fn every_action_of_the_services_documentation_is_in_the_table_word_for_word() {
    let page = shared("seed/at-events.md").map(std::fs::read_to_string);
    let Some(Ok(page)) = page else {
        skipped("the service's documentation is not beside the project");
        return;
    };
    let rows = page.lines().filter_map(|line| {
        let (name, meaning) = line.strip_prefix("| `")?.split_once("` | ")?;
        name.starts_with("vmware-solutions.")
            .then(|| (name, meaning.trim_end_matches(" |")))
    });
    let documented: Vec<_> = rows.collect();
    let of_the_service = Action::ALL
        .iter()
        .filter(|action| action.kind() != Kind::Extended);
    assert_eq!((documented.len(), of_the_service.count()), (26, 26));
    for (name, meaning) in documented {
        let mut words = meaning.to_owned();
        for (keyword, product) in KEYWORDS {
            words = words.replace(&format!("{{{{site.data.keyword.{keyword}}}}}"), product);
        }
        let action = Action::from_name(name).expect(name);
        assert_eq!(action.description(), words, "{name}");
        let is_of_keys = action.kind() == Kind::Kmip;
        assert_eq!(is_of_keys, name.contains(".kmip-"), "{name}");
    }
}
