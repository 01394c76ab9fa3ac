# A leader that becomes a learner steps down too, and receives the log of the next one.
> members A B C
> elect A
> change A demote A
  A writes from 2 [1*]
> settle
> tick A
> deliver
A → B  heartbeat 1 commit 3
A → C  heartbeat 1 commit 3
B → A  heartbeat-reply 1
C → A  heartbeat-reply 1
  A is follower in term 1
A → B  timeout-now
  B writes term 2 vote B
  B is candidate in term 2
B → C  vote-request term 2 log 3:1, told to stand
  C writes term 2 vote B
  C is follower in term 2
C → B  vote-reply granted term 2
  B writes from 4 [2]
  B is leader in term 2 under B
B → A  append behind 3:1 [2] commit 3
  A writes term 2 vote -, from 4 [2]
  A is follower in term 2 under B
B → C  append behind 3:1 [2] commit 3
  C writes from 4 [2]
  C is follower in term 2 under B
A → B  accepted 4
C → B  accepted 4
  B applies 4
B → A  commit 4:2
  A applies 4
B → C  commit 4:2
  C applies 4
> propose B x
  B writes from 5 [2]
> settle
> show
A follower term 2  log [1 1 1 2 2]  flushed 5 commit 5 applied 5 {x}
  since 3: voters B C, learners A
B leader term 2  log [1 1 1 2 2]  flushed 5 commit 5 applied 5 {x}
  since 3: voters B C, learners A
  A replicate match 5 next 6 on the way 0
  C replicate match 5 next 6 on the way 0
C follower term 2  log [1 1 1 2 2]  flushed 5 commit 5 applied 5 {x}
  since 3: voters B C, learners A
> tick A 50
  A is follower in term 2
