---------------------------- MODULE AbstractRaft ----------------------------
(***************************************************************************)
(* Raft without messages: what one step may do to one node, read off the  *)
(* nodes, their disks and a little history (Ongaro and Ousterhout 2014,   *)
(* figure 2; Ongaro's thesis, sections 3.4 to 3.6 and 3.8).               *)
(*                                                                         *)
(* A step of the real node may take several abstract ones, such as         *)
(* learning of a term, voting in it and accepting entries, so each rule    *)
(* judges one part of the node's state.  A rule is a function of the node  *)
(* before and after and tells what is wrong, or Fine.  Messages and clocks *)
(* do not occur: a rule asks whether what was decided is right, not how    *)
(* the node came to know it.  `sim/src/explore/cluster/abstract_raft.rs`   *)
(* has the same rules in Rust; here they also know what is on disk.        *)
(*                                                                         *)
(* Out of scope: changes of the configuration, logs that are compacted,    *)
(* disks that are destroyed, reads.  Pre-candidates are followers.         *)
(***************************************************************************)
EXTENDS Naturals, Sequences, FiniteSets

CONSTANTS Nodes,    \* who takes part
          Voters,   \* which of them vote
          Nobody    \* whom a node votes for that has not voted

VARIABLES nodes,      \* of each node: term, vote, role, log (terms of entries), commit, and its disk
          ballots,    \* every vote that was ever on a disk, as <<term, voter, candidate>>
          reigns,     \* of each term that was led: by whom, and all its leader ever had in its log
          committed   \* the terms of what was ever committed, and the latest term in which something was

vars == <<nodes, ballots, reigns, committed>>

Fine == "fine"

Blank == [term |-> 0, vote |-> Nobody, log |-> <<>>]

\* A node that starts with a disk.
Starting(disk) == [term |-> disk.term, vote |-> disk.vote, role |-> "down", log |-> disk.log, commit |-> 0,
                   disk |-> disk]

Init == /\ nodes = [n \in Nodes |-> Starting(Blank)]
        /\ ballots = {}
        /\ reigns = << >>
        /\ committed = [log |-> <<>>, in |-> 0]

-----------------------------------------------------------------------------
Max(a, b) == IF a > b THEN a ELSE b
Prefix(log, length) == SubSeq(log, 1, length)
IsPrefix(short, long) == Len(short) <= Len(long) /\ short = Prefix(long, Len(short))
LastTerm(log) == IF log = <<>> THEN 0 ELSE log[Len(log)]
IsQuorum(some) == 2 * Cardinality(some \cap Voters) > Cardinality(Voters)
Stands(node) == node.role \in {"candidate", "leader"}

\* Whether a log is at least as complete as another (section 5.4.1).
IsComplete(log, other) == \/ LastTerm(log) > LastTerm(other)
                          \/ LastTerm(log) = LastTerm(other) /\ Len(log) >= Len(other)

\* Whether the node leads after the step, or led in the same term before: it may add its last entry and step down.
Led(before, after) == after.role = "leader" \/ (before.role = "leader" /\ before.term = after.term)

-----------------------------------------------------------------------------
\* Timeout and Learn: terms rise; who stands for election rises by one and votes for itself.
TermRule(n, before, after) ==
    IF after.term < before.term THEN "a term fell"
    ELSE IF Stands(after) /\ after.vote # n THEN "a candidate did not vote for itself"
    ELSE IF Stands(after) /\ n \notin Voters THEN "a node stands that has no vote"
    ELSE IF after.term > before.term /\ after.vote = n /\ after.term # before.term + 1
        THEN "a candidate skipped a term"
    ELSE IF after.term = before.term /\ after.role = "candidate" /\ before.role # "candidate"
        THEN "a node stands twice in a term"
    ELSE Fine

\* Vote: one per term, for a candidate whose own vote is on disk and whose log is at least as complete.
VoteRule(n, before, after) ==
    LET same == after.term = before.term
        candidate == after.vote
    IN IF same /\ before.vote # Nobody /\ after.vote # before.vote THEN "a vote was taken back"
       ELSE IF candidate \in {n, Nobody} \/ (same /\ before.vote = candidate) THEN Fine
       ELSE IF <<after.term, candidate, candidate>> \notin ballots
           THEN "a vote went to a node whose own is not on disk"
       ELSE IF /\ nodes[candidate].term = after.term
               /\ Stands(nodes[candidate])
               /\ ~IsComplete(nodes[candidate].log, before.log)
           THEN "a vote went to a less complete log"
       ELSE Fine

\* Lead: who leads has stood in the term, and the votes of a quorum are on disk.
LeadRule(n, before, after) ==
    IF after.role # "leader" \/ (before.role = "leader" /\ before.term = after.term) THEN Fine
    ELSE IF before.role # "candidate" \/ before.term # after.term THEN "a node leads that did not stand"
    ELSE IF after.term \in DOMAIN reigns THEN "a term has two leaders"
    ELSE IF ~IsQuorum({voter \in Voters : <<after.term, voter, n>> \in ballots})
        THEN "a node leads without the votes of a quorum"
    ELSE Fine

\* Propose and Accept: leaders add entries of their term; others take over what the leader of their term has, and
\* replace nothing without a conflict.  Entries travel out of date, but a leader only adds, so what it sent
\* begins what it has.
LogRule(n, before, after) ==
    IF after.log = before.log THEN Fine
    ELSE IF Led(before, after)
        THEN IF /\ IsPrefix(before.log, after.log)
                /\ \A index \in Len(before.log) + 1 .. Len(after.log) : after.log[index] = after.term
             THEN Fine
             ELSE "a leader changed more than the end of its log"
    ELSE IF ~IsPrefix(Prefix(before.log, before.commit), after.log) THEN "a committed entry was replaced"
    ELSE IF IsPrefix(after.log, before.log) THEN "entries were cut off without a conflict"
    ELSE IF after.term \notin DOMAIN reigns THEN "entries came from nobody who leads"
    ELSE IF ~IsPrefix(after.log, reigns[after.term].log) THEN "entries came that the leader does not have"
    ELSE Fine

\* Commit and Follow: a leader commits what a quorum has on disk, up to an entry of its term (section 5.4.2); others
\* follow.
CommitRule(n, before, after) ==
    LET index == after.commit
        Holds(disk) == index <= Len(disk.log) /\ disk.log[index] = after.log[index]
        Disk(voter) == IF voter = n THEN after.disk ELSE nodes[voter].disk
    IN IF index < before.commit THEN "a commit fell"
       ELSE IF index = before.commit THEN Fine
       ELSE IF index > Len(after.log) THEN "a commit passed the log"
       ELSE IF IsPrefix(Prefix(after.log, index), committed.log) THEN Fine
       ELSE IF ~Led(before, after) THEN "a follower committed what no leader has"
       ELSE IF after.log[index] # after.term THEN "an entry of an older term was committed by counting"
       ELSE IF ~IsQuorum({voter \in Voters : Holds(Disk(voter))})
           THEN "an entry was committed that no quorum has on disk"
       ELSE Fine

\* Crash and Restart: what is on disk stays, and nothing else; who comes back is a follower.
DownRule(n, before, after) ==
    LET kept == [term |-> after.term, vote |-> after.vote, log |-> after.log]
    IN IF kept # after.disk THEN "what was not on disk outlived a crash, or what was did not"
       ELSE IF after.role \notin {"down", "follower"} THEN "a node came back in office"
       ELSE IF ~IsPrefix(Prefix(after.log, after.commit), committed.log) THEN "a node came back with a wrong commit"
       ELSE Fine

\* What is wrong with a step of one node, its disk being written already.
Why(n, before, after) ==
    IF "down" \in {before.role, after.role} THEN DownRule(n, before, after)
    ELSE LET rules == <<TermRule(n, before, after), VoteRule(n, before, after), LeadRule(n, before, after),
                        LogRule(n, before, after), CommitRule(n, before, after)>>
             broken == {rule \in DOMAIN rules : rules[rule] # Fine}
         IN IF broken = {} THEN Fine ELSE rules[CHOOSE rule \in broken : \A other \in broken : rule <= other]

-----------------------------------------------------------------------------
\* What a disk holds counts; `written` are the terms and votes that reached it, one after the other.
Votes(n, written) == {<<vote.term, n, vote.vote>> : vote \in {some \in written : some.vote # Nobody}}

\* The step itself, with what becomes of the history.
Take(n, before, after, written) ==
    /\ nodes' = [nodes EXCEPT ![n] = after]
    /\ ballots' = ballots \cup Votes(n, written)
    /\ reigns' = IF ~Led(before, after) THEN reigns
                 ELSE [term \in DOMAIN reigns \cup {after.term} |->
                          IF term = after.term THEN [by |-> n, log |-> after.log] ELSE reigns[term]]
    /\ committed' = IF after.commit <= Len(committed.log) THEN committed
                    ELSE [log |-> Prefix(after.log, after.commit), in |-> Max(committed.in, after.term)]

-----------------------------------------------------------------------------
\* No term ever has two leaders: figure 3, election safety.
OneLeaderPerTerm ==
    \A n \in Nodes : nodes[n].role = "leader" =>
        nodes[n].term \in DOMAIN reigns /\ reigns[nodes[n].term].by = n

\* Two logs that have an entry of one term at one index are equal up to it.
LogMatching ==
    \A one, other \in Nodes :
        \A index \in 1 .. Len(nodes[one].log) :
            index <= Len(nodes[other].log) /\ nodes[one].log[index] = nodes[other].log[index] =>
                Prefix(nodes[one].log, index) = Prefix(nodes[other].log, index)

\* Who leads the latest term has all that is committed.
LeaderCompleteness ==
    \A n \in Nodes : nodes[n].role = "leader" /\ nodes[n].term >= committed.in =>
        IsPrefix(committed.log, nodes[n].log)

\* No two nodes ever commit different entries at an index.
StateMachineSafety ==
    \A n \in Nodes : IsPrefix(Prefix(nodes[n].log, nodes[n].commit), committed.log)

Safe == OneLeaderPerTerm /\ LogMatching /\ LeaderCompleteness /\ StateMachineSafety
=============================================================================
