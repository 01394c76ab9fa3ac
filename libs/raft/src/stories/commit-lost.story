# A commit index that was lost on its way is told again by the next heartbeat.
> members A B C
> elect A
> propose A x
  A writes from 2 [1]
> deliver A B
A → B  append behind 1:1 [1] commit 1
  B writes from 2 [1]
> deliver B A
B → A  accepted 2
  A applies 2
> lose A B
A ↛ B  commit 2:1
> show B
B follower term 1  log [1 1]  flushed 2 commit 1 applied 1 {}
> tick A
> deliver A B
A → B  heartbeat 1 commit 2
  B applies 2
> show B
B follower term 1  log [1 1]  flushed 2 commit 2 applied 2 {x}
