# A leader that no quorum answers steps down: the outcome of its proposals is unknown, and here they give way to the next leader's.
> members A B C
> elect A
> cut A
> propose A lost
  A writes from 2 [1]
> propose A lost-too
  A writes from 3 [1]
> tick A 10
> tick A 10
  A does not know the outcome of 2 proposals
  A is follower in term 1
> elect B
> propose B kept
  B writes from 3 [2]
> settle
> show A B
A follower term 1  log [1 1 1]  flushed 3 commit 1 applied 1 {}
B leader term 2  log [1 2 2]  flushed 3 commit 3 applied 3 {kept}
  A probe match 0 next 2 on the way 0
  C replicate match 3 next 4 on the way 0
> heal
> tick B
> deliver B A
B → A  heartbeat 1 commit 0
  A writes term 2 vote -
  A is follower in term 2 under B
> deliver A B
A → B  heartbeat-reply 1
> deliver B A
B → A  append behind 1:1 [2 2] commit 3
  A writes from 2 [2 2]
  A applies 2 3
> settle
> show A
A follower term 2  log [1 2 2]  flushed 3 commit 3 applied 3 {kept}
