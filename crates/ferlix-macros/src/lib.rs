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

#[doc = include_str!("docs/remote_service.md")]
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

#[doc = include_str!("docs/component.md")]
#[proc_macro_attribute]
pub fn component(arguments: TokenStream, item: TokenStream) -> TokenStream {
    on(
        item,
        "#[component] goes on a struct with named fields",
        |item| component::expand(arguments.into(), item),
    )
}

#[doc = include_str!("docs/lifecycle.md")]
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
/// for a struct); a variant that holds nothing but a `CallError` goes out as that error. A Ferlix caller gets the very error,
/// with what it holds, when all of that can cross the wire (types that a `Value` can hold).
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
