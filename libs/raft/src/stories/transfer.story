# A leader hands its reign to a voter that has all of its log: that one stands without a pre-vote, and whoever hears the leader votes all the same.
> members A B C
> elect A
> transfer A B
> propose A held
  A refuses the proposal: transferring
> deliver
A → B  timeout-now
  B writes term 2 vote B
  B is candidate in term 2
B → A  vote-request term 2 log 1:1, told to stand
  A is done handing over: reign-ended
  A writes term 2 vote B
  A is follower in term 2
B → C  vote-request term 2 log 1:1, told to stand
  C writes term 2 vote B
  C is follower in term 2
A → B  vote-reply granted term 2
  B writes from 2 [2]
  B is leader in term 2 under B
C → B  vote-reply granted term 2
B → A  append behind 1:1 [2] commit 1
  A writes from 2 [2]
  A is follower in term 2 under B
B → C  append behind 1:1 [2] commit 1
  C writes from 2 [2]
  C is follower in term 2 under B
A → B  accepted 2
  B applies 2
C → B  accepted 2
B → A  commit 2:2
  A applies 2
B → C  commit 2:2
  C applies 2
> show
A follower term 2  log [1 2]  flushed 2 commit 2 applied 2 {}
B leader term 2  log [1 2]  flushed 2 commit 2 applied 2 {}
  A replicate match 2 next 3 on the way 0
  C replicate match 2 next 3 on the way 0
C follower term 2  log [1 2]  flushed 2 commit 2 applied 2 {}
