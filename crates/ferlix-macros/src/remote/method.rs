//! One method of a remote service: what may stand in its signature, and what is taken from it.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Attribute, FnArg, LitStr, Pat, ReceiverKind, ReturnType, Signature, TraitItemFn, Type};

use crate::support::{
    self, Errors, assigned, bare, cfgs, named_type, set, take_attributes, written,
};

/// How the names of methods become those on the wire.
#[derive(Clone, Copy)]
pub(super) enum Rename {
    /// `say_hello` is `sayHello`: Java's habit.
    Camel,
    /// As in Rust: Python's habit, and iPOPO's own services.
    Snake,
}

impl Rename {
    pub(super) fn read(rule: &LitStr) -> syn::Result<Self> {
        match rule.value().as_str() {
            "camelCase" => Ok(Self::Camel),
            "snake_case" => Ok(Self::Snake),
            _ => Err(syn::Error::new_spanned(
                rule,
                "write \"camelCase\" (the default) or \"snake_case\"",
            )),
        }
    }

    fn apply(self, name: &str) -> String {
        match self {
            Self::Snake => name.to_owned(),
            Self::Camel => {
                let mut words = name.split('_').filter(|word| !word.is_empty());
                let mut renamed = words.next().unwrap_or_default().to_owned();
                for word in words {
                    let mut characters = word.chars();
                    renamed.extend(characters.next().into_iter().flat_map(char::to_uppercase));
                    renamed.push_str(characters.as_str());
                }
                renamed
            }
        }
    }
}

/// One method.
pub(super) struct Method {
    pub(super) cfgs: Vec<Attribute>,
    pub(super) docs: Vec<Attribute>,
    pub(super) ident: Ident,
    /// The name on the wire.
    pub(super) wire: String,
    /// Whether it ends what it began even when nobody waits for it any more.
    pub(super) finish: bool,
    /// Whether calling it twice is the same as calling it once.
    idempotent: bool,
    /// The signature with plain names as parameters.
    pub(super) signature: Signature,
    pub(super) parameters: Vec<Parameter>,
    pub(super) result: Type,
    pub(super) error: Type,
}

/// One parameter.
pub(super) struct Parameter {
    pub(super) ident: Ident,
    /// The type, behind the reference if it is one.
    pub(super) ty: Type,
    pub(super) borrowed: bool,
}

impl Parameter {
    /// The name without `r#` and the underscore of an unused one.
    pub(super) fn name(&self) -> String {
        self.ident
            .unraw()
            .to_string()
            .trim_start_matches('_')
            .to_owned()
    }

    /// The type that holds the argument: of a `&str` it is `String`.
    pub(super) fn owned(&self) -> TokenStream {
        let ty = &self.ty;
        if self.borrowed {
            quote_spanned!(span_of(ty)=> <#ty as ::std::borrow::ToOwned>::Owned)
        } else {
            ty.to_token_stream()
        }
    }
}

/// Where the compiler is to point for a type; names in the tokens resolve as the macro's own.
pub(super) fn span_of(ty: &Type) -> Span {
    Span::mixed_site().located_at(syn::spanned::Spanned::span(ty))
}

impl Method {
    /// Takes a method over, and its `#[remote]` out of it.
    pub(super) fn read(
        function: &mut TraitItemFn,
        rename: Rename,
        errors: &mut Errors,
    ) -> Option<Self> {
        let options = Options::read(function, errors);
        let cfgs = cfgs(&function.attrs);
        let is_doc = |attribute: &&Attribute| attribute.path().is_ident("doc");
        let docs = function.attrs.iter().filter(is_doc).cloned().collect();
        let signature = &function.sig;
        let ident = signature.ident.clone();
        if signature.asyncness.is_none() {
            errors.add(
                signature.fn_token,
                format!("a remote method waits for its peer: write `async fn {ident}`"),
            );
        }
        if !signature.generics.params.is_empty() || signature.generics.where_clause.is_some() {
            errors.add(
                &signature.generics,
                "a remote method cannot be generic: peers know no Rust types",
            );
        }
        check_receiver(signature, errors);
        let parameters = read_parameters(signature, errors);
        let (result, error) = read_output(signature, errors)?;
        Some(Self {
            wire: options
                .name
                .unwrap_or_else(|| rename.apply(&ident.unraw().to_string())),
            finish: options.finish,
            idempotent: options.idempotent,
            signature: plain_signature(signature, &parameters),
            cfgs,
            docs,
            ident,
            parameters,
            result,
            error,
        })
    }

    /// The `Method` of the interface's description.
    pub(super) fn description(&self, core: &TokenStream) -> TokenStream {
        let Self { cfgs, wire, .. } = self;
        let names = self.names();
        let types = self.parameters.iter().map(Parameter::owned);
        let result = &self.result;
        let finish = self.finish.then(|| quote!(.finishing()));
        let idempotent = self.idempotent.then(|| quote!(.idempotent()));
        quote! {
            #(#cfgs)*
            #core::service::Method::new(#wire, #names)
                #finish
                #idempotent
                .of_basic_types(
                    #(<#types as #core::property::IntoValue>::BASIC &&)*
                    <#result as #core::property::IntoValue>::BASIC
                )
        }
    }

    /// The names of the parameters, as `&[…]`.
    pub(super) fn names(&self) -> TokenStream {
        let names = self.parameters.iter().map(Parameter::name);
        quote!(&[#(#names),*])
    }
}

/// What `#[remote(…)]` says of a method.
#[derive(Default)]
struct Options {
    /// The name on the wire.
    name: Option<String>,
    finish: bool,
    idempotent: bool,
}

const REMOTE: &str =
    "write #[remote(name = \"nameOnTheWire\")], #[remote(finish)] or #[remote(idempotent)]";

impl Options {
    fn read(function: &mut TraitItemFn, errors: &mut Errors) -> Self {
        let mut name: Option<LitStr> = None;
        let (mut finish, mut idempotent) = (None, None);
        for attribute in take_attributes(&mut function.attrs, &["remote"]) {
            let mut found = Errors::default();
            let parser = |input: ParseStream<'_>| {
                support::options(input, &mut found, |key, input, errors| {
                    if key == "name" {
                        set(&mut name, key, assigned(input), errors)
                    } else if key == "finish" {
                        set(&mut finish, key, Ok(()), errors)
                    } else if key == "idempotent" {
                        set(&mut idempotent, key, Ok(()), errors)
                    } else {
                        Err(syn::Error::new_spanned(key, REMOTE))
                    }
                })
            };
            if let Some(tokens) = errors.keep(support::attribute_tokens(&attribute)) {
                support::parse(tokens, parser, errors);
            }
            errors.append(found);
            if name.is_none() && finish.is_none() && idempotent.is_none() {
                errors.add(&attribute, REMOTE);
            }
        }
        if let Some(name) = &name
            && name.value().trim().is_empty()
        {
            errors.add(name, "the name of a method cannot be empty");
        }
        Self {
            name: name.map(|name| name.value()),
            finish: finish.is_some(),
            idempotent: idempotent.is_some(),
        }
    }
}

fn check_receiver(signature: &Signature, errors: &mut Errors) {
    match signature.receiver() {
        Some(receiver) if matches!(receiver.kind, ReceiverKind::Reference(_, None, None)) => {}
        Some(receiver) => errors.add(
            receiver,
            "a service is shared: write `&self`, and keep what changes in an atomic or behind a lock",
        ),
        None => errors.add(&signature.ident, "a remote method belongs to an object: write `&self` first"),
    }
}

fn read_parameters(signature: &Signature, errors: &mut Errors) -> Vec<Parameter> {
    let mut parameters = Vec::new();
    for input in &signature.inputs {
        let FnArg::Typed(input) = input else { continue };
        let Pat::Ident(pattern) = &*input.pat else {
            errors.add(
                &input.pat,
                "a parameter of a remote method needs a name: errors name it",
            );
            continue;
        };
        let (ty, borrowed) = match bare(&input.ty) {
            Type::Reference(reference) => {
                if reference.mutability.is_some() || reference.lifetime.is_some() {
                    errors.add(
                        reference,
                        "arguments travel to another process: write `&T`, or a type of its own",
                    );
                }
                ((*reference.elem).clone(), true)
            }
            other => (other.clone(), false),
        };
        if matches!(ty, Type::ImplTrait(_)) || borrows(ty.to_token_stream()) {
            errors.add(
                &input.ty,
                "arguments travel to another process: only the whole of an argument can be borrowed, as `&str`, `&[T]` or `&T`",
            );
        }
        parameters.push(Parameter {
            ident: pattern.ident.clone(),
            ty,
            borrowed,
        });
    }
    parameters
}

/// Whether there is a reference or a lifetime inside a type.
fn borrows(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Punct(punct) => matches!(punct.as_char(), '&' | '\''),
        TokenTree::Group(group) => borrows(group.stream()),
        _ => false,
    })
}

/// The two types of `Result<R, E>`.
fn read_output(signature: &Signature, errors: &mut Errors) -> Option<(Type, Type)> {
    let ReturnType::Type(_, output) = &signature.output else {
        errors.add(
            &signature.ident,
            "a call of a peer can fail: write `-> Result<(), CallError>`",
        );
        return None;
    };
    match named_type(output) {
        Some((name, arguments)) if name == "Result" && arguments.len() == 2 => {
            Some((arguments[0].clone(), arguments[1].clone()))
        }
        Some((name, arguments)) if name == "Result" && arguments.len() == 1 => {
            let result = written(arguments[0]);
            errors.add(
                output,
                format!("write the error type too: `Result<{result}, CallError>`"),
            );
            None
        }
        _ => {
            let result = written(output);
            errors.add(
                output,
                format!("a call of a peer can fail: write `Result<{result}, CallError>`"),
            );
            None
        }
    }
}

/// The signature for the proxy: patterns such as `mut x` become plain names, attributes go.
fn plain_signature(signature: &Signature, parameters: &[Parameter]) -> Signature {
    let mut signature = signature.clone();
    let typed = signature.inputs.iter_mut().filter_map(|input| match input {
        FnArg::Typed(input) => Some(input),
        FnArg::Receiver(_) => None,
    });
    for (input, parameter) in typed.zip(parameters) {
        let ident = &parameter.ident;
        input.attrs.clear();
        input.pat = syn::parse_quote!(#ident);
    }
    signature
}

#[cfg(test)]
mod tests {
    use super::Rename;

    #[test]
    fn names_on_the_wire() {
        let camel = |name| Rename::Camel.apply(name);
        assert_eq!(camel("say_hello_async"), "sayHelloAsync");
        assert_eq!(camel("ping"), "ping");
        assert_eq!(camel("_hidden__twice_"), "hiddenTwice");
        assert_eq!(camel("over_9000_x"), "over9000X");
        assert_eq!(Rename::Snake.apply("say_hello"), "say_hello");
    }
}
