//! Exact sets over a line of whole numbers, nested to any number of dimensions.
//!
//! An [`IntervalMap`] sends disjoint, sorted intervals of its key to smaller sets. Its form is
//! canonical (no empty value, no two touching intervals with equal values), so two maps are equal
//! exactly when they hold the same points.

/// What a set can do; `bool` is the set over no dimension.
pub trait SetAlgebra: Clone + Eq {
    /// The set without a point.
    fn empty() -> Self;
    /// Whether there is no point.
    fn is_empty(&self) -> bool;
    /// The points of either.
    #[must_use]
    fn union(&self, other: &Self) -> Self;
    /// The points of both.
    #[must_use]
    fn intersection(&self, other: &Self) -> Self;
    /// The points of this one that the other does not have.
    #[must_use]
    fn difference(&self, other: &Self) -> Self;
}

impl SetAlgebra for bool {
    fn empty() -> Self {
        false
    }
    fn is_empty(&self) -> bool {
        !self
    }
    fn union(&self, other: &Self) -> Self {
        *self || *other
    }
    fn intersection(&self, other: &Self) -> Self {
        *self && *other
    }
    fn difference(&self, other: &Self) -> Self {
        *self && !*other
    }
}

/// A whole number that an interval can be made of.
pub trait Key: Copy + Ord {
    /// The largest one.
    const LAST: Self;
    /// The next larger one; the largest has none.
    fn after(self) -> Option<Self>;
    /// The next smaller one; zero has none.
    fn before(self) -> Option<Self>;
}

macro_rules! key {
    ($($kind:ty),*) => {$(
        impl Key for $kind {
            const LAST: Self = Self::MAX;
            fn after(self) -> Option<Self> {
                self.checked_add(1)
            }
            fn before(self) -> Option<Self> {
                self.checked_sub(1)
            }
        }
    )*};
}
key!(u8, u16, u128);

/// Disjoint, sorted intervals (both ends included), each with the set that holds there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IntervalMap<K, V> {
    entries: Vec<(K, K, V)>,
}

impl<K: Key, V: SetAlgebra> IntervalMap<K, V> {
    /// One interval; empty when the ends are the wrong way round or the value is empty.
    #[must_use]
    pub fn of(first: K, last: K, value: V) -> Self {
        if first > last || value.is_empty() {
            return Self::empty();
        }
        Self { entries: vec![(first, last, value)] }
    }

    /// The intervals in order.
    #[must_use]
    pub fn entries(&self) -> &[(K, K, V)] {
        &self.entries
    }

    /// The set at one key.
    #[must_use]
    pub fn at(&self, key: K) -> Option<&V> {
        let position = self.entries.partition_point(|(_, last, _)| *last < key);
        self.entries.get(position).filter(|(first, _, _)| *first <= key).map(|(_, _, value)| value)
    }

    /// The part between two keys.
    #[must_use]
    pub fn within(&self, first: K, last: K) -> Self {
        let start = self.entries.partition_point(|(_, end, _)| *end < first);
        let entries = self
            .entries
            .iter()
            .skip(start)
            .take_while(|(begin, _, _)| *begin <= last)
            .map(|(begin, end, value)| ((*begin).max(first), (*end).min(last), value.clone()))
            .collect();
        Self { entries }
    }

    fn push(&mut self, first: K, last: K, value: V) {
        if value.is_empty() {
            return;
        }
        if let Some((_, end, previous)) = self.entries.last_mut()
            && end.after() == Some(first)
            && *previous == value
        {
            *end = last;
            return;
        }
        self.entries.push((first, last, value));
    }

    /// Sweeps over both maps; `join` sees what each has on every stretch where both are constant.
    fn combine(&self, other: &Self, join: impl Fn(Option<&V>, Option<&V>) -> V) -> Self {
        let mut result = Self { entries: Vec::with_capacity(self.entries.len() + other.entries.len()) };
        let (mut left, mut right) = (self.entries.iter().peekable(), other.entries.iter().peekable());
        let mut cursor: Option<K> = None;
        loop {
            let next_start = [left.peek(), right.peek()]
                .into_iter()
                .flatten()
                .map(|(first, _, _)| cursor.map_or(*first, |cursor| (*first).max(cursor)))
                .min();
            let Some(start) = next_start else { return result };
            let (mut here_left, mut here_right, mut end) = (None, None, K::LAST);
            for (peeked, here) in [(left.peek(), &mut here_left), (right.peek(), &mut here_right)] {
                if let Some((first, last, value)) = peeked {
                    if *first <= start {
                        *here = Some(value);
                        end = end.min(*last);
                    } else if let Some(before) = first.before() {
                        end = end.min(before);
                    }
                }
            }
            result.push(start, end, join(here_left, here_right));
            if left.peek().is_some_and(|(_, last, _)| *last <= end) {
                left.next();
            }
            if right.peek().is_some_and(|(_, last, _)| *last <= end) {
                right.next();
            }
            match end.after() {
                Some(next) => cursor = Some(next),
                None => return result,
            }
        }
    }
}

impl<K: Key, V: SetAlgebra> SetAlgebra for IntervalMap<K, V> {
    fn empty() -> Self {
        Self { entries: Vec::new() }
    }

    fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn union(&self, other: &Self) -> Self {
        if self.is_empty() {
            return other.clone();
        }
        if other.is_empty() {
            return self.clone();
        }
        self.combine(other, |left, right| match (left, right) {
            (Some(left), Some(right)) => left.union(right),
            (Some(one), None) | (None, Some(one)) => one.clone(),
            (None, None) => V::empty(),
        })
    }

    fn intersection(&self, other: &Self) -> Self {
        if self.is_empty() || other.is_empty() {
            return Self::empty();
        }
        self.combine(other, |left, right| match (left, right) {
            (Some(left), Some(right)) => left.intersection(right),
            _ => V::empty(),
        })
    }

    fn difference(&self, other: &Self) -> Self {
        if self.is_empty() || other.is_empty() {
            return self.clone();
        }
        self.combine(other, |left, right| match (left, right) {
            (Some(left), Some(right)) => left.difference(right),
            (Some(left), None) => left.clone(),
            _ => V::empty(),
        })
    }
}
