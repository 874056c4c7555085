//! `#[service]`: a trait becomes a service interface for use within the process.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{ItemTrait, TraitItem, TypeParamBound};

use crate::support::{Errors, Name, core_path};

/// Characters that would change the meaning of a filter or of a list of names; the registry refuses them too.
const FORBIDDEN: &str = "\\()&|=<>~*+#,;'\"";

pub(crate) fn expand(arguments: TokenStream, item: &ItemTrait) -> TokenStream {
    let mut errors = Errors::default();
    let name = if arguments.is_empty() {
        errors.add_here("write the name of the service: #[service(\"its.name\")]");
        None
    } else {
        errors.keep(syn::parse2::<Name>(arguments))
    };
    if let Some(name) = &name {
        check_name(name, &mut errors);
    }
    check_trait(item, &mut errors);

    let core = core_path();
    let ident = &item.ident;
    let is_async = item
        .items
        .iter()
        .any(|item| matches!(item, TraitItem::Fn(method) if method.sig.asyncness.is_some()));
    let async_trait = is_async.then(|| quote!(#[#core::__private::async_trait]));
    let generated = name.map(|name| {
        quote_spanned! {Span::mixed_site()=>
            #[automatically_derived]
            impl #core::service::Service for dyn #ident {
                fn interface() -> &'static #core::service::Interface {
                    static INTERFACE: #core::service::Interface = #core::service::Interface::local(#name);
                    &INTERFACE
                }
            }
        }
    });
    errors.finish(quote!(#async_trait #item), generated)
}

/// Refuses a name that the registry would refuse.
pub(crate) fn check_name(name: &Name, errors: &mut Errors) {
    let Some(text) = name.text() else { return };
    if text.trim().is_empty() {
        errors.add(name, "the name of a service cannot be empty");
    } else if text.trim() != text {
        errors.add(
            name,
            "the name of a service cannot begin or end with a space",
        );
    } else if let Some(character) = text
        .chars()
        .find(|character| character.is_control() || FORBIDDEN.contains(*character))
    {
        errors.add(
            name,
            format!("the name of a service cannot contain {character:?}: filters and lists of names use it"),
        );
    }
}

/// Refuses what no service interface can be: a generic trait, or one that cannot be shared between threads.
pub(crate) fn check_trait(item: &ItemTrait, errors: &mut Errors) {
    let ident = &item.ident;
    if !item.generics.params.is_empty() {
        errors.add(
            &item.generics,
            "a service interface cannot be generic: its name stands for one type",
        );
    }
    let has = |wanted: &str| {
        item.supertraits.iter().any(|bound| match bound {
            TypeParamBound::Trait(bound) => bound
                .path
                .segments
                .last()
                .is_some_and(|segment| segment.ident == wanted),
            _ => false,
        })
    };
    if !has("Send") || !has("Sync") {
        errors.add(
            ident,
            format!("services are shared between threads: write `trait {ident}: Send + Sync`"),
        );
    }
}
