//! Who uses a service: counts by bundle, and the objects that were made for a use.
//!
//! A use ends when its guard is dropped, when its bundle stops, or when the service is gone, whichever comes first. No
//! lock is held while a service factory runs.

use std::fmt;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::thread::ThreadId;

use super::guard::Share;
use super::scope::Maker;
use super::{ServiceGuard, ServiceObject, ServiceRef, ServiceScope};
use crate::service::{Dispatch, Service};

/// The users of one service.
#[derive(Default)]
pub(super) struct Users {
    /// One a bundle, also after its last use: there are few, and a place that stays costs no allocation at each use.
    users: Vec<User>,
    tokens: u64,
    /// The service is gone: nobody can begin to use it.
    closed: bool,
}

struct User {
    bundle_id: u64,
    count: u32,
    /// Grows when the bundle stops: what it had before counts no more.
    life: u32,
    /// Only for a service that has a factory.
    made: Option<Box<Made>>,
}

/// What a factory made, and makes now, for a bundle.
#[derive(Default)]
struct Made {
    objects: Vec<(u64, Arc<ServiceObject>)>,
    making: Vec<ThreadId>,
}

/// The life of a use that counts nothing, since the service was gone.
const NO_LIFE: u32 = u32::MAX;

impl Users {
    fn of(&mut self, bundle_id: u64) -> &mut User {
        let index = self
            .users
            .iter()
            .position(|user| user.bundle_id == bundle_id);
        let index = index.unwrap_or_else(|| {
            self.users.reserve_exact(1);
            self.users.push(User {
                bundle_id,
                count: 0,
                life: 0,
                made: None,
            });
            self.users.len() - 1
        });
        &mut self.users[index]
    }
}

impl User {
    fn made(&mut self) -> &mut Made {
        self.made.get_or_insert_default()
    }

    fn take_objects(&mut self) -> Vec<(u64, Arc<ServiceObject>)> {
        self.made
            .as_mut()
            .map(|made| std::mem::take(&mut made.objects))
            .unwrap_or_default()
    }
}

impl ServiceRef {
    /// The numbers of the bundles that use it now, in order.
    #[must_use]
    pub fn using_bundles(&self) -> Vec<u64> {
        let users = self.users();
        let single = users.users.iter().filter(|user| user.count > 0);
        let mut bundles: Vec<u64> = single.map(|user| user.bundle_id).collect();
        let shares = self.0.shares.load();
        let shares = shares.iter().flat_map(|shares| shares.iter());
        let shared = shares.filter(|share| share.count() > 0);
        bundles.extend(shared.map(|share| share.bundle_id));
        bundles.sort_unstable();
        bundles.dedup();
        bundles
    }

    /// How many uses a bundle has now.
    #[must_use]
    pub fn use_count(&self, bundle_id: u64) -> u32 {
        let users = self.users();
        let user = users.users.iter().find(|user| user.bundle_id == bundle_id);
        let single = user.map_or(0, |user| user.count);
        let shares = self.0.shares.load();
        let shares = shares.iter().flat_map(|shares| shares.iter());
        let own = shares.filter(|share| share.bundle_id == bundle_id);
        let shared: usize = own.map(|share| share.count()).sum();
        u32::try_from(shared)
            .unwrap_or(u32::MAX)
            .saturating_add(single)
    }

    /// The service as `dyn Trait`, counted as a use by a bundle. `None` when it is gone, of another trait, or its factory
    /// failed.
    pub(crate) fn guard<T: ?Sized + Service>(&self, bundle_id: u64) -> Option<ServiceGuard<T>> {
        let shares = self.0.shares.load();
        let mut all = shares.iter().flat_map(|shares| shares.iter());
        let share = all.find(|share| share.is_for::<T>(bundle_id));
        if let Some(guard) = share.and_then(|share| share.guard(self, &self.0.object)) {
            return Some(guard);
        }
        drop(shares);
        self.first_guard(bundle_id)
    }

    /// The first guard of a bundle for a trait, or one of an object that was made for it.
    #[cold]
    fn first_guard<T: ?Sized + Service>(&self, bundle_id: u64) -> Option<ServiceGuard<T>> {
        if !self.provides::<T>() {
            return None;
        }
        if self.0.object.maker().is_some() {
            return ServiceGuard::single(self.clone().acquire(bundle_id)?);
        }
        // A view on an object in another process is made here, under no lock.
        self.0.object.typed::<T>()?;
        let share = {
            let users = self.users();
            if users.closed {
                return None;
            }
            let before = self.0.shares.load();
            let before = before.iter().flat_map(|shares| shares.iter());
            let mut shares: Vec<Arc<Share>> = before.cloned().collect();
            let known = shares.iter().find(|share| share.is_for::<T>(bundle_id));
            let share = match known {
                Some(share) => Arc::clone(share),
                None => {
                    let share = Arc::new(Share::new::<T>(bundle_id));
                    shares.push(Arc::clone(&share));
                    self.0.shares.store(Some(Arc::new(shares)));
                    share
                }
            };
            drop(users);
            share
        };
        share.guard(self, &self.0.object)
    }

    /// Ends the guards of a bundle, or of all bundles, and returns what they shared: it may hold the last of what user code
    /// wrote, and is dropped under no lock. The caller has the users locked.
    fn end_guards(&self, bundle_id: Option<u64>) -> Option<Arc<Vec<Arc<Share>>>> {
        let before = self.0.shares.load_full()?;
        let goes = |share: &&Arc<Share>| bundle_id.is_none_or(|id| share.bundle_id == id);
        before.iter().filter(goes).for_each(|share| share.end());
        let kept = before.iter().filter(|share| !goes(share));
        let kept: Vec<Arc<Share>> = kept.cloned().collect();
        let kept = (!kept.is_empty()).then(|| Arc::new(kept));
        self.0.shares.store(kept);
        Some(before)
    }

    /// Forgets what guards share: the registry goes, and with it the reason to count.
    pub(super) fn forget_guards(&self) {
        let shares = {
            let _users = self.users();
            self.end_guards(None)
        };
        drop(shares);
    }

    /// Counts a use by a bundle until the result is dropped; a service that is gone counts nothing.
    pub(crate) fn hold_use(&self, bundle_id: u64) -> Usage {
        self.clone().acquire(bundle_id).unwrap_or_else(|| Usage {
            reference: self.clone(),
            bundle_id,
            life: NO_LIFE,
            token: 0,
            object: None,
        })
    }

    /// Begins a use by a bundle, with an object made for it if the scope asks for one. `None` when the service is gone or
    /// its factory failed.
    pub(crate) fn acquire(self, bundle_id: u64) -> Option<Usage> {
        if let Some(maker) = self.0.object.maker() {
            return self.acquire_made(maker, bundle_id);
        }
        let life = {
            let mut users = self.users();
            if users.closed {
                return None;
            }
            let user = users.of(bundle_id);
            user.count += 1;
            user.life
        };
        Some(Usage {
            reference: self,
            bundle_id,
            life,
            token: 0,
            object: None,
        })
    }

    fn acquire_made(&self, maker: &Maker, bundle_id: u64) -> Option<Usage> {
        let shared = maker.scope == ServiceScope::Bundle;
        let thread = std::thread::current().id();
        let life = {
            let mut users = self.users();
            if users.closed {
                return None;
            }
            let user = users.of(bundle_id);
            if shared && let Some((_, object)) = user.made().objects.first() {
                let object = Arc::clone(object);
                user.count += 1;
                return Some(self.usage(user, 0, Some(object)));
            }
            if user.made().making.contains(&thread) {
                tracing::error!(service = %self, bundle_id, "a service factory asks for the object that it makes");
                return None;
            }
            user.made().making.push(thread);
            user.life
        };
        let made = maker.make(bundle_id, self).map(Arc::new);
        let (usage, surplus) = {
            let mut users = self.users();
            let closed = users.closed;
            users.tokens += 1;
            let token = if shared { 0 } else { users.tokens };
            let user = users.of(bundle_id);
            user.made().making.retain(|other| *other != thread);
            match made {
                None => (None, None),
                // Its bundle stopped meanwhile, or the service went.
                Some(object) if closed || user.life != life => (None, Some(object)),
                Some(object) => {
                    let first = user.made().objects.first();
                    let (object, surplus) = match first.filter(|_| shared) {
                        Some((_, other)) => (Arc::clone(other), Some(object)),
                        None => {
                            user.made().objects.push((token, Arc::clone(&object)));
                            (object, None)
                        }
                    };
                    user.count += 1;
                    (Some(self.usage(user, token, Some(object))), surplus)
                }
            }
        };
        if let Some(object) = surplus {
            maker.release(bundle_id, self, &object);
        }
        usage
    }

    fn usage(&self, user: &User, token: u64, object: Option<Arc<ServiceObject>>) -> Usage {
        Usage {
            reference: self.clone(),
            bundle_id: user.bundle_id,
            life: user.life,
            token,
            object,
        }
    }

    /// Ends all uses by a bundle, which stops.
    pub(super) fn release_user(&self, bundle_id: u64) {
        let (objects, shares) = {
            let mut users = self.users();
            let shares = self.end_guards(Some(bundle_id));
            let mut all = users.users.iter_mut();
            let objects = match all.find(|user| user.bundle_id == bundle_id) {
                None => Vec::new(),
                Some(user) => {
                    user.count = 0;
                    user.life = user.life.wrapping_add(1) % NO_LIFE;
                    user.take_objects()
                }
            };
            (objects, shares)
        };
        drop(shares);
        self.hand_back(bundle_id, objects);
    }

    /// Ends all uses for good: the service is gone.
    pub(super) fn release_users(&self) {
        let (users, shares) = {
            let mut users = self.users();
            users.closed = true;
            (std::mem::take(&mut users.users), self.end_guards(None))
        };
        drop(shares);
        for mut user in users {
            let objects = user.take_objects();
            self.hand_back(user.bundle_id, objects);
        }
    }

    fn hand_back(&self, bundle_id: u64, objects: Vec<(u64, Arc<ServiceObject>)>) {
        if let Some(maker) = self.0.object.maker() {
            for (_, object) in objects {
                maker.release(bundle_id, self, &object);
            }
        }
    }

    fn users(&self) -> MutexGuard<'_, Users> {
        self.0.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts as one use of a service by a bundle.
pub(crate) struct Usage {
    reference: ServiceRef,
    bundle_id: u64,
    life: u32,
    /// Which of the objects that were made for the bundle ends with this use; 0 for one that all its uses share.
    token: u64,
    /// What was made for this use; else the object is everybody's.
    object: Option<Arc<ServiceObject>>,
}

impl Usage {
    /// The object as `dyn Trait`.
    pub(crate) fn typed<T: ?Sized + Service>(&self) -> Option<Arc<T>> {
        self.object().typed()
    }

    /// The object that was made for this use; `None` when it has everybody's.
    pub(crate) fn made(&self) -> Option<Arc<ServiceObject>> {
        self.object.clone()
    }

    fn object(&self) -> &ServiceObject {
        self.object.as_deref().unwrap_or(&self.reference.0.object)
    }

    /// Which service it is of.
    pub(super) fn reference(&self) -> &ServiceRef {
        &self.reference
    }

    /// Ends the use; false when it had ended before.
    pub(super) fn end(&mut self) -> bool {
        let life = std::mem::replace(&mut self.life, NO_LIFE);
        if life == NO_LIFE {
            return false;
        }
        let objects = {
            let mut users = self.reference.users();
            let Some(user) = users
                .users
                .iter_mut()
                .find(|user| user.bundle_id == self.bundle_id && user.life == life)
            else {
                return false;
            };
            user.count -= 1;
            match &mut user.made {
                None => return true,
                Some(made) if self.token != 0 => {
                    let mut objects = std::mem::take(&mut made.objects);
                    let place = objects.iter().position(|(token, _)| *token == self.token);
                    let own = place.map(|place| objects.swap_remove(place));
                    made.objects = objects;
                    own.into_iter().collect()
                }
                Some(_) if user.count == 0 => user.take_objects(),
                Some(_) => return true,
            }
        };
        self.reference.hand_back(self.bundle_id, objects);
        true
    }
}

impl Drop for Usage {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "use of service {} by bundle {}",
            self.reference.id(),
            self.bundle_id
        )
    }
}

/// A use of a service whatever its interfaces: it counts until dropped, until its bundle stops, or until the service is
/// gone.
#[derive(Debug)]
pub struct ServiceHold(pub(crate) Usage);

impl ServiceHold {
    /// Which service it is.
    #[must_use]
    pub fn reference(&self) -> &ServiceRef {
        &self.0.reference
    }

    /// What serves the remote interfaces of the object that this use has; empty when it has none.
    #[must_use]
    pub fn dispatchers(&self) -> Vec<Arc<dyn Dispatch>> {
        self.0.object().dispatchers()
    }

    /// Ends the use, as dropping does, and says whether it counted until now.
    pub fn release(mut self) -> bool {
        self.0.end()
    }
}
