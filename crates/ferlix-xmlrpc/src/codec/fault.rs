//! [`Fault`]: how a failure stands on the wire, and how it becomes a [`CallError`] and back.
//!
//! The text of a fault is `<kind>:<message>`. iPOPO writes its kinds as `<class 'ValueError'>`, we write the bare name
//! (`ValueError:asked to fail`); people and programs look behind the colon. A text without a kind – Java's – is all
//! message. The code is 1, as iPOPO's; a service may raise another.

use ferlix_core::property::Value;
use ferlix_core::service::CallError;

/// The kind that stands for a fault of a service that named none.
const NO_KIND: &str = "Fault";
/// The kind of faults about services and methods: the class that iPOPO raises for them.
const REMOTE_SERVICE_ERROR: &str = "RemoteServiceError";

/// The member of a fault's struct that holds the service's error itself.
pub(super) const DATA: &str = "ferlixError";

/// A fault as it stands on the wire.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// `faultCode`: 1 from iPOPO and Ferlix, 0 from Java.
    pub code: i32,
    /// `faultString`.
    pub text: String,
    /// `ferlixError`, of Ferlix peers only: the service's error itself.
    pub data: Option<Value>,
}

impl Fault {
    /// A fault of code 1.
    #[must_use]
    pub fn new(kind: &str, message: &str) -> Self {
        Self {
            code: 1,
            text: format!("{kind}:{message}"),
            data: None,
        }
    }

    /// A fault about a service or a method that is not there.
    #[must_use]
    #[cold]
    pub fn remote_service(message: &str) -> Self {
        Self::new(REMOTE_SERVICE_ERROR, message)
    }

    /// Reads the struct of a fault; a code that is missing is 0. `None` when there is no text.
    pub(super) fn from_value(value: Value) -> Option<Self> {
        let Value::Map(mut members) = value else {
            return None;
        };
        let code = match members.remove("faultCode") {
            Some(code) => i32::try_from(code.as_i64()?).ok()?,
            None => 0,
        };
        let data = members.remove(DATA);
        match members.remove("faultString")? {
            Value::String(text) => Some(Self { code, text, data }),
            // Apache XML-RPC sends nil for an exception without a message.
            Value::Null => Some(Self {
                code,
                text: String::new(),
                data,
            }),
            _ => None,
        }
    }
}

impl From<Fault> for CallError {
    fn from(fault: Fault) -> Self {
        let (kind, message) = split(&fault.text);
        Self::Fault {
            code: fault.code,
            kind: kind.filter(|&kind| kind != NO_KIND).map(str::to_owned),
            message: message.to_owned(),
            data: fault.data,
        }
    }
}

/// What a peer is told of a failed call: a service's own fault as it is, what is wrong with the call by its kind and text. Of a
/// call that the service itself made of a third party only the kind is told: who that is, and where, is not the peer's
/// business.
impl From<CallError> for Fault {
    fn from(error: CallError) -> Self {
        let kind = match error {
            CallError::Fault {
                code,
                kind,
                message,
                data,
            } => {
                let kind = kind.as_deref().unwrap_or(NO_KIND);
                return Self {
                    code,
                    text: format!("{kind}:{message}"),
                    data,
                };
            }
            CallError::InvalidArguments { .. } => {
                return Self::new("InvalidArguments", &error.to_string());
            }
            CallError::Value { .. } => return Self::new("ValueError", &error.to_string()),
            CallError::UnknownMethod { .. } => return Self::remote_service(&error.to_string()),
            CallError::Gone { .. } => "Gone",
            CallError::Protocol { .. } => "ProtocolError",
            CallError::Refused { .. } => "Refused",
            CallError::Timeout { .. } => "TimeoutError",
            CallError::Lost { .. } => "Lost",
            CallError::Unreachable { .. } => "Unreachable",
            _ => "CallError",
        };
        tracing::warn!("an exported service cannot do without another: {error}");
        Self::new(kind, "the service could not call another that it needs")
    }
}

/// Splits a fault's text into kind and message.
fn split(text: &str) -> (Option<&str>, &str) {
    let python = text
        .strip_prefix("<class '")
        .and_then(|rest| rest.split_once("'>:"))
        .filter(|(kind, _)| is_path(kind));
    let plain = || {
        text.split_once(':').filter(|(kind, _)| {
            let last = kind.rsplit('.').next().unwrap_or(kind);
            // The name of a type begins with a capital: `http://…` or `line 3: …` is no kind.
            is_path(kind) && last.starts_with(|first: char| first.is_ascii_uppercase())
        })
    };
    match python.or_else(plain) {
        Some((kind, message)) => (Some(kind), message),
        None => (None, text),
    }
}

/// Whether this is a name, or several with dots between.
fn is_path(text: &str) -> bool {
    text.split('.').all(|part| {
        part.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Option<String>, String) {
        match CallError::from(Fault {
            code: 1,
            text: text.to_owned(),
            data: None,
        }) {
            CallError::Fault {
                code: 1,
                kind,
                message,
                ..
            } => (kind, message),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn kinds_are_read_in_both_styles() {
        for (text, kind, message) in [
            (
                "<class 'ValueError'>:asked to fail",
                Some("ValueError"),
                "asked to fail",
            ),
            (
                "<class 'pelix.rsa.RemoteServiceError'>:Unknown method x",
                Some("pelix.rsa.RemoteServiceError"),
                "Unknown method x",
            ),
            ("<class 'TimeoutError'>:", Some("TimeoutError"), ""),
            ("ValueError:a:b", Some("ValueError"), "a:b"),
            (
                "java.lang.IllegalStateException: no",
                Some("java.lang.IllegalStateException"),
                " no",
            ),
            ("No such handler: 3.x", None, "No such handler: 3.x"),
            ("http://a failed", None, "http://a failed"),
            ("<class 'a b'>:x", None, "<class 'a b'>:x"),
            ("", None, ""),
            (":x", None, ":x"),
            ("A..B:x", None, "A..B:x"),
        ] {
            let (read_kind, read_message) = read(text);
            assert_eq!(
                (read_kind.as_deref(), &*read_message),
                (kind, message),
                "{text}"
            );
        }
    }

    #[test]
    fn a_fault_of_ours_comes_back_as_it_was() {
        for (code, kind, message) in [
            (1, None, "Looks: like a kind"),
            (7, Some("OutOfPaper"), "tray 2"),
            (0, None, ""),
        ] {
            let sent = CallError::Fault {
                code,
                kind: kind.map(str::to_owned),
                message: message.to_owned(),
                data: Some(Value::Int(code)),
            };
            let expected = format!("{sent:?}");
            let received = CallError::from(Fault::from(sent));
            assert_eq!(format!("{received:?}"), expected);
        }
    }

    #[test]
    fn other_errors_have_a_kind() {
        let unknown = CallError::UnknownMethod {
            method: "nosuch".to_owned(),
        };
        assert_eq!(
            Fault::from(unknown).text,
            "RemoteServiceError:Unknown method nosuch"
        );
        let third = CallError::Timeout {
            peer: "http://10.0.0.1/secret".to_owned(),
            after: std::time::Duration::from_secs(1),
        };
        assert_eq!(
            Fault::from(third).text,
            "TimeoutError:the service could not call another that it needs"
        );
    }
}
