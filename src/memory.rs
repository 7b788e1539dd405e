//! What was found a moment ago, for the next who asks the same: bounded in time and in number.

use std::fmt;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hashlink::LruCache;

/// Remembers values for a while. Where there are too many, those that nobody asks for go.
pub struct Memory<K, V> {
    span: Duration,
    /// Each with when it was looked for, in monotonic time.
    kept: Mutex<LruCache<K, (Duration, V)>>,
}

impl<K: Hash + Eq, V: Clone> Memory<K, V> {
    /// Of at most so many values, each for so long.
    #[must_use]
    pub fn new(span: Duration, at_most: usize) -> Self {
        let kept = Mutex::new(LruCache::new(at_most));
        Self { span, kept }
    }

    /// What is remembered at this monotonic time.
    pub fn recall(&self, key: &K, now: Duration) -> Option<V> {
        let mut kept = self.kept();
        let (looked_at, value) = kept.get(key)?;
        (now.saturating_sub(*looked_at) < self.span).then(|| value.clone())
    }

    /// Remembers what was looked for at `looked_at`: a moment before it was found, so that it is never
    /// younger than it seems.
    pub fn keep(&self, key: K, value: V, looked_at: Duration) {
        self.kept().insert(key, (looked_at, value));
    }

    fn kept(&self) -> MutexGuard<'_, LruCache<K, (Duration, V)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Without what is remembered, which may be whose token is good.
impl<K, V> fmt::Debug for Memory<K, V> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Memory(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_remembered_for_its_time_while_there_is_room() {
        let seconds = Duration::from_secs;
        let memory = Memory::new(seconds(5), 2);
        memory.keep(1, 'a', seconds(10));
        memory.keep(2, 'b', seconds(12));
        assert_eq!(memory.recall(&1, seconds(14)), Some('a'));
        assert_eq!(memory.recall(&1, seconds(15)), None);
        assert_eq!(memory.recall(&2, seconds(15)), Some('b'));
        memory.keep(3, 'c', seconds(15));
        assert_eq!(memory.recall(&1, seconds(14)), None);
        assert_eq!(memory.recall(&3, seconds(15)), Some('c'));
    }
}
