//! The dispatcher of a remote service: a `Dispatch` on the trait.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};

use super::method::{Method, Parameter, span_of};
use crate::support;

/// The body of `Service::dispatcher`, with the dispatcher inside.
pub(super) fn expand(core: &TokenStream, interface: &Ident, methods: &[Method]) -> TokenStream {
    let dispatcher = format_ident!("__{interface}Dispatcher");
    // One span for all, so that the variables are the same ones in every part.
    let span = Span::mixed_site();
    let arms = methods
        .iter()
        .map(|method| arm(core, interface, method, span));
    quote_spanned! {span=>
        struct #dispatcher(::std::sync::Arc<dyn #interface>);

        #[allow(deprecated, unused_variables)]
        impl #core::service::Dispatch for #dispatcher {
            fn interface(&self) -> &'static #core::service::Interface {
                <dyn #interface as #core::service::Service>::interface()
            }

            fn dispatch(
                &self,
                method: &str,
                arguments: ::std::vec::Vec<#core::property::Value>,
            ) -> #core::__private::BoxFuture<
                'static,
                ::core::result::Result<#core::property::Value, #core::service::CallError>,
            > {
                match method {
                    #(#arms)*
                    _ => #core::__private::unknown_method(method),
                }
            }
        }

        ::core::option::Option::Some(::std::sync::Arc::new(#dispatcher(service)))
    }
}

/// One method: values into arguments, the call, the result into a value.
fn arm(core: &TokenStream, interface: &Ident, method: &Method, span: Span) -> TokenStream {
    let Method {
        cfgs,
        wire,
        ident,
        parameters,
        result,
        error,
        finish,
        ..
    } = method;
    let names = method.names();
    let variable = |index: usize| Ident::new(&format!("argument_{index}"), span);
    let given = Ident::new("given", span);
    let reads = parameters.iter().enumerate().map(|(index, parameter)| {
        let (variable, owned) = (variable(index), parameter.owned());
        let take = quote_spanned!(span_of(&parameter.ty)=> #given.take::<#owned>());
        quote_spanned!(span=> let #variable = #take?;)
    });
    let passed = parameters
        .iter()
        .enumerate()
        .map(|(index, Parameter { borrowed, .. })| {
            let reference = borrowed.then(|| quote!(&));
            let variable = variable(index);
            quote!(#reference #variable)
        });
    let reply_span = span_of(error);
    let located = support::located(core, reply_span);
    let reply = quote_spanned!(reply_span=> #located::__private::reply::<#result, #error>);
    let work = quote_spanned! {span=>
        ::std::boxed::Box::pin(async move {
            #[allow(unused_mut)]
            let mut #given = #core::__private::Received::new(#wire, #names, arguments)?;
            #(#reads)*
            #reply(#wire, <dyn #interface as #interface>::#ident(&*service #(, #passed)*).await)
        })
    };
    let work = if *finish {
        quote_spanned!(span=> #core::__private::finish(#wire, #work))
    } else {
        work
    };
    quote_spanned! {span=>
        #(#cfgs)*
        #wire => {
            let service = ::std::sync::Arc::clone(&self.0);
            #work
        }
    }
}
