//! What all macros share: the path to the core crate, collected errors, names, and options of attributes.

use proc_macro_crate::{FoundCrate, crate_name};
use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Attribute, GenericArgument, LitStr, Path, PathArguments, Token, Type};

/// The path of `ferlix-core` as the calling crate can name it: itself a dependency, or through `ferlix`.
pub(crate) fn core_path() -> TokenStream {
    match crate_name("ferlix-core") {
        Ok(FoundCrate::Name(name)) => return rooted(&name),
        // The crate has `extern crate self as ferlix_core`; its tests and examples see it as a dependency.
        Ok(FoundCrate::Itself) => return quote!(::ferlix_core),
        Err(_) => {}
    }
    match crate_name("ferlix") {
        Ok(FoundCrate::Name(name)) => {
            let root = rooted(&name);
            quote!(#root::__core)
        }
        Ok(FoundCrate::Itself) => quote!(::ferlix::__core),
        // The compiler then says that the crate is missing, under the name that is to be added.
        Err(_) => quote!(::ferlix::__core),
    }
}

/// A path with all its tokens at one place, so that the compiler points there and not at the whole attribute.
pub(crate) fn located(path: &TokenStream, span: Span) -> TokenStream {
    let place = |mut token: TokenTree| {
        token.set_span(span);
        token
    };
    path.clone().into_iter().map(place).collect()
}

fn rooted(name: &str) -> TokenStream {
    let name = format_ident!("{name}");
    quote!(::#name)
}

/// Collects all errors of one expansion, so that they are reported at once.
#[derive(Default)]
pub(crate) struct Errors(Option<syn::Error>);

impl Errors {
    /// Adds an error that points at some tokens.
    pub(crate) fn add(&mut self, at: impl ToTokens, message: impl std::fmt::Display) {
        self.push(syn::Error::new_spanned(at, message));
    }

    /// Adds an error that points at the attribute itself.
    pub(crate) fn add_here(&mut self, message: impl std::fmt::Display) {
        self.push(syn::Error::new(Span::call_site(), message));
    }

    /// Adds an error.
    pub(crate) fn push(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            None => self.0 = Some(error),
        }
    }

    /// Takes over the errors of a part.
    pub(crate) fn append(&mut self, other: Self) {
        if let Some(error) = other.0 {
            self.push(error);
        }
    }

    /// The value, or nothing once the error is kept.
    pub(crate) fn keep<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }

    /// The item with what was generated for it, or with the errors: the item itself stays, so that nothing else in the
    /// user's crate breaks.
    pub(crate) fn finish(self, item: impl ToTokens, generated: Option<TokenStream>) -> TokenStream {
        let rest = match (self.0, generated) {
            (Some(error), _) => error.into_compile_error(),
            (None, generated) => generated.unwrap_or_default(),
        };
        quote!(#item #rest)
    }
}

/// A name: a string literal, or the path of a `&'static str` constant.
pub(crate) enum Name {
    /// `"a.name"`
    Literal(LitStr),
    /// `keys::A_NAME`
    Constant(Path),
}

impl Name {
    /// The text, where it is known.
    pub(crate) fn text(&self) -> Option<String> {
        match self {
            Self::Literal(text) => Some(text.value()),
            Self::Constant(_) => None,
        }
    }
}

impl Parse for Name {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.peek(LitStr) {
            input.parse().map(Self::Literal)
        } else if input.peek(syn::Ident) || input.peek(Token![::]) || input.peek(Token![crate]) {
            input.parse().map(Self::Constant)
        } else {
            Err(input.error("write the name as a string, or a constant of type &'static str"))
        }
    }
}

impl ToTokens for Name {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Literal(text) => text.to_tokens(tokens),
            Self::Constant(path) => path.to_tokens(tokens),
        }
    }
}

/// Reads `key …, key …`; `one` reads what follows a key. After an error it goes on behind the next comma.
pub(crate) fn options(
    input: ParseStream<'_>,
    errors: &mut Errors,
    mut one: impl FnMut(&Ident, ParseStream<'_>, &mut Errors) -> syn::Result<()>,
) -> syn::Result<()> {
    while !input.is_empty() {
        let read = if input.peek(syn::Ident::peek_any) {
            Ident::parse_any(input).and_then(|key| one(&key, input, errors))
        } else {
            Err(input.error("expected an option such as `name = value`"))
        };
        if let Err(error) = read {
            errors.push(error);
            skip(input)?;
        } else if !input.is_empty() && !input.peek(Token![,]) {
            errors.push(input.error("expected `,`"));
            skip(input)?;
        }
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
    }
    Ok(())
}

fn skip(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<TokenTree>()?;
    }
    Ok(())
}

/// Reads `= value`.
pub(crate) fn assigned<T: Parse>(input: ParseStream<'_>) -> syn::Result<T> {
    input.parse::<Token![=]>()?;
    input.parse()
}

/// Sets an option once.
pub(crate) fn set<T>(
    slot: &mut Option<T>,
    key: &Ident,
    value: syn::Result<T>,
    errors: &mut Errors,
) -> syn::Result<()> {
    if slot.is_some() {
        errors.add(key, format!("`{key}` is given twice"));
    }
    *slot = Some(value?);
    Ok(())
}

/// Runs a parser over the tokens of an attribute.
pub(crate) fn parse<T>(
    tokens: TokenStream,
    parser: impl FnOnce(ParseStream<'_>) -> syn::Result<T>,
    errors: &mut Errors,
) -> Option<T> {
    errors.keep(parser.parse2(tokens))
}

/// The tokens between the parentheses of an attribute; none for a bare one.
pub(crate) fn attribute_tokens(attribute: &Attribute) -> syn::Result<TokenStream> {
    match &attribute.meta {
        syn::Meta::Path(_) => Ok(TokenStream::new()),
        syn::Meta::List(list) => Ok(list.tokens.clone()),
        syn::Meta::NameValue(pair) => Err(syn::Error::new_spanned(
            pair,
            "write the arguments in parentheses",
        )),
    }
}

/// Takes the attributes of these names out of a list.
pub(crate) fn take_attributes(attributes: &mut Vec<Attribute>, names: &[&str]) -> Vec<Attribute> {
    attributes
        .extract_if(.., |attribute| {
            names.iter().any(|name| attribute.path().is_ident(name))
        })
        .collect()
}

/// The `#[cfg]`s of an item: what is generated for it has them too.
pub(crate) fn cfgs(attributes: &[Attribute]) -> Vec<Attribute> {
    attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("cfg"))
        .cloned()
        .collect()
}

/// The type without the invisible groups and parentheses around it.
pub(crate) fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => bare(&group.elem),
        Type::Paren(paren) => bare(&paren.elem),
        other => other,
    }
}

/// The last name of a path type, and its type arguments: `std::sync::Arc<dyn T>` is `Arc` and `[dyn T]`.
pub(crate) fn named_type(ty: &Type) -> Option<(&Ident, Vec<&Type>)> {
    let Type::Path(path) = bare(ty) else {
        return None;
    };
    let last = path.path.segments.last()?;
    let arguments = match &last.arguments {
        PathArguments::AngleBracketed(arguments) => arguments
            .args
            .iter()
            .filter_map(|argument| match argument {
                GenericArgument::Type(ty) => Some(ty),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    };
    Some((&last.ident, arguments))
}

/// Tokens as a person would write them, for messages.
pub(crate) fn written(tokens: impl ToTokens) -> String {
    let mut text = tokens.to_token_stream().to_string();
    for (spaced, tight) in [
        (" < ", "<"),
        (" <", "<"),
        ("< ", "<"),
        (" >", ">"),
        (" :: ", "::"),
        (" ,", ","),
        ("& ", "&"),
    ] {
        text = text.replace(spaced, tight);
    }
    text
}

/// A time such as `5s`, `250ms` or `2m`, in milliseconds.
pub(crate) fn milliseconds(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        _ => return None,
    };
    let amount: u64 = digits.parse().ok()?;
    amount.checked_mul(factor).filter(|time| *time > 0)
}
