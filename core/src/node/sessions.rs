//! Sessions: a command that a client repeats takes effect once (Ongaro 2014, section 6.3).
//!
//! A client opens a session through the log and numbers its commands. The outcome of each is part of the replicated
//! state, so whoever leads when a copy comes along finds it and answers with it. What is remembered is bounded: the
//! client says with each command from which number on it still waits, and a session that was silent for too many log
//! entries is over. All of it follows from the applied log alone, for clocks differ between replicas.
//!
//! A command of a session that is over is refused and never executed again: the client alone can tell whether doing it
//! twice would hurt.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::codec::grow_vec;
use crate::config::SessionSettings;
use crate::ids::{Blob, LogIndex, Sequence, SessionId};
use crate::io::{Applied, Rejected};
use crate::topology::{Command, Refusal};

/// The first byte of the sessions in a snapshot: the version of the format that follows.
const VERSION: u8 = 1;

/// Names one command of one session, and says which outcomes its client still waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Operation {
    /// The session.
    pub session: SessionId,
    /// The command; a retry repeats it, and no other command of the session has it.
    pub sequence: Sequence,
    /// The lowest sequence whose outcome the client still waits for, at most `sequence`; those before it are forgotten.
    pub awaited_from: Sequence,
}

/// What a client asks within its session, as the log carries it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SessionRequest {
    /// Opens a session, named by the index of this entry.
    Open,
    /// Executes an encoded command, unless that was done before.
    Do {
        /// Which command it is.
        operation: Operation,
        /// Its bytes.
        command: Blob,
    },
    /// Ends a session.
    Close(SessionId),
}

/// The open sessions, and the outcomes that their clients may still ask for: equal on all replicas of one log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sessions {
    settings: SessionSettings,
    open: BTreeMap<SessionId, Session>,
    /// Index: the session that each entry was the last of. An entry is about one session, so no two share one.
    by_activity: BTreeMap<LogIndex, SessionId>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Session {
    /// The last entry that was about it.
    last_active: LogIndex,
    /// The lowest sequence that the client still waits for.
    awaited_from: Sequence,
    /// The outcomes from there on, in the order of their sequences; a few, so a sorted list beats a map.
    #[serde(deserialize_with = "grow_vec")]
    outcomes: Vec<(Sequence, Outcome)>,
}

/// What became of a command, as it is remembered. Boxed, for refusals are large and rare.
type Outcome = Result<Applied, Box<Refusal>>;

/// What is to be done about a command of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It is new: execute it and remember its outcome.
    Execute,
    /// It has this outcome already.
    Repeat(Result<Applied, Rejected>),
    /// It is refused unread.
    Refuse(Rejected),
}

impl SessionRequest {
    /// Returns the bytes of the request, as the log and the wire carry them.
    ///
    /// # Panics
    ///
    /// Never: every length is known and memory takes any number of bytes.
    pub fn encode(&self) -> Blob {
        Blob::from(postcard::to_allocvec(self).expect("lengths are known and memory takes all bytes"))
    }

    /// Reads a request back from exactly its bytes.
    ///
    /// # Errors
    ///
    /// Returns [`Refusal::Malformed`] if the bytes are no request or go on after one.
    pub fn decode(bytes: &[u8]) -> Result<Self, Refusal> {
        match postcard::take_from_bytes(bytes) {
            Ok((request, [])) => Ok(request),
            Ok((_, _)) | Err(_) => Err(Refusal::Malformed { bytes: bytes.len() }),
        }
    }

    /// Returns the request to execute `command` once.
    pub(super) fn of(operation: Operation, command: &Command) -> Self {
        Self::Do { operation, command: command.encode() }
    }
}

impl Operation {
    /// Checks what depends on nothing but the operation itself, so a copy of it is judged alike everywhere and always.
    pub(super) fn check_window(&self, settings: &SessionSettings) -> Result<(), Rejected> {
        let Self { session: _, sequence, awaited_from } = *self;
        let window = settings.window;
        // Every sequence within the window of what it says is within the window of what the session knows, for that
        // only rises; so the outcomes of a session are never more than the window is long.
        match sequence.get().checked_sub(awaited_from.get()) {
            Some(ahead) if ahead < window => Ok(()),
            Some(_) | None => Err(Rejected::OutsideWindow { sequence, awaited_from, window }),
        }
    }
}

impl Sessions {
    /// Returns the sessions before the first entry: none.
    pub fn new(settings: &SessionSettings) -> Self {
        Self { settings: settings.clone(), open: BTreeMap::new(), by_activity: BTreeMap::new() }
    }

    /// Returns how many sessions are open.
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Says whether no session is open.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Says whether a session is open.
    pub fn is_open(&self, session: SessionId) -> bool {
        self.open.contains_key(&session)
    }

    /// Iterates over the open sessions, each with how many outcomes are remembered for it.
    pub fn iter(&self) -> impl Iterator<Item = (SessionId, usize)> {
        self.open.iter().map(|(session, held)| (*session, held.outcomes.len()))
    }

    /// Moves on to the entry at `index` and ends the sessions that were silent for too long, one per call.
    pub(super) fn end_silent(&mut self, index: LogIndex) -> Option<SessionId> {
        let (last_active, session) = self.by_activity.first_key_value().map(|(at, session)| (*at, *session))?;
        if index.distance_from(last_active) <= self.settings.entries_max {
            return None;
        }
        self.close(session);
        Some(session)
    }

    /// Opens the session of the entry at `index`. Returns the one that had to make room for it.
    pub(super) fn open(&mut self, index: LogIndex) -> Option<SessionId> {
        let crowded = self.open.len() >= self.settings.sessions_max;
        let longest_silent = self.by_activity.first_key_value().map(|(_, session)| *session).filter(|_| crowded);
        if let Some(session) = longest_silent {
            self.close(session);
        }
        let session = SessionId::new(index.get());
        let opened = Session { last_active: index, awaited_from: Sequence::ZERO, outcomes: Vec::new() };
        self.open.insert(session, opened);
        self.by_activity.insert(index, session);
        longest_silent
    }

    /// Ends a session. Returns whether it was open.
    pub(super) fn close(&mut self, session: SessionId) -> bool {
        let Some(closed) = self.open.remove(&session) else { return false };
        self.by_activity.remove(&closed.last_active);
        true
    }

    /// Judges the command of the entry at `index`, and takes it for a sign of life of its client.
    pub(super) fn admit(&mut self, index: LogIndex, operation: &Operation) -> Admission {
        if let Err(rejected) = operation.check_window(&self.settings) {
            return Admission::Refuse(rejected);
        }
        let Operation { session: id, sequence, awaited_from } = *operation;
        let Some(session) = self.open.get_mut(&id) else {
            return Admission::Refuse(Rejected::SessionExpired(id));
        };
        self.by_activity.remove(&session.last_active);
        self.by_activity.insert(index, id);
        session.last_active = index;
        session.await_from(awaited_from);
        let awaited_from = session.awaited_from;
        if sequence < awaited_from {
            return Admission::Refuse(Rejected::Forgotten { sequence, awaited_from });
        }
        match session.place_of(sequence) {
            Ok(place) => Admission::Repeat(session.outcomes[place].1.clone().map_err(|r| Rejected::Refused(*r))),
            Err(_) => Admission::Execute,
        }
    }

    /// Remembers what became of a command that was to be executed.
    pub(super) fn remember(&mut self, operation: &Operation, outcome: Result<Applied, Refusal>) {
        let window = self.settings.window;
        let Some(session) = self.open.get_mut(&operation.session) else { return };
        if let Err(place) = session.place_of(operation.sequence) {
            session.outcomes.insert(place, (operation.sequence, outcome.map_err(Box::new)));
        }
        let outcomes = session.outcomes.len();
        assert!(outcomes as u64 <= window, "{} remembers {outcomes} outcomes of {window}", operation.session);
    }

    /// Returns the canonical bytes of the sessions: the same on every replica of one log.
    ///
    /// # Panics
    ///
    /// Never: every length is known and memory takes any number of bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_extend(&self.open, vec![VERSION]).expect("lengths are known and memory takes all bytes")
    }

    /// Reads the sessions as of the entry `last` back from exactly their canonical bytes, unless no log leads there.
    ///
    /// Never panics and never allocates beyond a small multiple of the input, whatever the bytes are.
    pub fn from_bytes(bytes: &[u8], last: LogIndex, settings: &SessionSettings) -> Option<Self> {
        let (&VERSION, rest) = bytes.split_first()? else { return None };
        let open: BTreeMap<SessionId, Session> = postcard::from_bytes(rest).ok()?;
        let by_activity = open.iter().map(|(session, held)| (held.last_active, *session)).collect();
        let sessions = Self { settings: settings.clone(), open, by_activity };
        // One comparison finds bytes behind the end, needless zeros, and sessions out of order or twice.
        (sessions.is_consistent(last) && sessions.to_bytes() == bytes).then_some(sessions)
    }

    /// Returns whether some log that ends at `last` leads here, as far as the sessions can tell.
    fn is_consistent(&self, last: LogIndex) -> bool {
        let mut effects = BTreeSet::new();
        let one_entry_each = self.by_activity.len() == self.open.len();
        one_entry_each
            && self.open.len() <= self.settings.sessions_max
            && self.open.iter().all(|(id, session)| {
                let opened = LogIndex::new(id.get());
                let lives = opened > LogIndex::ZERO
                    && (opened..=last).contains(&session.last_active)
                    && last.distance_from(session.last_active) <= self.settings.entries_max
                    && (session.last_active > opened || session.awaited_from == Sequence::ZERO);
                lives && session.is_consistent(opened, self.settings.window, &mut effects)
            })
    }
}

impl Session {
    /// Forgets the outcomes before `sequence`, unless that was done before.
    fn await_from(&mut self, sequence: Sequence) {
        if sequence > self.awaited_from {
            self.awaited_from = sequence;
            let forgotten = self.outcomes.partition_point(|(held, _)| *held < sequence);
            self.outcomes.drain(..forgotten);
        }
    }

    /// Returns where the outcome of a sequence is, or where it would be.
    fn place_of(&self, sequence: Sequence) -> Result<usize, usize> {
        self.outcomes.binary_search_by_key(&sequence, |(held, _)| *held)
    }

    /// Returns whether the outcomes are in order, within the window, and of entries between the first and the last of the
    /// session, none of which had two.
    fn is_consistent(&self, opened: LogIndex, window: u64, effects: &mut BTreeSet<LogIndex>) -> bool {
        let in_order = self.outcomes.is_sorted_by(|(one, _), (next, _)| one < next);
        in_order
            && self.outcomes.iter().all(|(sequence, outcome)| {
                let ahead = sequence.get().checked_sub(self.awaited_from.get());
                let in_place = |applied: &Applied| {
                    let index = applied.position.index;
                    opened < index && index <= self.last_active
                };
                ahead.is_some_and(|ahead| ahead < window)
                    && outcome.as_ref().map_or(self.last_active > opened, |applied| {
                        in_place(applied) && effects.insert(applied.position.index)
                    })
            })
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;

    use super::*;
    use crate::ids::{Epoch, NodeId, Position, Term};

    const SETTINGS: SessionSettings = SessionSettings { entries_max: 10, sessions_max: 2, window: 3 };

    fn operation(session: u64, sequence: u64, awaited_from: u64) -> Operation {
        Operation {
            session: SessionId::new(session),
            sequence: Sequence::new(sequence),
            awaited_from: Sequence::new(awaited_from),
        }
    }

    fn applied(index: u64) -> Applied {
        Applied { position: Position::new(Term::new(1), LogIndex::new(index)), epoch: Epoch::new(index) }
    }

    fn index(number: u64) -> LogIndex {
        LogIndex::new(number)
    }

    /// Sessions 1 and 3: the first did two commands, the second one in vain.
    fn sample() -> Sessions {
        let mut sessions = Sessions::new(&SETTINGS);
        sessions.open(index(1));
        sessions.open(index(3));
        for (at, asked, outcome) in [
            (4, operation(1, 1, 1), Ok(applied(4))),
            (5, operation(3, 1, 1), Err(Refusal::Unknown(NodeId::new(9)))),
            (6, operation(1, 2, 1), Ok(applied(6))),
        ] {
            assert_eq!(sessions.admit(index(at), &asked), Admission::Execute);
            sessions.remember(&asked, outcome);
        }
        sessions
    }

    #[test]
    fn a_repeated_command_is_answered_as_the_first_time() {
        let mut sessions = sample();
        assert_eq!(sessions.admit(index(7), &operation(1, 1, 1)), Admission::Repeat(Ok(applied(4))));
        let refused = Rejected::Refused(Refusal::Unknown(NodeId::new(9)));
        assert_eq!(sessions.admit(index(8), &operation(3, 1, 1)), Admission::Repeat(Err(refused)));
    }

    #[test]
    fn a_sequence_means_something_only_within_its_session() {
        let mut sessions = sample();
        assert_eq!(sessions.admit(index(7), &operation(3, 2, 1)), Admission::Execute);
    }

    #[test]
    fn what_the_client_does_not_wait_for_is_forgotten_and_never_executed_again() {
        let mut sessions = sample();
        assert_eq!(sessions.admit(index(7), &operation(1, 4, 2)), Admission::Execute);
        let forgotten = |sequence| {
            let (sequence, awaited_from) = (Sequence::new(sequence), Sequence::new(2));
            Admission::Refuse(Rejected::Forgotten { sequence, awaited_from })
        };
        assert_eq!(sessions.admit(index(8), &operation(1, 1, 1)), forgotten(1));
        assert_eq!(sessions.admit(index(9), &operation(1, 0, 0)), forgotten(0));
        assert_eq!(sessions.admit(index(10), &operation(1, 2, 1)), Admission::Repeat(Ok(applied(6))));
    }

    #[test]
    fn a_client_that_waits_for_too_much_is_refused_alike_everywhere() {
        let mut sessions = sample();
        for (sequence, awaited_from) in [(5, 2), (1, 2), (u64::MAX, 0)] {
            let asked = operation(1, sequence, awaited_from);
            let (sequence, awaited_from) = (asked.sequence, asked.awaited_from);
            let refused = Rejected::OutsideWindow { sequence, awaited_from, window: 3 };
            assert_eq!(asked.check_window(&SETTINGS), Err(refused.clone()));
            assert_eq!(sessions.admit(index(7), &asked), Admission::Refuse(refused));
        }
        assert_eq!(sessions, sample());
    }

    #[test]
    fn the_outcomes_of_a_session_are_never_more_than_its_window() {
        let mut sessions = sample();
        for number in 3..50 {
            let asked = operation(1, number, number - 2);
            assert_eq!(sessions.admit(index(number + 4), &asked), Admission::Execute);
            sessions.remember(&asked, Ok(applied(number + 4)));
            assert_eq!(sessions.iter().next(), Some((SessionId::new(1), 3)));
        }
    }

    #[test]
    fn a_session_ends_when_nothing_was_heard_of_it_for_too_many_entries() {
        let mut sessions = sample();
        assert_eq!(sessions.end_silent(index(15)), None);
        assert_eq!(sessions.end_silent(index(16)), Some(SessionId::new(3)));
        assert_eq!(sessions.end_silent(index(16)), None);
        let expired = Rejected::SessionExpired(SessionId::new(3));
        assert_eq!(sessions.admit(index(16), &operation(3, 1, 1)), Admission::Refuse(expired));
        assert_eq!(sessions.end_silent(index(17)), Some(SessionId::new(1)));
    }

    #[test]
    fn one_session_too_many_ends_the_one_that_was_silent_longest() {
        let mut sessions = sample();
        assert_eq!(sessions.open(index(7)), Some(SessionId::new(3)));
        assert!(sessions.is_open(SessionId::new(1)) && sessions.is_open(SessionId::new(7)));
        assert_eq!(sessions.len(), 2);
    }

    #[test]
    fn a_closed_session_is_forgotten() {
        let mut sessions = sample();
        assert!(sessions.close(SessionId::new(1)));
        assert!(!sessions.close(SessionId::new(1)));
        let expired = Rejected::SessionExpired(SessionId::new(1));
        assert_eq!(sessions.admit(index(7), &operation(1, 1, 1)), Admission::Refuse(expired));
    }

    /// If these bytes change, snapshots on disk become unreadable: raise `VERSION` and keep reading the old format.
    #[test]
    fn the_bytes_of_sessions_never_move() {
        let hex = sample().to_bytes().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        assert_eq!(hex, "010201060102010001040402000106060305010101010a09");
    }

    /// If these bytes change, the logs on disk and the peers of the last release become unreadable: add a variant at the
    /// end instead.
    #[test]
    fn the_bytes_of_requests_never_move() {
        let command = Blob::from([1, 4].as_slice());
        let asked = SessionRequest::Do { operation: operation(300, 7, 5), command };
        assert_eq!(SessionRequest::Open.encode().as_slice(), [0]);
        assert_eq!(asked.encode().as_slice(), [1, 0xac, 2, 7, 5, 2, 1, 4]);
        assert_eq!(SessionRequest::Close(SessionId::new(300)).encode().as_slice(), [2, 0xac, 2]);
        assert_eq!(SessionRequest::decode(&asked.encode()), Ok(asked));
        assert_eq!(SessionRequest::decode(&[0, 0]), Err(Refusal::Malformed { bytes: 2 }));
    }

    #[test]
    fn sessions_are_read_only_from_exactly_their_bytes() {
        let bytes = sample().to_bytes();
        assert_eq!(Sessions::from_bytes(&bytes, index(6), &SETTINGS), Some(sample()));
        for cut in 0..bytes.len() {
            assert_eq!(Sessions::from_bytes(&bytes[..cut], index(6), &SETTINGS), None, "cut at {cut}");
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert_eq!(Sessions::from_bytes(&longer, index(6), &SETTINGS), None);
        let needless_zero = [&[VERSION, 0x82, 0], &bytes[2..]].concat();
        assert_eq!(Sessions::from_bytes(&needless_zero, index(6), &SETTINGS), None);
    }

    /// What is wrong, and how to bring it about.
    type Forgery = (&'static str, fn(&mut Session));

    #[test]
    fn sessions_to_which_no_log_leads_are_refused() {
        let refused = |what: &str, last: u64, forge: fn(&mut Sessions)| {
            let mut forged = sample();
            forge(&mut forged);
            assert_eq!(Sessions::from_bytes(&forged.to_bytes(), index(last), &SETTINGS), None, "{what}");
        };
        refused("active after the end of the log", 5, |_| ());
        refused("silent for too long", 16, |_| ());
        refused("too many", 6, |forged| {
            let opened = Session { last_active: index(2), awaited_from: Sequence::ZERO, outcomes: Vec::new() };
            forged.open.insert(SessionId::new(2), opened);
        });
        refused("opened before the first entry", 6, |forged| {
            let session = forged.open.remove(&SessionId::new(1)).expect("the sample holds it");
            forged.open.insert(SessionId::ZERO, session);
        });
        let of_one: [Forgery; 9] = [
            ("active before it was opened", |session| session.last_active = index(0)),
            ("active in the entry of another", |session| session.last_active = index(5)),
            ("an outcome of before its opening", |session| session.outcomes[0].1 = Ok(applied(1))),
            ("an outcome of after its last activity", |session| session.outcomes[0].1 = Ok(applied(7))),
            ("two outcomes of one entry", |session| session.outcomes[0].1 = Ok(applied(6))),
            ("a sequence twice", |session| session.outcomes[0].0 = Sequence::new(2)),
            ("a forgotten outcome", |session| session.awaited_from = Sequence::new(2)),
            ("an outcome beyond the window", |session| session.outcomes[1].0 = Sequence::new(4)),
            ("heard of only once, with outcomes", |session| session.last_active = index(1)),
        ];
        for (what, forge) in of_one {
            let mut forged = sample();
            forge(forged.open.get_mut(&SessionId::new(1)).expect("the sample holds it"));
            assert_eq!(Sessions::from_bytes(&forged.to_bytes(), index(6), &SETTINGS), None, "{what}");
        }
    }
}
