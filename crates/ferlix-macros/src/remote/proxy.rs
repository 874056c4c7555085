//! The proxy of a remote service: the trait on a `Caller`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};

use super::method::{Method, span_of};
use crate::support;

/// The body of `Service::from_caller`, with the proxy inside.
pub(super) fn expand(core: &TokenStream, interface: &Ident, methods: &[Method]) -> TokenStream {
    // It is what `type_name` and a panic show, and must hide no type of the user's.
    let proxy = format_ident!("__{interface}Proxy");
    let methods = methods.iter().map(|method| call(core, method));
    quote_spanned! {Span::mixed_site()=>
        struct #proxy(::std::sync::Arc<dyn #core::service::Caller>);

        #[#core::__private::async_trait]
        #[allow(deprecated)]
        impl #interface for #proxy {
            #(#methods)*
        }

        ::core::option::Option::Some(::std::sync::Arc::new(#proxy(caller)))
    }
}

/// One method: arguments as they lie, the call, its reply read as the result.
fn call(core: &TokenStream, method: &Method) -> TokenStream {
    let Method {
        cfgs,
        wire,
        signature,
        result,
        error,
        ..
    } = method;
    let this = signature.receiver().map(|receiver| receiver.self_token);
    let arguments = method.parameters.iter().map(|parameter| {
        let (name, ident, ty) = (parameter.name(), &parameter.ident, &parameter.ty);
        let span = span_of(ty);
        let reference = parameter.borrowed.then(|| quote!(&));
        quote_spanned!(span=> #core::__private::argument::<#reference #ty>(#name, &#ident))
    });
    let span = span_of(result);
    let located = support::located(core, span);
    let returns = quote_spanned!(span=> #located::__private::returns::<#result, #error>);
    // A parameter may have any name: none of these is it.
    let body = quote_spanned! {Span::mixed_site()=>
        let mut returns = #returns();
        let arguments = [#(#arguments),*];
        let reply = #core::service::Reply::new(&mut returns.0);
        let called = #this.0.call(#wire, &arguments, reply).await;
        #core::__private::returned(#wire, called, returns)
    };
    quote! {
        #(#cfgs)*
        #signature { #body }
    }
}
