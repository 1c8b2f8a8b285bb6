//! How a node leaves: who leads hands over first, then the pools are told, and what was written is flushed.

use std::time::Duration;

use delian_core::node::Tier;
use delian_core::raft::Role;
use delian_core::{Input, NodeId, Rejected, Term, swim};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Driver, Ended};

/// How long a node that leaves waits for others to know, beside what its pool waits.
const FAREWELL_MAX: Duration = Duration::from_secs(7);

/// How long a leader that leaves waits until another one leads: without that, they elect one as after a crash.
const HANDOVER_MAX: Duration = Duration::from_secs(2);

/// How far a node has come with leaving.
#[derive(Debug, Default)]
pub(super) enum Leaving {
    /// It stays.
    #[default]
    Stays,
    /// It leads, and another one is to.
    HandsOver { outcome: Option<oneshot::Receiver<Result<Term, Rejected>>>, until: Instant },
    /// Its pools are told.
    Told { until: Instant },
}

impl Leaving {
    /// Returns until when the next step may take.
    pub(super) const fn until(&self) -> Option<Instant> {
        match self {
            Self::Stays => None,
            Self::HandsOver { until, .. } | Self::Told { until } => Some(*until),
        }
    }

    /// Whether nobody was told, after all the time there is for that.
    pub(super) fn is_late(&self) -> bool {
        matches!(self, Self::Told { until } if Instant::now() >= *until)
    }
}

impl Driver {
    /// Begins to leave. The loop ends when others know, or after a while.
    pub(super) async fn leave(&mut self) {
        let Leaving::Stays = self.leaving else { return };
        let Some(heir) = self.heir() else { return self.say_farewell().await };
        let (asked, outcome) = oneshot::channel();
        self.leaving = Leaving::HandsOver { outcome: Some(outcome), until: Instant::now() + HANDOVER_MAX };
        tracing::info!(%heir, "hands over before it leaves");
        let request = self.waiting.transfer(&mut self.numbers, asked);
        self.step(Input::Transfer(request, heir)).await;
    }

    /// Goes on with leaving when another one leads, or none does in time.
    pub(super) async fn go_on_leaving(&mut self) {
        let Leaving::HandsOver { outcome, until } = &mut self.leaving else { return };
        let told = outcome.as_mut().map(oneshot::Receiver::try_recv);
        let is_over = match told {
            Some(Err(oneshot::error::TryRecvError::Empty)) => false,
            Some(Ok(Err(Rejected::Transferring(_)))) => {
                // Somebody asked for another hand-over before, which is as good; but nobody tells its outcome here.
                *outcome = None;
                false
            }
            Some(Ok(_) | Err(oneshot::error::TryRecvError::Closed)) => true,
            None => !self.node.raft().is_leader(),
        };
        if is_over || Instant::now() >= *until {
            self.say_farewell().await;
        }
    }

    /// Says farewell to the pools.
    async fn say_farewell(&mut self) {
        self.leaving = Leaving::Told { until: Instant::now() + FAREWELL_MAX };
        if self.node.pool(Tier::Local).is_none() {
            self.departed = Some(Ended::Asked);
        }
        for tier in [Tier::Wide, Tier::Local] {
            self.step(Input::Pool(tier, Box::new(swim::Input::Leave))).await;
        }
    }

    /// Returns who is to lead after this node, if it leads: of the voters that answer, who has most of the log.
    fn heir(&self) -> Option<NodeId> {
        let raft = self.node.raft();
        let Role::Leader(leadership) = raft.role() else { return None };
        let voters = &raft.configuration().voters;
        let peers = leadership.progress().iter();
        let able = peers.filter(|(peer, progress)| voters.contains(peer) && (progress.heard || progress.answered));
        able.max_by_key(|(_, progress)| progress.matched).map(|(peer, _)| peer)
    }
}
