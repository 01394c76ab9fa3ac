# A member that slept must not unseat a leader the others still hear.
> members A B C
> elect A
> cut C
> propose A x
  A writes from 2 [1]
> settle
> tick C 30
  C is pre-candidate in term 1
> heal
> tick C 10
> deliver
C → A  pre-vote-request term 2 log 1:1
C → B  pre-vote-request term 2 log 1:1
A → C  pre-vote-reply refused term 1
B → C  pre-vote-reply refused term 1
  C is follower in term 1
> tick A
> deliver C A
> deliver A C
A → C  heartbeat 1 commit 1
  C is follower in term 1 under A
> settle
> show
A leader term 1  log [1 1]  flushed 2 commit 2 applied 2 {x}
  B replicate match 2 next 3 on the way 0
  C replicate match 2 next 3 on the way 0
B follower term 1  log [1 1]  flushed 2 commit 2 applied 2 {x}
C follower term 1  log [1 1]  flushed 2 commit 2 applied 2 {x}
