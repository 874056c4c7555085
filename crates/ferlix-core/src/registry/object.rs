//! [`ServiceObject`]: the object behind a registration, with one typed face per interface.

use std::any::{Any, TypeId};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::ServiceFactory;
use super::scope::{Maker, ServiceScope};
use crate::service::{Caller, Dispatch, Interface, Service};

/// An object under the interfaces by which it is registered.
///
/// ```
/// # use std::sync::Arc;
/// # use ferlix_core::registry::ServiceObject;
/// # use ferlix_core::service::{Interface, Service};
/// # trait A: Send + Sync {}
/// # impl Service for dyn A {
/// #     fn interface() -> &'static Interface { static I: Interface = Interface::local("a"); &I }
/// # }
/// # trait B: Send + Sync {}
/// # impl Service for dyn B {
/// #     fn interface() -> &'static Interface { static I: Interface = Interface::local("b"); &I }
/// # }
/// struct Both;
/// impl A for Both {}
/// impl B for Both {}
/// let both = Arc::new(Both);
/// let object = ServiceObject::new::<dyn A>(both.clone()).and::<dyn B>(both);
/// assert_eq!(object.specifications().collect::<Vec<_>>(), ["a", "b"]);
/// ```
pub struct ServiceObject(Kind);

/// Most objects are local: what the others need besides is in a box.
enum Kind {
    Local(Vec<Face>),
    Remote(Box<Remote>),
    Made(Box<Maker>),
}

/// An object in another process, and the typed views on it that were asked for.
struct Remote {
    interfaces: Vec<String>,
    caller: Arc<dyn Caller>,
    /// Mostly one.
    views: Mutex<Vec<(TypeId, Box<dyn Any + Send + Sync>)>>,
}

/// The object as one of its interfaces: an `Arc<dyn Trait>` and what serves it.
struct Face {
    interface: &'static Interface,
    interface_type: TypeId,
    object: Box<dyn Any + Send + Sync>,
    dispatch: Option<Arc<dyn Dispatch>>,
}

impl Face {
    fn new<T: ?Sized + Service>(service: Arc<T>) -> Self {
        Self {
            interface: T::interface(),
            interface_type: TypeId::of::<T>(),
            dispatch: T::dispatcher(Arc::clone(&service)),
            object: Box::new(service),
        }
    }
}

impl ServiceObject {
    /// An object under one interface.
    #[must_use]
    pub fn new<T: ?Sized + Service>(service: Arc<T>) -> Self {
        Self(Kind::Local(vec![Face::new(service)]))
    }

    /// A service that has an object for each bundle that uses it: made at the bundle's first use, handed back after its
    /// last.
    #[must_use]
    pub fn bundle_scoped<T: ?Sized + Service>(factory: Arc<impl ServiceFactory<T>>) -> Self {
        let maker = Maker::new(ServiceScope::Bundle, factory);
        Self(Kind::Made(Box::new(maker)))
    }

    /// A service that has an object for each use.
    #[must_use]
    pub fn prototype<T: ?Sized + Service>(factory: Arc<impl ServiceFactory<T>>) -> Self {
        let maker = Maker::new(ServiceScope::Prototype, factory);
        Self(Kind::Made(Box::new(maker)))
    }

    /// The same object under one more interface; one that lives elsewhere, or is made for its users, stays as it is.
    #[must_use]
    pub fn and<T: ?Sized + Service>(mut self, service: Arc<T>) -> Self {
        if let Kind::Local(faces) = &mut self.0 {
            faces.push(Face::new(service));
        }
        self
    }

    /// An object in another process, under the interfaces that its endpoint names; typed views are made when asked for.
    #[must_use]
    pub fn remote(interfaces: Vec<String>, caller: Arc<dyn Caller>) -> Self {
        Self(Kind::Remote(Box::new(Remote {
            interfaces,
            caller,
            views: Mutex::default(),
        })))
    }

    /// The names of the interfaces, in order.
    pub fn specifications(&self) -> impl Iterator<Item = &str> {
        let (faces, remote, made) = match &self.0 {
            Kind::Local(faces) => (faces.as_slice(), [].as_slice(), None),
            Kind::Remote(remote) => ([].as_slice(), remote.interfaces.as_slice(), None),
            Kind::Made(maker) => ([].as_slice(), [].as_slice(), Some(maker.interface.name)),
        };
        faces
            .iter()
            .map(|face| face.interface.name)
            .chain(remote.iter().map(String::as_str))
            .chain(made)
    }

    /// For whom it has an object of its own.
    #[must_use]
    pub fn scope(&self) -> ServiceScope {
        match &self.0 {
            Kind::Local(_) | Kind::Remote(_) => ServiceScope::Singleton,
            Kind::Made(maker) => maker.scope,
        }
    }

    /// What makes the objects, unless there is one for all.
    pub(super) fn maker(&self) -> Option<&Maker> {
        match &self.0 {
            Kind::Local(_) | Kind::Remote(_) => None,
            Kind::Made(maker) => Some(maker),
        }
    }

    /// Whether the object, or one made for a use, is a `dyn Trait`; no code of a user runs. A remote object may still turn
    /// out to have no view of that trait.
    pub(crate) fn provides<T: ?Sized + Service>(&self) -> bool {
        let wanted = TypeId::of::<T>();
        match &self.0 {
            Kind::Local(faces) => faces.iter().any(|face| face.interface_type == wanted),
            Kind::Remote(remote) => {
                let name = T::interface().name;
                remote.interfaces.iter().any(|interface| interface == name)
            }
            Kind::Made(maker) => maker.interface_type == wanted,
        }
    }

    /// Whether the object lives in another process.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        matches!(self.0, Kind::Remote(_))
    }

    /// What calls the object in another process.
    pub(crate) fn caller(&self) -> Option<&Arc<dyn Caller>> {
        match &self.0 {
            Kind::Remote(remote) => Some(&remote.caller),
            Kind::Local(_) | Kind::Made(_) => None,
        }
    }

    /// The object as `dyn Trait`; `None` when it is not registered as that very trait, or is made for each user.
    pub(crate) fn typed<T: ?Sized + Service>(&self) -> Option<Arc<T>> {
        let wanted = TypeId::of::<T>();
        match &self.0 {
            Kind::Local(faces) => faces
                .iter()
                .find(|face| face.interface_type == wanted)
                .and_then(|face| face.object.downcast_ref::<Arc<T>>())
                .cloned(),
            Kind::Remote(remote) => {
                let name = T::interface().name;
                if !remote.interfaces.iter().any(|interface| interface == name) {
                    return None;
                }
                let mut views = remote.views.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some((_, view)) = views.iter().find(|(made, _)| *made == wanted) {
                    return view.downcast_ref::<Arc<T>>().cloned();
                }
                let view = T::from_caller(Arc::clone(&remote.caller))?;
                views.push((wanted, Box::new(Arc::clone(&view))));
                Some(view)
            }
            Kind::Made(_) => None,
        }
    }

    /// What serves the object's remote interfaces; empty for one that has none, and for one that is remote itself.
    pub(crate) fn dispatchers(&self) -> Vec<Arc<dyn Dispatch>> {
        match &self.0 {
            Kind::Local(faces) => faces
                .iter()
                .filter_map(|face| face.dispatch.clone())
                .collect(),
            Kind::Remote(_) | Kind::Made(_) => Vec::new(),
        }
    }
}

impl fmt::Debug for ServiceObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ServiceObject")
            .field(&self.specifications().collect::<Vec<_>>())
            .finish()
    }
}
