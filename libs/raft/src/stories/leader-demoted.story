# A leader that becomes a learner steps down too, and receives the log of the next one.
> members A B C
> elect A
> change A demote A
  A writes from 2 [1*]
> settle
> tick A
> deliver
A → B  heartbeat 1 commit 2
A → C  heartbeat 1 commit 2
B → A  heartbeat-reply 1
C → A  heartbeat-reply 1
  A is follower in term 1
A → B  timeout-now
  B writes term 2 vote B
  B is candidate in term 2
B → C  vote-request term 2 log 2:1, told to stand
  C writes term 2 vote B
  C is follower in term 2
C → B  vote-reply granted term 2
  B writes from 3 [2]
  B is leader in term 2 under B
B → A  append behind 2:1 [2] commit 2
  A writes term 2 vote -, from 3 [2]
  A is follower in term 2 under B
B → C  append behind 2:1 [2] commit 2
  C writes from 3 [2]
  C is follower in term 2 under B
A → B  accepted 3
C → B  accepted 3
  B applies 3
B → A  commit 3:2
  A applies 3
B → C  commit 3:2
  C applies 3
> propose B x
  B writes from 4 [2]
> settle
> show
A follower term 2  log [1 1 2 2]  flushed 4 commit 4 applied 4 {x}
  since 2: voters B C, learners A
B leader term 2  log [1 1 2 2]  flushed 4 commit 4 applied 4 {x}
  since 2: voters B C, learners A
  A replicate match 4 next 5 on the way 0
  C replicate match 4 next 5 on the way 0
C follower term 2  log [1 1 2 2]  flushed 4 commit 4 applied 4 {x}
  since 2: voters B C, learners A
> tick A 50
  A is follower in term 2
