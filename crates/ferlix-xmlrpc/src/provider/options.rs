//! [`ServicesOptions`]: what exported services take and give, and the properties that say so.

use std::time::Duration;

use ferlix_core::property::{FromValue, Value};

use crate::codec::Limits;
use crate::error::Error;
use crate::timeout::DEFAULT_TIMEOUT;

/// What a container takes and gives.
#[derive(Clone, Debug)]
pub struct ServicesOptions {
    /// What a call may hold (default: [`Limits::default`]).
    pub limits: Limits,
    /// How long a call may take when its service says nothing (default 30 s).
    pub timeout: Duration,
    /// How many calls may run at once; more are answered 503 (default 1,024).
    pub max_calls: usize,
    /// How many bytes of calls that arrive in pieces are held at once, all together; more are answered 503 (default 256 MiB).
    pub max_buffered: usize,
    /// Answers of this many bytes and more are compressed for callers that take gzip (default 16 KiB; 0 for never). Calls that
    /// come compressed are read all the same.
    pub gzip_from: usize,
    /// Who gets a service's error itself beside the fault (default: Ferlix callers).
    pub typed_faults: TypedFaults,
    /// Whether `system.listMethods`, `system.methodHelp` and `system.methodSignature` are answered (default false: what there
    /// is to be called is not for everybody to know).
    pub introspection: bool,
    /// Whether `system.multicall` is answered (default false).
    pub multicall: bool,
}

impl Default for ServicesOptions {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            timeout: DEFAULT_TIMEOUT,
            max_calls: 1024,
            max_buffered: 256 << 20,
            gzip_from: 16 << 10,
            typed_faults: TypedFaults::default(),
            introspection: false,
            multicall: false,
        }
    }
}

/// Who gets a service's error itself, as one more member of the fault. Python's `xmlrpc.client` reads such a fault as any
/// other; Java's was not tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TypedFaults {
    /// Nobody.
    Never,
    /// Callers that say they are Ferlix.
    #[default]
    Ferlix,
    /// Everybody.
    Always,
}

impl ServicesOptions {
    /// Reads the properties below `ecf.xmlrpc.server.`, all but the time-out. `value` looks one up.
    pub(super) fn read(value: &dyn Fn(&str) -> Option<Value>) -> Result<Self, Error> {
        let mut options = Self {
            limits: limits("server", value)?,
            ..Self::default()
        };
        let number = |name, least, into: &mut usize| number("server", name, least, value, into);
        number("max_calls", 1, &mut options.max_calls)?;
        number("max_buffered", 1, &mut options.max_buffered)?;
        number("gzip_from", 0, &mut options.gzip_from)?;
        flag("server", "introspection", value, &mut options.introspection)?;
        flag("server", "multicall", value, &mut options.multicall)?;
        if let Some(given) = look_up("server", "typed_faults", value) {
            options.typed_faults = match &given {
                Value::String(text) if text == "never" => TypedFaults::Never,
                Value::String(text) if text == "ferlix" => TypedFaults::Ferlix,
                Value::String(text) if text == "always" => TypedFaults::Always,
                other => {
                    return Err(wrong(
                        "server",
                        "typed_faults",
                        other,
                        "expected never, ferlix or always",
                    ));
                }
            };
        }
        Ok(options)
    }
}

/// Reads the limits of what is read, below `ecf.xmlrpc.<side>.`.
pub(super) fn limits(side: &str, value: &dyn Fn(&str) -> Option<Value>) -> Result<Limits, Error> {
    let mut limits = Limits::default();
    number(side, "max_bytes", 1, value, &mut limits.bytes)?;
    number(side, "max_elements", 1, value, &mut limits.elements)?;
    number(side, "max_text", 1, value, &mut limits.text)?;
    let mut depth = usize::from(limits.depth);
    number(side, "max_depth", 1, value, &mut depth)?;
    limits.depth = u8::try_from(depth).map_err(|_| {
        let given = Value::Long(i64::try_from(depth).unwrap_or(i64::MAX));
        wrong(side, "max_depth", &given, "expected at most 255 levels")
    })?;
    Ok(limits)
}

fn look_up(side: &str, name: &str, value: &dyn Fn(&str) -> Option<Value>) -> Option<Value> {
    value(&format!("ecf.xmlrpc.{side}.{name}")).filter(|value| match value {
        Value::Null => false,
        Value::String(text) => !text.trim().is_empty(),
        _ => true,
    })
}

fn number(
    side: &str,
    name: &str,
    least: usize,
    value: &dyn Fn(&str) -> Option<Value>,
    into: &mut usize,
) -> Result<(), Error> {
    if let Some(given) = look_up(side, name, value) {
        *into = u64::from_value(given.clone())
            .ok()
            .and_then(|number| usize::try_from(number).ok())
            .filter(|number| *number >= least)
            .ok_or_else(|| {
                wrong(
                    side,
                    name,
                    &given,
                    &format!("expected a number, {least} or more"),
                )
            })?;
    }
    Ok(())
}

pub(super) fn flag(
    side: &str,
    name: &str,
    value: &dyn Fn(&str) -> Option<Value>,
    into: &mut bool,
) -> Result<(), Error> {
    if let Some(given) = look_up(side, name, value) {
        *into = bool::from_value(given.clone())
            .map_err(|_| wrong(side, name, &given, "expected true or false"))?;
    }
    Ok(())
}

fn wrong(side: &str, name: &str, value: &Value, reason: &str) -> Error {
    Error::Property {
        name: format!("ecf.xmlrpc.{side}.{name}").into(),
        value: value.to_string(),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use ferlix_core::property::Properties;

    use super::*;

    #[test]
    fn every_property_is_read_and_a_wrong_one_named() {
        let properties = Properties::from([
            ("ecf.xmlrpc.server.max_bytes", Value::from(1)),
            ("ecf.xmlrpc.server.max_depth", Value::from("2")),
            ("ecf.xmlrpc.server.max_elements", Value::from(3)),
            ("ecf.xmlrpc.server.max_text", Value::from(4)),
            ("ecf.xmlrpc.server.max_calls", Value::from(5)),
            ("ecf.xmlrpc.server.max_buffered", Value::from(6)),
            ("ecf.xmlrpc.server.gzip_from", Value::from("0")),
            ("ecf.xmlrpc.server.typed_faults", Value::from("never")),
            ("ecf.xmlrpc.server.introspection", Value::from("true")),
            ("ecf.xmlrpc.server.multicall", Value::Bool(true)),
        ]);
        let options = ServicesOptions::read(&|key| properties.get(key).cloned()).unwrap();
        let limits = Limits {
            bytes: 1,
            depth: 2,
            elements: 3,
            text: 4,
        };
        assert_eq!(options.limits, limits);
        assert_eq!(
            (options.max_calls, options.max_buffered, options.gzip_from),
            (5, 6, 0)
        );
        assert_eq!(options.typed_faults, TypedFaults::Never);
        assert!(options.introspection && options.multicall);

        for (name, value) in [
            ("max_depth", Value::from(256)),
            ("max_calls", Value::from(0)),
            ("max_text", Value::from("many")),
            ("typed_faults", Value::from("sometimes")),
            ("multicall", Value::from("perhaps")),
        ] {
            let key = format!("ecf.xmlrpc.server.{name}");
            let error =
                ServicesOptions::read(&|asked| (asked == key).then(|| value.clone())).unwrap_err();
            assert!(error.to_string().contains(&key), "{error}");
        }
        let none = ServicesOptions::read(&|_| Some(Value::from(" "))).unwrap();
        assert_eq!(none.limits, Limits::default());
    }
}
