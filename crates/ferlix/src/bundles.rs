//! Bundle sets: what goes together, ready to install.
//!
//! ```no_run
//! # #[tokio::main]
//! # async fn main() -> Result<(), ferlix::Error> {
//! use ferlix::prelude::*;
//! let framework = Framework::builder()
//!     .property("etcd.hostname", "localhost")
//!     .install(ferlix::bundles::REMOTE_ETCD_XMLRPC)
//!     .start()
//!     .await?;
//! # framework.stop().await
//! # }
//! ```

use ferlix_core::framework::{BundleDefinition, BundleSet};

/// Remote services over etcd and XML-RPC, with their shell commands: Remote Service Admin, the basic topology manager,
/// the etcd3 discovery, the HTTP service and the XML-RPC distribution. Makes the topology manager, the discovery and the
/// HTTP service from framework properties (`etcd.hostname`, `ferlix.http.port`, …).
pub const REMOTE_ETCD_XMLRPC: BundleSet = BundleSet {
    bundles: REMOTE,
    instances: &[
        ("basic-topology-manager-factory", "basic-topology-manager"),
        (
            "etcd3-endpoint-discovery-factory",
            "etcd3-endpoint-discovery",
        ),
        ("ferlix.http.service.basic.factory", "http-server"),
    ],
};

/// The bundles of [`REMOTE_ETCD_XMLRPC`] alone, as the tutorial installs them: single bundles instantiate nothing, so that
/// the program says what the discovery and the HTTP service are made with.
pub const REMOTE_BUNDLES: BundleSet = BundleSet {
    bundles: REMOTE,
    instances: &[],
};

/// The shell: its core, the commands of the component model and the console.
pub const SHELL: BundleSet = ferlix_shell::BUNDLES;

/// The event admin, its shell commands, and what the Remote Service Admin does on its topics; makes the event admin from
/// framework properties (`event.queue.size`, …).
pub const EVENTS: BundleSet = BundleSet {
    bundles: &[
        &ferlix_event::BUNDLE,
        &ferlix_event::SHELL_BUNDLE,
        &ferlix_remote_event::BUNDLE,
    ],
    instances: &[(ferlix_event::FACTORY, ferlix_event::INSTANCE)],
};

/// The configuration admin and its shell commands; makes the configuration admin from framework properties
/// (`ferlix.configadmin.folder`, …).
pub const CONFIGURATION: BundleSet = BundleSet {
    bundles: &[&ferlix_config::BUNDLE, &ferlix_config::SHELL_BUNDLE],
    instances: &[(ferlix_config::FACTORY, ferlix_config::INSTANCE)],
};

const REMOTE: &[&BundleDefinition] = &[
    &ferlix_remote::admin::BUNDLE,
    &ferlix_remote::topology::BUNDLE,
    &ferlix_discovery_etcd::BUNDLE,
    &ferlix_http::BUNDLE,
    &ferlix_xmlrpc::BUNDLE,
    &ferlix_remote::command::BUNDLE,
    // Their factories are there for who makes one of them in place of the basic one.
    &ferlix_remote::topology::policy::BUNDLE,
    &ferlix_remote::topology::ondemand::BUNDLE,
];
