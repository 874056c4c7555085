//! [`Places`]: which endpoints have one of the places that a rule gives to those of an interface.
//!
//! In flow the endpoints that want a place, and how each stands; out come those that gained or lost one. The places go to the
//! best; an endpoint of several interfaces needs one of each. One whose exporter does not answer, or that could not be imported,
//! keeps its turn, so that it is found to be well again, but takes no place from another.
//!
//! Endpoints of the same interfaces stand in one order, of which only a beginning has places: so a change looks at those that
//! have them, and at those that gain or lose one, never at all that wait. Deliberately absent: why one is better than another.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeSet, BinaryHeap, HashMap, HashSet};
use std::ops::Bound;
use std::sync::Arc;

use super::decision::Limit;

/// An endpoint that wants a place.
#[derive(Clone, Debug)]
pub(super) struct Contender {
    pub(super) limit: Limit,
    pub(super) interfaces: Vec<String>,
    /// Of equals those that are imported already keep their places.
    pub(super) imported: bool,
    /// Whether it is of any use, so that it takes a place from others.
    pub(super) takes: bool,
}

/// Those who want places, and who has one.
#[derive(Debug, Default)]
pub(super) struct Places {
    standings: HashMap<Arc<str>, Standing>,
    groups: HashMap<Arc<Kind>, Group>,
    /// The groups that want places of an interface.
    wanted: HashMap<Seat, HashSet<Arc<Kind>>>,
    /// Who takes those of an interface, the best first.
    holders: HashMap<Seat, Vec<Rank>>,
}

/// An interface for a rule, by its number: each rule has places of its own.
type Seat = (usize, String);

/// What the endpoints of a group have in common.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Kind {
    rule: usize,
    interfaces: Vec<String>,
}

impl Kind {
    fn seats(&self) -> impl Iterator<Item = Seat> {
        let interfaces = self.interfaces.iter();
        interfaces.map(|interface| (self.rule, interface.clone()))
    }
}

/// How one endpoint stands.
#[derive(Debug)]
struct Standing {
    kind: Arc<Kind>,
    rank: Rank,
    takes: bool,
}

/// The endpoints of one kind.
#[derive(Debug, Default)]
struct Group {
    maximum: usize,
    takers: BTreeSet<Rank>,
    /// Those that take no place.
    others: BTreeSet<Rank>,
    /// The last one that has a place; `None` when all have.
    last: Option<Rank>,
}

/// Where an endpoint stands among others: the lower, the better.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rank {
    order: Vec<i64>,
    fresh: bool,
    id: Arc<str>,
}

impl Ord for Rank {
    fn cmp(&self, other: &Self) -> Ordering {
        #[cfg(test)]
        tests::COMPARISONS.set(tests::COMPARISONS.get() + 1);
        let order = self.order.cmp(&other.order);
        let order = order.then_with(|| self.fresh.cmp(&other.fresh));
        order.then_with(|| self.id.cmp(&other.id))
    }
}

impl PartialOrd for Rank {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Places {
    /// Takes over how some endpoints stand now, or that they want no place any more; says which ones gained or lost one.
    pub(super) fn update<'a>(
        &mut self,
        changes: impl IntoIterator<Item = (&'a Arc<str>, Option<Contender>)>,
    ) -> Vec<Arc<str>> {
        let mut touched = HashSet::new();
        let mut before = HashMap::new();
        for (id, contender) in changes {
            let had = self.has_place(id);
            if self.stand(id, contender, &mut touched) {
                before.entry(Arc::clone(id)).or_insert(had);
            }
        }
        let mut changed = self.give_away(touched);
        // Those who moved themselves are compared as a whole.
        changed.retain(|id| !before.contains_key(id));
        for (id, had) in before {
            if self.standings.contains_key(&id) && self.has_place(&id) != had {
                changed.push(id);
            }
        }
        changed
    }

    /// Whether an endpoint has a place, or has its turn without taking one.
    pub(super) fn has_place(&self, id: &str) -> bool {
        self.standings.get(id).is_some_and(|standing| {
            let last = self.groups.get(&standing.kind).map(|group| &group.last);
            last.is_some_and(|last| last.as_ref().is_none_or(|last| standing.rank <= *last))
        })
    }

    /// Why an endpoint has none.
    pub(super) fn refusal(&self, id: &str) -> Option<String> {
        let standing = self.standings.get(id)?;
        let maximum = self.groups.get(&standing.kind)?.maximum;
        standing.kind.seats().find_map(|seat| {
            let holders = self.holders.get(&seat)?;
            let full = holders.len() >= maximum && *holders.last()? < standing.rank;
            full.then(|| {
                let ids: Vec<&str> = holders.iter().map(|holder| &*holder.id).collect();
                format!(
                    "rule {} imports at most {maximum} of {}, and {} come first: {}",
                    seat.0,
                    seat.1,
                    ids.len(),
                    ids.join(", ")
                )
            })
        })
    }

    /// Puts one endpoint where it stands now; says whether it stood elsewhere before.
    fn stand(
        &mut self,
        id: &Arc<str>,
        contender: Option<Contender>,
        touched: &mut HashSet<Arc<Kind>>,
    ) -> bool {
        let standing = contender.map(|contender| {
            let kind = Kind {
                rule: contender.limit.rule,
                interfaces: contender.interfaces,
            };
            let kind = match self.groups.get_key_value(&kind) {
                Some((known, _)) => Arc::clone(known),
                None => Arc::new(kind),
            };
            let rank = Rank {
                order: contender.limit.order,
                fresh: !contender.imported,
                id: Arc::clone(id),
            };
            let takes = contender.takes;
            (contender.limit.maximum, Standing { kind, rank, takes })
        });
        if let (Some((maximum, now)), Some(before)) = (&standing, self.standings.get(id)) {
            let same = now.kind == before.kind
                && now.rank == before.rank
                && now.takes == before.takes
                && self.groups.get(&now.kind).map(|group| group.maximum) == Some(*maximum);
            if same {
                return false;
            }
        }
        let removed = self.standings.remove(id);
        let moved = removed.is_some() || standing.is_some();
        if let Some(before) = removed {
            if let Some(group) = self.groups.get_mut(&before.kind) {
                group.side(before.takes).remove(&before.rank);
            }
            touched.insert(before.kind);
        }
        if let Some((maximum, now)) = standing {
            let group = match self.groups.get_mut(&now.kind) {
                Some(group) => group,
                None => {
                    for seat in now.kind.seats() {
                        let wanted = self.wanted.entry(seat).or_default();
                        wanted.insert(Arc::clone(&now.kind));
                    }
                    self.groups.entry(Arc::clone(&now.kind)).or_default()
                }
            };
            group.maximum = maximum;
            group.side(now.takes).insert(now.rank.clone());
            touched.insert(Arc::clone(&now.kind));
            self.standings.insert(Arc::clone(id), now);
        }
        moved
    }

    /// Gives away the places that some groups want, and all groups that want one of the same; says whose turn it is now, or is
    /// no more.
    fn give_away(&mut self, touched: HashSet<Arc<Kind>>) -> Vec<Arc<str>> {
        let (kinds, seats) = self.reachable(touched);
        let mut taken: HashMap<Seat, Vec<Rank>> = HashMap::new();
        let mut lasts: HashMap<&Arc<Kind>, Rank> = HashMap::new();
        {
            let groups: Vec<(&Arc<Kind>, &Group)> = kinds
                .iter()
                .filter_map(|kind| Some((kind, self.groups.get(kind)?)))
                .collect();
            let mut takers: Vec<_> = groups.iter().map(|(_, one)| one.takers.iter()).collect();
            let mut next: BinaryHeap<Reverse<(&Rank, usize)>> = BinaryHeap::new();
            let heads = takers.iter_mut().enumerate();
            next.extend(heads.filter_map(|(index, one)| Some(Reverse((one.next()?, index)))));
            while let Some(Reverse((rank, index))) = next.pop() {
                let (kind, group) = groups[index];
                let is_full = |seat: &Seat| {
                    let holders = taken.get(seat).map_or(0, Vec::len);
                    holders >= group.maximum
                };
                if kind.seats().any(|seat| is_full(&seat)) {
                    // Nor is there a place for those of the group who come after.
                    continue;
                }
                for seat in kind.seats() {
                    taken.entry(seat).or_default().push(rank.clone());
                }
                let following = takers[index].next();
                next.extend(following.map(|rank| Reverse((rank, index))));
            }
            for (kind, group) in &groups {
                let full = kind.seats().filter_map(|seat| {
                    let holders = taken.get(&seat)?;
                    (holders.len() >= group.maximum).then(|| holders.last().cloned())?
                });
                if let Some(last) = full.min() {
                    lasts.insert(kind, last);
                }
            }
        }
        let mut changed = Vec::new();
        for kind in &kinds {
            let Some(group) = self.groups.get_mut(kind) else {
                continue;
            };
            let before = std::mem::replace(&mut group.last, lasts.remove(kind));
            group.between(before.as_ref(), group.last.as_ref(), &mut changed);
            if group.takers.is_empty() && group.others.is_empty() {
                self.forget(kind);
            }
        }
        for seat in seats {
            match taken.remove(&seat) {
                Some(holders) => drop(self.holders.insert(seat, holders)),
                None => drop(self.holders.remove(&seat)),
            }
        }
        changed
    }

    /// The groups that want the places of some groups, or of others that do; and these places.
    fn reachable(&self, touched: HashSet<Arc<Kind>>) -> (HashSet<Arc<Kind>>, HashSet<Seat>) {
        let mut seats = HashSet::new();
        let mut waiting: Vec<Arc<Kind>> = touched.iter().cloned().collect();
        let mut kinds = touched;
        while let Some(kind) = waiting.pop() {
            for seat in kind.seats() {
                for other in self.wanted.get(&seat).into_iter().flatten() {
                    if kinds.insert(Arc::clone(other)) {
                        waiting.push(Arc::clone(other));
                    }
                }
                seats.insert(seat);
            }
        }
        (kinds, seats)
    }

    fn forget(&mut self, kind: &Arc<Kind>) {
        self.groups.remove(kind);
        for seat in kind.seats() {
            if let Some(wanted) = self.wanted.get_mut(&seat) {
                wanted.remove(kind);
                if wanted.is_empty() {
                    self.wanted.remove(&seat);
                }
            }
        }
    }
}

impl Group {
    fn side(&mut self, takes: bool) -> &mut BTreeSet<Rank> {
        match takes {
            true => &mut self.takers,
            false => &mut self.others,
        }
    }

    /// Those after one rank and up to another, whichever comes first; `None` is the end.
    fn between(&self, one: Option<&Rank>, other: Option<&Rank>, found: &mut Vec<Arc<str>>) {
        let (from, to) = match (one, other) {
            (None, None) => return,
            (Some(one), Some(other)) if one == other => return,
            (Some(one), Some(other)) => (one.min(other), Bound::Included(one.max(other))),
            (Some(one), None) | (None, Some(one)) => (one, Bound::Unbounded),
        };
        for side in [&self.takers, &self.others] {
            let range = side.range((Bound::Excluded(from), to));
            found.extend(range.map(|rank| Arc::clone(&rank.id)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    thread_local! {
        pub(super) static COMPARISONS: Cell<usize> = const { Cell::new(0) };
    }

    fn contender(order: i64, maximum: usize, interfaces: &[&str]) -> Contender {
        Contender {
            limit: Limit {
                rule: 1,
                maximum,
                order: vec![order],
            },
            interfaces: interfaces.iter().map(ToString::to_string).collect(),
            imported: false,
            takes: true,
        }
    }

    /// Who has a place, by the rule itself: all are put in order, and each takes what is left.
    fn by_the_rule(contenders: &BTreeMap<Arc<str>, Contender>) -> Vec<&str> {
        let mut order: Vec<(&Arc<str>, &Contender)> = contenders.iter().collect();
        order.sort_by_key(|(id, one)| (one.limit.rule, &one.limit.order, !one.imported, *id));
        let mut taken: HashMap<(usize, &str), usize> = HashMap::new();
        let mut placed = Vec::new();
        for (id, one) in order {
            let full = one.interfaces.iter().any(|interface| {
                let holders = taken.get(&(one.limit.rule, interface.as_str()));
                holders.is_some_and(|holders| *holders >= one.limit.maximum)
            });
            if full {
                continue;
            }
            placed.push(&**id);
            if one.takes {
                for interface in &one.interfaces {
                    *taken.entry((one.limit.rule, interface)).or_default() += 1;
                }
            }
        }
        placed.sort_unstable();
        placed
    }

    #[test]
    fn a_change_looks_at_few_however_many_wait() {
        let mut places = Places::default();
        let all: Vec<Arc<str>> = (0..10_000)
            .map(|number| format!("e{number}").into())
            .collect();
        let changes = all.iter().zip(1..);
        places.update(changes.map(|(id, order)| (id, Some(contender(order, 2, &["a"])))));
        let count = |places: &mut Places, id: &str, contender: Option<Contender>| {
            COMPARISONS.set(0);
            let changed = places.update([(&id.into(), contender)]);
            (changed, COMPARISONS.get())
        };
        let better = || Some(contender(0, 2, &["a"]));
        let mut ill = contender(0, 2, &["a"]);
        ill.takes = false;
        let steps = [
            ("new", better(), vec!["new", "e1"]),
            ("new", Some(ill), vec!["e1"]),
            ("new", None, vec![]),
            ("e0", None, vec!["e2"]),
            ("e9999", None, vec![]),
            ("e9999", Some(contender(9_999_999, 2, &["a"])), vec![]),
        ];
        for (id, contender, expected) in steps {
            let (changed, comparisons) = count(&mut places, id, contender);
            let mut changed: Vec<&str> = changed.iter().map(|id| &**id).collect();
            changed.sort_unstable();
            let mut expected = expected;
            expected.sort_unstable();
            assert_eq!(changed, expected, "{id}");
            // A tree of 10,000 is searched about five times, in nodes of eleven.
            assert!(comparisons < 300, "{id}: {comparisons} comparisons");
        }
    }

    #[test]
    fn nothing_is_left_of_those_who_went() {
        let mut places = Places::default();
        let a = Arc::from("a");
        for round in 0..100 {
            let interface = format!("i{round}");
            places.update([(&a, Some(contender(1, 1, &[&interface, "b"])))]);
            assert!(places.has_place("a") && places.refusal("a").is_none());
        }
        places.update([(&a, None)]);
        let left = (places.standings.len(), places.groups.len());
        assert_eq!(left, (0, 0));
        assert!(places.wanted.is_empty() && places.holders.is_empty());
    }

    fn change() -> impl Strategy<Value = (u8, Option<Contender>)> {
        let interfaces = prop::sample::subsequence(vec!["a", "b", "c"], 1..=2);
        let one = (
            0..2_usize,
            0..3_i64,
            interfaces,
            any::<bool>(),
            any::<bool>(),
        );
        let one = one.prop_map(|(rule, order, interfaces, imported, takes)| {
            let mut one = contender(order, rule + 1, &interfaces);
            one.limit.rule = rule;
            (one.imported, one.takes) = (imported, takes);
            one
        });
        (0..12_u8, prop::option::weighted(0.8, one))
    }

    proptest! {
        #[test]
        fn the_places_are_those_of_the_rule(changes in prop::collection::vec(change(), 1..40)) {
            let mut places = Places::default();
            let mut contenders = BTreeMap::new();
            let mut believed = BTreeSet::<Arc<str>>::new();
            for (number, contender) in changes {
                let id: Arc<str> = format!("e{number}").into();
                match &contender {
                    Some(one) => contenders.insert(Arc::clone(&id), one.clone()),
                    None => contenders.remove(&id),
                };
                let changed = places.update([(&id, contender)]);
                for id in changed.into_iter().chain([id]) {
                    match places.has_place(&id) {
                        true => believed.insert(id),
                        false => believed.remove(&id),
                    };
                }
                let expected = by_the_rule(&contenders);
                // What is told of the others is complete.
                let believed: Vec<&str> = believed.iter().map(|id| &**id).collect();
                prop_assert_eq!(&believed, &expected);
                for id in contenders.keys() {
                    let placed = expected.contains(&&**id);
                    prop_assert_eq!(places.has_place(id), placed);
                    prop_assert_eq!(places.refusal(id).is_none(), placed);
                }
            }
        }
    }
}
