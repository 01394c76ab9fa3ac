# A read at a follower waits for a round that its leader began after it; a leader that was deposed unnoticed grants none.
> members A B C
> elect A
> propose A x
  A writes from 2 [1]
> settle
> read B 1
> deliver
B → A  read-request
A → B  heartbeat 1 commit 2
A → C  heartbeat 1 commit 2
B → A  heartbeat-reply 1
C → A  heartbeat-reply 1
A → B  read-reply 2
  B reads 1 at 2
> cut A
> elect B
> propose B y
  B writes from 4 [2]
> settle
> show A
A leader term 1  log [1 1]  flushed 2 commit 2 applied 2 {x}
  B replicate match 2 next 3 on the way 0
  C replicate match 2 next 3 on the way 0
> read A 2
> tick A
> heal
> tick A
> deliver
A → B  heartbeat 4 commit 2
A → C  heartbeat 4 commit 2
B → A  stale-term 2
  A refuses read 2: leader-lost
  A writes term 2 vote -
  A is follower in term 2
C → A  stale-term 2
> tick B
> deliver
B → A  heartbeat 1 commit 0
  A is follower in term 2 under B
B → C  heartbeat 1 commit 4
A → B  heartbeat-reply 1
C → B  heartbeat-reply 1
B → A  append behind 2:1 [2 2] commit 4
  A writes from 3 [2 2]
  A applies 3 4
A → B  accepted 4
