//! `#[derive(Structure)]`: a struct that crosses the wire as a map of its members.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote_spanned;
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Fields, LitStr, Type};

use crate::support::{self, Errors, assigned, attribute_tokens, core_path, set};

/// One member.
struct Member<'a> {
    ident: &'a Ident,
    ty: &'a Type,
    /// The name on the wire.
    wire: String,
}

pub(crate) fn expand(item: &DeriveInput) -> TokenStream {
    let mut errors = Errors::default();
    if !item.generics.params.is_empty() {
        errors.add(
            &item.generics,
            "a structure cannot be generic: write the type of each member",
        );
    }
    let members = match &item.data {
        Data::Struct(data) => {
            match &data.fields {
                Fields::Named(fields) => fields
                    .named
                    .iter()
                    .filter_map(|field| read(field, &mut errors))
                    .collect(),
                _ => {
                    errors.add(&item.ident, "the members of a structure have names: write `struct Name { member: Type }`");
                    Vec::new()
                }
            }
        }
        _ => {
            errors.add(
                &item.ident,
                "a structure is a struct with named members; peers know no other",
            );
            Vec::new()
        }
    };
    for (index, member) in members.iter().enumerate() {
        if members[..index]
            .iter()
            .any(|other: &Member<'_>| other.wire == member.wire)
        {
            errors.add(
                member.ident,
                format!(
                    "there are two members with the name {:?} on the wire",
                    member.wire
                ),
            );
        }
    }
    let generated = conversions(&item.ident, &members);
    errors.finish(TokenStream::new(), Some(generated))
}

fn read<'a>(field: &'a syn::Field, errors: &mut Errors) -> Option<Member<'a>> {
    let ident = field.ident.as_ref()?;
    let mut rename: Option<LitStr> = None;
    for attribute in field
        .attrs
        .iter()
        .filter(|attribute| attribute.path().is_ident("structure"))
    {
        let mut found = Errors::default();
        let parser = |input: ParseStream<'_>| {
            support::options(input, &mut found, |key, input, errors| {
                if key == "rename" {
                    set(&mut rename, key, assigned(input), errors)
                } else {
                    Err(syn::Error::new_spanned(
                        key,
                        "write #[structure(rename = \"nameOnTheWire\")]",
                    ))
                }
            })
        };
        if let Some(tokens) = errors.keep(attribute_tokens(attribute)) {
            support::parse(tokens, parser, errors);
        }
        errors.append(found);
    }
    let wire = rename.map_or_else(|| ident.unraw().to_string(), |name| name.value());
    Some(Member {
        ident,
        ty: &field.ty,
        wire,
    })
}

/// `IntoValue`, `FromValue` and `Element` (so that there are lists of it).
fn conversions(ident: &Ident, members: &[Member<'_>]) -> TokenStream {
    let core = core_path();
    let span = Span::mixed_site();
    let puts = members.iter().map(|Member { ident, ty, wire }| {
        let put = quote_spanned!(span.located_at(ty.span())=> #core::__private::put_member::<#ty>);
        quote_spanned!(span=> #put(&mut members, #wire, self.#ident)?;)
    });
    let takes = members.iter().map(|Member { ident, ty, wire }| {
        let take =
            quote_spanned!(span.located_at(ty.span())=> #core::__private::take_member::<#ty>);
        quote_spanned!(span=> #ident: #take(&mut members, #wire)?)
    });
    let expected = format!("a structure {}", ident.unraw());
    quote_spanned! {span=>
        #[automatically_derived]
        impl #core::property::IntoValue for #ident {
            fn into_value(self) -> ::core::result::Result<#core::property::Value, #core::property::ValueError> {
                #[allow(unused_mut)]
                let mut members = ::std::collections::BTreeMap::new();
                #(#puts)*
                ::core::result::Result::Ok(#core::property::Value::Map(members))
            }
        }

        #[automatically_derived]
        impl #core::property::FromValue for #ident {
            fn from_value(
                value: #core::property::Value,
            ) -> ::core::result::Result<Self, #core::property::ValueError> {
                match value {
                    #[allow(unused_mut, unused_variables)]
                    #core::property::Value::Map(mut members) => ::core::result::Result::Ok(Self { #(#takes),* }),
                    other => ::core::result::Result::Err(#core::property::ValueError::wrong_type(#expected, &other)),
                }
            }
        }

        #[automatically_derived]
        impl #core::property::Element for #ident {}
    }
}
