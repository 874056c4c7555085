//! `bundle!`: a static that holds a bundle of this program.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, Expr, Path, Token, Visibility, bracketed};

use crate::support::{self, Errors, Name, assigned, core_path, set};

/// `/// Docs.  pub NAME = "symbolic.name", version = "…", components = […], activator = Type`.
struct Bundle {
    attributes: Vec<Attribute>,
    visibility: Visibility,
    ident: Ident,
    name: Name,
    version: Option<Expr>,
    components: Option<Vec<Path>>,
    activator: Option<Path>,
    errors: Errors,
}

pub(crate) fn expand(input: TokenStream) -> TokenStream {
    match syn::parse2::<Bundle>(input) {
        Ok(bundle) => {
            let generated = bundle.definition();
            bundle.errors.finish(TokenStream::new(), Some(generated))
        }
        Err(error) => error.into_compile_error(),
    }
}

impl Parse for Bundle {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let usage = |error: syn::Error| {
            let usage = "write bundle!(pub NAME = \"symbolic.name\", components = [A, B])";
            syn::Error::new(error.span(), usage)
        };
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let ident = input.parse().map_err(usage)?;
        let name: Name = assigned(input).map_err(usage)?;
        let mut errors = Errors::default();
        if name.text().is_some_and(|text| text.trim().is_empty()) {
            errors.add(&name, "the symbolic name of a bundle cannot be empty");
        }
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
        let (mut version, mut components, mut activator) = (None, None, None);
        support::options(input, &mut errors, |key, input, errors| {
            match key.to_string().as_str() {
                "version" => set(&mut version, key, assigned(input), errors),
                "components" => set(&mut components, key, read_components(input), errors),
                "activator" => set(&mut activator, key, assigned(input), errors),
                _ => Err(syn::Error::new_spanned(
                    key,
                    format!(
                        "there is no option `{key}`: there are `version`, `components` and `activator`"
                    ),
                )),
            }
        })?;
        let activator = activator.filter(|path: &Path| !path.is_ident("None"));
        Ok(Self {
            attributes,
            visibility,
            ident,
            name,
            version,
            components,
            activator,
            errors,
        })
    }
}

fn read_components(input: ParseStream<'_>) -> syn::Result<Vec<Path>> {
    input.parse::<Token![=]>()?;
    let content;
    bracketed!(content in input);
    let components = Punctuated::<Path, Token![,]>::parse_terminated(&content)?;
    Ok(components.into_iter().collect())
}

impl Bundle {
    fn definition(&self) -> TokenStream {
        let core = core_path();
        let span = Span::mixed_site();
        let Self {
            attributes,
            visibility,
            ident,
            name,
            ..
        } = self;
        let documented = attributes
            .iter()
            .any(|attribute| attribute.path().is_ident("doc"));
        let documentation = (!documented).then(|| {
            let text = name.text().unwrap_or_else(|| ident.to_string());
            let text = format!("The bundle `{text}`.");
            quote!(#[doc = #text])
        });
        let version = match &self.version {
            Some(version) => quote!(#version),
            None => quote!(::core::env!("CARGO_PKG_VERSION")),
        };
        let components = self.components.iter().flatten().map(|component| {
            let span = span.located_at(component.span());
            quote_spanned!(span=> <#component as #core::component::Component>::factory)
        });
        let activator = match &self.activator {
            None => quote!(::core::option::Option::None),
            Some(activator) => {
                let make = quote_spanned!(span.located_at(activator.span())=> <#activator as ::core::default::Default>::default());
                quote_spanned!(span.located_at(activator.span())=> ::core::option::Option::Some(|| ::std::boxed::Box::new(#make)))
            }
        };
        quote_spanned! {span=>
            #(#attributes)*
            #documentation
            #visibility static #ident: #core::framework::BundleDefinition = #core::framework::BundleDefinition {
                symbolic_name: #name,
                version: #version,
                location: ::core::file!(),
                components: &[#(#components),*],
                activator: #activator,
            };
        }
    }
}
