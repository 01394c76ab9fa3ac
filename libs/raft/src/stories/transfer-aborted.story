# A transfer that has come to nothing after an election timeout is over: the leader leads on, and takes proposals again.
> members A B C
> elect A
> cut B
> transfer A B
> propose A held
  A refuses the proposal: transferring
> tick A 5
> settle
> transfer A C
  A does not hand over: transferring
> tick A 5
  A is done handing over: timed-out
> settle
> propose A x
  A writes from 2 [1]
> deliver
A → C  append behind 1:1 [1] commit 1
  C writes from 2 [1]
C → A  accepted 2
  A applies 2
A → C  commit 2:1
  C applies 2
> show A
A leader term 1  log [1 1]  flushed 2 commit 2 applied 2 {x}
  B replicate match 1 next 3 on the way 1
  C replicate match 2 next 3 on the way 0
