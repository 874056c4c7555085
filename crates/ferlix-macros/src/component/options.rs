//! What stands in the parentheses of `#[component(…)]`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::parse::ParseStream;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Expr, LitStr, Token, Type, parenthesized};

use super::chained;
use crate::support::{self, Errors, Name, assigned, bare, named_type, set, written};

/// `factory = "…", instance = "…", provides(dyn A), property("k" = v), retry = "off"`.
#[derive(Default)]
pub(super) struct Options {
    pub(super) factory: Option<Name>,
    instances: Vec<Name>,
    pub(super) provides: Vec<Type>,
    pub(super) properties: Vec<(Name, Expr)>,
    /// The variant of `RetryPolicy`.
    retry: Option<Ident>,
}

impl Options {
    pub(super) fn read(arguments: TokenStream, errors: &mut Errors) -> Self {
        let mut options = Self::default();
        let mut found = Errors::default();
        let before = arguments.is_empty();
        let parser = |input: ParseStream<'_>| {
            support::options(input, &mut found, |key, input, errors| {
                options.read_one(key, input, errors)
            })
        };
        support::parse(arguments, parser, errors);
        errors.append(found);
        if options.factory.is_none() {
            let missing = "write the name of the factory: #[component(factory = \"its-name\")]";
            errors.add_here(if before {
                missing
            } else {
                "`factory = \"its-name\"` is missing"
            });
        }
        options
    }

    fn read_one(
        &mut self,
        key: &Ident,
        input: ParseStream<'_>,
        errors: &mut Errors,
    ) -> syn::Result<()> {
        match key.to_string().as_str() {
            "factory" => set(&mut self.factory, key, assigned(input), errors)?,
            "instance" => self.instances.push(assigned(input)?),
            "provides" => self.read_provides(input, errors)?,
            "property" => {
                let content;
                parenthesized!(content in input);
                let pair = |input: ParseStream<'_>| Ok((input.parse()?, assigned(input)?));
                self.properties
                    .extend(Punctuated::<_, Token![,]>::parse_terminated_with(
                        &content, pair,
                    )?);
            }
            "retry" => set(
                &mut self.retry,
                key,
                assigned::<LitStr>(input).and_then(|text| policy(&text)),
                errors,
            )?,
            _ => {
                return Err(syn::Error::new_spanned(
                    key,
                    format!(
                        "there is no option `{key}`: there are `factory`, `instance`, `provides`, `property` and `retry`"
                    ),
                ));
            }
        }
        Ok(())
    }

    fn read_provides(&mut self, input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<()> {
        let content;
        parenthesized!(content in input);
        for interface in Punctuated::<Type, Token![,]>::parse_terminated(&content)? {
            if !matches!(bare(&interface), Type::TraitObject(object) if object.dyn_token.is_some())
            {
                let name = match named_type(&interface) {
                    Some((name, inner)) if name == "Arc" && inner.len() == 1 => written(inner[0]),
                    _ => format!("dyn {}", written(&interface)),
                };
                errors.add(
                    &interface,
                    format!("name the service interface as a trait object: `{name}`"),
                );
                continue;
            }
            let text = interface.to_token_stream().to_string();
            if self
                .provides
                .iter()
                .any(|other| other.to_token_stream().to_string() == text)
            {
                errors.add(
                    &interface,
                    format!("`{}` is provided twice", written(&interface)),
                );
                continue;
            }
            self.provides.push(interface);
        }
        Ok(())
    }

    /// The steps of the factory's builder.
    pub(super) fn steps(&self, core: &TokenStream, factory: &Ident) -> TokenStream {
        let instances = self.instances.iter().map(|name| quote!(.instance(#name)));
        let properties = self
            .properties
            .iter()
            .map(|(key, value)| quote!(.property(#key, #value)));
        let provides = self.provides.iter().map(|interface| {
            let span = Span::mixed_site().located_at(interface.span());
            quote_spanned!(span=> .provides::<Self, #interface>(|component| component))
        });
        let retry = self
            .retry
            .iter()
            .map(|policy| quote!(.retry(#core::component::RetryPolicy::#policy)));
        let steps = instances.chain(properties).chain(provides).chain(retry);
        steps.map(|step| chained(&[], factory, step)).collect()
    }
}

fn policy(text: &LitStr) -> syn::Result<Ident> {
    let variant = match text.value().as_str() {
        "off" => "Off",
        "back-off" => "BackOff",
        _ => {
            return Err(syn::Error::new_spanned(
                text,
                "write \"off\" (only by `retry`) or \"back-off\" (the default)",
            ));
        }
    };
    Ok(Ident::new(variant, text.span()))
}
