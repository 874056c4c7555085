//! The index: every registered service by number, by specification (best first) and by the value of some properties.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::ServiceRef;
use super::equality::{Equality, indexed};
use super::ordered::Ordered;
use super::reference::Place;
use crate::filter::Filter;
use crate::property::{Properties, Value, keys};

/// The keys that are indexed whoever asks.
const ALWAYS: [&str; 2] = [keys::INSTANCE_NAME, "endpoint.id"];

/// Every registered service. Plain data: the store puts it under its lock.
pub(super) struct Index {
    by_id: BTreeMap<u64, ServiceRef>,
    by_specification: HashMap<Arc<str>, Specification>,
    by_value: Vec<(Box<str>, Equality)>,
    keys: SharedKeys,
}

/// What has a specification.
struct Specification {
    /// The `objectClass` of services that have no other.
    object_class: Arc<Value>,
    services: Ordered<Place, Listed>,
}

/// A service among those of one specification, with its properties: a search does not have to go to the service.
#[derive(Clone)]
pub(super) struct Listed {
    service: ServiceRef,
    properties: Arc<Properties>,
}

/// The keys of properties, each once: services have most of them in common.
struct SharedKeys {
    keys: HashSet<Arc<str>>,
    /// With more than this, those that no service has any more are forgotten.
    limit: usize,
}

/// Where to look for what a filter asks.
enum Source<'a> {
    One(u64),
    Value(&'a Equality, &'a str),
    Specification(&'a str),
    All,
}

/// The services that a search has to look at, as they were when it began: the index is free meanwhile.
pub(super) enum Candidates {
    /// All that have the specification, best first.
    Listed(Ordered<Place, Listed>),
    /// One, of any specification.
    One(ServiceRef),
    /// Several of any specification, in any order; one may be there twice.
    Several(Vec<(Place, ServiceRef)>),
    None,
}

impl Default for Index {
    fn default() -> Self {
        Self {
            by_id: BTreeMap::new(),
            by_specification: HashMap::new(),
            by_value: ALWAYS
                .map(|key| (Box::from(key), Equality::default()))
                .into(),
            keys: SharedKeys {
                keys: HashSet::new(),
                limit: 64,
            },
        }
    }
}

impl SharedKeys {
    fn add(&mut self, properties: &Properties) {
        for key in properties.keys() {
            if !self.keys.contains(&**key) {
                self.keys.insert(Arc::clone(key));
            }
        }
        if self.keys.len() > self.limit {
            self.keys.retain(|key| Arc::strong_count(key) > 1);
            self.limit = (self.keys.len() * 2).max(64);
        }
    }
}

impl Index {
    /// Takes in a service; `new_keys` when [`shared_key`](Self::shared_key) does not know all keys of its properties.
    pub(super) fn insert(&mut self, service: &ServiceRef, new_keys: bool) {
        self.by_id.insert(service.id(), service.clone());
        let properties = service.properties();
        if new_keys {
            self.keys.add(&properties);
        }
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
        previous: &Properties,
        next: &Arc<Properties>,
        ranking: i32,
        store: impl FnOnce(),
    ) {
        for (key, equality) in &mut self.by_value {
            let (before, after) = (indexed(previous, key), indexed(next, key));
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
        let place = service.place();
        for name in service.specifications() {
            let listed = Listed {
                service: service.clone(),
                properties: Arc::clone(properties),
            };
            let specification = self.by_specification.entry(Arc::clone(name));
            let specification = specification.or_insert_with(|| Specification {
                object_class: Arc::new(Value::from([&**name])),
                services: Ordered::default(),
            });
            specification.services.insert(place, listed);
        }
    }

    fn displace(&mut self, service: &ServiceRef) {
        let place = service.place();
        for name in service.specifications() {
            if let Some(specification) = self.by_specification.get_mut(name) {
                specification.services.remove(&place);
                if specification.services.is_empty() {
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

    /// The name of a specification as the services that have it share it, and the `objectClass` of those that have no other.
    pub(super) fn shared_name(&self, name: &str) -> Option<(&Arc<str>, &Arc<Value>)> {
        let (name, specification) = self.by_specification.get_key_value(name)?;
        Some((name, &specification.object_class))
    }

    /// The key of a property as services share it.
    pub(super) fn shared_key(&self, key: &str) -> Option<Arc<str>> {
        self.keys.keys.get(key).cloned()
    }

    /// The best service of a specification.
    pub(super) fn first(&self, specification: &str) -> Option<&ServiceRef> {
        let specification = self.by_specification.get(specification)?;
        specification.services.first().map(|listed| &listed.service)
    }

    /// All services, by number.
    pub(super) fn all(&self) -> impl DoubleEndedIterator<Item = &ServiceRef> {
        self.by_id.values()
    }

    /// The services among which those of a specification (or all) that match are.
    pub(super) fn candidates(
        &self,
        specification: Option<&str>,
        filter: Option<&Filter>,
    ) -> Candidates {
        let placed = |service: &ServiceRef| (service.place(), service.clone());
        match self.source(specification, filter) {
            Source::One(id) => match self.by_id(id) {
                Some(service) => Candidates::One(service.clone()),
                None => Candidates::None,
            },
            Source::Specification(name) => match self.by_specification.get(name) {
                Some(specification) => Candidates::Listed(specification.services.clone()),
                None => Candidates::None,
            },
            Source::Value(equality, text) => {
                let mut candidates = equality.candidates(text);
                match (candidates.next(), candidates.next()) {
                    (None, _) => Candidates::None,
                    (Some(only), None) => Candidates::One(only.clone()),
                    (Some(first), Some(second)) => {
                        let all = [first, second].into_iter().chain(candidates);
                        Candidates::Several(all.map(placed).collect())
                    }
                }
            }
            Source::All => Candidates::Several(self.all().map(placed).collect()),
        }
    }

    /// Where the fewest services have to be looked at.
    fn source<'a>(
        &'a self,
        specification: Option<&'a str>,
        filter: Option<&'a Filter>,
    ) -> Source<'a> {
        let named = |name| {
            let specification = self.by_specification.get(name);
            specification.map_or(0, |specification| specification.services.len())
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

impl Candidates {
    /// The best of a specification (or of all) that matches and that `accept` takes.
    pub(super) fn best(
        &self,
        specification: Option<&str>,
        filter: Option<&Filter>,
        accept: impl Fn(&ServiceRef) -> bool,
    ) -> Option<ServiceRef> {
        let fits = |service: &&ServiceRef| {
            has(service, specification) && matches(filter, service) && accept(service)
        };
        match self {
            Self::Listed(services) => services
                .values()
                .find(|listed| listed.matches(filter) && accept(&listed.service))
                .map(|listed| listed.service.clone()),
            Self::One(service) => Some(service).filter(fits).cloned(),
            Self::Several(services) => services
                .iter()
                .filter(|(_, service)| fits(&service))
                .min_by_key(|(place, _)| *place)
                .map(|(_, service)| service.clone()),
            Self::None => None,
        }
    }

    /// Those of a specification (or of all) that match, best first.
    pub(super) fn all(
        self,
        specification: Option<&str>,
        filter: Option<&Filter>,
    ) -> Vec<ServiceRef> {
        let fits = |service: &ServiceRef| has(service, specification) && matches(filter, service);
        match self {
            Self::Listed(services) => services
                .values()
                .filter(|listed| listed.matches(filter))
                .map(|listed| listed.service.clone())
                .collect(),
            Self::One(service) => Some(service).filter(fits).into_iter().collect(),
            Self::Several(mut services) => {
                services.retain(|(_, service)| fits(service));
                services.sort_unstable_by_key(|(place, _)| *place);
                services.dedup_by_key(|(place, _)| *place);
                services.into_iter().map(|(_, service)| service).collect()
            }
            Self::None => Vec::new(),
        }
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
