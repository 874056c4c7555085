//! [`Rules`]: who may call what.
//!
//! In: texts of the operator. Out: yes or no for a caller, a service and a method. The first rule that fits decides; when
//! none fits, the answer is no.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use ferlix_core::service::Identity;

/// The most rules of one set: each call goes through them.
const MOST: usize = 1000;

/// A list of rules: `allow` or `deny`, who, and – if not everything – which service and which method.
///
/// | who | fits |
/// |---|---|
/// | `anyone` | everybody |
/// | `known` | who has proved who it is |
/// | `user:NAME` | who has proved to be that; `*` at the end for any rest |
/// | `net:ADDRESS/BITS` | who calls from that network; without `/BITS` from that address |
///
/// The service is an interface as it is exported (`org.example.IGreeter`), the method is its name on the wire; either may
/// end with `*`, which stands for any rest. Rules are separated by line ends or semicolons.
///
/// ```
/// use ferlix_xmlrpc::provider::Rules;
///
/// let rules: Rules = "deny user:guest org.example.IPrinter cancel*; allow known; allow net:10.0.0.0/8 org.example.*"
///     .parse()
///     .unwrap();
/// assert!(rules.permit(None, "10.1.2.3:4000".parse().ok(), "org.example.IPrinter", "print"));
/// assert!(!rules.permit(None, "192.168.0.1:4000".parse().ok(), "org.example.IPrinter", "print"));
///
/// let error = "allow everybody".parse::<Rules>().unwrap_err();
/// assert_eq!(error.to_string(), "rule 1, \"allow everybody\": expected anyone, known, user:NAME or net:ADDRESS/BITS");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    allow: bool,
    who: Who,
    service: Pattern,
    method: Pattern,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Who {
    Anyone,
    Known,
    User(Pattern),
    Net(IpAddr, u32),
}

/// A name, or the beginning of names.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    text: Box<str>,
    is_prefix: bool,
}

impl Rules {
    /// Whether a caller may call a method.
    #[must_use]
    pub fn permit(
        &self,
        identity: Option<&Identity>,
        peer: Option<SocketAddr>,
        service: &str,
        method: &str,
    ) -> bool {
        let fits = |rule: &&Rule| {
            rule.service.fits(service) && rule.method.fits(method) && rule.who.fits(identity, peer)
        };
        self.rules.iter().find(fits).is_some_and(|rule| rule.allow)
    }
}

impl Who {
    fn fits(&self, identity: Option<&Identity>, peer: Option<SocketAddr>) -> bool {
        match self {
            Self::Anyone => true,
            Self::Known => identity.is_some(),
            Self::User(name) => identity.is_some_and(|identity| name.fits(identity.name())),
            Self::Net(network, bits) => {
                peer.is_some_and(|peer| is_within(peer.ip().to_canonical(), *network, *bits))
            }
        }
    }
}

fn is_within(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            let differ = address.to_bits() ^ network.to_bits();
            differ.leading_zeros() >= bits
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => {
            let differ = address.to_bits() ^ network.to_bits();
            differ.leading_zeros() >= bits
        }
        _ => false,
    }
}

impl Pattern {
    fn new(text: &str) -> Self {
        let (text, is_prefix) = match text.strip_suffix('*') {
            Some(start) => (start, true),
            None => (text, false),
        };
        Self {
            text: text.into(),
            is_prefix,
        }
    }

    fn fits(&self, name: &str) -> bool {
        if self.is_prefix {
            name.starts_with(&*self.text)
        } else {
            *name == *self.text
        }
    }
}

/// A rule that cannot be read (the configuration is at fault).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rule {number}, {rule:?}: {reason}")]
#[non_exhaustive]
pub struct RuleError {
    /// Which one, from 1.
    pub number: usize,
    /// Its text.
    pub rule: String,
    /// What is expected.
    pub reason: &'static str,
}

impl FromStr for Rules {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let texts = text.split(['\n', ';']).map(str::trim);
        let mut rules = Vec::new();
        for text in texts.filter(|text| !text.is_empty()) {
            let number = rules.len() + 1;
            let wrong = |reason| RuleError {
                number,
                rule: text.to_owned(),
                reason,
            };
            if number > MOST {
                return Err(wrong("there are more than 1,000 rules"));
            }
            rules.push(Rule::read(text).map_err(wrong)?);
        }
        Ok(Self { rules })
    }
}

impl Rule {
    fn read(text: &str) -> Result<Self, &'static str> {
        let mut words = text.split_whitespace();
        let allow = match words.next() {
            Some("allow") => true,
            Some("deny") => false,
            _ => return Err("expected allow or deny first"),
        };
        let who = match words.next() {
            Some("anyone") => Who::Anyone,
            Some("known") => Who::Known,
            Some(word) => match word.split_once(':') {
                Some(("user", name)) if !name.is_empty() => Who::User(Pattern::new(name)),
                Some(("net", network)) => network_of(network)?,
                _ => return Err("expected anyone, known, user:NAME or net:ADDRESS/BITS"),
            },
            None => return Err("expected anyone, known, user:NAME or net:ADDRESS/BITS"),
        };
        let mut pattern = || words.next().map_or_else(|| Pattern::new("*"), Pattern::new);
        let (service, method) = (pattern(), pattern());
        if words.next().is_some() {
            return Err("expected nothing behind who, service and method");
        }
        let star_within = |pattern: &Pattern| pattern.text.contains('*');
        if star_within(&service) || star_within(&method) {
            return Err("a * stands at the end of a name only");
        }
        Ok(Self {
            allow,
            who,
            service,
            method,
        })
    }
}

fn network_of(text: &str) -> Result<Who, &'static str> {
    const EXPECTED: &str = "expected an address or a network as 10.0.0.0/8 or 2001:db8::/32";
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| EXPECTED)?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.map_or(Ok(most), |bits| bits.parse().map_err(|_| EXPECTED))?;
    if bits > most {
        return Err(EXPECTED);
    }
    Ok(Who::Net(address, bits))
}

impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rules", self.rules.len())
    }
}

#[cfg(test)]
mod tests {
    use ferlix_core::service::Proof;

    use super::*;

    fn permit(rules: &str, user: Option<&str>, peer: &str, service: &str, method: &str) -> bool {
        let identity = user.map(|name| Identity::new(name, Proof::Token));
        let peer = format!("{peer}:1").parse().ok();
        let rules: Rules = rules.parse().unwrap();
        rules.permit(identity.as_ref(), peer, service, method)
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        for (rules, user, expected) in [
            ("", None, false),
            ("allow anyone", None, true),
            ("allow known", None, false),
            ("allow known", Some("a"), true),
            ("allow user:a", Some("a"), true),
            ("allow user:a", Some("ab"), false),
            ("allow user:a*", Some("ab"), true),
            ("allow user:a*", None, false),
            ("deny user:a\nallow known", Some("a"), false),
            ("deny user:a;allow known", Some("b"), true),
            ("allow known; deny user:a", Some("a"), true),
            ("allow anyone other.S", None, false),
            ("allow anyone s.S", None, true),
            ("allow anyone s.*", None, true),
            ("allow anyone s.S m", None, true),
            ("allow anyone s.S n", None, false),
            ("allow anyone * m*", None, true),
            ("deny anyone * m; allow anyone", None, false),
            ("allow net:10.0.0.0/8", None, true),
            ("allow net:10.1.2.3", None, true),
            ("allow net:10.1.2.4", None, false),
            ("allow net:10.1.2.4/31", None, false),
            ("allow net:10.1.2.2/31", None, true),
            ("allow net:0.0.0.0/0", None, true),
            ("allow net:::/0", None, false),
        ] {
            let permitted = permit(rules, user, "10.1.2.3", "s.S", "m");
            assert_eq!(permitted, expected, "{rules} for {user:?}");
        }
        assert!(permit(
            "allow net:2001:db8::/32",
            None,
            "[2001:db8::1]",
            "s",
            "m"
        ));
        assert!(!permit(
            "allow net:2001:db8::/32",
            None,
            "[2001:db9::1]",
            "s",
            "m"
        ));
        assert!(permit(
            "allow net:10.0.0.0/8",
            None,
            "[::ffff:10.9.9.9]",
            "s",
            "m"
        ));
    }

    #[test]
    fn a_wrong_rule_is_named() {
        for (rules, number) in [
            ("permit anyone", 1),
            ("allow", 1),
            ("allow anyone; allow user:", 2),
            ("allow a:b", 1),
            ("allow net:10.0.0.0/33", 1),
            ("allow net:host/8", 1),
            ("allow anyone a b c", 1),
            ("allow anyone\n\n deny known a*b", 2),
        ] {
            let error = rules.parse::<Rules>().unwrap_err();
            assert_eq!(error.number, number, "{error}");
        }
        let many = "allow anyone;".repeat(MOST + 1);
        assert_eq!(many.parse::<Rules>().unwrap_err().number, MOST + 1);
    }
}
