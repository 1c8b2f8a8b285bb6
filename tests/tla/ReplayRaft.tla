----------------------------- MODULE ReplayRaft -----------------------------
(***************************************************************************)
(* Takes the steps of a real run, one after the other, and asks whether    *)
(* each is one of AbstractRaft.  `cargo xtask tla` writes the run as the   *)
(* module TraceData.  There is one state for each step, so TLC has nothing *)
(* to search.  The last line that a good run prints is <<"consumed", n>>;  *)
(* a bad one ends at <<"refused", n, why>>.                                *)
(*                                                                         *)
(* A step may hold both a write of the disk and what the node made of it.  *)
(* The write comes first.                                                  *)
(***************************************************************************)
EXTENDS AbstractRaft, TraceData, TLC

VARIABLES at,       \* which step comes next
          hards,    \* of each node: terms and votes it had since the one on its disk
          logs,     \* of each node: logs it had since the one on its disk
          verdict

replayed == <<at, hards, logs, verdict>>

Hard(kept) == [term |-> kept.term, vote |-> kept.vote]

\* A step tells of a log how much of the one before it keeps, and what follows.
Told(kept, log) == [term |-> kept.term, vote |-> kept.vote, log |-> Prefix(log, kept.keep) \o kept.add]

\* What a person wants to see of a node: of the log only where it ends.
Outline(node) ==
    LET Brief(kept) == [term |-> kept.term, vote |-> kept.vote,
                        entries |-> Len(kept.log), last |-> LastTerm(kept.log)]
    IN [role |-> node.role, memory |-> Brief(node), commit |-> node.commit, disk |-> Brief(node.disk)]

Refuse(n, why, before, after) ==
    /\ PrintT(<<"refused", at, why>>)
    /\ PrintT(<<"node", n>>)
    /\ PrintT(<<"before", Outline(before)>>)
    /\ PrintT(<<"after", Outline(after)>>)
    /\ verdict' = why
    /\ UNCHANGED <<vars, at, hards, logs>>

-----------------------------------------------------------------------------
\* Where something stands among what waits to be written, or 0 if it is on disk already.
Place(wanted, present, waiting) ==
    IF wanted = present THEN 0
    ELSE CHOOSE place \in DOMAIN waiting :
             waiting[place] = wanted /\ \A less \in 1 .. place - 1 : waiting[less] # wanted

Waits(wanted, present, waiting) == wanted = present \/ \E place \in DOMAIN waiting : waiting[place] = wanted

\* A disk gets what the node had in memory, in order.
Write(n, before, disk) ==
    LET after == [before EXCEPT !.disk = disk]
        hard == Place(Hard(disk), Hard(before.disk), hards[n])
        log == Place(disk.log, before.disk.log, logs[n])
    IN IF ~Waits(Hard(disk), Hard(before.disk), hards[n])
       THEN Refuse(n, "a disk holds a term or a vote that was not in memory", before, after)
       ELSE IF ~Waits(disk.log, before.disk.log, logs[n])
       THEN Refuse(n, "a disk holds a log that was not in memory", before, after)
       ELSE /\ Take(n, before, after, {hards[n][place] : place \in 1 .. hard})
            /\ hards' = [hards EXCEPT ![n] = SubSeq(@, hard + 1, Len(@))]
            /\ logs' = [logs EXCEPT ![n] = SubSeq(@, log + 1, Len(@))]
            /\ UNCHANGED <<at, verdict>>

\* What waits after a step: more by what the step changed, and nothing once the node is down.
Waiting(waiting, now, before, after) ==
    IF after.role = "down" THEN <<>> ELSE IF now = before THEN waiting ELSE Append(waiting, now)

Move(n, before, after) ==
    LET why == Why(n, before, after)
    IN IF why # Fine THEN Refuse(n, why, before, after)
       ELSE /\ Take(n, before, after, {})
            /\ hards' = [hards EXCEPT ![n] = Waiting(@, Hard(after), Hard(before), after)]
            /\ logs' = [logs EXCEPT ![n] = Waiting(@, after.log, before.log, after)]
            /\ at' = at + 1
            /\ IF at = Len(Trace) THEN PrintT(<<"consumed", at>>) ELSE TRUE
            /\ UNCHANGED verdict

ReplayNext ==
    /\ at <= Len(Trace)
    /\ verdict = Fine
    /\ LET told == Trace[at]
           n == told.node
           before == nodes[n]
           memory == Told(told.memory, before.log)
           disk == Told(told.disk, before.disk.log)
           after == [term |-> memory.term, vote |-> memory.vote, role |-> told.role, log |-> memory.log,
                     commit |-> told.commit, disk |-> disk]
       IN IF before.disk # disk THEN Write(n, before, disk) ELSE Move(n, before, after)

ReplayInit == /\ Init
              /\ at = 1
              /\ hards = [n \in Nodes |-> <<>>]
              /\ logs = [n \in Nodes |-> <<>>]
              /\ verdict = Fine

Replay == ReplayInit /\ [][ReplayNext]_<<vars, replayed>>

EveryStepIsAbstract == verdict = Fine
=============================================================================
