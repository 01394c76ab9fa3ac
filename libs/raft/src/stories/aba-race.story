# An acknowledgement of entries that were overwritten says nothing on those that came in their place.
> members A B C D E log A 1 log B 1 log C 1 log D 1 log E 1 term 1
> elect A
> hold disk C
# A's entry reaches only C, and is on its way to C's disk.
> propose A x
  A writes from 3 [2]
> deliver A C
A → C  append behind 2:2 [2] commit 2
  C writes from 3 [2]
> lose A
A ↛ B  append behind 2:2 [2] commit 2
A ↛ D  append behind 2:2 [2] commit 2
A ↛ E  append behind 2:2 [2] commit 2
# B, elected by D and E, writes another one there, which reaches only C too.
> cut A C
> tick D 10
  D is pre-candidate in term 2
> tick E 10
  E is pre-candidate in term 2
> lose D
D ↛ B  pre-vote-request term 3 log 2:2
D ↛ E  pre-vote-request term 3 log 2:2
> lose E
E ↛ B  pre-vote-request term 3 log 2:2
E ↛ D  pre-vote-request term 3 log 2:2
> tick B 10
  B is pre-candidate in term 2
> deliver B D
B → D  pre-vote-request term 3 log 2:2
> deliver B E
B → E  pre-vote-request term 3 log 2:2
> deliver D B
D → B  pre-vote-reply granted term 3
> deliver E B
E → B  pre-vote-reply granted term 3
  B writes term 3 vote B
  B is candidate in term 3
> deliver B D
B → D  vote-request term 3 log 2:2
  D writes term 3 vote B
  D is follower in term 3
> deliver B E
B → E  vote-request term 3 log 2:2
  E writes term 3 vote B
  E is follower in term 3
> deliver D B
D → B  vote-reply granted term 3
> deliver E B
E → B  vote-reply granted term 3
  B writes from 3 [3]
  B is leader in term 3 under B
> lose B
B ↛ D  append behind 2:2 [3] commit 2
B ↛ E  append behind 2:2 [3] commit 2
> cut B C
> tick B
> deliver B C
B → C  heartbeat 1 commit 0
  C writes term 3 vote -
  C is follower in term 3 under B
> deliver C B
C → B  heartbeat-reply 1
> deliver B C
B → C  append behind 2:2 [3] commit 2
  C writes from 3 [3]
> show C
C follower term 3  log [1 2 3]  flushed 2 commit 2 applied 2 {}
# A's write is done: what it wrote is overwritten, so nothing is known of the new entry.
> flush C
> show C
C follower term 3  log [1 2 3]  flushed 2 commit 2 applied 2 {}
# The term.
> flush C
> show C
C follower term 3  log [1 2 3]  flushed 2 commit 2 applied 2 {}
# B's entry: now it is answered for.
> flush C
> show C
C follower term 3  log [1 2 3]  flushed 3 commit 2 applied 2 {}
> heal
> deliver C B
C → B  accepted 3
> show B
B leader term 3  log [1 2 3]  flushed 3 commit 2 applied 2 {}
  A probe match 0 next 3 on the way 0
  C replicate match 3 next 4 on the way 0
  D probe match 0 next 3 on the way 0
  E probe match 0 next 3 on the way 0
