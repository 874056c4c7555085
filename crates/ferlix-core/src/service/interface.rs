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
pub struct Method {
    /// The name on the wire, e.g. `sayHello`.
    pub name: &'static str,
    /// The names of the parameters, in order.
    pub parameters: &'static [&'static str],
}
