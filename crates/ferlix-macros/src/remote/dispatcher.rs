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

            fn dispatch<'a>(
                &self,
                method: &str,
                arguments: &mut dyn #core::property::Decoder<'_>,
                reply: &'a mut (dyn #core::property::Encoder + ::core::marker::Send),
            ) -> #core::__private::BoxFuture<
                'a,
                ::core::result::Result<(), #core::service::CallError>,
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

/// One method: events into arguments, the call, the result into events.
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
    let variables: Vec<_> = (0..parameters.len())
        .map(|index| Ident::new(&format!("argument_{index}"), span))
        .collect();
    let given = Ident::new("given", span);
    let reads = parameters.iter().map(|parameter| {
        let owned = parameter.owned();
        let take = quote_spanned!(span_of(&parameter.ty)=> #given.take::<#owned>());
        quote_spanned!(span=> #take?)
    });
    let passed = parameters
        .iter()
        .zip(&variables)
        .map(|(Parameter { borrowed, .. }, variable)| {
            let reference = borrowed.then(|| quote!(&));
            quote!(#reference #variable)
        });
    let call =
        quote_spanned!(span=> <dyn #interface as #interface>::#ident(&*service #(, #passed)*));
    let returned = if *finish {
        quote_spanned! {span=>
            #core::__private::finish(#wire, ::std::boxed::Box::pin(async move { #call.await }))
        }
    } else {
        call
    };
    let reply_span = span_of(error);
    let located = support::located(core, reply_span);
    let reply = quote_spanned!(reply_span=> #located::__private::reply::<#result, #error>);
    quote_spanned! {span=>
        #(#cfgs)*
        #wire => {
            let received = #core::__private::Received::read(#wire, #names, arguments, |#given| {
                ::core::result::Result::Ok((#(#reads,)*))
            });
            match received {
                ::core::result::Result::Ok((#(#variables,)*)) => {
                    let service = ::std::sync::Arc::clone(&self.0);
                    ::std::boxed::Box::pin(async move {
                        let returned = #returned.await;
                        #reply(#wire, returned, reply)
                    })
                }
                ::core::result::Result::Err(error) => #core::__private::failed(error),
            }
        }
    }
}
