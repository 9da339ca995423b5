//! What the actions of the service that this product stands in for mean, in its own words: full names of products where it introduces them, short
//! ones after that.

use crate::audit::{Action, Kind};

/// The six actions of KMIP for VMware.
const KMIP: &[(&str, &str)] = &[
    ("kmip-key.create", "A KMIP key is created."),
    ("kmip-key.read", "A KMIP key is retrieved."),
    (
        "kmip-key-attributes.retrieve",
        "A KMIP key's attributes are retrieved.",
    ),
    ("kmip-key.activate", "A KMIP key is activated."),
    ("kmip-key.revoke", "A KMIP key is revoked."),
    ("kmip-key.destroy", "A KMIP key is destroyed."),
];

/// The twenty actions of instance management.
const MANAGEMENT: &[(&str, &str)] = &[
    (
        "account-apikey.update",
        "The infrastructure API key for an account is updated.",
    ),
    (
        "account-notification.update",
        "The notification setting for an account is updated.",
    ),
    (
        "instance-secure-data.wipe",
        "The instance-secure data is wiped.",
    ),
    (
        "instance-bss-account.migrate",
        "An instance is migrated to a BSS account.",
    ),
    (
        "vcs.create",
        "A VMware Cloud Foundation for Classic - Automated instance is created.",
    ),
    (
        "vcs.delete",
        "A VCF for Classic - Automated instance is deleted.",
    ),
    (
        "vcs-host.add",
        "A host is added to a VCF for Classic - Automated instance.",
    ),
    (
        "vcs-host.remove",
        "A host is removed from a VCF for Classic - Automated instance.",
    ),
    (
        "vcs.update",
        "A VCF for Classic - Automated instance is updated.",
    ),
    (
        "vcs-cluster.create",
        "A cluster is created for a VCF for Classic - Automated instance.",
    ),
    (
        "vcs-cluster.delete",
        "A cluster is deleted for a VCF for Classic - Automated instance.",
    ),
    (
        "vcs-nsx-license.update",
        "The VMware NSX® license is updated for a VCF for Classic - Automated instance.",
    ),
    (
        "vcs-nfs-storage.add",
        "NFS storage is added to a VCF for Classic - Automated instance.",
    ),
    (
        "vcs-nfs-storage.remove",
        "NFS storage is removed from a VCF for Classic - Automated instance.",
    ),
    (
        "vcs-plan.update",
        "A VCF for Classic - Automated instance's plan is updated.",
    ),
    (
        "vss.create",
        "A VMware Cloud Foundation for Classic - Flexible instance is created.",
    ),
    (
        "vss.update",
        "A VCF for Classic - Flexible instance is updated.",
    ),
    (
        "vss-template.remove",
        "A VCF for Classic - Flexible template is removed.",
    ),
    ("service.create", "A service is created."),
    ("service.delete", "A service is deleted."),
];

#[test]
fn the_actions_of_the_service_are_in_the_table_with_its_descriptions() {
    for (kind, expected, count) in [(Kind::Kmip, KMIP, 6), (Kind::Management, MANAGEMENT, 20)] {
        let of_kind = Action::ALL.iter().filter(|action| action.kind() == kind);
        let held: Vec<_> = of_kind
            .map(|action| (action.short_name(), action.description()))
            .collect();
        assert_eq!(held, expected);
        assert_eq!(held.len(), count);
    }
}
