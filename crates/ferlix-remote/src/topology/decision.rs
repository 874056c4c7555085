//! [`Policy`]: what a topology manager decides, apart from how it carries that out.
//!
//! In flow the properties of a service, or the description of an endpoint; out comes what to export or import it with, or
//! the reason why not, in words for whoever looks at a listing. Policies are our own code: they only compute, so they may be
//! asked under a lock.

use std::cmp::Reverse;
use std::collections::HashMap;

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

/// An endpoint that wants a place.
pub(super) struct Contender<'a> {
    pub(super) id: &'a str,
    pub(super) endpoint: &'a EndpointDescription,
    pub(super) limit: &'a Limit,
    pub(super) imported: bool,
    /// Whether its proxy says that the exporter does not answer.
    pub(super) failing: bool,
}

/// Gives the places away, the best first; of equals those that are imported already keep theirs. One whose exporter does not
/// answer keeps its proxy, so that it is found to be well again, but takes no place from another.
///
/// Returns for each contender, in the same order, why it got none.
pub(super) fn places(contenders: &[Contender<'_>]) -> Vec<Option<String>> {
    let mut order: Vec<usize> = (0..contenders.len()).collect();
    order.sort_by_key(|&index| {
        let contender = &contenders[index];
        let limit = contender.limit;
        (
            limit.rule,
            &limit.order,
            Reverse(contender.imported),
            contender.id,
        )
    });
    let mut reasons = vec![None; contenders.len()];
    let mut taken: HashMap<(usize, &str), Vec<&str>> = HashMap::new();
    for index in order {
        let Contender {
            id,
            endpoint,
            limit,
            imported,
            failing,
        } = &contenders[index];
        let full = endpoint.interfaces().iter().find_map(|interface| {
            let holders = taken.get(&(limit.rule, interface.as_str()))?;
            (holders.len() >= limit.maximum).then(|| {
                format!(
                    "rule {} imports at most {} of {interface}, and {} come first: {}",
                    limit.rule,
                    limit.maximum,
                    holders.len(),
                    holders.join(", ")
                )
            })
        });
        if full.is_some() {
            reasons[index] = full;
        } else if !(*imported && *failing) {
            for interface in endpoint.interfaces() {
                let holders = taken.entry((limit.rule, interface.as_str())).or_default();
                holders.push(id);
            }
        }
    }
    reasons
}
