//! What stands in the parentheses of `#[component(…)]`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Expr, LitStr, Token, Type, parenthesized};

use super::chained;
use crate::support::{self, Errors, Name, assigned, bare, named_type, set, written};

/// `factory = "…", instance = "…", singleton, provides(dyn A, scope = "bundle"), property("k" = v), conditions("c"), retry = "off"`.
#[derive(Default)]
pub(super) struct Options {
    pub(super) factory: Option<Name>,
    instances: Vec<Name>,
    singleton: bool,
    /// What each `provides` names: one service each.
    services: Vec<Offered>,
    pub(super) properties: Vec<(Name, Expr)>,
    conditions: Vec<Name>,
    /// The value of `RetryPolicy`, as what follows its name.
    retry: Option<TokenStream>,
}

/// What stands in one `provides(…)`.
#[derive(Default)]
struct Offered {
    interfaces: Vec<Type>,
    /// The variant of `ServiceScope`, where the object is made for its users.
    scope: Option<Ident>,
}

/// One part of it.
enum Part {
    Interface(Box<Type>),
    Option(Ident, LitStr),
}

impl Parse for Part {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.peek(syn::Ident) && input.peek2(Token![=]) {
            return Ok(Self::Option(input.parse()?, assigned(input)?));
        }
        input.parse().map(Box::new).map(Self::Interface)
    }
}

impl Offered {
    fn read_option(&mut self, key: &Ident, text: &LitStr, errors: &mut Errors) {
        if key != "scope" {
            errors.add(key, format!("there is no option `{key}`: there is `scope`"));
            return;
        }
        let variant = match text.value().as_str() {
            "bundle" => "Bundle",
            "prototype" => "Prototype",
            _ => {
                errors.add(
                    text,
                    "write \"bundle\" (an object for each bundle) or \"prototype\" (one for each use); without it there is one for all",
                );
                return;
            }
        };
        if self.scope.is_some() {
            errors.add(text, "`scope` is given twice");
        }
        self.scope = Some(Ident::new(variant, text.span()));
    }
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
            "singleton" => self.singleton = true,
            "conditions" => {
                let content;
                parenthesized!(content in input);
                self.conditions
                    .extend(Punctuated::<Name, Token![,]>::parse_terminated(&content)?);
            }
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
                        "there is no option `{key}`: there are `factory`, `instance`, `singleton`, `provides`, `property`, `conditions` and `retry`"
                    ),
                ));
            }
        }
        Ok(())
    }

    fn read_provides(&mut self, input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<()> {
        let content;
        parenthesized!(content in input);
        let mut service = Offered::default();
        for part in Punctuated::<Part, Token![,]>::parse_terminated(&content)? {
            let interface = match part {
                Part::Interface(interface) => *interface,
                Part::Option(key, text) => {
                    service.read_option(&key, &text, errors);
                    continue;
                }
            };
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
            let same = |other: &Type| other.to_token_stream().to_string() == text;
            if self.provides().chain(&service.interfaces).any(same) {
                errors.add(
                    &interface,
                    format!("`{}` is provided twice", written(&interface)),
                );
                continue;
            }
            service.interfaces.push(interface);
        }
        if service.scope.is_some()
            && let Some(second) = service.interfaces.get(1)
        {
            errors.add(
                second,
                "a service that is made for its users has one interface: write another `provides(…)`",
            );
        }
        self.services.push(service);
        Ok(())
    }

    /// Every interface that is provided.
    pub(super) fn provides(&self) -> impl Iterator<Item = &Type> {
        self.services.iter().flat_map(|service| &service.interfaces)
    }

    /// The steps of the factory's builder.
    pub(super) fn steps(&self, core: &TokenStream, factory: &Ident) -> TokenStream {
        let instances = self.instances.iter().map(|name| quote!(.instance(#name)));
        let properties = self
            .properties
            .iter()
            .map(|(key, value)| quote!(.property(#key, #value)));
        let provides = self.services.iter().flat_map(|service| {
            let interfaces = service.interfaces.iter().map(|interface| {
                let span = Span::mixed_site().located_at(interface.span());
                match &service.scope {
                    None => {
                        quote_spanned!(span=> .provides::<Self, #interface>(|component| component))
                    }
                    Some(scope) => {
                        let core = support::located(core, span);
                        let scope = quote_spanned!(span=> #core::registry::ServiceScope::#scope);
                        quote_spanned!(span=> .provides_scoped::<Self, #interface>(#scope))
                    }
                }
            });
            std::iter::once(quote!(.next_service())).chain(interfaces)
        });
        let singleton = self.singleton.then(|| quote!(.singleton()));
        let conditions = self.conditions.iter().map(|name| quote!(.condition(#name)));
        let retry = self
            .retry
            .iter()
            .map(|policy| quote!(.retry(#core::component::RetryPolicy::#policy)));
        let steps = instances
            .chain(properties)
            .chain(provides)
            .chain(singleton)
            .chain(conditions)
            .chain(retry);
        steps.map(|step| chained(&[], factory, step)).collect()
    }
}

fn policy(text: &LitStr) -> syn::Result<TokenStream> {
    let value = text.value();
    let fixed = value
        .strip_prefix("fixed(")
        .and_then(|rest| rest.strip_suffix(')'))
        .and_then(support::milliseconds);
    match (value.as_str(), fixed) {
        ("off", _) => Ok(quote!(Off)),
        ("back-off", _) => Ok(quote!(BackOff)),
        (_, Some(pause)) => Ok(quote!(Fixed(::core::time::Duration::from_millis(#pause)))),
        (_, None) => Err(syn::Error::new_spanned(
            text,
            "write \"off\" (only by `retry`), \"fixed(5s)\" (after that time) or \"back-off\" (the default)",
        )),
    }
}
