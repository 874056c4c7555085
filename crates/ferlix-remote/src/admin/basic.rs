//! The intent `osgi.basic`: whether a service is what it says of itself.
//!
//! OSGi's rule: one interface, whose methods take and return booleans, numbers, characters, texts, structures, and lists and
//! maps of these. The compiler has noted of each method whether its types are such. Deliberately absent: any other intent, for
//! those are met by providers, or not.

use std::sync::Arc;

use ferlix_core::registry::ServiceRef;
use ferlix_core::service::Dispatch;

use super::properties::is_or_qualifies;
use crate::Error;
use crate::endpoint::names;

/// Checks a service that is to be exported with these intents.
///
/// # Errors
/// [`Error::NotExportable`] when `osgi.basic` is among them and the service is not.
pub(super) fn check_basic(
    service: &ServiceRef,
    intents: &[String],
    interfaces: &[Arc<dyn Dispatch>],
) -> Result<(), Error> {
    if !intents
        .iter()
        .any(|intent| is_or_qualifies(intent, names::OSGI_BASIC))
    {
        return Ok(());
    }
    let refuse = |reason: String| {
        Err(Error::NotExportable {
            service: service.to_string(),
            reason,
        })
    };
    let name = |dispatch: &Arc<dyn Dispatch>| dispatch.interface().name;
    if interfaces.len() > 1 {
        let all: Vec<_> = interfaces.iter().map(name).collect();
        return refuse(format!(
            "{} is for services of one interface, and it exports {}: name one in {}",
            names::OSGI_BASIC,
            all.join(", "),
            names::SERVICE_EXPORTED_INTERFACES
        ));
    }
    let methods = interfaces
        .iter()
        .flat_map(|dispatch| dispatch.interface().methods);
    let beyond: Vec<_> = methods
        .filter(|method| !method.basic)
        .map(|method| method.name)
        .collect();
    if beyond.is_empty() {
        return Ok(());
    }
    refuse(format!(
        "{} is asked for, and these methods have types beyond it (dates, or values of any type): {}",
        names::OSGI_BASIC,
        beyond.join(", ")
    ))
}
