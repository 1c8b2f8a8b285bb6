//! Which forwards a leader has accepted: copies that the network makes have no second effect.

use crate::ids::Boot;
use crate::wire::Ticket;

/// Which forwards of one memory of a peer were accepted: the greatest number of its latest run, and which of the 64 up to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Accepted {
    boot: Boot,
    greatest: u64,
    /// Bit `i` stands for `greatest - i`.
    seen: u64,
}

impl Accepted {
    /// Returns what is known of a run of which nothing was accepted yet.
    pub(super) const fn nothing_of(boot: Boot) -> Self {
        Self { boot, greatest: 0, seen: 0 }
    }

    /// Returns whether a forward is new, and notes it. One that is too old to tell counts as seen.
    pub(super) fn is_new(&mut self, ticket: Ticket) -> bool {
        if ticket.boot != self.boot {
            if ticket.boot < self.boot {
                return false;
            }
            *self = Self { boot: ticket.boot, greatest: 0, seen: 0 };
        }
        if ticket.number > self.greatest {
            let ahead = ticket.number - self.greatest;
            self.seen = if ahead < 64 { self.seen << ahead } else { 0 } | 1;
            self.greatest = ticket.number;
            return true;
        }
        let behind = self.greatest - ticket.number;
        if behind >= 64 || self.seen & (1 << behind) != 0 {
            return false;
        }
        self.seen |= 1 << behind;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Incarnation;

    fn ticket(boot: u64, number: u64) -> Ticket {
        Ticket { incarnation: Incarnation::FOUNDING, boot: Boot::new(boot), number }
    }

    #[test]
    fn a_forward_is_new_once_in_any_order() {
        let mut accepted = Accepted { boot: Boot::new(1), greatest: 0, seen: 0 };
        for number in [1, 3, 2, 66, 5] {
            assert!(accepted.is_new(ticket(1, number)), "first copy of {number}");
        }
        for number in [66, 5, 3, 2, 1] {
            assert!(!accepted.is_new(ticket(1, number)), "second copy of {number}");
        }
        assert!(accepted.is_new(ticket(1, 4)));
    }

    #[test]
    fn a_forward_of_an_earlier_run_is_never_new() {
        let mut accepted = Accepted { boot: Boot::new(1), greatest: 9, seen: 1 };
        assert!(accepted.is_new(ticket(2, 1)));
        assert!(!accepted.is_new(ticket(1, 10)));
    }
}
