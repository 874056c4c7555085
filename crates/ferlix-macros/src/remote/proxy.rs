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

/// One method: arguments into values, the call, the value into the result.
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
        if parameter.borrowed {
            quote_spanned!(span=> .with(#name, <#ty as ::std::borrow::ToOwned>::to_owned(#ident)))
        } else {
            quote_spanned!(span=> .with::<#ty>(#name, #ident))
        }
    });
    let span = span_of(result);
    let located = support::located(core, span);
    let returned = quote_spanned!(span=> #located::__private::returned::<#result, #error>);
    quote! {
        #(#cfgs)*
        #signature {
            let answer = #core::__private::call(
                &*#this.0,
                #core::__private::Arguments::new(#wire) #(#arguments)*,
            );
            #returned(#wire, answer.await)
        }
    }
}
