//! [`Interface`]: what peers know of a service trait.

/// The description of a service interface: its name, version and methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The specification by which the service is registered and looked up, e.g. `org.eclipse.ecf.examples.hello.IHello`.
    pub name: &'static str,
    /// The version of the package that holds the interface, sent as `endpoint.package.version.<package>`: Java peers
    /// compare it for equality.
    pub version: Option<&'static str>,
    /// The methods; empty for a local-only interface.
    pub methods: &'static [Method],
}

impl Interface {
    /// An interface that is used within the process only.
    #[must_use]
    pub const fn local(name: &'static str) -> Self {
        Self {
            name,
            version: None,
            methods: &[],
        }
    }

    /// The method of this name on the wire.
    #[must_use]
    pub fn method(&self, name: &str) -> Option<&'static Method> {
        self.methods.iter().find(|method| method.name == name)
    }

    /// The package of the interface: its name up to the last dot, empty when there is none.
    #[must_use]
    pub fn package(&self) -> &'static str {
        self.name
            .rsplit_once('.')
            .map_or("", |(package, _)| package)
    }
}

/// One method of a remote interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Method {
    /// The name on the wire, e.g. `sayHello`.
    pub name: &'static str,
    /// The names of the parameters, in order.
    pub parameters: &'static [&'static str],
    /// Whether the work goes on to its end when the caller is gone or its deadline is over (`#[remote(finish)]`). Other methods
    /// are dropped where they wait.
    pub finish: bool,
    /// Whether calling it twice is the same as calling it once, so that a call whose answer was lost may be made again
    /// (`#[remote(idempotent)]`).
    pub idempotent: bool,
    /// Whether all types are among those of OSGi's intent `osgi.basic`; see
    /// [`IntoValue::BASIC`](crate::property::IntoValue::BASIC).
    pub basic: bool,
}

impl Method {
    /// A method of basic types that is dropped when nobody waits for it any more.
    #[must_use]
    pub const fn new(name: &'static str, parameters: &'static [&'static str]) -> Self {
        Self {
            name,
            parameters,
            finish: false,
            idempotent: false,
            basic: true,
        }
    }

    /// The same, but its work goes on to its end.
    #[must_use]
    pub const fn finishing(self) -> Self {
        Self {
            finish: true,
            ..self
        }
    }

    /// The same, and calling it twice is the same as calling it once.
    #[must_use]
    pub const fn idempotent(self) -> Self {
        Self {
            idempotent: true,
            ..self
        }
    }

    /// The same, with types that are all basic, or not.
    #[must_use]
    pub const fn of_basic_types(self, basic: bool) -> Self {
        Self { basic, ..self }
    }
}
