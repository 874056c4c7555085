//! `#[component]`: a struct becomes a component type, with a factory that describes it and a `build` that fills it.

mod field;
mod options;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Attribute, Fields, ItemStruct, Type};

use crate::support::{Errors, core_path};
use field::Field;
use options::Options;

pub(crate) fn expand(arguments: TokenStream, mut item: ItemStruct) -> TokenStream {
    let mut errors = Errors::default();
    let options = Options::read(arguments, &mut errors);
    if !item.generics.params.is_empty() {
        errors.add(
            &item.generics,
            "a component cannot be generic: its factory makes objects of one type",
        );
    }
    let fields: Vec<Field> = match &mut item.fields {
        Fields::Named(fields) => fields
            .named
            .iter_mut()
            .filter_map(|field| Field::read(field, &mut errors))
            .collect(),
        Fields::Unit => Vec::new(),
        Fields::Unnamed(fields) => {
            errors.add(
                fields,
                "name the fields of a component: `field: Type`; its shell commands and callbacks name them",
            );
            Vec::new()
        }
    };
    check_keys(&options, &fields, &mut errors);
    let generated = component(&item.ident, &options, &fields);
    errors.finish(item, Some(generated))
}

/// A property has one default: on the struct or on a field.
fn check_keys(options: &Options, fields: &[Field], errors: &mut Errors) {
    let mut seen: Vec<String> = Vec::new();
    let on_struct = options.properties.iter().map(|(key, _)| key);
    let on_fields = fields.iter().filter_map(Field::key);
    for key in on_struct.chain(on_fields) {
        let Some(text) = key.text() else { continue };
        if seen.iter().any(|other| other.eq_ignore_ascii_case(&text)) {
            errors.add(
                key,
                format!("the property {text:?} is declared twice (keys compare without case)"),
            );
        }
        seen.push(text);
    }
}

/// `impl Component for Type`.
fn component(ident: &Ident, options: &Options, fields: &[Field]) -> TokenStream {
    let core = core_path();
    let span = Span::mixed_site();
    let factory = Ident::new("factory", span);
    let source = Ident::new("fields", span);
    let name = &options.factory;
    let steps = options.steps(&core, &factory);
    let field_steps = fields.iter().filter_map(|field| {
        let step = field.step(&core)?;
        Some(chained(&field.cfgs, &factory, step))
    });
    let values = fields.iter().map(|field| {
        let (cfgs, ident, value) = (&field.cfgs, &field.ident, field.value(&source));
        quote!(#(#cfgs)* #ident: #value)
    });
    let provides: Vec<&Type> = options.provides().collect();
    let once = provided_once(ident, &provides);
    // The errors about Send and Sync point at the name of the struct.
    let target =
        quote_spanned!(span.located_at(ident.span())=> #core::component::Component for #ident);
    quote_spanned! {span=>
        #[automatically_derived]
        #[allow(clippy::all, unused_variables)]
        impl #target {
            fn factory() -> #core::component::ComponentFactory {
                use #core::component::{WithLifecycle as _, WithoutLifecycle as _};
                let #factory = #core::component::ComponentFactory::of::<Self>(#name);
                #steps
                #(#field_steps)*
                // The reference is what the choice between the two traits works by.
                #factory.callbacks((&#core::component::LifecycleProbe::<Self>::new()).callbacks())
            }

            fn build(
                #source: &mut #core::component::Fields,
            ) -> ::core::result::Result<Self, #core::component::ComponentError> {
                ::core::result::Result::Ok(Self { #(#values),* })
            }
        }
        #once
    }
}

/// `let factory = factory.step();`, under the field's `#[cfg]`.
fn chained(cfgs: &[Attribute], factory: &Ident, step: impl ToTokens) -> TokenStream {
    quote!(#(#cfgs)* let #factory = #factory #step;)
}

/// Two names of one trait in `provides` are found by the compiler: the trait of this block is implemented twice.
fn provided_once(ident: &Ident, provides: &[&Type]) -> Option<TokenStream> {
    let implementations = provides.iter().map(|interface| {
        let span = Span::mixed_site().located_at(syn::spanned::Spanned::span(interface));
        quote_spanned!(span=> impl ProvidedOnce<#interface> for #ident {})
    });
    (provides.len() > 1).then(|| {
        quote_spanned! {Span::mixed_site()=>
            const _: () = {
                #[allow(dead_code)]
                trait ProvidedOnce<T: ?Sized> {}
                #(#implementations)*
            };
        }
    })
}
