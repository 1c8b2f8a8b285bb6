------------------------------ MODULE SmallRaft ------------------------------
(***************************************************************************)
(* Every state that a small cluster reaches by the rules of AbstractRaft,  *)
(* so that what the traces of real runs are held to is itself known to be  *)
(* safe.  A step is any change of one node that the rules allow, however   *)
(* many abstract steps it is composed of.                                  *)
(*                                                                         *)
(* Where disks are Lagging, one is written whole, or not at all.  A real   *)
(* one may be written in part, but no rule asks that something be absent   *)
(* from a disk, so what it holds later it may as well have held as soon as *)
(* it was in memory.  Otherwise what is in memory is on disk, and a crash  *)
(* takes only the office and the commit.                                   *)
(***************************************************************************)
EXTENDS AbstractRaft, TLC

CONSTANTS Terms, Entries, Lagging,
          Candidacies     \* how often anyone stands, all in all

Symmetry == Permutations(Nodes)

\* Terms never fall along a log.
Logs == {log \in UNION {[1 .. length -> 1 .. Terms] : length \in 0 .. Entries} :
            \A index \in 2 .. Len(log) : log[index - 1] <= log[index]}

Disk(node) == [term |-> node.term, vote |-> node.vote, log |-> node.log]

\* Every candidacy so far, whether or not its vote is on disk.
Stood == {ballot \in ballots : ballot[2] = ballot[3]} \cup
             {<<nodes[n].term, n, n>> : n \in {some \in Nodes : nodes[some].vote = some}}

Flush(n) ==
    LET disk == Disk(nodes[n])
    IN nodes[n].disk # disk /\ Take(n, nodes[n], [nodes[n] EXCEPT !.disk = disk], {disk})

\* Down and up again: nobody can tell how long it took.
Crash(n) == LET after == [Starting(nodes[n].disk) EXCEPT !.role = "follower"]
            IN after # nodes[n] /\ Take(n, nodes[n], after, {})

Step(n) ==
    LET before == nodes[n]
    IN /\ \E term \in before.term .. Terms :
          \E vote \in IF term = before.term /\ before.vote # Nobody THEN {before.vote} ELSE Nodes \cup {Nobody} :
          \E role \in IF vote = n THEN {"follower", "candidate", "leader"} ELSE {"follower"} :
          LET stood == [before EXCEPT !.term = term, !.vote = vote, !.role = role]
          IN /\ (term > before.term /\ vote = n) => Cardinality(Stood) < Candidacies
             /\ TermRule(n, before, stood) = Fine
             /\ VoteRule(n, before, stood) = Fine
             /\ LeadRule(n, before, stood) = Fine
             /\ \E log \in Logs :
                LET added == [stood EXCEPT !.log = log]
                IN /\ LogRule(n, before, added) = Fine
                   /\ \E commit \in before.commit .. Len(log) :
                      LET disk == IF Lagging THEN before.disk ELSE Disk(added)
                          after == [added EXCEPT !.commit = commit, !.disk = disk]
                      IN /\ after # before
                         /\ CommitRule(n, before, after) = Fine
                         /\ Take(n, before, after, IF Lagging THEN {} ELSE {after.disk})

Next == \E n \in Nodes : Step(n) \/ (Lagging /\ Flush(n)) \/ Crash(n)

\* As Init, and everyone is up.
Up == /\ nodes = [n \in Nodes |-> [Starting(Blank) EXCEPT !.role = "follower"]]
      /\ ballots = {}
      /\ reigns = << >>
      /\ committed = [log |-> <<>>, in |-> 0]

Spec == Up /\ [][Next]_vars
=============================================================================
