//! Pools never mix.

use super::history::History;
use super::{Breach, Property, Told, Word};

/// See [`Property::RULE`].
pub(super) struct OnePool;

impl Property for OnePool {
    const NAME: &'static str = "pools-never-mix";
    const RULE: &'static str = "No member takes in a member of another pool.";
}

/// Judges who joins whom.
pub(super) fn on_told(history: &History, told: &Told) -> Result<(), Breach> {
    let Word::Joined(_) = told.word else { return Ok(()) };
    let label_of = |subject: u32| history.subject(subject).label;
    let life = history.truth.life(told.observer);
    let own = life.and_then(|life| label_of(history.find(life.node)?));
    let others = label_of(told.subject);
    if own.is_none() || others.is_none() || own == others {
        return Ok(());
    }
    let facts = format!(
        "{} of pool {own:?} takes in {} of pool {others:?}",
        history.who(told.observer),
        history.subject(told.subject).node
    );
    Err(OnePool::breach(told.now, facts))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{history, join};
    use super::*;
    use delian_core::swim::PoolLabel;

    #[test]
    fn a_member_of_another_pool_is_noticed() {
        let mut history = history(2);
        assert_eq!(on_told(&history, &join(1, 0, 1)), Ok(()));
        history.subjects[1].label = Some(PoolLabel::of("another"));
        assert!(on_told(&history, &join(1, 0, 1)).is_err());
    }
}
