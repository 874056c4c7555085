//! `#[lifecycle]`: the methods that the component model calls.
//!
//! The block stays as it is, without the markers; beside it comes `impl Lifecycle`, which names the methods.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::Parser as _;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, FnArg, ImplItem, ImplItemFn, ItemImpl, ReceiverKind, Token, Type};

use crate::support::{
    Errors, attribute_tokens, bare, cfgs, core_path, located, named_type, take_attributes,
};

/// The markers, which are the names of the fields of `Callbacks` too.
const MARKERS: &[&str] = &[
    "validate",
    "invalidate",
    "bind",
    "update",
    "unbind",
    "post_registration",
    "post_unregistration",
];

/// One callback.
struct Callback {
    cfgs: Vec<Attribute>,
    /// `validate`, `bind`, ….
    kind: Ident,
    /// The injected field that it is for; none for one of the whole component.
    field: Option<Ident>,
    if_valid: bool,
    method: Ident,
    is_async: bool,
    arguments: Vec<Argument>,
}

/// What a callback is about.
#[derive(Clone, Copy, PartialEq)]
enum About {
    Component,
    /// A service that the component offers.
    Offered,
    /// A service in one of its fields.
    Field,
}

/// What a callback takes.
enum Argument {
    Context,
    Reference,
    /// The service, as this interface.
    Service(Box<Type>),
}

pub(crate) fn expand(arguments: TokenStream, mut item: ItemImpl) -> TokenStream {
    let mut errors = Errors::default();
    if !arguments.is_empty() {
        errors.add(arguments, "#[lifecycle] takes no arguments");
    }
    if let Some((interface, _)) = &item.trait_ {
        errors.add(interface, "#[lifecycle] goes on `impl Type { … }`; the implementation of a service has #[service_impl]");
    }
    if !item.generics.params.is_empty() {
        errors.add(&item.generics, "a component cannot be generic");
    }
    let mut callbacks: Vec<Callback> = Vec::new();
    for part in &mut item.items {
        if let ImplItem::Fn(method) = part {
            for marker in take_attributes(&mut method.attrs, MARKERS) {
                callbacks.extend(Callback::read(method, &marker, &mut errors));
            }
        }
    }
    check_single(&callbacks, &mut errors);
    let generated = lifecycle(&item.self_ty, &callbacks);
    errors.finish(item, Some(generated))
}

/// There is one `validate` and one `invalidate`.
fn check_single(callbacks: &[Callback], errors: &mut Errors) {
    for (index, callback) in callbacks.iter().enumerate() {
        let twin = callbacks[..index].iter().find(|other| {
            other.kind == callback.kind
                && other.field == callback.field
                && other.cfgs.is_empty()
                && callback.cfgs.is_empty()
        });
        if let Some(twin) = twin {
            let (kind, first) = (&callback.kind, &twin.method);
            let field = callback.field.as_ref();
            let field = field.map_or(String::new(), |field| format!("({field})"));
            errors.add(
                kind,
                format!("`{first}` is #[{kind}{field}] already: a component has one of a kind"),
            );
        }
    }
}

impl Callback {
    fn read(method: &ImplItemFn, marker: &Attribute, errors: &mut Errors) -> Option<Self> {
        let kind = marker.path().get_ident()?.clone();
        let tokens = errors.keep(attribute_tokens(marker))?;
        let about = match kind.to_string().as_str() {
            "validate" | "invalidate" => About::Component,
            "post_registration" | "post_unregistration" => About::Offered,
            _ => About::Field,
        };
        let mut if_valid = false;
        let field = if about != About::Field {
            if !tokens.is_empty() {
                errors.add(
                    &tokens,
                    format!("#[{kind}] takes no arguments: it is for the whole component"),
                );
            }
            None
        } else if tokens.is_empty() {
            errors.add(
                marker,
                format!("write the injected field that it is for: #[{kind}(field)]"),
            );
            return None;
        } else {
            let (field, only) = errors.keep(field_and_condition(&kind, tokens))?;
            if_valid = only;
            Some(field)
        };
        let signature = &method.sig;
        if !signature.generics.params.is_empty() {
            errors.add(&signature.generics, "a callback cannot be generic");
        }
        check_receiver(method, errors);
        let mut arguments = Vec::new();
        for input in &signature.inputs {
            if let FnArg::Typed(input) = input {
                arguments.push(Argument::read(&input.ty, about, &arguments, errors)?);
            }
        }
        Some(Self {
            cfgs: cfgs(&method.attrs),
            kind,
            field,
            if_valid,
            method: signature.ident.clone(),
            is_async: signature.asyncness.is_some(),
            arguments,
        })
    }

    /// The function that the component model calls.
    fn closure(&self, core: &TokenStream) -> TokenStream {
        let span = Span::mixed_site();
        let Self {
            method, arguments, ..
        } = self;
        let waits = self.is_async.then(|| quote!(.await));
        let passed = arguments.iter().map(|argument| match argument {
            Argument::Reference if self.field.is_some() => {
                quote_spanned!(span=> about.reference())
            }
            Argument::Context | Argument::Reference => quote_spanned!(span=> &about),
            Argument::Service(_) => quote_spanned!(span=> &service),
        });
        let service = arguments.iter().find_map(|argument| match argument {
            Argument::Service(interface) => Some(quote_spanned! {span=>
                // The field injects this very interface (checked below), so there is always one.
                let ::core::option::Option::Some(service) = about.get::<#interface>() else {
                    return ::core::result::Result::Ok(());
                };
            }),
            _ => None,
        });
        let here = span.located_at(method.span());
        let located = located(core, here);
        let call = quote_spanned!(here=> component.#method(#(#passed),*) #waits);
        let result = quote_spanned!(here=> #located::component::CallbackResult::into_result(#call));
        quote_spanned! {span=>
            |component, about| ::std::boxed::Box::pin(async move {
                #service
                #result
            })
        }
    }

    /// `callbacks.validate = Some(…);` or `callbacks.bind.push((field, …));`.
    fn statement(&self, core: &TokenStream, callbacks: &Ident) -> TokenStream {
        let Self {
            cfgs, kind, field, ..
        } = self;
        let closure = self.closure(core);
        match field {
            None => {
                quote!(#(#cfgs)* { #callbacks.#kind = ::core::option::Option::Some(#closure); })
            }
            Some(field) => {
                let field = field.unraw().to_string();
                let if_valid = self.if_valid.then(|| quote!(.if_valid()));
                quote!(#(#cfgs)* {
                    #callbacks.#kind.push(#core::component::FieldCallback::<Self>::new(#field, #closure) #if_valid);
                })
            }
        }
    }

    /// A use of the field, so that the compiler says when there is none, or when it injects another interface.
    fn check(&self, core: &TokenStream, component: &Type) -> Option<TokenStream> {
        let (cfgs, field) = (&self.cfgs, self.field.as_ref()?);
        let span = Span::mixed_site().located_at(field.span());
        let core = located(core, span);
        let interface = self.arguments.iter().find_map(|argument| match argument {
            Argument::Service(interface) => Some(quote!(#interface)),
            _ => None,
        });
        let interface = interface.unwrap_or_else(|| quote!(_));
        Some(quote_spanned! {span=>
            #(#cfgs)*
            let _ = |component: &#component| #core::__private::injects::<#interface, _>(&component.#field);
        })
    }
}

/// `field`, or `field, if_valid`.
fn field_and_condition(kind: &Ident, tokens: TokenStream) -> syn::Result<(Ident, bool)> {
    let wanted = format!("write #[{kind}(field)] or #[{kind}(field, if_valid)]");
    let names = Punctuated::<Ident, Token![,]>::parse_terminated;
    let names: Vec<Ident> = names.parse2(tokens)?.into_iter().collect();
    match &*names {
        [field] => Ok((field.clone(), false)),
        [field, only] if only == "if_valid" => Ok((field.clone(), true)),
        [_, other, ..] => Err(syn::Error::new_spanned(other, wanted)),
        [] => Err(syn::Error::new_spanned(kind, wanted)),
    }
}

impl Argument {
    fn read(ty: &Type, about: About, others: &[Self], errors: &mut Errors) -> Option<Self> {
        let behind = match bare(ty) {
            Type::Reference(reference) => named_type(&reference.elem),
            _ => None,
        };
        let argument = match behind {
            Some((name, _)) if about == About::Component && name == "ComponentContext" => {
                Self::Context
            }
            Some((name, _)) if about != About::Component && name == "ServiceRef" => Self::Reference,
            Some((name, inner)) if about == About::Field && name == "Arc" && inner.len() == 1 => {
                Self::Service(Box::new(inner[0].clone()))
            }
            _ => {
                let wanted = match about {
                    About::Field => {
                        "a callback of a field takes `&Arc<dyn T>`, `&ServiceRef`, or both"
                    }
                    About::Offered => {
                        "#[post_registration] and #[post_unregistration] take `&ServiceRef` or nothing"
                    }
                    About::Component => {
                        "#[validate] and #[invalidate] take `&ComponentContext` or nothing"
                    }
                };
                errors.add(ty, wanted);
                return None;
            }
        };
        let kind = std::mem::discriminant(&argument);
        if others
            .iter()
            .any(|other| std::mem::discriminant(other) == kind)
        {
            errors.add(ty, "the callback takes this twice");
        }
        Some(argument)
    }
}

fn check_receiver(method: &ImplItemFn, errors: &mut Errors) {
    let message = "a component is shared with those who use it: a callback takes `&self`, or `self: &Arc<Self>`";
    match method.sig.receiver() {
        None => errors.add(&method.sig.ident, message),
        Some(receiver) => {
            let refused = match &receiver.kind {
                ReceiverKind::Reference(_, _, mutability) => mutability.is_some(),
                ReceiverKind::Typed(_, _) => false,
                _ => true,
            };
            if refused {
                errors.add(receiver, message);
            }
        }
    }
}

/// `impl Lifecycle for Type`.
fn lifecycle(component: &Type, callbacks: &[Callback]) -> TokenStream {
    let core = core_path();
    let span = Span::mixed_site();
    let variable = Ident::new("callbacks", span);
    let statements = callbacks
        .iter()
        .map(|callback| callback.statement(&core, &variable));
    let checks = callbacks
        .iter()
        .filter_map(|callback| callback.check(&core, component));
    let target = quote_spanned!(span.located_at(component.span())=> #core::component::Lifecycle for #component);
    quote_spanned! {span=>
        #[automatically_derived]
        #[allow(clippy::all, unused_mut)]
        impl #target {
            fn callbacks() -> #core::component::Callbacks<Self> {
                #(#checks)*
                let mut #variable = #core::component::Callbacks::<Self>::default();
                #(#statements)*
                #variable
            }
        }
    }
}
