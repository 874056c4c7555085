//! [`ServiceObject`]: the object behind a registration, with one typed face per interface.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

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

enum Kind {
    Local(Vec<Face>),
    Remote {
        interfaces: Vec<String>,
        caller: Arc<dyn Caller>,
        views: Mutex<HashMap<TypeId, Box<dyn Any + Send + Sync>>>,
    },
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

    /// The same object under one more interface.
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
        Self(Kind::Remote {
            interfaces,
            caller,
            views: Mutex::default(),
        })
    }

    /// The names of the interfaces, in order.
    pub fn specifications(&self) -> impl Iterator<Item = &str> {
        let (faces, remote) = match &self.0 {
            Kind::Local(faces) => (faces.as_slice(), [].as_slice()),
            Kind::Remote { interfaces, .. } => ([].as_slice(), interfaces.as_slice()),
        };
        faces
            .iter()
            .map(|face| face.interface.name)
            .chain(remote.iter().map(String::as_str))
    }

    /// Whether the object lives in another process.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        matches!(self.0, Kind::Remote { .. })
    }

    /// The object as `dyn Trait`; `None` when it is not registered as that very trait.
    pub(crate) fn typed<T: ?Sized + Service>(&self) -> Option<Arc<T>> {
        let wanted = TypeId::of::<T>();
        match &self.0 {
            Kind::Local(faces) => faces
                .iter()
                .find(|face| face.interface_type == wanted)
                .and_then(|face| face.object.downcast_ref::<Arc<T>>())
                .cloned(),
            Kind::Remote {
                interfaces,
                caller,
                views,
            } => {
                let name = T::interface().name;
                if !interfaces.iter().any(|interface| interface == name) {
                    return None;
                }
                let mut views = views.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(view) = views.get(&wanted) {
                    return view.downcast_ref::<Arc<T>>().cloned();
                }
                let view = T::from_caller(Arc::clone(caller))?;
                views.insert(wanted, Box::new(Arc::clone(&view)));
                Some(view)
            }
        }
    }

    /// What serves the object's remote interfaces; empty for one that has none, and for one that is remote itself.
    pub(crate) fn dispatchers(&self) -> Vec<Arc<dyn Dispatch>> {
        match &self.0 {
            Kind::Local(faces) => faces
                .iter()
                .filter_map(|face| face.dispatch.clone())
                .collect(),
            Kind::Remote { .. } => Vec::new(),
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
