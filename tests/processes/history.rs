//! What clients of three processes saw while those were killed and stopped: could one system have said it?

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};

use delian::delian_core::{Epoch, NodeId, Time};
use delian::delian_sim::linearizability::history::History;
use delian::delian_sim::linearizability::search::{Verdict, search};
use delian::delian_sim::linearizability::topology_model::{Action, Input, Output, Registrations};
use nix::sys::signal::Signal;

use crate::api::{Answer, Api};
use crate::federation::{Federation, PATIENCE, registration};

/// How many clients ask at a time.
const CLIENTS: u16 = 4;

/// About how many nodes they ask: few, so that what they ask meets.
const SUBJECTS: u64 = 3;

/// How many answers are awaited between two faults.
const BETWEEN_FAULTS: usize = 40;

/// How long a client waits for an answer: a node that is stopped gives none.
const PATIENCE_OF_CLIENTS: Duration = Duration::from_secs(1);

/// How far the search may go; a history that needs more is undecided, which fails.
const STEPS_MAX: u64 = 50_000_000;

type Saw = History<Input, Output>;

/// Tells the clients that it is over, also where a check fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What an answer says, as far as it says anything.
enum Said {
    Answer(Output),
    Nothing,
}

fn said(action: Action, answer: Option<Answer>) -> Said {
    let Some(Answer { status, document, .. }) = answer else { return Said::Nothing };
    let epoch = |key: &str| document[key].as_u64().map(Epoch::new);
    match (action, status) {
        (Action::Read, 200) => {
            epoch("registered_epoch").map_or(Said::Nothing, |at| Said::Answer(Output::Registered(Some(at))))
        }
        (Action::Read, 404) => Said::Answer(Output::Registered(None)),
        (_, 200) => epoch("epoch").map_or(Said::Nothing, |at| Said::Answer(Output::Applied(at))),
        (Action::Deregister, 404) => Said::Answer(Output::Unregistered),
        // Whether it took effect is not known, or it took none: without an answer both are allowed.
        (_, _) => Said::Nothing,
    }
}

fn ask(api: &Api, input: Input) -> Option<Answer> {
    let subject = input.subject;
    match input.action {
        Action::Register => api.put(&format!("/v1/nodes/{subject}"), &registration(&format!("subject-{subject}"))),
        Action::Deregister => api.delete(&format!("/v1/nodes/{subject}")),
        Action::Read | Action::Evict(_) | Action::SetCondition(_) => {
            api.get(&format!("/v1/nodes/{subject}?consistency=quorum"))
        }
    }
}

/// Asks through the nodes in turn until it is over.
fn client(number: u16, apis: &[Api], saw: &Mutex<Saw>, began: Instant, answered: &Sender<()>, over: &AtomicBool) {
    let now = || Time::ZERO + began.elapsed();
    for round in 0_u64.. {
        if over.load(Ordering::Relaxed) {
            return;
        }
        let draw = (round + 1).wrapping_mul(u64::from(number) + 7).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let action = [Action::Register, Action::Read, Action::Deregister, Action::Read][(draw % 4) as usize];
        let input = Input { subject: NodeId::new(5000 + draw / 4 % SUBJECTS), action };
        let operation = saw.lock().expect("no client panics").call(number, now(), input);
        let answer = ask(&apis[(draw / 64) as usize % apis.len()], input);
        if let Said::Answer(output) = said(action, answer) {
            saw.lock().expect("no client panics").answer(operation, now(), output);
            // At the end nobody counts any more.
            let _ = answered.send(());
        }
    }
}

#[test]
fn what_clients_see_through_kills_and_stops_is_linearizable() {
    let mut federation = Federation::found("history", 3);
    let api = |number| Api::with_patience(&federation.node(number).http, PATIENCE_OF_CLIENTS);
    let apis: Vec<_> = federation.numbers().into_iter().map(api).collect();
    let (saw, began) = (Mutex::new(Saw::default()), Instant::now());
    let (over, (answered, heard)) = (AtomicBool::new(false), mpsc::channel());
    thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (apis, saw, answered, over) = (&apis, &saw, answered.clone(), &over);
            scope.spawn(move || client(number, apis, saw, began, &answered, over));
        }
        let _over = Over(&over);
        let more = |count: usize| {
            // Those from before do not count.
            heard.try_iter().for_each(drop);
            for _ in 0..count {
                heard.recv_timeout(PATIENCE).expect("the clients get on");
            }
        };
        for round in 0..4_u64 {
            let victim = 1 + round % 3;
            more(BETWEEN_FAULTS);
            if round % 2 == 0 {
                federation.kill(victim);
                more(BETWEEN_FAULTS);
                federation.join(victim);
            } else {
                federation.signal(victim, Signal::SIGSTOP);
                more(BETWEEN_FAULTS);
                federation.signal(victim, Signal::SIGCONT);
            }
        }
        more(BETWEEN_FAULTS);
    });
    let saw = saw.into_inner().expect("no client panics");
    match search::<Registrations>(&saw, STEPS_MAX) {
        Verdict::Linearizable => {}
        other @ (Verdict::Violation(_) | Verdict::Undecided { .. }) => panic!("{other:?}"),
    }
}
