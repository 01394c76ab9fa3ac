# A follower that hears of no leader asks whether it could win, stands, and is elected by a quorum.
> members A B C
> tick A 10
  A is pre-candidate in term 0
> deliver
A → B  pre-vote-request term 1 log 0:0
A → C  pre-vote-request term 1 log 0:0
B → A  pre-vote-reply granted term 1
  A writes term 1 vote A
  A is candidate in term 1
C → A  pre-vote-reply granted term 1
A → B  vote-request term 1 log 0:0
  B writes term 1 vote A
  B is follower in term 1
A → C  vote-request term 1 log 0:0
  C writes term 1 vote A
  C is follower in term 1
B → A  vote-reply granted term 1
  A writes from 1 [1]
  A is leader in term 1 under A
C → A  vote-reply granted term 1
A → B  append behind 0:0 [1] commit 0
  B writes from 1 [1]
  B is follower in term 1 under A
A → C  append behind 0:0 [1] commit 0
  C writes from 1 [1]
  C is follower in term 1 under A
B → A  accepted 1
  A applies 1
C → A  accepted 1
A → B  commit 1:1
  B applies 1
A → C  commit 1:1
  C applies 1
> show
A leader term 1  log [1]  flushed 1 commit 1 applied 1 {}
  B replicate match 1 next 2 on the way 0
  C replicate match 1 next 2 on the way 0
B follower term 1  log [1]  flushed 1 commit 1 applied 1 {}
C follower term 1  log [1]  flushed 1 commit 1 applied 1 {}
