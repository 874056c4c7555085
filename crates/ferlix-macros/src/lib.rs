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
#[proc_macro_attribute]
pub fn service(arguments: TokenStream, item: TokenStream) -> TokenStream {
    on(item, "#[service] goes on a trait", |item| {
        service::expand(arguments.into(), &item)
    })
}

/// Makes a trait a service interface that other processes can call.
#[proc_macro_attribute]
pub fn remote_service(arguments: TokenStream, item: TokenStream) -> TokenStream {
    on(item, "#[remote_service] goes on a trait", |item| {
        remote::expand(arguments.into(), item)
    })
}

/// Implements a service interface.
#[proc_macro_attribute]
pub fn service_impl(arguments: TokenStream, item: TokenStream) -> TokenStream {
    on(
        item,
        "#[service_impl] goes on `impl Trait for Type`",
        |item| implementation::expand(arguments.into(), &item),
    )
}

/// Makes a struct a component type.
#[proc_macro_attribute]
pub fn component(arguments: TokenStream, item: TokenStream) -> TokenStream {
    on(
        item,
        "#[component] goes on a struct with named fields",
        |item| component::expand(arguments.into(), item),
    )
}

/// Names the methods of a component that the component model calls.
#[proc_macro_attribute]
pub fn lifecycle(arguments: TokenStream, item: TokenStream) -> TokenStream {
    on(item, "#[lifecycle] goes on `impl Type { … }`", |item| {
        lifecycle::expand(arguments.into(), item)
    })
}

/// Makes a static that holds a bundle.
#[proc_macro]
pub fn bundle(input: TokenStream) -> TokenStream {
    bundle::expand(input.into()).into()
}

/// Makes a struct one that can be an argument, a result or a property.
#[proc_macro_derive(Structure, attributes(structure))]
pub fn structure(item: TokenStream) -> TokenStream {
    match syn::parse(item) {
        Ok(item) => structure::expand(&item).into(),
        Err(error) => error.into_compile_error().into(),
    }
}
