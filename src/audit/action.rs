//! THE table of actions: everything the trail can say was done.
//!
//! The six KMIP actions and the twenty management actions are those of the service this product
//! stands in for; the extended set follows the same naming and can be switched off as one for
//! delivery (never for the trail). Nothing here decides who may do what. Codes are stored state: a
//! code is never changed and never given to another action.

use super::severity::Severity;

/// The service every action belongs to, with the dot that follows it.
pub const SERVICE: &str = "vmware-solutions.";

/// Which part of the catalogue an action belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// One of the six actions of KMIP for VMware.
    Kmip,
    /// An action of instance management; always a global event.
    Management,
    /// Ours, named in the same way; delivered only while the extended set is switched on.
    Extended,
}

impl Kind {
    /// The word shown to people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kmip => "kmip",
            Self::Management => "management",
            Self::Extended => "extended",
        }
    }
}

/// How far an event of an action reaches: a row's last word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    Local,
    Global,
}

/// Whether customer key data leaves or is used.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Touch {
    Plain,
    Data,
}

struct Row {
    name: &'static str,
    code: u16,
    kind: Kind,
    object_type: &'static str,
    verb: &'static str,
    severity: Severity,
    touch: Touch,
    reach: Reach,
    type_uri: &'static str,
    description: &'static str,
}

macro_rules! actions {
    ($($variant:ident = $code:literal, $kind:ident, $object:literal, $verb:literal, $severity:ident,
        $touch:ident, $reach:ident, $uri:literal, $description:literal;)+) => {
        /// An action of the catalogue: `service.objectType.verb`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Action {
            $(#[doc = $description] $variant,)+
        }

        impl Action {
            /// Every action, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            const fn row(self) -> &'static Row {
                match self {
                    $(Self::$variant => &Row {
                        name: concat!("vmware-solutions.", $object, ".", $verb),
                        code: $code,
                        kind: Kind::$kind,
                        object_type: $object,
                        verb: $verb,
                        severity: Severity::$severity,
                        touch: Touch::$touch,
                        reach: Reach::$reach,
                        type_uri: concat!("vmware-solutions/", $uri),
                        description: $description,
                    },)+
                }
            }

            /// The action with this stored code.
            #[must_use]
            pub const fn from_code(code: u16) -> Option<Self> {
                match code {
                    $($code => Some(Self::$variant),)+
                    _ => None,
                }
            }

            /// The action with this full name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|action| action.name() == name)
            }
        }
    };
}

// Stored state: the codes. Add rows with new codes; never change or reuse one.
actions! {
    KeyCreate = 1, Kmip, "kmip-key", "create", Normal, Plain, Local, "kmip-key", "A KMIP key is created.";
    KeyRead = 2, Kmip, "kmip-key", "read", Normal, Data, Local, "kmip-key", "A KMIP key is retrieved.";
    AttributesRetrieve = 3, Kmip, "kmip-key-attributes", "retrieve", Normal, Plain, Local, "kmip-key/attributes", "A KMIP key's attributes are retrieved.";
    KeyActivate = 4, Kmip, "kmip-key", "activate", Warning, Plain, Local, "kmip-key", "A KMIP key is activated.";
    KeyRevoke = 5, Kmip, "kmip-key", "revoke", Warning, Plain, Local, "kmip-key", "A KMIP key is revoked.";
    KeyDestroy = 6, Kmip, "kmip-key", "destroy", Critical, Plain, Local, "kmip-key", "A KMIP key is destroyed.";

    AccountApikeyUpdate = 101, Management, "account-apikey", "update", Critical, Plain, Global, "account-apikey", "The infrastructure API key for an account is updated.";
    AccountNotificationUpdate = 102, Management, "account-notification", "update", Warning, Plain, Global, "account-notification", "The notification setting for an account is updated.";
    InstanceSecureDataWipe = 103, Management, "instance-secure-data", "wipe", Critical, Plain, Global, "instance-secure-data", "The instance-secure data is wiped.";
    InstanceBssAccountMigrate = 104, Management, "instance-bss-account", "migrate", Warning, Plain, Global, "instance-bss-account", "An instance is migrated to a BSS account.";
    VcsCreate = 105, Management, "vcs", "create", Normal, Plain, Global, "vcs", "A VMware Cloud Foundation for Classic - Automated instance is created.";
    VcsDelete = 106, Management, "vcs", "delete", Critical, Plain, Global, "vcs", "A VCF for Classic - Automated instance is deleted.";
    VcsHostAdd = 107, Management, "vcs-host", "add", Warning, Plain, Global, "vcs-host", "A host is added to a VCF for Classic - Automated instance.";
    VcsHostRemove = 108, Management, "vcs-host", "remove", Critical, Plain, Global, "vcs-host", "A host is removed from a VCF for Classic - Automated instance.";
    VcsUpdate = 109, Management, "vcs", "update", Warning, Plain, Global, "vcs", "A VCF for Classic - Automated instance is updated.";
    VcsClusterCreate = 110, Management, "vcs-cluster", "create", Normal, Plain, Global, "vcs-cluster", "A cluster is created for a VCF for Classic - Automated instance.";
    VcsClusterDelete = 111, Management, "vcs-cluster", "delete", Critical, Plain, Global, "vcs-cluster", "A cluster is deleted for a VCF for Classic - Automated instance.";
    VcsNsxLicenseUpdate = 112, Management, "vcs-nsx-license", "update", Warning, Plain, Global, "vcs-nsx-license", "The VMware NSX® license is updated for a VCF for Classic - Automated instance.";
    VcsNfsStorageAdd = 113, Management, "vcs-nfs-storage", "add", Warning, Plain, Global, "vcs-nfs-storage", "NFS storage is added to a VCF for Classic - Automated instance.";
    VcsNfsStorageRemove = 114, Management, "vcs-nfs-storage", "remove", Critical, Plain, Global, "vcs-nfs-storage", "NFS storage is removed from a VCF for Classic - Automated instance.";
    VcsPlanUpdate = 115, Management, "vcs-plan", "update", Warning, Plain, Global, "vcs-plan", "A VCF for Classic - Automated instance's plan is updated.";
    VssCreate = 116, Management, "vss", "create", Normal, Plain, Global, "vss", "A VMware Cloud Foundation for Classic - Flexible instance is created.";
    VssUpdate = 117, Management, "vss", "update", Warning, Plain, Global, "vss", "A VCF for Classic - Flexible instance is updated.";
    VssTemplateRemove = 118, Management, "vss-template", "remove", Critical, Plain, Global, "vss-template", "A VCF for Classic - Flexible template is removed.";
    ServiceCreate = 119, Management, "service", "create", Normal, Plain, Global, "service", "A service is created.";
    ServiceDelete = 120, Management, "service", "delete", Critical, Plain, Global, "service", "A service is deleted.";

    KeyRegister = 201, Extended, "kmip-key", "register", Normal, Plain, Local, "kmip-key", "A KMIP key made elsewhere is registered.";
    KeyLocate = 202, Extended, "kmip-key", "locate", Normal, Plain, Local, "kmip-key", "KMIP keys are searched for.";
    AttributesAdd = 203, Extended, "kmip-key-attributes", "add", Warning, Plain, Local, "kmip-key/attributes", "An attribute is added to a KMIP key.";
    AttributesModify = 204, Extended, "kmip-key-attributes", "modify", Warning, Plain, Local, "kmip-key/attributes", "An attribute of a KMIP key is modified.";
    AttributesDelete = 205, Extended, "kmip-key-attributes", "delete", Critical, Plain, Local, "kmip-key/attributes", "An attribute of a KMIP key is deleted.";
    KeyRekey = 206, Extended, "kmip-key", "rekey", Warning, Plain, Local, "kmip-key", "A KMIP key is replaced by a new one.";
    KeyRekeyKeyPair = 207, Extended, "kmip-key", "rekey-key-pair", Warning, Plain, Local, "kmip-key", "A KMIP key pair is replaced by a new one.";
    KeyCreateKeyPair = 208, Extended, "kmip-key", "create-key-pair", Normal, Plain, Local, "kmip-key", "A KMIP key pair is created.";
    KeyCheck = 209, Extended, "kmip-key", "check", Normal, Plain, Local, "kmip-key", "The permitted use of a KMIP key is checked.";
    KeyArchive = 210, Extended, "kmip-key", "archive", Warning, Plain, Local, "kmip-key", "A KMIP key is archived.";
    KeyRecover = 211, Extended, "kmip-key", "recover", Warning, Plain, Local, "kmip-key", "A KMIP key is recovered from the archive.";
    KeyObtainLease = 212, Extended, "kmip-key", "obtain-lease", Normal, Plain, Local, "kmip-key", "A lease of a KMIP key is obtained.";
    KeyGetUsageAllocation = 213, Extended, "kmip-key", "get-usage-allocation", Normal, Plain, Local, "kmip-key", "An allocation of a KMIP key's use is obtained.";
    KeyDerive = 214, Extended, "kmip-key", "derive", Normal, Data, Local, "kmip-key", "A key is derived from a KMIP key.";
    KeyCertify = 215, Extended, "kmip-key", "certify", Normal, Plain, Local, "kmip-key", "A KMIP public key is certified.";
    KeyRecertify = 216, Extended, "kmip-key", "recertify", Warning, Plain, Local, "kmip-key", "A certificate is renewed.";
    KeyValidate = 217, Extended, "kmip-key", "validate", Normal, Plain, Local, "kmip-key", "A chain of certificates is validated.";
    KeyEncrypt = 218, Extended, "kmip-key", "encrypt", Normal, Data, Local, "kmip-key", "Data is encrypted with a KMIP key.";
    KeyDecrypt = 219, Extended, "kmip-key", "decrypt", Normal, Data, Local, "kmip-key", "Data is decrypted with a KMIP key.";
    KeySign = 220, Extended, "kmip-key", "sign", Normal, Data, Local, "kmip-key", "Data is signed with a KMIP key.";
    KeySignatureVerify = 221, Extended, "kmip-key", "signature-verify", Normal, Data, Local, "kmip-key", "A signature is verified with a KMIP key.";
    KeyMac = 222, Extended, "kmip-key", "mac", Normal, Data, Local, "kmip-key", "A message authentication code is computed with a KMIP key.";
    KeyMacVerify = 223, Extended, "kmip-key", "mac-verify", Normal, Data, Local, "kmip-key", "A message authentication code is verified with a KMIP key.";
    KeyHash = 224, Extended, "kmip-key", "hash", Normal, Data, Local, "kmip-key", "A digest of data is computed.";
    KeyRngRetrieve = 225, Extended, "kmip-key", "rng-retrieve", Normal, Data, Local, "kmip-key", "Random bytes are retrieved.";
    KeyRngSeed = 226, Extended, "kmip-key", "rng-seed", Normal, Data, Local, "kmip-key", "The random number generator is given a seed.";
    KeyImport = 227, Extended, "kmip-key", "import", Normal, Plain, Local, "kmip-key", "A KMIP key is imported with its attributes.";
    KeyExport = 228, Extended, "kmip-key", "export", Normal, Data, Local, "kmip-key", "A KMIP key is exported with its attributes.";
    KeyCreateSplitKey = 229, Extended, "kmip-key", "create-split-key", Normal, Data, Local, "kmip-key", "A KMIP key is split into parts.";
    KeyJoinSplitKey = 230, Extended, "kmip-key", "join-split-key", Normal, Data, Local, "kmip-key", "A KMIP key is joined from its parts.";
    KeyApprove = 231, Extended, "kmip-key", "approve", Critical, Plain, Local, "kmip-key", "A second administrator approves that a KMIP key is destroyed.";
    KeyRefuse = 232, Extended, "kmip-key", "refuse", Critical, Plain, Local, "kmip-key", "An administrator refuses that a KMIP key is destroyed.";
    KeyRestore = 233, Extended, "kmip-key", "restore", Critical, Plain, Local, "kmip-key", "The scheduled destruction of a KMIP key is undone.";

    RequestRefuse = 301, Extended, "kmip-request", "refuse", Normal, Plain, Local, "kmip-request", "A request that cannot be understood is refused.";
    ProtocolQuery = 302, Extended, "kmip-protocol", "query", Normal, Plain, Local, "kmip-protocol", "The server's abilities are asked for.";
    ProtocolDiscover = 303, Extended, "kmip-protocol", "discover", Normal, Plain, Local, "kmip-protocol", "The protocol versions are asked for.";
    ProtocolPing = 304, Extended, "kmip-protocol", "ping", Normal, Plain, Local, "kmip-protocol", "The server is asked whether it answers.";

    ClientRefuse = 401, Extended, "kmip-client", "refuse", Normal, Plain, Global, "kmip-client", "A client that proved it holds its certificate's key is refused.";
    ClientAdd = 402, Extended, "kmip-client", "add", Critical, Plain, Local, "kmip-client", "A client or a certificate of one is enrolled.";
    ClientDisable = 403, Extended, "kmip-client", "disable", Critical, Plain, Local, "kmip-client", "A client is disabled.";
    ClientEnable = 404, Extended, "kmip-client", "enable", Critical, Plain, Local, "kmip-client", "A client is enabled.";
    ClientRemove = 405, Extended, "kmip-client", "remove", Critical, Plain, Local, "kmip-client", "A client, a certificate of one or a CA trusted for one is removed.";
    ClientIssue = 406, Extended, "kmip-client", "issue", Critical, Plain, Local, "kmip-client", "A certificate is issued to a client.";
    ClientApprove = 407, Extended, "kmip-client", "approve", Critical, Plain, Local, "kmip-client", "A certificate that waited for approval is enrolled.";
    ClientDismiss = 413, Extended, "kmip-client", "dismiss", Critical, Plain, Global, "kmip-client", "A certificate that waited for approval is taken off the list.";
    InstanceCredentialSet = 421, Extended, "instance-credential", "set", Critical, Plain, Local, "instance-credential", "An instance's user name and password are set.";
    InstanceCredentialClear = 422, Extended, "instance-credential", "clear", Critical, Plain, Local, "instance-credential", "An instance's user name and password are cleared.";
    ClientExpire = 408, Extended, "kmip-client", "expire", Warning, Plain, Local, "kmip-client", "A client's certificate expires soon or has expired.";
    ClientAdmit = 409, Extended, "kmip-client", "admit", Warning, Plain, Local, "kmip-client", "A client is let in although its certificate has expired, within the time of grace.";
    ClientPermit = 412, Extended, "kmip-client", "permit", Critical, Plain, Local, "kmip-client", "What a client may do is changed.";
    InstanceRulesUpdate = 423, Extended, "instance-rules", "update", Critical, Plain, Local, "instance-rules", "What an instance forbids all of its clients is changed.";
    ClientTrust = 410, Extended, "kmip-client", "trust", Critical, Plain, Local, "kmip-client", "A CA is trusted for one client and one subject.";
    ClientEnrol = 411, Extended, "kmip-client", "enrol", Critical, Plain, Local, "kmip-client", "A certificate of a trusted CA is enrolled at its first use.";
    ServerCertificateReplace = 441, Extended, "server-certificate", "replace", Critical, Plain, Global, "server-certificate", "The certificate that the server is known by is replaced.";
    AuthorityRotate = 442, Extended, "certificate-authority", "rotate", Critical, Plain, Global, "certificate-authority", "The server's own CA has another certificate, which new certificates come from.";
    AuthorityRetire = 443, Extended, "certificate-authority", "retire", Critical, Plain, Global, "certificate-authority", "A former certificate of the server's own CA counts no more.";
    RevocationListLoad = 444, Extended, "revocation-list", "load", Critical, Plain, Local, "revocation-list", "What a CA that is trusted for clients has revoked is taken up.";
    RevocationListExpire = 445, Extended, "revocation-list", "expire", Warning, Plain, Local, "revocation-list", "The list of what a CA has revoked lapses soon or has lapsed.";
    AuthorityPublish = 449, Extended, "certificate-authority", "publish", Critical, Plain, Global, "certificate-authority", "The list of what the server's own CA issued and what counts no more is signed.";
    ServerCertificateExpire = 446, Extended, "server-certificate", "expire", Warning, Plain, Global, "server-certificate", "The certificate that the server is known by expires soon or has expired.";
    AuthorityExpire = 447, Extended, "certificate-authority", "expire", Warning, Plain, Global, "certificate-authority", "A certificate of the server's own CA expires soon or has expired.";
    TrustedAuthorityExpire = 448, Extended, "trusted-authority", "expire", Warning, Plain, Local, "trusted-authority", "The certificate of a CA that is trusted for a client expires soon or has expired.";

    AdministratorExpire = 434, Extended, "administrator", "expire", Warning, Plain, Global, "administrator", "An administrator's certificate expires soon or has expired.";
    AdministratorAdd = 431, Extended, "administrator", "add", Critical, Plain, Global, "administrator", "A certificate is allowed to administer the server.";
    AdministratorRemove = 432, Extended, "administrator", "remove", Critical, Plain, Global, "administrator", "A certificate may not administer the server any more.";
    AccessRefuse = 433, Extended, "administration", "refuse", Warning, Plain, Global, "administration", "A request to the administration API is refused: nobody that may ask, or not this.";

    StorageExhaust = 501, Extended, "kmip-storage", "exhaust", Critical, Plain, Global, "kmip-storage", "The disk is full: keys are served from the reserve and nothing new is kept.";
    StorageRecover = 502, Extended, "kmip-storage", "recover", Warning, Plain, Global, "kmip-storage", "The disk has room again.";

    TargetCreate = 601, Extended, "routing-target", "create", Critical, Plain, Global, "routing-target", "A target that events are delivered to is made.";
    TargetUpdate = 602, Extended, "routing-target", "update", Critical, Plain, Global, "routing-target", "A target that events are delivered to is changed.";
    TargetDelete = 603, Extended, "routing-target", "delete", Critical, Plain, Global, "routing-target", "A target that events are delivered to is removed.";
    TargetFollow = 604, Extended, "routing-target", "follow", Critical, Plain, Global, "routing-target", "A target goes on at another event of the trail: what is skipped is not delivered to it.";
    TargetDrop = 605, Extended, "routing-target", "drop", Critical, Plain, Global, "routing-target", "Events that a target refused are given up: they are not delivered to it.";
    TargetSkip = 606, Extended, "routing-target", "skip", Critical, Plain, Global, "routing-target", "Retention removes events that a target was not given: they are not delivered to it.";
    TargetValidate = 607, Extended, "routing-target", "validate", Warning, Plain, Global, "routing-target", "A test record is sent to a target.";
    TargetRetry = 608, Extended, "routing-target", "retry", Warning, Plain, Global, "routing-target", "Events that a target refused are given to it again.";
    RouteCreate = 611, Extended, "routing-route", "create", Critical, Plain, Global, "routing-route", "A route that says which events go to which targets is made.";
    RouteDelete = 612, Extended, "routing-route", "delete", Critical, Plain, Global, "routing-route", "A route that says which events go to which targets is removed.";
    RouteUpdate = 614, Extended, "routing-route", "update", Critical, Plain, Global, "routing-route", "A route that says which events go to which targets is changed.";
    RoutingSettingsUpdate = 613, Extended, "routing-settings", "update", Critical, Plain, Global, "routing-settings", "The settings of the routing of events are changed.";

    TrailBeginEpoch = 701, Extended, "trail", "begin-epoch", Critical, Plain, Global, "trail", "A new epoch of the trail begins: the database was put back, or an operator said so.";
    TrailSealFail = 702, Extended, "trail-seal", "fail", Critical, Plain, Global, "trail-seal", "The trail cannot be sealed by a checkpoint.";
    TrailSealRecover = 703, Extended, "trail-seal", "recover", Warning, Plain, Global, "trail-seal", "The trail is sealed by checkpoints again.";
    TrailTrim = 704, Extended, "trail", "trim", Warning, Plain, Global, "trail", "Retention removes the first events of the trail.";

    NodePrepare = 801, Extended, "node", "prepare", Critical, Plain, Global, "node", "A node that is to share the database is given a number, a name and what it needs.";
    NodeJoin = 802, Extended, "node", "join", Critical, Plain, Global, "node", "A node that shares the database begins its trail.";

    BackupCreate = 901, Extended, "backup", "create", Critical, Data, Global, "backup", "A backup of keys, trail and settings is made, sealed to a key.";
    BackupRestore = 902, Extended, "backup", "restore", Critical, Plain, Global, "backup", "The database was restored from a backup.";
    BackupKeySet = 903, Extended, "backup-key", "set", Critical, Plain, Global, "backup-key", "The key that backups are sealed to is set.";
    DatabaseMigrate = 905, Extended, "database", "migrate", Critical, Plain, Global, "database", "The database was moved from a file to a server, or back: every row was compared.";
    MasterKeyRotate = 721, Extended, "master-key", "rotate", Critical, Plain, Global, "master-key", "Another master key takes the place of the one in use: all that it wraps is wrapped anew.";
    MasterKeyUnlock = 724, Extended, "master-key", "unlock", Critical, Plain, Global, "master-key", "A server that was started locked is given the passphrase of its master key.";
    MasterKeyRecoverySet = 722, Extended, "master-key-recovery", "set", Critical, Plain, Global, "master-key-recovery", "Recovery shares are handed out: all that the master key wraps is sealed to their key.";
    MasterKeyRecover = 723, Extended, "master-key", "recover", Critical, Plain, Global, "master-key", "A new master key takes the place of a lost one, with recovery shares.";
}

impl Action {
    /// The full name, `vmware-solutions.<objectType>.<verb>`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// The name without the service: `<objectType>.<verb>`.
    #[must_use]
    pub fn short_name(self) -> &'static str {
        self.name().strip_prefix(SERVICE).unwrap_or_default()
    }

    /// The code kept in stored events.
    #[must_use]
    pub const fn code(self) -> u16 {
        self.row().code
    }

    /// Which part of the catalogue it belongs to.
    #[must_use]
    pub const fn kind(self) -> Kind {
        self.row().kind
    }

    /// What is acted on: `kmip-key`, `vcs-host`...
    #[must_use]
    pub const fn object_type(self) -> &'static str {
        self.row().object_type
    }

    /// What is done: `create`, `read`...
    #[must_use]
    pub const fn verb(self) -> &'static str {
        self.row().verb
    }

    /// How grave the action is when it succeeds.
    #[must_use]
    pub const fn severity(self) -> Severity {
        self.row().severity
    }

    /// Whether customer key data leaves or is used: the event's `dataEvent`.
    #[must_use]
    pub const fn data_event(self) -> bool {
        matches!(self.row().touch, Touch::Data)
    }

    /// Whether its events are global: callers give them a scope without location and instance.
    #[must_use]
    pub const fn global(self) -> bool {
        matches!(self.row().reach, Reach::Global)
    }

    /// The `typeURI` of the target.
    #[must_use]
    pub const fn type_uri(self) -> &'static str {
        self.row().type_uri
    }

    /// One sentence for people.
    #[must_use]
    pub const fn description(self) -> &'static str {
        self.row().description
    }

    /// The service's name for people, the first words of an event's message: what is done with keys, and by and to the clients that use them,
    /// is KMIP for VMware; the rest is the service as a whole.
    #[must_use]
    pub fn display_name(self) -> &'static str {
        if self.object_type().starts_with("kmip-") {
            "KMIP for VMware"
        } else {
            "VMware Solutions"
        }
    }

    /// Whether it is recorded only while `protocol` events are switched on: it touches no key.
    #[must_use]
    pub fn is_protocol(self) -> bool {
        self.object_type() == "kmip-protocol"
    }
}
