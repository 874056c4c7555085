//! The attribute macros of Ferlix.
//!
//! They write what could be written by hand: implementations of the traits in `ferlix-core`. What they generate names
//! nothing but `ferlix-core` (found as a dependency, or through `ferlix`), adds no public name, and points the compiler at
//! the user's own tokens. All errors of one item are reported at once, each saying what to write.
//!
//! Deliberately absent: behaviour. Whatever runs is a function of `ferlix-core`; the output is calls of it.

mod bundle;
mod component;
mod implementation;
mod lifecycle;
mod remote;
mod remote_error;
mod service;
mod structure;
mod support;

use proc_macro::TokenStream;
use syn::parse::Parse;

/// Runs a macro on the kind of item that it is for.
fn on<T: Parse>(
    item: TokenStream,
    wanted: &str,
    expand: impl FnOnce(T) -> proc_macro2::TokenStream,
) -> TokenStream {
    let tokens = proc_macro2::TokenStream::from(item.clone());
    match syn::parse::<T>(item) {
        Ok(item) => expand(item).into(),
        Err(error) => {
            // An item of another kind parses as some item; else the syntax is wrong, and the compiler says where.
            let error = match syn::parse2::<syn::Item>(tokens.clone()) {
                Ok(_) => syn::Error::new(proc_macro2::Span::call_site(), wanted),
                Err(_) => error,
            };
            let error = error.into_compile_error();
            quote::quote!(#tokens #error).into()
        }
    }
}

/// Makes a trait a service interface for use within the process.
///
/// The name is what the service is registered under and looked up by: a string, or a constant of type `&'static str`. The
/// trait needs the supertraits `Send` and `Sync` and cannot be generic; its methods may be async or not. It becomes
/// `Service for dyn Trait` and is otherwise left as it is, except that async methods take the form in which a trait object
/// can have them: implementations carry [`macro@service_impl`].
///
/// ```
/// use ferlix_core::service::Service;
/// use ferlix_core::{service, service_impl};
///
/// /// Knows words.
/// #[service("example.dictionary")]
/// pub trait Dictionary: Send + Sync {
///     /// Whether a word is known.
///     fn contains(&self, word: &str) -> bool;
///
///     /// Learns a word.
///     async fn learn(&self, word: &str);
/// }
///
/// struct Deaf;
///
/// #[service_impl]
/// impl Dictionary for Deaf {
///     fn contains(&self, _word: &str) -> bool {
///         false
///     }
///
///     async fn learn(&self, _word: &str) {}
/// }
/// assert_eq!(<dyn Dictionary as Service>::interface().name, "example.dictionary");
/// ```
#[proc_macro_attribute]
pub fn service(arguments: TokenStream, item: TokenStream) -> TokenStream {
    on(item, "#[service] goes on a trait", |item| {
        service::expand(arguments.into(), &item)
    })
}

/// Makes a trait a service interface that other processes can call.
///
/// `#[remote_service("its.name", version = "1.1.0", rename_all = "camelCase")]`: the name by which peers know it; the version
/// of its package, which Java importers compare for equality (default: none); how method names are made for the wire,
/// `"camelCase"` (the default) or `"snake_case"`. `#[remote(name = "…")]` on a method gives that one another name.
///
/// Every method is `async fn(&self, …) -> Result<R, E>`. Arguments are owned, or borrowed as a whole (`&str`, `&[T]`, `&T`);
/// they, and `R`, are types that a `Value` can hold. `E` is `CallError`, or an error type of the service's own with
/// [`macro@RemoteError`]. A method with a body has it in the process; through a proxy it is called like the others.
///
/// ```
/// use std::sync::Arc;
/// use ferlix_core::property::Value;
/// use ferlix_core::service::{CallError, Service};
/// use ferlix_core::{remote_service, service_impl};
///
/// /// Greets.
/// #[remote_service("example.hello", version = "1.1.0")]
/// pub trait Hello: Send + Sync {
///     /// `sayHello` on the wire.
///     async fn say_hello(&self, from: &str) -> Result<String, CallError>;
/// }
///
/// struct Howdy;
///
/// #[service_impl]
/// impl Hello for Howdy {
///     async fn say_hello(&self, from: &str) -> Result<String, CallError> {
///         Ok(format!("Howdy {from}"))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), CallError> {
/// let served = <dyn Hello as Service>::dispatcher(Arc::new(Howdy)).unwrap();
/// let answer = served.dispatch("sayHello", vec!["you".into()]).await?;
/// assert_eq!(answer, Value::from("Howdy you"));
/// # Ok(())
/// # }
/// ```
#[proc_macro_attribute]
pub fn remote_service(arguments: TokenStream, item: TokenStream) -> TokenStream {
    on(item, "#[remote_service] goes on a trait", |item| {
        remote::expand(arguments.into(), item)
    })
}

/// Implements a service interface: on `impl Trait for Type`, of a trait with [`macro@service`] or [`macro@remote_service`].
///
/// It gives async methods the form that they have in the trait. See [`macro@service`] for an example.
#[proc_macro_attribute]
pub fn service_impl(arguments: TokenStream, item: TokenStream) -> TokenStream {
    on(
        item,
        "#[service_impl] goes on `impl Trait for Type`",
        |item| implementation::expand(arguments.into(), &item),
    )
}

/// Makes a struct with named fields a component type.
///
/// | option | meaning |
/// |---|---|
/// | `factory = "…"` | the name of the factory; required |
/// | `instance = "…"` | an instance that is made when the bundle has started; may be given several times |
/// | `provides(dyn A, dyn B)` | the services that a valid instance offers |
/// | `property("key" = value, …)` | their properties, and the instance's |
/// | `retry = "off"` | an ERRONEOUS instance is tried again by `retry` only (default: `"back-off"`) |
///
/// A field is filled by what its attribute says, and its type states the policy:
///
/// | field | filled with |
/// |---|---|
/// | `#[inject] x: Arc<dyn T>` | a service that is required; another one means another object |
/// | `#[inject] x: Best<dyn T>` | the best ranked service, required, followed in place |
/// | `#[inject] x: Opt<dyn T>` | a service that may be absent, followed in place |
/// | `#[inject] x: Many<dyn T>` | all services, followed in place; `#[inject(min = n)]` requires n of them (default: 0) |
/// | `#[inject(filter = "(key=value)")]` | only of the services that match |
/// | `#[property("key", default = value)] x: V` | a property; another value means another object |
/// | `#[property("key")] x: Live<V>` | a property, followed in place; without default it is required, unless `V` is an `Option` |
/// | `#[init(value)] x: V` | that value, computed for each object |
/// | `x: V` | `Default::default()` |
///
/// Names, keys and versions may be constants of type `&'static str` too. Callbacks are in a block with [`macro@lifecycle`].
///
/// ```
/// use std::sync::Arc;
/// use ferlix_core::component::{Component, Live, Opt};
/// use ferlix_core::{component, service, service_impl};
///
/// # #[service("example.log")] pub trait Log: Send + Sync { fn log(&self, line: &str); }
/// /// Counts.
/// #[service("example.counter")]
/// pub trait Counter: Send + Sync {
///     /// One more.
///     fn count(&self) -> u32;
/// }
///
/// #[component(factory = "counter-factory", instance = "counter", provides(dyn Counter), property("colour" = "red"))]
/// struct Steps {
///     #[inject]
///     log: Opt<dyn Log>,
///     #[property("counter.step", default = 2)]
///     step: Live<u32>,
///     #[init(40.into())]
///     count: std::sync::atomic::AtomicU32,
/// }
///
/// #[service_impl]
/// impl Counter for Steps {
///     fn count(&self) -> u32 {
///         if let Some(log) = self.log.get() {
///             log.log("one more");
///         }
///         let step = self.step.get();
///         self.count.fetch_add(step, std::sync::atomic::Ordering::Relaxed) + step
///     }
/// }
/// assert_eq!(Steps::factory().name(), "counter-factory");
/// ```
#[proc_macro_attribute]
pub fn component(arguments: TokenStream, item: TokenStream) -> TokenStream {
    on(
        item,
        "#[component] goes on a struct with named fields",
        |item| component::expand(arguments.into(), item),
    )
}

/// Names the methods of a component that the component model calls: on `impl Type { … }`, once for a type.
///
/// | marker | called | takes, besides `&self` |
/// |---|---|---|
/// | `#[validate]` | when every required service is bound, before the component's own are offered | `&ComponentContext` or nothing |
/// | `#[invalidate]` | when its services are withdrawn, while the injected ones can be used still | the same |
/// | `#[bind(field)]` | when a service came into an injected field | `&Arc<dyn T>`, `&ServiceRef`, both in any order, or nothing |
/// | `#[update(field)]` | when properties of such a service changed | the same |
/// | `#[unbind(field)]` | when it went | the same |
///
/// A callback may be async, takes `&self` (or `self: &Arc<Self>`, to keep the object in a task) and returns nothing or a
/// `Result<(), E>` of any error; an error makes the instance ERRONEOUS. A service that was bound is unbound as such, also
/// when it has been withdrawn meanwhile. Methods without a marker stay as they are.
///
/// ```
/// use std::sync::Arc;
/// use ferlix_core::component::{ComponentContext, ComponentError, Many};
/// use ferlix_core::registry::ServiceRef;
/// use ferlix_core::{component, lifecycle, service};
///
/// # #[service("example.plug")] pub trait Plug: Send + Sync { fn name(&self) -> String; }
/// #[component(factory = "board-factory")]
/// struct Board {
///     #[inject(min = 1)]
///     plugs: Many<dyn Plug>,
/// }
///
/// #[lifecycle]
/// impl Board {
///     #[validate]
///     async fn start(&self, context: &ComponentContext) -> Result<(), ComponentError> {
///         println!("{} has {} plugs", context.name(), self.plugs.len());
///         Ok(())
///     }
///
///     #[bind(plugs)]
///     fn plugged(&self, plug: &Arc<dyn Plug>, reference: &ServiceRef) {
///         println!("{} is {reference}", plug.name());
///     }
///
///     #[unbind(plugs)]
///     fn unplugged(&self, reference: &ServiceRef) {
///         println!("{reference} went");
///     }
/// }
/// ```
#[proc_macro_attribute]
pub fn lifecycle(arguments: TokenStream, item: TokenStream) -> TokenStream {
    on(item, "#[lifecycle] goes on `impl Type { … }`", |item| {
        lifecycle::expand(arguments.into(), item)
    })
}

/// Makes a static that holds a bundle: `bundle!(pub NAME = "symbolic.name", components = [A, B], activator = Type)`.
///
/// `version` is that of the calling crate unless given; `components` and `activator` may be left out. The activator
/// is made by its `Default` each time the bundle starts; `None` stands for no activator. Documentation and attributes may
/// stand before the visibility.
///
/// ```
/// use ferlix_core::{bundle, component};
///
/// #[component(factory = "idle-factory", instance = "idle")]
/// struct Idle;
///
/// bundle!(
///     /// Does nothing.
///     pub IDLE = "example.idle",
///     version = "1.0.0",
///     components = [Idle],
///     activator = None,
/// );
/// assert_eq!(IDLE.symbolic_name, "example.idle");
/// assert_eq!(IDLE.components.len(), 1);
/// ```
#[proc_macro]
pub fn bundle(input: TokenStream) -> TokenStream {
    bundle::expand(input.into()).into()
}

/// Makes a struct one that can be an argument, a result, a property, or a member of another: on the wire it is a map.
///
/// Each member goes under its own name, or under that of `#[structure(rename = "…")]`. A member of type `Option` may be
/// absent when it is read; one that the struct does not have is passed over. Errors name the member.
///
/// ```
/// use ferlix_core::Structure;
/// use ferlix_core::property::{FromValue, IntoValue};
///
/// #[derive(Clone, Debug, PartialEq, Structure)]
/// struct Person {
///     #[structure(rename = "firstName")]
///     first_name: String,
///     age: Option<i32>,
/// }
///
/// let ada = Person { first_name: "Ada".to_owned(), age: None };
/// let value = ada.clone().into_value().unwrap();
/// assert_eq!(value.to_string(), "{'age': null, 'firstName': 'Ada'}");
/// assert_eq!(Person::from_value(value), Ok(ada));
/// ```
#[proc_macro_derive(Structure, attributes(structure))]
pub fn structure(item: TokenStream) -> TokenStream {
    derive(item, structure::expand)
}

/// Makes a service's own error type one that its remote methods can return.
///
/// It needs `Display` and `From<CallError>`. Peers see the message, and as its kind the name of the variant (of the type,
/// for a struct); a variant that holds nothing but a `CallError` goes out as that error.
///
/// ```
/// use ferlix_core::RemoteError;
/// use ferlix_core::service::{CallError, RemoteError as _};
///
/// #[derive(Debug, thiserror::Error, RemoteError)]
/// enum BankError {
///     #[error("there is no account {0}")]
///     NoAccount(u32),
///     #[error(transparent)]
///     Call(#[from] CallError),
/// }
/// assert_eq!(BankError::NoAccount(7).kind(), "NoAccount");
/// ```
#[proc_macro_derive(RemoteError)]
pub fn remote_error(item: TokenStream) -> TokenStream {
    derive(item, remote_error::expand)
}

fn derive(
    item: TokenStream,
    expand: fn(&syn::DeriveInput) -> proc_macro2::TokenStream,
) -> TokenStream {
    match syn::parse(item) {
        Ok(item) => expand(&item).into(),
        Err(error) => error.into_compile_error().into(),
    }
}
