# A probe that was lost is sent again after the next regular heartbeat, not before.
> members A B C
> tick A 10
  A is pre-candidate in term 0
> deliver A B
A → B  pre-vote-request term 1 log 0:0
> deliver B A
B → A  pre-vote-reply granted term 1
  A writes term 1 vote A
  A is candidate in term 1
> deliver A B
A → B  vote-request term 1 log 0:0
  B writes term 1 vote A
  B is follower in term 1
> deliver B A
B → A  vote-reply granted term 1
  A writes from 1 [1]
  A is leader in term 1 under A
> lose A C
A ↛ C  pre-vote-request term 1 log 0:0
A ↛ C  vote-request term 1 log 0:0
A ↛ C  append behind 0:0 [1] commit 0
> propose A x
  A writes from 2 [1]
> tick A
> deliver A C
A → C  heartbeat 1 commit 0
  C writes term 1 vote -
  C is follower in term 1 under A
> deliver C A
C → A  heartbeat-reply 1
> deliver
A → B  append behind 0:0 [1] commit 0
  B writes from 1 [1]
  B is follower in term 1 under A
A → B  heartbeat 1 commit 0
A → C  append behind 0:0 [1 1] commit 0
  C writes from 1 [1 1]
B → A  accepted 1
  A applies 1
B → A  heartbeat-reply 1
C → A  accepted 2
  A applies 2
A → B  append behind 1:1 [1] commit 1
  B writes from 2 [1]
  B applies 1
A → B  commit 2:1
  B applies 2
A → C  commit 2:1
  C applies 1 2
B → A  accepted 2
> show A
A leader term 1  log [1 1]  flushed 2 commit 2 applied 2 {x}
  B replicate match 2 next 3 on the way 0
  C replicate match 2 next 3 on the way 0
