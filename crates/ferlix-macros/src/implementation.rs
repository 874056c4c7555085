//! `#[service_impl]`: the implementation of a service interface, its async methods in the form that the trait has.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{ImplItem, ItemImpl};

use crate::support::{Errors, core_path};

pub(crate) fn expand(arguments: TokenStream, item: &ItemImpl) -> TokenStream {
    let mut errors = Errors::default();
    if !arguments.is_empty() {
        errors.add(arguments, "#[service_impl] takes no arguments");
    }
    if item.trait_.is_none() {
        errors.add(
            &item.self_ty,
            "#[service_impl] goes on `impl Trait for Type`; callbacks are in a block with #[lifecycle]",
        );
        return errors.finish(item, None);
    }
    // `async_trait` changes each async method and leaves the others, on the trait as here: so both always agree.
    let is_async = item
        .items
        .iter()
        .any(|item| matches!(item, ImplItem::Fn(method) if method.sig.asyncness.is_some()));
    let core = core_path();
    let async_trait = is_async.then(|| quote!(#[#core::__private::async_trait]));
    errors.finish(quote!(#async_trait #item), None)
}
