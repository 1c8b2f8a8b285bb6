//! Carrying out what a step calls for.

use std::net::SocketAddr;

use delian_core::node::Tier;
use delian_core::{Blob, Effect, Input, Message, NodeId};

use super::Driver;
use crate::transport::Letter;

impl Driver {
    pub(super) async fn effect(&mut self, effect: Effect) {
        match effect {
            Effect::Send(to, message) => self.send(to, message),
            Effect::Persist(write, record) => self.writer.write(write, record).await,
            Effect::Reply(request, outcome) => {
                if let Some((asker, outcome)) = self.waiting.replied(request, outcome) {
                    self.answer(asker, outcome);
                }
            }
            Effect::Read(request, outcome) => {
                let read = outcome.map(|at| (at, &self.node, self.clock.now()));
                self.waiting.may_read(request, read);
            }
            Effect::Transferred(request, outcome) => self.waiting.transferred(request, outcome),
            Effect::Apply(applied, command) => self.machine.apply(applied, &command),
            Effect::Capture(index) => {
                let state = self.machine.capture();
                self.next.push_back(Input::Captured(index, Blob::from(state.as_slice())));
            }
            Effect::Restore(state) => self.machine.restore(&state),
            Effect::SendPacket(tier, parcel) => self.network.send_packet(tier, *parcel),
            Effect::Deliver(_, broadcast) => self.machine.hear(broadcast.origin, &broadcast.payload),
            Effect::Emit(event) => self.note(event),
        }
    }

    fn send(&mut self, to: NodeId, message: Message) {
        self.post(to, Letter::Core(message));
    }

    /// Sends a letter, if it is known where to.
    pub(super) fn post(&mut self, to: NodeId, letter: Letter) {
        if let Some(address) = self.address_of(to) {
            self.network.send(to, address, letter);
        } else {
            tracing::debug!(%to, "no address is known of it");
        }
    }

    /// Where a node takes letters: where its pool says it is, or where it was registered, or what the configuration says.
    fn address_of(&self, node: NodeId) -> Option<SocketAddr> {
        let in_pool = |tier| {
            let (_, directory) = self.node.pool(tier)?;
            directory.card(directory.find(node)?).map(|card| card.address)
        };
        let registered = || {
            let registration = &self.node.topology().get(node)?.registration;
            Some(SocketAddr::new(registration.address.parse().ok()?, registration.port))
        };
        in_pool(Tier::Local)
            .or_else(|| self.keeper.address_of(node))
            .or_else(registered)
            .or_else(|| in_pool(Tier::Wide))
    }
}
