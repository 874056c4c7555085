//! One field of a component: injected, a property, an initial value, or its type's default.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::spanned::Spanned;
use syn::{Attribute, Expr, LitInt, LitStr, Token, Type};

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
    Injected {
        filter: Option<LitStr>,
        minimum: Option<LitInt>,
    },
    Property {
        key: Name,
        default: Option<Expr>,
    },
    Expression(Expr),
    Default,
}

/// The attributes of fields.
const ATTRIBUTES: &[&str] = &["inject", "property", "init"];

impl Field {
    /// Takes a field over, and our attributes out of it.
    pub(super) fn read(field: &mut syn::Field, errors: &mut Errors) -> Option<Self> {
        let attributes = take_attributes(&mut field.attrs, ATTRIBUTES);
        for more in attributes.iter().skip(1) {
            errors.add(
                more,
                "a field has one of #[inject], #[property] and #[init]",
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
            Source::Injected { filter, minimum } => {
                let filter = filter.as_ref().map_or(quote!(""), |filter| quote!(#filter));
                let minimum = minimum
                    .as_ref()
                    .map_or(quote!(0), |minimum| quote!(#minimum));
                Some(quote_spanned!(self.span()=> .inject::<#ty>(#name, #filter, #minimum)))
            }
            Source::Property { key, default } => {
                let default = match default {
                    Some(default) => {
                        let span = Span::mixed_site().located_at(default.span());
                        let core = support::located(core, span);
                        let value = quote_spanned!(span=> #core::property::Value::from(#default));
                        quote!(::core::option::Option::Some(#value))
                    }
                    None => quote!(::core::option::Option::None),
                };
                Some(quote_spanned!(self.span()=> .value::<#ty>(#key, #default)))
            }
            Source::Expression(_) | Source::Default => None,
        }
    }

    /// The value in `build`, from its argument.
    pub(super) fn value(&self, fields: &Ident) -> TokenStream {
        let (name, ty) = (self.name(), &self.ty);
        match &self.source {
            Source::Injected { .. } => {
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
    } else if tokens.is_empty() {
        errors.add(attribute, "write the first value: #[init(value)]; without the attribute it is `Default::default()`");
        None
    } else {
        errors.keep(syn::parse2(tokens)).map(Source::Expression)
    }
}

fn read_inject(tokens: TokenStream, ty: &Type, errors: &mut Errors) -> Option<Source> {
    let mut filter: Option<LitStr> = None;
    let mut minimum: Option<LitInt> = None;
    let mut found = Errors::default();
    let parser = |input: ParseStream<'_>| {
        support::options(input, &mut found, |key, input, errors| {
            if key == "filter" {
                set(&mut filter, key, assigned(input), errors)
            } else if key == "min" {
                set(&mut minimum, key, assigned(input), errors)
            } else {
                Err(syn::Error::new_spanned(
                    key,
                    format!("there is no option `{key}`: there are `filter` and `min`"),
                ))
            }
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
        Some((name, _)) if name == "Many" => {}
        _ => {
            if let Some(minimum) = &minimum {
                errors.add(minimum, "`min` counts the services of a `Many<dyn T>`: `Arc` and `Best` need one, `Opt` none");
            }
        }
    }
    Some(Source::Injected { filter, minimum })
}

fn read_property(tokens: TokenStream, errors: &mut Errors) -> Option<Source> {
    let mut default: Option<Expr> = None;
    let mut found = Errors::default();
    let parser = |input: ParseStream<'_>| {
        let key: Name = input.parse()?;
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
        support::options(input, &mut found, |key, input, errors| {
            if key == "default" {
                set(&mut default, key, assigned(input), errors)
            } else {
                Err(syn::Error::new_spanned(
                    key,
                    format!("there is no option `{key}`: there is `default`"),
                ))
            }
        })?;
        Ok(key)
    };
    let key = support::parse(tokens, parser, errors);
    errors.append(found);
    key.map(|key| Source::Property { key, default })
}
