//! The methods of the container itself, `system.…`: what can be called, and many calls in one. Each is an option; one that is not
//! chosen looks to the caller as if it were not known.
//!
//! The types of arguments are not told: a service's methods take what fits them. A signature is `undef`, which is how XML-RPC
//! says that; `system.methodHelp` has the names of the parameters.

use std::collections::BTreeMap;

use ferlix_core::property::Value;

use super::origin::Origin;
use super::services::Services;
use crate::codec::Fault;

const LIST: &str = "system.listMethods";
const SIGNATURE: &str = "system.methodSignature";
const HELP: &str = "system.methodHelp";
const MULTICALL: &str = "system.multicall";
/// How many calls one may bring.
const MOST_CALLS: usize = 1000;

/// Whether a method is one of the container itself, and chosen.
pub(super) fn is_served(services: &Services, method: &str) -> bool {
    let options = services.options();
    match method {
        LIST | SIGNATURE | HELP => options.introspection,
        MULTICALL => options.multicall,
        _ => false,
    }
}

/// Calls a method of the container itself.
pub(super) async fn call(
    services: &Services,
    origin: &Origin<'_>,
    method: &str,
    arguments: Vec<Value>,
) -> Result<Value, Fault> {
    match (method, &arguments[..]) {
        (LIST, []) => {
            let mut names: Vec<String> = [LIST, SIGNATURE, HELP, MULTICALL]
                .into_iter()
                .filter(|method| is_served(services, method))
                .map(str::to_owned)
                .collect();
            names.extend(services.methods(origin));
            names.sort_unstable();
            Ok(names.into())
        }
        (SIGNATURE | HELP, [Value::String(name)]) => {
            let parameters = services.parameters(origin, name);
            if parameters.is_none() && !is_served(services, name) {
                return Err(Fault::remote_service("Unknown method"));
            }
            Ok(match parameters {
                _ if method == SIGNATURE => Value::from("undef"),
                Some(parameters) => format!("{name}({})", parameters.join(", ")).into(),
                None => format!("{name}: a method of the server itself").into(),
            })
        }
        (MULTICALL, [Value::List(calls)]) if calls.len() <= MOST_CALLS => {
            let mut answers = Vec::with_capacity(calls.len());
            for call in calls {
                answers.push(match one(services, origin, call).await {
                    Ok(result) => Value::List(vec![result]),
                    Err(fault) => Value::Map(BTreeMap::from([
                        ("faultCode".to_owned(), Value::Int(fault.code)),
                        ("faultString".to_owned(), Value::String(fault.text)),
                    ])),
                });
            }
            Ok(Value::List(answers))
        }
        (MULTICALL, [Value::List(_)]) => {
            Err(wrong(&format!("more than {MOST_CALLS} calls in one")))
        }
        _ => Err(wrong(&format!("the arguments do not fit {method}"))),
    }
}

/// One call of several: in order, each with its own deadline.
async fn one(services: &Services, origin: &Origin<'_>, call: &Value) -> Result<Value, Fault> {
    let Value::Map(members) = call else {
        return Err(wrong("a call is a struct of methodName and params"));
    };
    match (members.get("methodName"), members.get("params")) {
        (Some(Value::String(method)), Some(Value::List(params))) => {
            if method.starts_with("system.") {
                return Err(wrong(
                    "system methods are not called inside of system.multicall",
                ));
            }
            services.invoke(origin, method, params.clone()).await
        }
        _ => Err(wrong("a call is a struct of methodName and params")),
    }
}

fn wrong(message: &str) -> Fault {
    Fault::new("ValueError", message)
}
