# A window full of messages that are all lost is found out by an empty append, and the follower catches up (etcd#14633).
> members A B C window 3
> elect A
> propose A a
  A writes from 2 [1]
> propose A b
  A writes from 3 [1]
> propose A c
  A writes from 4 [1]
> propose A d
  A writes from 5 [1]
> lose A B
A ↛ B  append behind 1:1 [1] commit 1
A ↛ B  append behind 2:1 [1] commit 1
A ↛ B  append behind 3:1 [1] commit 1
> show A
A leader term 1  log [1 1 1 1 1]  flushed 5 commit 1 applied 1 {}
  B replicate match 1 next 5 on the way 3
  C replicate match 1 next 5 on the way 3
> deliver
A → C  append behind 1:1 [1] commit 1
  C writes from 2 [1]
A → C  append behind 2:1 [1] commit 1
  C writes from 3 [1]
A → C  append behind 3:1 [1] commit 1
  C writes from 4 [1]
C → A  accepted 2
  A applies 2
C → A  accepted 3
  A applies 3
C → A  accepted 4
  A applies 4
A → C  append behind 4:1 [1] commit 2
  C writes from 5 [1]
  C applies 2
A → B  commit 2:1
A → B  commit 3:1
A → C  commit 3:1
  C applies 3
A → B  commit 4:1
A → C  commit 4:1
  C applies 4
C → A  accepted 5
  A applies 5
A → C  commit 5:1
  C applies 5
> tick A
> deliver A B
A → B  heartbeat 1 commit 1
> deliver B A
B → A  heartbeat-reply 1
> deliver A B
A → B  append behind 4:1 [] commit 5
> deliver B A
B → A  rejected 4 hint 1:1
> deliver
A → C  heartbeat 1 commit 5
A → B  append behind 1:1 [1 1 1 1] commit 5
  B writes from 2 [1 1 1 1]
  B applies 2 3 4 5
C → A  heartbeat-reply 1
B → A  accepted 5
> show
A leader term 1  log [1 1 1 1 1]  flushed 5 commit 5 applied 5 {a b c d}
  B replicate match 5 next 6 on the way 0
  C replicate match 5 next 6 on the way 0
B follower term 1  log [1 1 1 1 1]  flushed 5 commit 5 applied 5 {a b c d}
C follower term 1  log [1 1 1 1 1]  flushed 5 commit 5 applied 5 {a b c d}
