//! `#[derive(RemoteError)]`: a service's own error type can be that of its remote methods.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{Data, DeriveInput, Field, Fields, Index, Variant};

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
    let name = ident.unraw().to_string();
    let methods = match &item.data {
        Data::Enum(data) => {
            let kinds = kinds(data.variants.iter());
            let held = held(data.variants.iter());
            let variants: Vec<_> = data
                .variants
                .iter()
                .map(|Variant { ident, fields, .. }| {
                    (quote!(Self::#ident), ident.unraw().to_string(), fields)
                })
                .collect();
            let conversions = conversions(&core, &name, &variants, &held);
            quote!(#kinds #conversions)
        }
        // The kind is the type's name, as the trait has it.
        Data::Struct(data) => {
            let variants = [(quote!(Self), name.clone(), &data.fields)];
            conversions(&core, &name, &variants, &TokenStream::new())
        }
        Data::Union(_) => {
            errors.add(ident, "an error is an enum or a struct");
            TokenStream::new()
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

/// The kind is the variant's name.
fn kinds<'a>(variants: impl Iterator<Item = &'a Variant>) -> TokenStream {
    let span = Span::mixed_site();
    let kinds = variants.map(|Variant { ident, .. }| {
        let name = ident.unraw().to_string();
        quote_spanned!(span=> Self::#ident { .. } => #name)
    });
    quote_spanned! {span=>
        fn kind(&self) -> ::std::string::String {
            let kind = match self { #(#kinds),* };
            ::std::borrow::ToOwned::to_owned(kind)
        }
    }
}

/// The variant that holds a `CallError` goes out as that error.
fn held<'a>(variants: impl Iterator<Item = &'a Variant>) -> TokenStream {
    let span = Span::mixed_site();
    let held = variants.filter_map(|variant| {
        let field = variant.fields.iter().next()?;
        let holds = named_type(&field.ty).is_some_and(|(name, _)| name == "CallError");
        if variant.fields.len() != 1 || !holds {
            return None;
        }
        let ident = &variant.ident;
        let member = member(0, field);
        Some(quote_spanned!(span=> Self::#ident { #member: error } => return error,))
    });
    quote!(#(#held)*)
}

fn member(index: usize, field: &Field) -> TokenStream {
    match &field.ident {
        Some(ident) => quote!(#ident),
        None => {
            let index = Index::from(index);
            quote!(#index)
        }
    }
}

/// Into a fault that carries the error, and back.
fn conversions(
    core: &TokenStream,
    of: &str,
    variants: &[(TokenStream, String, &Fields)],
    held: &TokenStream,
) -> TokenStream {
    let span = Span::mixed_site();
    let puts = variants.iter().map(|(path, name, fields)| {
        let variables: Vec<_> = (0..fields.len())
            .map(|index| format_ident!("field_{index}", span = span))
            .collect();
        let members = fields
            .iter()
            .enumerate()
            .map(|(index, field)| member(index, field));
        quote_spanned! {span=>
            #path { #(#members: #variables),* } => (
                #name,
                ::std::vec![#((&#core::__private::Held::new(#variables)).put()),*],
            ),
        }
    });
    let takes = variants.iter().map(|(path, name, fields)| {
        let members = fields.iter().enumerate().map(|(index, field)| {
            let (member, ty) = (member(index, field), &field.ty);
            quote_spanned!(span=> #member: (&#core::__private::Wanted::<#ty>::new()).take(members.next()?)?)
        });
        quote_spanned!(span=> #name => ::core::option::Option::Some(#path { #(#members),* }),)
    });
    quote_spanned! {span=>
        fn into_call_error(self) -> #core::service::CallError {
            #[allow(unused_imports)]
            use #core::__private::{ByNothing as _, ByValue as _};
            let fault = #core::__private::fault(&self);
            #[allow(unreachable_patterns, clippy::useless_vec)]
            let (variant, members): (&str, ::std::vec::Vec<::core::option::Option<#core::property::Value>>) = match self {
                #held
                #(#puts)*
            };
            #core::__private::carrying(fault, #of, variant, members)
        }

        fn from_call_error(error: #core::service::CallError) -> Self {
            #[allow(unused_imports)]
            use #core::__private::{OfNothing as _, OfValue as _};
            #[allow(unused_variables)]
            #core::__private::carried(error, #of, |variant, members| match variant {
                #(#takes)*
                _ => ::core::option::Option::None,
            })
        }
    }
}
