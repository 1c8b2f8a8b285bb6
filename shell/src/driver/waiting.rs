//! Who waits for what the core will say.

use std::collections::BTreeMap;

use delian_core::{Applied, Node, ReadAt, Rejected, RequestId, Term, Time};
use tokio::sync::oneshot;

use super::relay::Asker;
use crate::handle::{Answer, Numbers, Outcome};

/// Questions by their number. The core bounds how many there are.
#[derive(Default)]
pub(super) struct Waiting {
    commands: BTreeMap<RequestId, Client>,
    reads: BTreeMap<RequestId, Answer>,
    transfers: BTreeMap<RequestId, oneshot::Sender<Result<Term, Rejected>>>,
}

/// Whom an outcome is for.
enum Client {
    Local(Outcome),
    Remote(Asker),
}

impl Waiting {
    pub(super) fn command(&mut self, numbers: &mut Numbers, outcome: Outcome) -> RequestId {
        let request = numbers.next();
        self.commands.insert(request, Client::Local(outcome));
        request
    }

    pub(super) fn remote(&mut self, numbers: &mut Numbers, asker: Asker) -> RequestId {
        let request = numbers.next();
        self.commands.insert(request, Client::Remote(asker));
        request
    }

    pub(super) fn read(&mut self, numbers: &mut Numbers, answer: Answer) -> RequestId {
        let request = numbers.next();
        self.reads.insert(request, answer);
        request
    }

    pub(super) fn transfer(
        &mut self,
        numbers: &mut Numbers,
        outcome: oneshot::Sender<Result<Term, Rejected>>,
    ) -> RequestId {
        let request = numbers.next();
        self.transfers.insert(request, outcome);
        request
    }

    /// Tells a local client its outcome, or returns the one far away whom it is for. Clients may have gone away.
    pub(super) fn replied(
        &mut self,
        request: RequestId,
        outcome: Result<Applied, Rejected>,
    ) -> Option<(Asker, Result<Applied, Rejected>)> {
        match self.commands.remove(&request)? {
            Client::Local(client) => {
                let _ = client.send(outcome);
                None
            }
            Client::Remote(asker) => Some((asker, outcome)),
        }
    }

    pub(super) fn may_read(&mut self, request: RequestId, read: Result<(ReadAt, &Node, Time), Rejected>) {
        if let Some(answer) = self.reads.remove(&request) {
            answer(read);
        }
    }

    pub(super) fn transferred(&mut self, request: RequestId, outcome: Result<Term, Rejected>) {
        if let Some(client) = self.transfers.remove(&request) {
            let _ = client.send(outcome);
        }
    }

    /// Lets all questions go, which tells those who wait that the node has ended.
    pub(super) fn abandon(&mut self) {
        *self = Self::default();
    }
}
