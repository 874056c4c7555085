//! `#[derive(RemoteError)]`: a service's own error type can be that of its remote methods.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{Data, DeriveInput, Fields, Variant};

use crate::support::{Errors, core_path, named_type};

pub(crate) fn expand(item: &DeriveInput) -> TokenStream {
    let mut errors = Errors::default();
    if !item.generics.params.is_empty() {
        errors.add(
            &item.generics,
            "the error of a remote method cannot be generic: peers know it by its name",
        );
    }
    let core = core_path();
    let ident = &item.ident;
    let span = Span::mixed_site();
    let methods = match &item.data {
        Data::Enum(data) => Some(of_variants(&core, data.variants.iter())),
        // The kind is the type's name, as the trait has it.
        Data::Struct(_) => None,
        Data::Union(_) => {
            errors.add(ident, "an error is an enum or a struct");
            None
        }
    };
    // What the trait asks for is missing at the type's name.
    let target =
        quote_spanned!(span.located_at(ident.span())=> #core::service::RemoteError for #ident);
    let generated = quote_spanned! {span=>
        #[automatically_derived]
        impl #target {
            #methods
        }
    };
    errors.finish(TokenStream::new(), Some(generated))
}

/// The kind is the variant's name; the variant that holds a `CallError` goes out as that error.
fn of_variants<'a>(
    core: &TokenStream,
    variants: impl Iterator<Item = &'a Variant> + Clone,
) -> TokenStream {
    let span = Span::mixed_site();
    let kinds = variants.clone().map(|Variant { ident, .. }| {
        let name = ident.unraw().to_string();
        quote_spanned!(span=> Self::#ident { .. } => #name)
    });
    let held = variants.filter_map(|variant| {
        let field = match &variant.fields {
            Fields::Unit => return None,
            Fields::Named(fields) => fields.named.iter().next()?,
            Fields::Unnamed(fields) => fields.unnamed.iter().next()?,
        };
        let holds = named_type(&field.ty).is_some_and(|(name, _)| name == "CallError");
        if variant.fields.len() != 1 || !holds {
            return None;
        }
        let ident = &variant.ident;
        let member = field
            .ident
            .as_ref()
            .map_or(quote!(0), |ident| quote!(#ident));
        Some(quote_spanned!(span=> Self::#ident { #member: error } => error))
    });
    quote_spanned! {span=>
        fn kind(&self) -> ::std::string::String {
            let kind = match self { #(#kinds),* };
            ::std::borrow::ToOwned::to_owned(kind)
        }

        fn into_call_error(self) -> #core::service::CallError {
            #[allow(unreachable_patterns)]
            match self {
                #(#held,)*
                other => #core::__private::fault(&other),
            }
        }
    }
}
