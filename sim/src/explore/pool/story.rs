//! What happens and what it changes, in words.

use delian_core::swim::packet::Body;
use delian_core::swim::projection::Deadline;
use delian_core::swim::{Directory, News};

use super::Pool;
use super::action::Action;
use super::cell::Cell;
use super::react::{Aim, Letter};
use super::state::State;

impl Pool {
    pub(super) fn describe_action(&self, state: &State, action: Action) -> String {
        let letter = |place: u8| describe_letter(&state.flight.items()[usize::from(place)]);
        let who = |seat: u8| state.cell(seat).map_or("nobody".to_owned(), |cell| cell.swim.card().id.to_string());
        match action {
            Action::Deliver(place) => format!("arrives: {}", letter(place)),
            Action::Lose(place) => format!("lost: {}", letter(place)),
            Action::Duplicate(place) => format!("doubled, one copy arrives: {}", letter(place)),
            Action::Delay => format!("overtaken by all others: {}", letter(0)),
            Action::Fire(seat, deadline, aim) => {
                let cell = state.cell(seat).expect("deadlines are armed by processes that run");
                format!("{} {}", who(seat), describe_deadline(cell, deadline, aim))
            }
            Action::Leave(seat) => format!("{} is told to leave", who(seat)),
            Action::Change(seat) => format!("{} is told what to say of itself", who(seat)),
            Action::Crash(seat) => format!("{} crashes at seat {seat}", who(seat)),
            Action::Begin(number) => {
                let life = &self.model().lives[usize::from(number)];
                let id = super::model::id_of(life.of);
                format!("a life of {id} begins at seat {}: {:?} {:?}", life.seat, life.memory, life.begins)
            }
        }
    }

    pub(super) fn describe_changes(&self, before: &State, after: &State) -> Vec<String> {
        let lines = |state: &State| -> Vec<(u8, String)> {
            state.taken().map(|(seat, cell)| (seat, self.describe(seat, cell))).collect()
        };
        let (before, after) = (lines(before), lines(after));
        let gone = before.iter().filter(|(seat, _)| after.iter().all(|(other, _)| other != seat));
        let gone = gone.map(|(seat, _)| format!("seat {seat} is empty"));
        let changed = after.iter().filter(|line| !before.contains(line)).map(|(_, line)| line.clone());
        gone.chain(changed).collect()
    }
}

fn describe_deadline(cell: &Cell, deadline: Deadline, aim: Aim) -> String {
    let name = |directory: &Directory, slot| directory.node(slot).to_string();
    let aimed = |text: &str| match aim {
        Aim::Nobody => String::new(),
        Aim::At(slot) => format!("{text} {}", name(&cell.directory, slot)),
    };
    match deadline {
        Deadline::Probe => format!("judges its probe{}", aimed(" and probes")),
        Deadline::Indirect => "asks another to probe".to_owned(),
        Deadline::Suspicion(slot) => format!("has suspected {} for long enough", name(&cell.directory, slot)),
        Deadline::Gossip => format!("gossips{}", aimed(", first with")),
        Deadline::Grave(slot) => format!("forgets {}", name(&cell.directory, slot)),
        Deadline::Seed => "asks a seed".to_owned(),
        Deadline::Reconnect => "asks one of the dead".to_owned(),
        Deadline::Nack => "says that there is no answer so far".to_owned(),
        Deadline::LeaveAgain => "says again that it leaves".to_owned(),
        Deadline::LeaveEnd => "leaves, whoever knows".to_owned(),
        Deadline::RelayEnd | Deadline::Exchange | Deadline::Past => format!("{deadline:?}"),
    }
}

pub(super) fn describe_letter(letter: &Letter) -> String {
    let packet = &letter.packet;
    let body = match &packet.body {
        Body::SyncOffer(_) => "offers its view".to_owned(),
        Body::SyncAnswer(_) => "answers with its view".to_owned(),
        Body::SyncPush => "sends what differs".to_owned(),
        Body::Ping(ping) => format!("ping {:?}", ping.number),
        Body::PingRequest(request) => format!("asks for a probe {:?}", request.number),
        Body::Locate(_)
        | Body::Ack(_)
        | Body::Located(..)
        | Body::Relayed(_)
        | Body::Nack(_)
        | Body::Gossip
        | Body::Introduce
        | Body::Leave
        | Body::Farewell => format!("{:?}", packet.body),
    };
    let news = packet.news.iter().map(|news| match news {
        News::Alive { incarnation, card } => format!("{} alive {incarnation}", card.id),
        News::Suspect { member, incarnation, accuser } => format!("{member} suspect {incarnation} by {accuser}"),
        News::Dead { member, incarnation } => format!("{member} dead {incarnation}"),
        News::Left { member, incarnation } => format!("{member} left {incarnation}"),
        News::Broadcast(_) => "a broadcast".to_owned(),
    });
    let news = news.collect::<Vec<_>>().join(", ");
    let (from, incarnation, to) = (packet.from, packet.incarnation, letter.to);
    format!("{from}{incarnation} at seat {} to seat {to}: {body} [{news}]", letter.from)
}
