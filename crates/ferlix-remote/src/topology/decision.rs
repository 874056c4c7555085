//! [`Policy`]: what a topology manager decides, apart from how it carries that out.
//!
//! In flow the properties of a service, or the description of an endpoint; out comes what to export or import it with, or
//! the reason why not, in words for whoever looks at a listing. Policies are our own code: they only compute, so they may be
//! asked under a lock.

use ferlix_core::property::Properties;

use crate::endpoint::{EndpointDescription, names};

/// What to export and to import.
pub(super) trait Policy: Send + Sync + 'static {
    /// Whether a service with these properties is to be looked at: it asks to be exported, or the policy does for it.
    fn concerns(&self, properties: &Properties) -> bool {
        properties.contains(names::SERVICE_EXPORTED_INTERFACES)
    }

    /// What to override of a service's properties when it is exported.
    ///
    /// # Errors
    /// Why it is not exported.
    fn export(&self, properties: &Properties) -> Result<Properties, String> {
        let _ = properties;
        Ok(Properties::new())
    }

    /// As what to import an endpoint, as far as that depends on nothing else.
    ///
    /// # Errors
    /// Why it is not imported.
    fn import(&self, endpoint: &EndpointDescription) -> Result<Admitted, String> {
        Ok(Admitted {
            endpoint: endpoint.clone(),
            limit: None,
        })
    }
}

/// Whatever asks to be exported is, and whatever is discovered is imported.
pub(super) struct Everything;

impl Policy for Everything {}

/// An endpoint that may be imported.
#[derive(Clone)]
pub(super) struct Admitted {
    /// Its description, with the properties that the proxy shall have.
    pub(super) endpoint: EndpointDescription,
    /// How many of its kind may be; `None` if there is no end.
    pub(super) limit: Option<Limit>,
}

/// What an endpoint must share with others.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Limit {
    /// The number of the rule, from 1; each rule has places of its own.
    pub(super) rule: usize,
    /// How many endpoints of one interface have a place.
    pub(super) maximum: usize,
    /// The lower, the better; compared one after the other.
    pub(super) order: Vec<i64>,
}
