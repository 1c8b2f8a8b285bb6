//! How a program talks to a running node.

use std::error::Error;
use std::fmt;

use delian_core::health::Sample;
use delian_core::raft::QuorumChange;
use delian_core::topology::Command;
use delian_core::{Applied, Consistency, Node, NodeId, Operation, ReadAt, Rejected, RequestId, SessionId, Term, Time};
use tokio::sync::{mpsc, oneshot};

use crate::journal::Reader;

/// What became of a question that brought no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The node, or the leader, refused it; or nobody knows what became of it.
    Rejected(Rejected),
    /// The node has ended. A command that was on its way may take effect all the same.
    Stopped,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(rejected) => rejected.fmt(f),
            Self::Stopped => write!(f, "the node has ended: ask another"),
        }
    }
}

impl Error for Failure {}

impl From<Rejected> for Failure {
    fn from(rejected: Rejected) -> Self {
        Self::Rejected(rejected)
    }
}

/// Where a command's outcome goes.
pub(crate) type Outcome = oneshot::Sender<Result<Applied, Rejected>>;

/// What a look at the node does there.
pub(crate) type Look = Box<dyn FnOnce(&Node, Time) + Send>;

/// What a read does at the node when it may be answered, or why not.
pub(crate) type Answer = Box<dyn FnOnce(Result<(ReadAt, &Node, Time), Rejected>) + Send>;

/// A question to the driver.
pub(crate) enum Ask {
    Command(Command, Outcome),
    OpenSession(Outcome),
    SessionCommand(Operation, Command, Outcome),
    CloseSession(SessionId, Outcome),
    Quorum(QuorumChange, Outcome),
    Transfer(NodeId, oneshot::Sender<Result<Term, Rejected>>),
    Read(Consistency, Answer),
    Look(Look),
    Observed(Sample),
    Broadcast(Vec<u8>),
    Stop(Farewell),
}

/// How a node ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Farewell {
    /// It tells its pools that it leaves, and waits until others know, for a while.
    Told,
    /// At once; others find out.
    Silent,
}

impl fmt::Debug for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Command(..) => "Command",
            Self::OpenSession(_) => "OpenSession",
            Self::SessionCommand(..) => "SessionCommand",
            Self::CloseSession(..) => "CloseSession",
            Self::Quorum(..) => "Quorum",
            Self::Transfer(..) => "Transfer",
            Self::Read(..) => "Read",
            Self::Look(_) => "Look",
            Self::Observed(_) => "Observed",
            Self::Broadcast(_) => "Broadcast",
            Self::Stop(_) => "Stop",
        })
    }
}

/// A way to a running node; copies lead to the same one. Questions wait in a bounded queue.
#[derive(Clone, Debug)]
pub struct Handle {
    id: NodeId,
    asks: mpsc::Sender<Ask>,
    journal: Reader,
}

impl Handle {
    pub(crate) const fn new(id: NodeId, asks: mpsc::Sender<Ask>, journal: Reader) -> Self {
        Self { id, asks, journal }
    }

    /// Returns the node's identity.
    pub const fn id(&self) -> NodeId {
        self.id
    }

    /// Returns the node's events, to read and to wait for.
    pub const fn journal(&self) -> &Reader {
        &self.journal
    }

    /// Waits until the node knows who leads, and says who: from then on commands have a way.
    ///
    /// # Errors
    ///
    /// Returns [`Failure::Stopped`] if the node has ended.
    pub async fn ready(&self) -> Result<NodeId, Failure> {
        loop {
            let seen = self.journal.last();
            if let Some(leader) = self.look(|node, _| node.known_leader().map(|(_, leader)| leader)).await? {
                return Ok(leader);
            }
            if !self.journal.wait_after(seen).await {
                return Err(Failure::Stopped);
            }
        }
    }

    /// Has a command agreed on, by way of the leader wherever it is.
    ///
    /// # Errors
    ///
    /// Returns why it has no effect, or that nobody knows whether it has.
    pub async fn command(&self, command: Command) -> Result<Applied, Failure> {
        self.outcome(|outcome| Ask::Command(command, outcome)).await
    }

    /// Opens a session: the index in the answer is its [`SessionId`].
    ///
    /// # Errors
    ///
    /// As [`Handle::command`].
    pub async fn open_session(&self) -> Result<SessionId, Failure> {
        let applied = self.outcome(Ask::OpenSession).await?;
        Ok(SessionId::new(applied.position.index.get()))
    }

    /// Has a command agreed on that takes effect once, however often it is asked for under this operation.
    ///
    /// # Errors
    ///
    /// As [`Handle::command`].
    pub async fn session_command(&self, operation: Operation, command: Command) -> Result<Applied, Failure> {
        self.outcome(|outcome| Ask::SessionCommand(operation, command, outcome)).await
    }

    /// Lets a session go.
    ///
    /// # Errors
    ///
    /// As [`Handle::command`].
    pub async fn close_session(&self, session: SessionId) -> Result<Applied, Failure> {
        self.outcome(|outcome| Ask::CloseSession(session, outcome)).await
    }

    /// Changes who decides.
    ///
    /// # Errors
    ///
    /// As [`Handle::command`].
    pub async fn change_quorum(&self, change: QuorumChange) -> Result<Applied, Failure> {
        self.outcome(|outcome| Ask::Quorum(change, outcome)).await
    }

    /// Has the node, which must lead, hand over to another voter. Returns the term in which that one took over.
    ///
    /// # Errors
    ///
    /// Returns why nobody took over.
    pub async fn transfer(&self, target: NodeId) -> Result<Term, Failure> {
        let (asked, answer) = oneshot::channel();
        self.ask(Ask::Transfer(target, asked)).await?;
        Ok(answer.await.map_err(|_| Failure::Stopped)??)
    }

    /// Reads the node's state when it is as recent as asked for. `look` runs on the driver's task, so it must be quick.
    ///
    /// # Errors
    ///
    /// Returns why the state cannot be said to be recent enough.
    pub async fn read<T, F>(&self, consistency: Consistency, look: F) -> Result<(ReadAt, T), Failure>
    where
        T: Send + 'static,
        F: FnOnce(&Node, Time) -> T + Send + 'static,
    {
        let (asked, answer) = oneshot::channel();
        let tell: Answer = Box::new(move |read| {
            // Who asked may have gone away meanwhile.
            let _ = asked.send(read.map(|(at, node, now)| (at, look(node, now))));
        });
        self.ask(Ask::Read(consistency, tell)).await?;
        Ok(answer.await.map_err(|_| Failure::Stopped)??)
    }

    /// Looks at the node as it is. `look` runs on the driver's task, so it must be quick.
    ///
    /// # Errors
    ///
    /// Returns [`Failure::Stopped`] if the node has ended.
    pub async fn look<T, F>(&self, look: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce(&Node, Time) -> T + Send + 'static,
    {
        let (asked, answer) = oneshot::channel();
        let tell: Look = Box::new(move |node, now| {
            // Who asked may have gone away meanwhile.
            let _ = asked.send(look(node, now));
        });
        self.ask(Ask::Look(tell)).await?;
        answer.await.map_err(|_| Failure::Stopped)
    }

    /// Says how the node fares: its heartbeats say so from here on.
    ///
    /// # Errors
    ///
    /// Returns [`Failure::Stopped`] if the node has ended.
    pub async fn observed(&self, sample: Sample) -> Result<(), Failure> {
        self.ask(Ask::Observed(sample)).await
    }

    /// Says something to all members of the node's local pool.
    ///
    /// # Errors
    ///
    /// Returns [`Failure::Stopped`] if the node has ended.
    pub async fn broadcast(&self, bytes: Vec<u8>) -> Result<(), Failure> {
        self.ask(Ask::Broadcast(bytes)).await
    }

    pub(crate) async fn ask(&self, ask: Ask) -> Result<(), Failure> {
        self.asks.send(ask).await.map_err(|_| Failure::Stopped)
    }

    async fn outcome(&self, ask: impl FnOnce(Outcome) -> Ask) -> Result<Applied, Failure> {
        let (asked, answer) = oneshot::channel();
        self.ask(ask(asked)).await?;
        Ok(answer.await.map_err(|_| Failure::Stopped)??)
    }
}

/// Numbers the questions that wait for the core.
#[derive(Debug, Default)]
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) const fn next(&mut self) -> RequestId {
        self.0 += 1;
        RequestId::new(self.0)
    }
}
