//! One field of a component: injected, a property, a switch, an initial value, or its type's default.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, Expr, LitInt, LitStr, Token, Type, parenthesized};

use crate::support::{
    self, Errors, Name, assigned, attribute_tokens, cfgs, named_type, set, take_attributes, written,
};

/// A field and what fills it.
pub(super) struct Field {
    pub(super) cfgs: Vec<Attribute>,
    pub(super) ident: Ident,
    ty: Type,
    source: Source,
}

/// What fills a field.
enum Source {
    Injected(Injection),
    Property {
        key: Name,
        default: Option<Expr>,
        hidden: bool,
    },
    Switch {
        interface: Option<Type>,
        on: bool,
    },
    Expression(Expr),
    Default,
}

/// What `#[inject(…)]` says.
#[derive(Default)]
struct Injection {
    filter: Option<LitStr>,
    minimum: Option<LitInt>,
    key: Option<Name>,
    order: Option<Expr>,
    grace: Option<LitStr>,
    balance: Option<LitStr>,
    also: Vec<Type>,
    /// Each with the function that makes it the field's interface, where it is not a supertrait.
    or: Vec<(Type, Option<Expr>)>,
}

/// The attributes of fields.
const ATTRIBUTES: &[&str] = &["inject", "property", "switch", "init"];

impl Field {
    /// Takes a field over, and our attributes out of it.
    pub(super) fn read(field: &mut syn::Field, errors: &mut Errors) -> Option<Self> {
        let attributes = take_attributes(&mut field.attrs, ATTRIBUTES);
        for more in attributes.iter().skip(1) {
            errors.add(
                more,
                "a field has one of #[inject], #[property], #[switch] and #[init]",
            );
        }
        let source = match attributes.first() {
            None => Source::Default,
            Some(attribute) => read_source(attribute, &field.ty, errors)?,
        };
        Some(Self {
            cfgs: cfgs(&field.attrs),
            ident: field.ident.clone()?,
            ty: field.ty.clone(),
            source,
        })
    }

    /// The key of a property field.
    pub(super) fn key(&self) -> Option<&Name> {
        match &self.source {
            Source::Property { key, .. } => Some(key),
            _ => None,
        }
    }

    fn name(&self) -> String {
        self.ident.unraw().to_string()
    }

    /// Where the compiler is to point for the type; names resolve as the macro's own.
    fn span(&self) -> Span {
        Span::mixed_site().located_at(self.ty.span())
    }

    /// The step of the factory's builder.
    pub(super) fn step(&self, core: &TokenStream) -> Option<TokenStream> {
        let (name, ty) = (self.name(), &self.ty);
        match &self.source {
            Source::Injected(injection) => {
                let steps = injection.steps(core, ty);
                let core = support::located(core, self.span());
                let injection =
                    quote_spanned!(self.span()=> #core::component::Injection::new(#name) #steps);
                Some(quote_spanned!(self.span()=> .injected::<#ty>(#injection)))
            }
            Source::Switch { interface, on } => {
                let specification = match interface {
                    Some(interface) => {
                        let span = Span::mixed_site().located_at(interface.span());
                        let core = support::located(core, span);
                        let named = quote_spanned!(span=> <#interface as #core::service::Service>::interface().name);
                        quote!(::core::option::Option::Some(#named))
                    }
                    None => quote!(::core::option::Option::None),
                };
                Some(quote_spanned!(self.span()=> .switch(#name, #specification, #on)))
            }
            Source::Property {
                key,
                default,
                hidden,
            } => {
                let default = match default {
                    Some(default) => {
                        let span = Span::mixed_site().located_at(default.span());
                        let core = support::located(core, span);
                        let value = quote_spanned!(span=> #core::property::Value::from(#default));
                        quote!(::core::option::Option::Some(#value))
                    }
                    None => quote!(::core::option::Option::None),
                };
                let step = Ident::new(if *hidden { "hidden" } else { "value" }, self.span());
                Some(quote_spanned!(self.span()=> .#step::<#ty>(#key, #default)))
            }
            Source::Expression(_) | Source::Default => None,
        }
    }

    /// The value in `build`, from its argument.
    pub(super) fn value(&self, fields: &Ident) -> TokenStream {
        let (name, ty) = (self.name(), &self.ty);
        match &self.source {
            Source::Switch { .. } => quote_spanned!(self.span()=> #fields.switch(#name)?),
            Source::Injected(_) => {
                quote_spanned!(self.span()=> #fields.injected::<#ty>(#name)?)
            }
            Source::Property { key, .. } => {
                quote_spanned!(self.span()=> #fields.property::<#ty>(#key)?)
            }
            Source::Expression(expression) => quote!(#expression),
            Source::Default => {
                quote_spanned!(self.span()=> <#ty as ::core::default::Default>::default())
            }
        }
    }
}

fn read_source(attribute: &Attribute, ty: &Type, errors: &mut Errors) -> Option<Source> {
    let tokens = errors.keep(attribute_tokens(attribute))?;
    if attribute.path().is_ident("inject") {
        read_inject(tokens, ty, errors)
    } else if attribute.path().is_ident("property") {
        if tokens.is_empty() {
            errors.add(
                attribute,
                "write the key: #[property(\"its.key\", default = value)]",
            );
            return None;
        }
        read_property(tokens, errors)
    } else if attribute.path().is_ident("switch") {
        Some(read_switch(tokens, errors))
    } else if tokens.is_empty() {
        errors.add(attribute, "write the first value: #[init(value)]; without the attribute it is `Default::default()`");
        None
    } else {
        errors.keep(syn::parse2(tokens)).map(Source::Expression)
    }
}

fn read_inject(tokens: TokenStream, ty: &Type, errors: &mut Errors) -> Option<Source> {
    let mut injection = Injection::default();
    let mut found = Errors::default();
    let parser = |input: ParseStream<'_>| {
        support::options(input, &mut found, |key, input, errors| {
            injection.read_one(key, input, errors)
        })
    };
    support::parse(tokens, parser, errors);
    errors.append(found);
    match named_type(ty) {
        Some((name, inner)) if name == "Option" => {
            let interface =
                inner
                    .first()
                    .map_or("dyn T".to_owned(), |inner| match named_type(inner) {
                        Some((name, inner)) if name == "Arc" && inner.len() == 1 => {
                            written(inner[0])
                        }
                        _ => "dyn T".to_owned(),
                    });
            errors.add(ty, format!("a service that may be absent is an `Opt<{interface}>`: it comes and goes in place"));
            return None;
        }
        Some((name, _)) => injection.check(name, ty, errors),
        None => injection.check(&Ident::new("Arc", Span::call_site()), ty, errors),
    }
    Some(Source::Injected(injection))
}

impl Injection {
    fn read_one(
        &mut self,
        key: &Ident,
        input: ParseStream<'_>,
        errors: &mut Errors,
    ) -> syn::Result<()> {
        match key.to_string().as_str() {
            "filter" => set(&mut self.filter, key, assigned(input), errors),
            "min" => set(&mut self.minimum, key, assigned(input), errors),
            "key" => set(&mut self.key, key, assigned(input), errors),
            "order" => set(&mut self.order, key, assigned(input), errors),
            "grace" => set(&mut self.grace, key, assigned(input), errors),
            "balance" => set(&mut self.balance, key, assigned(input), errors),
            "also" => {
                let content;
                parenthesized!(content in input);
                self.also
                    .extend(Punctuated::<Type, Token![,]>::parse_terminated(&content)?);
                Ok(())
            }
            "or" => {
                let content;
                parenthesized!(content in input);
                let other = |input: ParseStream<'_>| {
                    let interface = input.parse::<Type>()?;
                    let view = input.peek(Token![=]).then(|| assigned(input)).transpose()?;
                    Ok((interface, view))
                };
                self.or
                    .extend(Punctuated::<_, Token![,]>::parse_terminated_with(
                        &content, other,
                    )?);
                Ok(())
            }
            _ => Err(syn::Error::new_spanned(
                key,
                format!(
                    "there is no option `{key}`: there are `filter`, `min`, `key`, `order`, `grace`, `balance`, `also` and `or`"
                ),
            )),
        }
    }

    /// Refuses what the type of the field has no use for.
    fn check(&self, kind: &Ident, ty: &Type, errors: &mut Errors) {
        let kind = kind.to_string();
        let is_map = matches!(kind.as_str(), "Map" | "MultiMap");
        let several = is_map || matches!(kind.as_str(), "Many" | "Broadcast" | "Balanced");
        if let Some(minimum) = self.minimum.as_ref().filter(|_| !several) {
            errors.add(minimum, "`min` counts the services of a `Many<dyn T>`, a `Broadcast<dyn T>`, a `Balanced<dyn T>` or a map: `Arc` and `Best` need one, `Opt` none");
        }
        match &self.key {
            Some(key) if !is_map => {
                errors.add(
                    key,
                    "`key` is for a `Map<K, dyn T>` or a `MultiMap<K, dyn T>`",
                );
            }
            None if is_map => {
                errors.add(
                    ty,
                    "write the property that the map goes by: #[inject(key = \"its.key\")]",
                );
            }
            _ => {}
        }
        if let Some(order) = self.order.as_ref().filter(|_| kind == "Balanced") {
            errors.add(order, "a `Balanced<dyn T>` has no best: write `balance = \"…\"` for how each call chooses");
        }
        if let Some(balance) = &self.balance {
            if kind != "Balanced" {
                errors.add(balance, "`balance` is for a `Balanced<dyn T>`");
            } else if balance_variant(balance).is_none() {
                errors.add(
                    balance,
                    "write \"round_robin\" (the default), \"least_pending\" or \"latency\"",
                );
            }
        }
        if let Some(grace) = &self.grace {
            if kind != "Temporal" {
                errors.add(grace, "`grace` is for a `Temporal<dyn T>`");
            } else if support::milliseconds(&grace.value()).is_none() {
                errors.add(grace, "write a time as \"500ms\", \"10s\" or \"2m\"");
            }
        }
    }

    /// The steps that say all this.
    fn steps(&self, core: &TokenStream, ty: &Type) -> TokenStream {
        let span = Span::mixed_site();
        let filter = self.filter.iter().map(|text| quote!(.filter(#text)));
        let minimum = self.minimum.iter().map(|count| quote!(.minimum(#count)));
        let key = self.key.iter().map(|key| quote!(.key(#key)));
        let order = self.order.iter().map(|order| {
            let span = span.located_at(order.span());
            quote_spanned!(span=> .order(#order))
        });
        let grace = self.grace.iter().filter_map(|grace| {
            let time = support::milliseconds(&grace.value())?;
            Some(quote!(.grace(::core::time::Duration::from_millis(#time))))
        });
        let balance = self.balance.iter().filter_map(|balance| {
            let variant = balance_variant(balance)?;
            let span = span.located_at(balance.span());
            Some(quote_spanned!(span=> .balance(#core::component::Balance::#variant)))
        });
        let also = self.also.iter().map(|interface| {
            let span = span.located_at(interface.span());
            quote_spanned!(span=> .also::<#interface>())
        });
        let or = self.or.iter().map(|(interface, view)| {
            let span = span.located_at(view.as_ref().map_or(interface.span(), Spanned::span));
            let core = support::located(core, span);
            let own = quote_spanned!(span=> <#ty as #core::component::Inject>::Interface);
            let view = match view {
                Some(view) => quote!(#view),
                None => quote_spanned!(span=> |service| service),
            };
            quote_spanned!(span=> .or::<#own, #interface>(#view))
        });
        let steps = filter.chain(minimum).chain(key).chain(order);
        steps
            .chain(grace)
            .chain(balance)
            .chain(also)
            .chain(or)
            .collect()
    }
}

/// The variant of `Balance` of this name.
fn balance_variant(name: &LitStr) -> Option<Ident> {
    let variant = match name.value().as_str() {
        "round_robin" => "RoundRobin",
        "least_pending" => "LeastPending",
        "latency" => "Latency",
        _ => return None,
    };
    Some(Ident::new(variant, name.span()))
}

fn read_switch(tokens: TokenStream, errors: &mut Errors) -> Source {
    let (mut interface, mut on) = (None, true);
    let mut found = Errors::default();
    let parser = |input: ParseStream<'_>| {
        while !input.is_empty() {
            if input.peek(Token![dyn]) {
                let ty: Type = input.parse()?;
                if interface.is_some() {
                    found.add(&ty, "a switch is for one service, or without any for all");
                }
                interface = Some(ty);
            } else {
                let word: Ident = input.parse().map_err(|error| {
                    syn::Error::new(
                        error.span(),
                        "write #[switch], #[switch(off)] or #[switch(dyn T)]",
                    )
                })?;
                if word != "off" {
                    found.add(&word, "write #[switch], #[switch(off)] or #[switch(dyn T)]");
                }
                on = false;
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(())
    };
    support::parse(tokens, parser, errors);
    errors.append(found);
    Source::Switch { interface, on }
}

fn read_property(tokens: TokenStream, errors: &mut Errors) -> Option<Source> {
    let mut default: Option<Expr> = None;
    let mut hidden = false;
    let mut found = Errors::default();
    let parser = |input: ParseStream<'_>| {
        let key: Name = input.parse()?;
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
        support::options(input, &mut found, |key, input, errors| {
            if key == "default" {
                set(&mut default, key, assigned(input), errors)
            } else if key == "hidden" {
                hidden = true;
                Ok(())
            } else {
                Err(syn::Error::new_spanned(
                    key,
                    format!("there is no option `{key}`: there are `default` and `hidden`"),
                ))
            }
        })?;
        Ok(key)
    };
    let key = support::parse(tokens, parser, errors);
    errors.append(found);
    key.map(|key| Source::Property {
        key,
        default,
        hidden,
    })
}
