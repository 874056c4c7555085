//! The blocking form of a remote service: the same methods for code that is not async.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ItemTrait;

use super::method::{Method, Parameter, span_of};
use crate::support;

/// A type with a blocking method for each method, and `blocking()` on the trait that makes it.
pub(super) fn expand(core: &TokenStream, item: &ItemTrait, methods: &[Method]) -> TokenStream {
    let (interface, vis) = (&item.ident, &item.vis);
    if methods.iter().any(|method| method.ident == "blocking") {
        // The service has a meaning of its own for the word.
        return TokenStream::new();
    }
    let blocking = format_ident!("{interface}Blocking");
    let about = format!(
        "[`{interface}`] for code that is not async, made by `blocking()` on an `Arc<dyn {interface}>`: each method waits for \
         its result. Inside of a task each returns `CallError::WouldBlock`."
    );
    let methods = methods.iter().map(|method| {
        let Method {
            cfgs,
            docs,
            ident,
            signature,
            parameters,
            result,
            error,
            ..
        } = method;
        let mut signature = signature.clone();
        signature.asyncness = None;
        let this = signature.receiver().map(|receiver| receiver.self_token);
        let arguments = parameters.iter().map(|Parameter { ident, .. }| ident);
        // A wrong error type is told of once: where the dispatcher tells it, too.
        let span = span_of(error);
        let located = support::located(core, span);
        let wait = quote_spanned!(span=> #located::__private::wait::<#result, #error>);
        quote! {
            #(#cfgs)*
            #(#docs)*
            #vis #signature {
                #wait(
                    &#this.0,
                    <dyn #interface as #interface>::#ident(#this.0.service() #(, #arguments)*),
                )
            }
        }
    });
    quote_spanned! {Span::mixed_site()=>
        #[doc = #about]
        #[derive(::core::clone::Clone, ::core::fmt::Debug)]
        #[allow(dead_code, missing_docs)]
        #vis struct #blocking(#core::__private::Blocking<dyn #interface>);

        #[allow(dead_code, missing_docs, deprecated, clippy::too_many_arguments)]
        impl #blocking {
            #(#methods)*
        }

        #[allow(dead_code)]
        impl dyn #interface {
            /// The same service for code that is not async: methods that wait for their results.
            #[must_use]
            #vis fn blocking(self: &::std::sync::Arc<Self>) -> #blocking {
                #blocking(#core::__private::Blocking::new(::std::sync::Arc::clone(self)))
            }
        }
    }
}
