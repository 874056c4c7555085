//! Discovery among the frameworks of one process, without a network: for tests of several frameworks, and for programs that
//! keep their parts in frameworks of their own.
//!
//! There is no global state: frameworks find each other by an [`Exchange`] that each of them [joins](Exchange::join).
//!
//! ```
//! # use ferlix_core::framework::Framework;
//! # use ferlix_remote::discovery::process::{self, Exchange};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), ferlix_core::Error> {
//! let exchange = Exchange::new();
//! for _ in 0..2 {
//!     let framework = Framework::builder().install(&process::BUNDLE).start().await?;
//!     exchange.join(&framework.context())?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! What one advertises the others are told at once, in order; what a framework advertised goes when it stops. Deliberately
//! absent: calls, which are a distribution's.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use ferlix_core::component::ComponentContext;
use ferlix_core::framework::BundleContext;
use ferlix_core::property::Properties;
use ferlix_core::registry::ServiceRegistration;
use ferlix_core::{bundle, component, lifecycle};

use crate::endpoint::EndpointDescription;
use crate::provider::{
    BoxError, DiscoveredEndpoint, DiscoveredEndpoints, EndpointAdvertiser, EndpointDirectory,
    local_service,
};
use crate::work::locked;

/// Where the frameworks of one process tell each other of their endpoints. Clones are the same exchange.
#[derive(Clone, Default)]
pub struct Exchange {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    next: u64,
    /// Each framework's directory, by the number that it got.
    members: BTreeMap<u64, EndpointDirectory>,
    /// Who advertises what.
    records: BTreeMap<(u64, String), EndpointDescription>,
}

impl Exchange {
    /// An exchange without members.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a framework one of those that find each other here. The bundle [`BUNDLE`] does the rest, if it is started.
    ///
    /// The membership ends with the registration that is returned, or with the bundle of `context`.
    ///
    /// # Errors
    /// As [`BundleContext::register`].
    pub fn join(&self, context: &BundleContext) -> Result<ServiceRegistration, ferlix_core::Error> {
        let joined: Arc<dyn Joined> = Arc::new(self.clone());
        context.register(joined, Properties::new())
    }

    /// One more member; it is told of everything.
    fn enter(&self, directory: &EndpointDirectory) -> u64 {
        // A directory tells its listeners in tasks of its own: no code of others runs under this lock.
        let mut state = locked(&self.state);
        for ((member, id), endpoint) in &state.records {
            directory.put(key(*member, id), endpoint.clone());
        }
        state.next += 1;
        let number = state.next;
        state.members.insert(number, directory.clone());
        number
    }

    /// A member and what it advertised go.
    fn leave(&self, number: u64) {
        let mut state = locked(&self.state);
        state.members.remove(&number);
        let ids: Vec<String> = state
            .records
            .range((number, String::new())..(number + 1, String::new()))
            .map(|((_, id), _)| id.clone())
            .collect();
        ids.iter().for_each(|id| state.withdraw(number, id));
    }

    fn advertise(&self, number: u64, endpoint: &EndpointDescription) {
        let mut state = locked(&self.state);
        // It may have left meanwhile.
        if !state.members.contains_key(&number) {
            return;
        }
        let id = endpoint.id();
        state
            .records
            .insert((number, id.to_owned()), endpoint.clone());
        for (_, directory) in state.members.iter().filter(|(other, _)| **other != number) {
            directory.put(key(number, id), endpoint.clone());
        }
    }
}

impl State {
    fn withdraw(&mut self, number: u64, id: &str) {
        if self.records.remove(&(number, id.to_owned())).is_some() {
            for directory in self.members.values() {
                directory.remove(&key(number, id));
            }
        }
    }
}

fn key(number: u64, id: &str) -> String {
    format!("{number}/{id}")
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = locked(&self.state);
        f.debug_struct("Exchange")
            .field("members", &state.members.len())
            .field("endpoints", &state.records.len())
            .finish()
    }
}

/// The exchange as the component finds it.
trait Joined: Send + Sync {
    fn exchange(&self) -> &Exchange;
}

local_service!(dyn Joined, "ferlix.rsa.discovery.process.exchange");

impl Joined for Exchange {
    fn exchange(&self) -> &Exchange {
        self
    }
}

/// The component: there while the framework has joined an exchange.
#[component(
    factory = "process-endpoint-discovery-factory",
    instance = "process-endpoint-discovery",
    provides(dyn EndpointAdvertiser, dyn DiscoveredEndpoints)
)]
struct ProcessDiscovery {
    #[inject]
    joined: Arc<dyn Joined>,
    member: Mutex<Option<Member>>,
}

#[derive(Clone)]
struct Member {
    number: u64,
    name: String,
    directory: EndpointDirectory,
}

#[lifecycle]
impl ProcessDiscovery {
    #[validate]
    fn start(&self, context: &ComponentContext) -> Result<(), ferlix_core::Error> {
        let directory = EndpointDirectory::open(context.bundle(), context.name())?;
        let number = self.joined.exchange().enter(&directory);
        *locked(&self.member) = Some(Member {
            number,
            name: context.name().to_owned(),
            directory,
        });
        Ok(())
    }

    #[invalidate]
    async fn stop(&self) {
        let Some(member) = locked(&self.member).take() else {
            return;
        };
        self.joined.exchange().leave(member.number);
        member.directory.close().await;
    }
}

impl ProcessDiscovery {
    fn member(&self) -> Option<Member> {
        locked(&self.member).clone()
    }
}

#[async_trait]
impl EndpointAdvertiser for ProcessDiscovery {
    async fn advertise(&self, endpoint: &EndpointDescription) -> Result<(), BoxError> {
        let member = self
            .member()
            .ok_or("this framework has left the exchange")?;
        self.joined.exchange().advertise(member.number, endpoint);
        Ok(())
    }

    async fn update(&self, endpoint: &EndpointDescription) -> Result<(), BoxError> {
        self.advertise(endpoint).await
    }

    async fn unadvertise(&self, endpoint: &EndpointDescription) -> Result<(), BoxError> {
        if let Some(member) = self.member() {
            let mut state = locked(&self.joined.exchange().state);
            state.withdraw(member.number, endpoint.id());
        }
        Ok(())
    }
}

impl DiscoveredEndpoints for ProcessDiscovery {
    fn source(&self) -> String {
        self.member().map(|member| member.name).unwrap_or_default()
    }

    fn discovered(&self) -> Vec<DiscoveredEndpoint> {
        let member = self.member();
        member.map_or_else(Vec::new, |member| member.directory.discovered())
    }
}

impl fmt::Debug for ProcessDiscovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessDiscovery")
            .field("exchange", self.joined.exchange())
            .finish_non_exhaustive()
    }
}

bundle!(
    /// The discovery among the frameworks of one process; its one instance is there while the framework has joined an
    /// [`Exchange`].
    pub BUNDLE = "ferlix.rsa.providers.discovery.process",
    components = [ProcessDiscovery]
);
