//! [`Table`]: which endpoints there are, exports or imports, and who has a share in them.
//!
//! It is a look-up and no more: it runs nobody's code, and its user holds the lock. What it gives back is to be dropped after that.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use super::registration::{Share, Withdrawable};
use super::state::Subject;
use crate::Error;

/// So many shares that failed may be remembered without a look at who holds them.
const FEW_FAILED: usize = 16;

/// The endpoints that are there, and the shares in them; of shares that failed, those that somebody holds.
///
/// What one endpoint costs does not depend on how many there are.
pub(super) struct Table<T: Withdrawable> {
    /// In the order in which they were made.
    pub(super) endpoints: BTreeMap<u64, Arc<T>>,
    /// Their numbers, by what they were made for.
    made_for: BTreeMap<Subject, Vec<u64>>,
    /// By the number of the endpoint.
    shares: BTreeMap<u64, Vec<Arc<Share<T>>>>,
    failed: Vec<Weak<Share<T>>>,
    /// When so many failed, it is looked which of them somebody still holds.
    enough_failed: usize,
}

impl<T: Withdrawable> Default for Table<T> {
    fn default() -> Self {
        Self {
            endpoints: BTreeMap::new(),
            made_for: BTreeMap::new(),
            shares: BTreeMap::new(),
            failed: Vec::new(),
            enough_failed: 0,
        }
    }
}

impl<T: Withdrawable> Table<T> {
    /// Notes an endpoint that is there from now on.
    pub(super) fn insert(&mut self, endpoint: &Arc<T>) {
        let serial = endpoint.serial();
        let made_for = self.made_for.entry(endpoint.subject()).or_default();
        made_for.push(serial);
        self.endpoints.insert(serial, Arc::clone(endpoint));
    }

    /// The endpoints that were made for something.
    pub(super) fn of(&self, subject: &Subject) -> impl Iterator<Item = &Arc<T>> {
        let serials = self.made_for.get(subject).into_iter().flatten();
        serials.filter_map(|serial| self.endpoints.get(serial))
    }

    /// Forgets an endpoint with its shares. They are returned to be dropped after the lock, for they may be the last to hold a
    /// container.
    #[must_use]
    pub(super) fn remove(&mut self, endpoint: &T) -> Vec<Arc<Share<T>>> {
        let (serial, subject) = (endpoint.serial(), endpoint.subject());
        self.endpoints.remove(&serial);
        if let Some(made_for) = self.made_for.get_mut(&subject) {
            made_for.retain(|other| *other != serial);
            if made_for.is_empty() {
                self.made_for.remove(&subject);
            }
        }
        self.shares.remove(&serial).unwrap_or_default()
    }

    /// Notes a share that is open.
    pub(super) fn add(&mut self, endpoint: &T, share: &Arc<Share<T>>) {
        let shares = self.shares.entry(endpoint.serial()).or_default();
        shares.push(Arc::clone(share));
    }

    /// Notes a share that failed; it is listed while somebody holds it.
    pub(super) fn add_failed(&mut self, share: &Arc<Share<T>>) {
        if self.failed.len() >= self.enough_failed {
            let is_held =
                |share: &Weak<Share<T>>| share.upgrade().is_some_and(|share| share.is_failed());
            self.failed.retain(is_held);
            self.enough_failed = 2 * self.failed.len() + FEW_FAILED;
        }
        self.failed.push(Arc::downgrade(share));
    }

    /// Forgets an endpoint: the shares in it have an error from now on, and are listed as those are that failed at once.
    pub(super) fn fail(&mut self, endpoint: &Arc<T>, error: &Error) {
        for share in self.remove(endpoint) {
            if share.is_in(endpoint) {
                share.fail(error);
                self.add_failed(&share);
            }
        }
    }

    /// Forgets the shares in an endpoint that are closed, and returns them to be dropped after the lock.
    #[must_use]
    pub(super) fn tidy(&mut self, endpoint: &T) -> Vec<Arc<Share<T>>> {
        let shares = self.shares.get_mut(&endpoint.serial());
        let closed = |share: &mut Arc<Share<T>>| share.open("").is_err();
        shares.map_or_else(Vec::new, |shares| shares.extract_if(.., closed).collect())
    }

    /// All shares: the open ones, then those that failed.
    pub(super) fn all(&self) -> Vec<Arc<Share<T>>> {
        let shares = self.shares.values().flatten();
        let open = shares.filter(|share| share.open("").is_ok()).cloned();
        let failed = self
            .failed
            .iter()
            .filter_map(Weak::upgrade)
            .filter(|share| share.is_failed());
        open.chain(failed).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::registration::Held;
    use super::*;

    struct Endpoint {
        serial: u64,
        service: u64,
    }

    impl Withdrawable for Endpoint {
        type Asked = u64;

        fn serial(&self) -> u64 {
            self.serial
        }

        fn subject(&self) -> Subject {
            Subject::Service(self.service)
        }

        fn is_withdrawn(&self) -> bool {
            false
        }
    }

    fn share(held: Held<Endpoint>) -> Arc<Share<Endpoint>> {
        Share::new(Weak::new(), &Arc::default(), 0, held)
    }

    fn error() -> Error {
        Error::Closed { what: "test" }
    }

    #[test]
    fn an_endpoint_is_found_by_what_it_was_made_for_until_it_is_removed() {
        let mut table = Table::default();
        let endpoints: Vec<_> = [(1, 7), (2, 8), (3, 7)]
            .map(|(serial, service)| Arc::new(Endpoint { serial, service }))
            .into();
        endpoints.iter().for_each(|endpoint| table.insert(endpoint));
        let of = |table: &Table<Endpoint>, service| -> Vec<u64> {
            let subject = Subject::Service(service);
            let found = table.of(&subject);
            found.map(|endpoint| endpoint.serial).collect()
        };
        assert_eq!(of(&table, 7), [1, 3]);
        assert_eq!(of(&table, 8), [2]);
        assert_eq!(of(&table, 9), []);
        let open = share(Held::Open(Arc::clone(&endpoints[0])));
        table.add(&endpoints[0], &open);
        assert_eq!(table.remove(&endpoints[0]).len(), 1);
        assert_eq!(of(&table, 7), [3]);
        assert!(table.remove(&endpoints[2]).is_empty());
        assert!(table.remove(&endpoints[1]).is_empty());
        assert!(table.made_for.is_empty() && table.shares.is_empty() && table.endpoints.is_empty());
    }

    #[test]
    fn of_an_endpoint_that_goes_on_the_closed_shares_are_given_back() {
        let mut table = Table::default();
        let endpoint = Arc::new(Endpoint {
            serial: 1,
            service: 1,
        });
        table.insert(&endpoint);
        let shares = [0; 3].map(|_| share(Held::Open(Arc::clone(&endpoint))));
        shares.iter().for_each(|share| table.add(&endpoint, share));
        assert!(table.tidy(&endpoint).is_empty());
        shares[1].close();
        let closed = table.tidy(&endpoint);
        assert!(closed.len() == 1 && Arc::ptr_eq(&closed[0], &shares[1]));
        assert_eq!(table.all().len(), 2);
        // A closed one has no error, whatever becomes of the endpoint.
        shares[0].close();
        table.fail(&endpoint, &error());
        assert!(!shares[0].is_failed() && !shares[1].is_failed() && shares[2].is_failed());
        assert_eq!(table.all().len(), 1);
    }

    #[test]
    fn failed_shares_are_listed_while_somebody_holds_them_and_take_no_room_then() {
        let mut table = Table::<Endpoint>::default();
        let held: Vec<_> = (0..100).map(|_| share(Held::Failed(error()))).collect();
        for share in &held {
            table.add_failed(share);
        }
        for _ in 0..10_000 {
            table.add_failed(&share(Held::Failed(error())));
        }
        assert_eq!(table.all().len(), 100);
        assert!(table.failed.len() <= 2 * held.len() + FEW_FAILED + 1);
    }
}
