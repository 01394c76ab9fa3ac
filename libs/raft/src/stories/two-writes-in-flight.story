# Writes are pipelined: the second append is taken while the first is on its way to the disk, and each is answered for when it is there.
> members A B C
> elect A
> hold disk B
> propose A x
  A writes from 2 [1]
> deliver A B
A → B  append behind 1:1 [1] commit 1
  B writes from 2 [1]
> propose A y
  A writes from 3 [1]
> deliver A B
A → B  append behind 2:1 [1] commit 1
  B writes from 3 [1]
> show B
B follower term 1  log [1 1 1]  flushed 1 commit 1 applied 1 {}
> flush B
> deliver
A → C  append behind 1:1 [1] commit 1
  C writes from 2 [1]
A → C  append behind 2:1 [1] commit 1
  C writes from 3 [1]
B → A  accepted 2
  A applies 2
C → A  accepted 2
C → A  accepted 3
  A applies 3
A → B  commit 2:1
  B applies 2
A → C  commit 2:1
  C applies 2
A → B  commit 3:1
A → C  commit 3:1
  C applies 3
> flush B
  B applies 3
> deliver
B → A  accepted 3
> show B
B follower term 1  log [1 1 1]  flushed 3 commit 3 applied 3 {x y}
