//! [`Rates`]: how often each of many clients may do something, in the long run and at once.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ferlix_core::service::Identity;

use super::RateLimit;

/// The most clients that are told apart; more share one allowance.
const MOST: usize = 10_000;
/// A full table is looked through once in this time.
const TIDY_PAUSE: Duration = Duration::from_secs(1);

/// Whose allowance it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Client {
    /// Who was authenticated, wherever it comes from.
    Known(Arc<Identity>),
    /// Anybody at an address: of IPv6, in the network of 64 bits that one subscriber has.
    At(IpAddr),
    /// Everybody that there is no more room for.
    Others,
}

impl Client {
    pub(super) fn new(identity: Option<&Arc<Identity>>, address: IpAddr) -> Self {
        match identity {
            Some(identity) => Self::Known(Arc::clone(identity)),
            None => Self::at(address),
        }
    }

    pub(super) fn at(address: IpAddr) -> Self {
        Self::At(match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = u128::from(address) >> 64 << 64;
                Ipv6Addr::from(network).into()
            }
            address @ IpAddr::V4(_) => address,
        })
    }
}

/// The allowances of all clients.
#[derive(Debug)]
pub(super) struct Rates {
    limit: RateLimit,
    table: Mutex<Table>,
}

#[derive(Debug)]
struct Table {
    allowances: HashMap<Client, Allowance>,
    tidied: Option<Instant>,
}

/// What is left to a client, and when that was so.
#[derive(Clone, Copy, Debug)]
struct Allowance {
    left: f64,
    at: Instant,
}

impl Rates {
    pub(super) fn new(limit: RateLimit) -> Self {
        Self {
            limit,
            table: Mutex::new(Table {
                allowances: HashMap::new(),
                tidied: None,
            }),
        }
    }

    /// Takes one from the client's allowance.
    ///
    /// # Errors
    /// How long to wait, when nothing is left.
    pub(super) fn take(&self, client: &Client, now: Instant) -> Result<(), Duration> {
        self.spend(client, now, 1.0)
    }

    /// Whether something is left, which stays.
    pub(super) fn look(&self, client: &Client, now: Instant) -> Result<(), Duration> {
        self.spend(client, now, 0.0)
    }

    fn spend(&self, client: &Client, now: Instant, amount: f64) -> Result<(), Duration> {
        let RateLimit { per_second, burst } = self.limit;
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let known = table.allowances.contains_key(client);
        let has_room = known || table.make_room(self.limit, now);
        let client = if has_room { client } else { &Client::Others };
        let full = Allowance {
            left: f64::from(burst),
            at: now,
        };
        let allowance = table.allowances.get(client).copied().unwrap_or(full);
        let left = allowance.left_at(now, self.limit);
        let wait = (1.0 - left) / per_second;
        let granted = left >= 1.0;
        let spent = if granted { left - amount } else { left };
        if spent < f64::from(burst) {
            let spent = Allowance {
                left: spent,
                at: now,
            };
            match table.allowances.get_mut(client) {
                Some(allowance) => *allowance = spent,
                None => {
                    table.allowances.insert(client.clone(), spent);
                }
            }
        }
        if granted {
            Ok(())
        } else {
            Err(Duration::try_from_secs_f64(wait).unwrap_or(Duration::MAX))
        }
    }
}

impl Allowance {
    fn left_at(self, now: Instant, limit: RateLimit) -> f64 {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        (self.left + passed * limit.per_second).min(f64::from(limit.burst))
    }
}

impl Table {
    /// Whether one more client fits in, after those whose allowance is full again have been forgotten.
    fn make_room(&mut self, limit: RateLimit, now: Instant) -> bool {
        if self.allowances.len() < MOST {
            return true;
        }
        let due = self
            .tidied
            .is_none_or(|tidied| now.saturating_duration_since(tidied) >= TIDY_PAUSE);
        if due {
            self.tidied = Some(now);
            self.allowances
                .retain(|_, allowance| allowance.left_at(now, limit) < f64::from(limit.burst));
        }
        self.allowances.len() < MOST
    }
}

#[cfg(test)]
mod tests {
    use ferlix_core::service::Proof;

    use super::*;

    fn at(number: u32) -> Client {
        Client::at(IpAddr::V4(number.into()))
    }

    #[test]
    fn a_client_has_its_burst_and_then_its_rate() {
        let rates = Rates::new(RateLimit {
            per_second: 2.0,
            burst: 3,
        });
        let now = Instant::now();
        for _ in 0..3 {
            rates.take(&at(1), now).unwrap();
        }
        assert_eq!(rates.take(&at(1), now), Err(Duration::from_millis(500)));
        assert_eq!(rates.look(&at(1), now), Err(Duration::from_millis(500)));
        rates.take(&at(2), now).unwrap();
        let later = now + Duration::from_millis(500);
        rates.look(&at(1), later).unwrap();
        rates.take(&at(1), later).unwrap();
        assert!(rates.take(&at(1), later).is_err());
        let much_later = now + Duration::from_secs(3600);
        for _ in 0..3 {
            rates.take(&at(1), much_later).unwrap();
        }
        assert!(rates.take(&at(1), much_later).is_err());
    }

    #[test]
    fn who_is_known_is_one_client_wherever_it_comes_from() {
        let alice = Arc::new(Identity::new("alice", Proof::Password));
        let again = Arc::new(Identity::new("alice", Proof::Password));
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let known = Client::new(Some(&alice), address("10.0.0.1"));
        assert_eq!(known, Client::new(Some(&again), address("10.0.0.2")));
        assert_ne!(known, Client::new(None, address("10.0.0.1")));
        let network = |text| Client::at(address(text));
        assert_eq!(network("2001:db8::1"), network("2001:db8::2:0:0:1"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(network("::ffff:10.0.0.1"), network("10.0.0.1"));
    }

    #[test]
    fn the_table_is_bounded_and_forgets_who_was_quiet() {
        let rates = Rates::new(RateLimit {
            per_second: 1.0,
            burst: 2,
        });
        let now = Instant::now();
        let most = u32::try_from(MOST).unwrap();
        for number in 0..most + 2 {
            rates.take(&at(number), now).unwrap();
        }
        // Two of those without room have used up what they share; the others have theirs.
        assert!(rates.take(&at(most + 3), now).is_err());
        rates.take(&at(5), now).unwrap();
        let len = |rates: &Rates| rates.table.lock().unwrap().allowances.len();
        assert_eq!(len(&rates), MOST + 1);
        let later = now + Duration::from_secs(10);
        rates.take(&at(most + 3), later).unwrap();
        assert_eq!(len(&rates), 1);
    }
}
