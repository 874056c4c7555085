//! `#[derive(Structure)]`: a struct that crosses the wire as a map of its members.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote_spanned};
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
    // In the order of the names, as a map has them: equal members are equal on the wire, whatever the struct's order.
    let mut in_order: Vec<&Member<'_>> = members.iter().collect();
    in_order.sort_by(|one, other| one.wire.cmp(&other.wire));
    let puts = in_order.into_iter().map(|Member { ident, ty, wire }| {
        let put = quote_spanned!(span.located_at(ty.span())=> #core::__private::put_member::<#ty>);
        quote_spanned!(span=> #put(encoder, #wire, &self.#ident)?;)
    });
    let variables: Vec<_> = (0..members.len())
        .map(|index| format_ident!("member_{index}", span = span))
        .collect();
    let reads = members
        .iter()
        .zip(&variables)
        .map(|(Member { ty, wire, .. }, variable)| {
            let read =
                quote_spanned!(span.located_at(ty.span())=> #core::__private::read_member::<#ty>);
            quote_spanned!(span=> #wire => #variable = #read(decoder)?,)
        });
    let takes = members
        .iter()
        .zip(&variables)
        .map(|(Member { ident, ty, wire }, variable)| {
            let take =
                quote_spanned!(span.located_at(ty.span())=> #core::__private::take_member::<#ty>);
            quote_spanned!(span=> #ident: #take(#variable, #wire)?)
        });
    let expected = format!("a structure {}", ident.unraw());
    quote_spanned! {span=>
        #[automatically_derived]
        impl #core::property::IntoValue for #ident {
            fn encode(
                &self,
                encoder: &mut dyn #core::property::Encoder,
            ) -> ::core::result::Result<(), #core::property::ValueError> {
                encoder.event(#core::property::Event::Map)?;
                #(#puts)*
                encoder.event(#core::property::Event::End)
            }
        }

        #[automatically_derived]
        impl #core::property::FromValue for #ident {
            fn decode<'a>(
                event: #core::property::Event<'a>,
                decoder: &mut dyn #core::property::Decoder<'a>,
            ) -> ::core::result::Result<Self, #core::property::ValueError> {
                if event != #core::property::Event::Map {
                    return ::core::result::Result::Err(#core::property::ValueError::wrong_event(#expected, &event));
                }
                #(let mut #variables = ::core::option::Option::None;)*
                while let ::core::option::Option::Some(name) = decoder.key()? {
                    match &*name {
                        #(#reads)*
                        _ => #core::__private::pass_member(decoder)?,
                    }
                }
                ::core::result::Result::Ok(Self { #(#takes),* })
            }
        }

        #[automatically_derived]
        impl #core::property::Element for #ident {}
    }
}
