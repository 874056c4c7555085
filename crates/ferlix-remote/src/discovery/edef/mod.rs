//! Endpoints described in EDEF files: what lies in a folder as `*.xml` or `*.properties` is discovered, and follows the files at
//! run time.
//!
//! This is how a service is used whose exporter takes part in no discovery, and how an operator fixes by hand what is to be
//! imported: `exportservice` of the shell writes such a file. A program installs [`BUNDLE`] and makes an instance:
//!
//! ```
//! # use ferlix_core::framework::Framework;
//! # use ferlix_core::property::Properties;
//! # use ferlix_remote::discovery::edef;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), ferlix_core::Error> {
//! let framework = Framework::builder()
//!     .property(edef::FOLDER, "/etc/ferlix/endpoints")
//!     .install(&edef::BUNDLE)
//!     .start()
//!     .await?;
//! edef::instantiate(&framework.context(), Properties::new()).await?;
//! # framework.stop().await
//! # }
//! ```
//!
//! An XML file holds any number of endpoints; each file is looked at every [`POLL`] milliseconds. ECF's `.properties` lie over the
//! XML of the same name, or are one endpoint, with [`edef_defaults.properties`](crate::edef::DEFAULTS) under all; values that
//! they ask to be made are made anew when one of these files changes. A file that cannot be read or
//! is not EDEF is said once and skipped: what its last good content described stays, and the other files are unaffected. A
//! folder that is not there is one without files. Deliberately absent: writing, for nothing is advertised here; and descriptions that
//! a bundle has compiled in, which it tells of by an [`EndpointDirectory`](crate::provider::EndpointDirectory) of its own.

mod component;
mod folder;

pub use component::{BUNDLE, instantiate};

/// The name of the component factory.
pub const FACTORY: &str = "edef-endpoint-discovery-factory";
/// The usual name of its instance.
pub const INSTANCE: &str = "edef-endpoint-discovery";

/// The folder of the files; default `./endpoints`.
pub const FOLDER: &str = "edef.folder";
/// How often the folder is looked at, in milliseconds; default 1,000, 0 for once only.
pub const POLL: &str = "edef.poll";
