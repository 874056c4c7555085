//! `#[remote_service]`: a trait becomes a service interface that can be served to and called from other processes.
//!
//! Besides the trait it makes the description of the interface, the proxy (the trait on a `Caller`) and the dispatcher
//! (a `Dispatch` on the trait), which lie inside functions, so that no name of theirs is seen, and the blocking form, which
//! is seen.

mod blocking;
mod dispatcher;
mod method;
mod proxy;

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::parse::ParseStream;
use syn::{ItemTrait, LitStr, Token, TraitItem, TypeParamBound};

use crate::service::{check_name, check_trait};
use crate::support::{self, Errors, Name, assigned, core_path, set};
use method::{Method, Rename};

/// `"name", version = "…", rename_all = "…"`.
struct Options {
    name: Name,
    version: Option<Name>,
    rename: Rename,
}

pub(crate) fn expand(arguments: TokenStream, mut item: ItemTrait) -> TokenStream {
    let mut errors = Errors::default();
    let options = if arguments.is_empty() {
        errors.add_here(
            "write the name by which peers know the service: #[remote_service(\"its.name\")]",
        );
        None
    } else {
        read_options(arguments, &mut errors)
    };
    check_trait(&item, &mut errors);
    check_supertraits(&item, &mut errors);
    let rename = options
        .as_ref()
        .map_or(Rename::Camel, |options| options.rename);
    let methods = read_methods(&mut item, rename, &mut errors);

    let core = core_path();
    let generated = options.map(|options| service(&core, &item, &options, &methods));
    errors.finish(quote!(#[#core::__private::async_trait] #item), generated)
}

/// `impl Service for dyn Trait`.
fn service(
    core: &TokenStream,
    item: &ItemTrait,
    options: &Options,
    methods: &[Method],
) -> TokenStream {
    let ident = &item.ident;
    let Options { name, version, .. } = options;
    let version = match version {
        Some(version) => quote!(::core::option::Option::Some(#version)),
        None => quote!(::core::option::Option::None),
    };
    let descriptions = methods.iter().map(|method| method.description(core));
    let proxy = proxy::expand(core, ident, methods);
    let dispatcher = dispatcher::expand(core, ident, methods);
    let blocking = blocking::expand(core, item, methods);
    quote_spanned! {Span::mixed_site()=>
        #[automatically_derived]
        impl #core::service::Service for dyn #ident {
            fn interface() -> &'static #core::service::Interface {
                static INTERFACE: #core::service::Interface = #core::service::Interface {
                    name: #name,
                    version: #version,
                    methods: &[#(#descriptions),*],
                };
                &INTERFACE
            }

            fn from_caller(
                caller: ::std::sync::Arc<dyn #core::service::Caller>,
            ) -> ::core::option::Option<::std::sync::Arc<Self>> {
                #proxy
            }

            fn dispatcher(
                service: ::std::sync::Arc<Self>,
            ) -> ::core::option::Option<::std::sync::Arc<dyn #core::service::Dispatch>> {
                #dispatcher
            }
        }

        #[automatically_derived]
        impl #core::service::RemoteService for dyn #ident {}

        #blocking
    }
}

fn read_options(arguments: TokenStream, errors: &mut Errors) -> Option<Options> {
    let mut found = Errors::default();
    let parser = |input: ParseStream<'_>| {
        let name: Name = input.parse()?;
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
        let mut version = None;
        let mut rename = None;
        support::options(input, &mut found, |key, input, errors| {
            if key == "version" {
                set(&mut version, key, assigned(input), errors)
            } else if key == "rename_all" {
                let rule = assigned::<LitStr>(input).and_then(|rule| Rename::read(&rule));
                set(&mut rename, key, rule, errors)
            } else {
                Err(syn::Error::new_spanned(
                    key,
                    format!("there is no option `{key}`: there are `version` and `rename_all`"),
                ))
            }
        })?;
        Ok(Options {
            name,
            version,
            rename: rename.unwrap_or(Rename::Camel),
        })
    };
    let options = support::parse(arguments, parser, errors);
    errors.append(found);
    if let Some(options) = &options {
        check_name(&options.name, errors);
    }
    options
}

/// A proxy can be shared between threads and nothing else.
fn check_supertraits(item: &ItemTrait, errors: &mut Errors) {
    for bound in &item.supertraits {
        let known = match bound {
            TypeParamBound::Trait(bound) => bound
                .path
                .segments
                .last()
                .is_some_and(|segment| segment.ident == "Send" || segment.ident == "Sync"),
            TypeParamBound::Lifetime(_) => true,
            _ => false,
        };
        if !known {
            errors.add(
                bound,
                "the proxy of a remote service cannot implement this: only Send and Sync may stand here",
            );
        }
    }
}

fn read_methods(item: &mut ItemTrait, rename: Rename, errors: &mut Errors) -> Vec<Method> {
    let mut methods: Vec<Method> = Vec::new();
    for item in &mut item.items {
        match item {
            TraitItem::Fn(function) => methods.extend(Method::read(function, rename, errors)),
            other => errors.add(
                other,
                "a remote service has methods only: peers cannot ask for anything else",
            ),
        }
    }
    for (index, method) in methods.iter().enumerate() {
        if let Some(other) = methods[..index].iter().find(|other| {
            other.wire == method.wire && other.cfgs.is_empty() && method.cfgs.is_empty()
        }) {
            errors.add(
                &method.ident,
                format!(
                    "peers know `{}` as {:?} already: give one of them another name with #[remote(name = \"…\")]",
                    other.ident, other.wire
                ),
            );
        }
    }
    methods
}
