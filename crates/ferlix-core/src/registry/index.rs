//! The index: every registered service by number, by specification (best first) and by the value of some properties.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::ServiceRef;
use super::equality::{Equality, indexed};
use crate::filter::Filter;
use crate::property::{Properties, keys};

/// The place of a service among those of one specification: highest ranking first, then lowest number.
type Place = (Reverse<i32>, u64);

/// The keys that are indexed whoever asks.
const ALWAYS: [&str; 2] = [keys::INSTANCE_NAME, "endpoint.id"];

/// Every registered service. Plain data: the store puts it under its lock.
pub(super) struct Index {
    by_id: BTreeMap<u64, ServiceRef>,
    by_specification: HashMap<Arc<str>, BTreeMap<Place, Listed>>,
    by_value: Vec<(Box<str>, Equality)>,
}

/// A service among those of one specification, with its properties: a search does not have to go to the service.
struct Listed {
    service: ServiceRef,
    properties: Arc<Properties>,
}

/// Where to look for what a filter asks.
enum Source<'a> {
    One(u64),
    Value(&'a Equality, &'a str),
    Specification(&'a str),
    All,
}

impl Default for Index {
    fn default() -> Self {
        Self {
            by_id: BTreeMap::new(),
            by_specification: HashMap::new(),
            by_value: ALWAYS
                .map(|key| (Box::from(key), Equality::default()))
                .into(),
        }
    }
}

impl Index {
    pub(super) fn insert(&mut self, service: &ServiceRef) {
        self.by_id.insert(service.id(), service.clone());
        let properties = service.properties();
        self.place(service, &properties);
        for (key, equality) in &mut self.by_value {
            if let Some(value) = indexed(&properties, key) {
                equality.insert(value, service);
            }
        }
    }

    pub(super) fn remove(&mut self, service: &ServiceRef) {
        self.by_id.remove(&service.id());
        self.displace(service);
        let properties = service.properties();
        for (key, equality) in &mut self.by_value {
            if let Some(value) = indexed(&properties, key) {
                equality.remove(value, service);
            }
        }
    }

    /// Takes in changed properties; `store` makes them, and the ranking, the service's own.
    pub(super) fn change(
        &mut self,
        service: &ServiceRef,
        next: &Arc<Properties>,
        ranking: i32,
        store: impl FnOnce(),
    ) {
        let previous = service.properties();
        for (key, equality) in &mut self.by_value {
            let (before, after) = (indexed(&previous, key), indexed(next, key));
            if before != after {
                if let Some(value) = before {
                    equality.remove(value, service);
                }
                if let Some(value) = after {
                    equality.insert(value, service);
                }
            }
        }
        if ranking != service.ranking() {
            self.displace(service);
        }
        store();
        self.place(service, next);
    }

    fn place(&mut self, service: &ServiceRef, properties: &Arc<Properties>) {
        let place = (Reverse(service.ranking()), service.id());
        for name in service.specifications() {
            let listed = Listed {
                service: service.clone(),
                properties: Arc::clone(properties),
            };
            match self.by_specification.get_mut(name) {
                Some(services) => {
                    services.insert(place, listed);
                }
                None => {
                    let services = BTreeMap::from([(place, listed)]);
                    self.by_specification.insert(Arc::clone(name), services);
                }
            }
        }
    }

    fn displace(&mut self, service: &ServiceRef) {
        let place = (Reverse(service.ranking()), service.id());
        for name in service.specifications() {
            if let Some(services) = self.by_specification.get_mut(name) {
                services.remove(&place);
                if services.is_empty() {
                    self.by_specification.remove(name);
                }
            }
        }
    }

    /// Indexes a key from now on, for a bundle.
    pub(super) fn index_property(&mut self, bundle_id: u64, key: &str) {
        if ALWAYS.iter().any(|other| other.eq_ignore_ascii_case(key)) {
            return;
        }
        let known = self
            .by_value
            .iter_mut()
            .find(|(other, _)| other.eq_ignore_ascii_case(key));
        if let Some((_, equality)) = known {
            if !equality.owners.contains(&bundle_id) {
                equality.owners.push(bundle_id);
            }
            return;
        }
        let mut equality = Equality::default();
        equality.owners.push(bundle_id);
        for service in self.by_id.values() {
            if let Some(value) = indexed(&service.0.properties.load(), key) {
                equality.insert(value, service);
            }
        }
        self.by_value.push((key.into(), equality));
    }

    /// Forgets the keys that only this bundle wanted to be indexed.
    pub(super) fn release_bundle(&mut self, bundle_id: u64) {
        self.by_value.retain_mut(|(_, equality)| {
            let owned = !equality.owners.is_empty();
            equality.owners.retain(|owner| *owner != bundle_id);
            !owned || !equality.owners.is_empty()
        });
    }

    pub(super) fn by_id(&self, id: u64) -> Option<&ServiceRef> {
        self.by_id.get(&id)
    }

    /// The name of a specification as the services that have it share it.
    pub(super) fn shared_name(&self, specification: &str) -> Option<Arc<str>> {
        let (name, _) = self.by_specification.get_key_value(specification)?;
        Some(Arc::clone(name))
    }

    /// The services of a specification, best first.
    fn named(&self, specification: &str) -> impl Iterator<Item = &Listed> {
        self.by_specification
            .get(specification)
            .into_iter()
            .flat_map(BTreeMap::values)
    }

    /// All services, by number.
    pub(super) fn all(&self) -> impl DoubleEndedIterator<Item = &ServiceRef> {
        self.by_id.values()
    }

    /// The best service of a specification (or of all) that matches and that `accept` takes.
    pub(super) fn best(
        &self,
        specification: Option<&str>,
        filter: Option<&Filter>,
        accept: impl Fn(&ServiceRef) -> bool,
    ) -> Option<ServiceRef> {
        match self.source(specification, filter) {
            Source::Specification(name) => self
                .named(name)
                .find(|listed| listed.matches(filter) && accept(&listed.service))
                .map(|listed| listed.service.clone()),
            source => self
                .within(&source)
                .filter(|service| has(service, specification))
                .filter(|service| matches(filter, service) && accept(service))
                .min()
                .cloned(),
        }
    }

    /// The services of a specification (or all) that match, best first.
    pub(super) fn find(
        &self,
        specification: Option<&str>,
        filter: Option<&Filter>,
    ) -> Vec<ServiceRef> {
        let source = self.source(specification, filter);
        if let Source::Specification(name) = source {
            return self
                .named(name)
                .filter(|listed| listed.matches(filter))
                .map(|listed| listed.service.clone())
                .collect();
        }
        let mut found: Vec<ServiceRef> = self
            .within(&source)
            .filter(|service| has(service, specification) && matches(filter, service))
            .cloned()
            .collect();
        found.sort();
        found.dedup();
        found
    }

    fn within<'a>(&'a self, source: &Source<'a>) -> Box<dyn Iterator<Item = &'a ServiceRef> + 'a> {
        match *source {
            Source::One(id) => Box::new(self.by_id(id).into_iter()),
            Source::Value(equality, text) => Box::new(equality.candidates(text)),
            Source::Specification(name) => Box::new(self.named(name).map(|listed| &listed.service)),
            Source::All => Box::new(self.all()),
        }
    }

    /// Where the fewest services have to be looked at.
    fn source<'a>(
        &'a self,
        specification: Option<&'a str>,
        filter: Option<&'a Filter>,
    ) -> Source<'a> {
        let named = |name| {
            let services = self.by_specification.get(name);
            services.map_or(0, BTreeMap::len)
        };
        let all = || (Source::All, self.by_id.len());
        let Some(filter) = filter else {
            return specification.map_or(Source::All, Source::Specification);
        };
        let id = filter.required_equal(keys::SERVICE_ID);
        if let Some(id) = id.and_then(|text| text.parse().ok()) {
            return Source::One(id);
        }
        let specification = specification.or_else(|| filter.required_equal(keys::OBJECT_CLASS));
        let mut best =
            specification.map_or_else(all, |name| (Source::Specification(name), named(name)));
        for (key, equality) in &self.by_value {
            if best.1 <= 1 {
                break;
            }
            if let Some(text) = filter.required_equal(key) {
                let count = equality.count(text);
                if count < best.1 {
                    best = (Source::Value(equality, text), count);
                }
            }
        }
        best.0
    }
}

impl Listed {
    fn matches(&self, filter: Option<&Filter>) -> bool {
        filter.is_none_or(|filter| filter.matches(&self.properties))
    }
}

fn matches(filter: Option<&Filter>, service: &ServiceRef) -> bool {
    filter.is_none_or(|filter| filter.matches(&service.0.properties.load()))
}

fn has(service: &ServiceRef, specification: Option<&str>) -> bool {
    specification.is_none_or(|name| service.specifications().iter().any(|one| &**one == name))
}
